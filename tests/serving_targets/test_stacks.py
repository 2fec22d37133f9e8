"""What EC2 and SageMaker endpoints compile to, and that Terraform accepts it from init to destroy."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    CapacityBlock,
    Model,
    Parallelism,
    Reservation,
    SageMakerAsync,
    Secret,
    SpecError,
    Spot,
)
from llminfra.compiler import compile_platforms
from llminfra.rehearsal import rehearse
from tests.serving_targets.compiled import Compiled, actions, one
from tests.serving_targets.platforms import BUCKET, CERTIFICATE, TARGETS, ec2, endpoint, plan


def test_ec2_is_closed_to_everything_but_callers(compiled: Compiled) -> None:
    stack = compiled(plan(endpoint(ec2(), api_key=Secret(name="acme/key"))), "ec2")
    rules = stack["resource"]["aws_vpc_security_group_ingress_rule"].values()
    assert {(rule["from_port"], rule.get("cidr_ipv4")) for rule in rules} == {(443, "10.0.0.0/16"), (8000, None)}
    assert not any(rule["from_port"] <= 22 <= rule["to_port"] for rule in rules)
    template = one(stack, "aws_launch_template")
    assert "key_name" not in template
    assert template["metadata_options"]["http_tokens"] == "required"
    assert template["metadata_options"]["http_put_response_hop_limit"] == 1
    assert template["block_device_mappings"][0]["ebs"]["encrypted"] == "true"
    assert base64.b64decode(template["user_data"]).startswith(b"#cloud-config\n")
    assert one(stack, "aws_lb")["internal"] is True
    listener = one(stack, "aws_lb_listener")
    assert (listener["port"], listener["protocol"]) == (443, "HTTPS")


def test_ec2_instances_may_do_little(compiled: Compiled) -> None:
    stack = compiled(plan(endpoint(ec2(), api_key=Secret(name="acme/key"))), "ec2")
    assert not {action for action in actions(stack) if action.endswith("*")} - {"kms:*"}
    statements = {
        statement["sid"]: statement
        for item in stack["data"]["aws_iam_policy_document"].values()
        for statement in item["statement"]
    }
    assert all("models/Qwen/Qwen3-8B" in arn for arn in statements["ReadWeights"]["resources"])
    assert statements["LeaveGroup"]["resources"][0].endswith("autoScalingGroupName/acme-chat")
    assert statements["ReadSecrets"]["resources"][0].endswith(":secret:acme/key-??????")


def test_ec2_image_is_pinned_by_name_or_id(compiled: Compiled) -> None:
    stack = compiled(plan(endpoint(ec2())), "ec2")
    image = next(iter(stack["data"]["aws_ami"].values()))
    assert image["owners"] == ["amazon"]
    assert image["filter"][0]["values"][0][-8:].isdigit()
    assert "most_recent" not in image
    own = compiled(plan(endpoint(ec2(ami_id="ami-0123456789abcdef0"))), "ec2")
    assert "aws_ami" not in own["data"]
    assert one(own, "aws_launch_template")["image_id"] == "ami-0123456789abcdef0"


def test_ec2_group_drains_and_refreshes(compiled: Compiled) -> None:
    planned = plan(endpoint(ec2(), replicas=Autoscaling(min=2, max=5, waiting_per_replica=7)))
    stack = compiled(planned, "ec2")
    group = one(stack, "aws_autoscaling_group")
    item = planned.ec2[0]
    # Another time-out there would replace the group and all of its instances.
    assert "initial_lifecycle_hook" not in group
    hook = one(stack, "aws_autoscaling_lifecycle_hook")
    assert hook["autoscaling_group_name"] == "${aws_autoscaling_group.chat.name}"
    assert hook["lifecycle_transition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert hook["heartbeat_timeout"] > item.drain_s >= item.serving.drain.engine_s
    assert group["health_check_grace_period"] == item.grace_s > item.serving.startup.estimate_s
    # Exactly so many would be waited for at every change of the bounds, while scaling has others running.
    assert "wait_for_elb_capacity" not in group
    assert group["min_elb_capacity"] == group["min_size"] == 2
    # A leaving instance needs its ways until it is gone.
    assert {name for name in group["depends_on"] if "security_group" in name} == {
        "aws_vpc_security_group_egress_rule.chat-to-engines",
        "aws_vpc_security_group_ingress_rule.chat-from-balancer",
        "aws_vpc_security_group_egress_rule.chat-out-https",
    }
    assert int(group["timeouts"]["delete"].removesuffix("s")) >= 600 + item.drain_s
    preferences = group["instance_refresh"]["preferences"]
    assert (preferences["min_healthy_percentage"], preferences["max_healthy_percentage"]) == (100, 200)
    metric = stack["resource"]["aws_autoscaling_policy"]["chat"]["target_tracking_configuration"]
    assert metric["target_value"] == 7
    assert metric["customized_metric_specification"]["metric_name"] == "vllm:num_requests_waiting"
    assert metric["customized_metric_specification"]["metric_dimension"] == [{"name": "endpoint", "value": "chat"}]


def test_a_reservation_has_no_room_for_one_more(compiled: Compiled) -> None:
    capacity = Reservation(reservation_id="cr-0123456789abcdef0")
    stack = compiled(plan(endpoint(ec2(capacity=capacity))), "ec2")
    preferences = one(stack, "aws_autoscaling_group")["instance_refresh"]["preferences"]
    assert (preferences["min_healthy_percentage"], preferences["max_healthy_percentage"]) == (0, 100)
    assert "capacity_reservation_specification" in one(stack, "aws_launch_template")
    assert "aws_autoscaling_policy" not in stack["resource"]


@pytest.mark.parametrize(("replicas", "kept"), [(2, 50), (3, 66), (4, 75)])
def test_instances_of_a_reservation_are_replaced_one_after_the_other(
    compiled: Compiled, replicas: int, kept: int
) -> None:
    capacity = Reservation(reservation_id="cr-0123456789abcdef0")
    stack = compiled(plan(endpoint(ec2(capacity=capacity), replicas=replicas)), "ec2")
    preferences = one(stack, "aws_autoscaling_group")["instance_refresh"]["preferences"]
    assert (preferences["min_healthy_percentage"], preferences["max_healthy_percentage"]) == (kept, 100)
    assert -(-replicas * kept // 100) == replicas - 1, "EC2 rounds up what stays in service"


def test_ec2_name_is_made_only_where_a_zone_is_given(compiled: Compiled) -> None:
    assert "aws_route53_record" not in compiled(plan(endpoint(ec2())), "ec2")["resource"]
    record = one(compiled(plan(endpoint(ec2(hosted_zone_id="Z0123"))), "ec2"), "aws_route53_record")
    assert record["name"] == "chat.llm.example.com"


@pytest.mark.parametrize("target", ["ec2", "sagemaker"])
def test_nothing_is_built_before_the_model_is_there(compiled: Compiled, target: str) -> None:
    planned = plan(endpoint(TARGETS[target]))
    stack = compiled(planned, target)
    (name, check), *others = stack["data"]["aws_s3_objects"].items()
    assert not others
    weights = planned.served[0][1].weights
    assert check["prefix"] == f"{weights.key}/config.json"
    (condition,) = check["lifecycle"]["postcondition"]
    assert f"aws codebuild start-build --project-name acme-{planned.hub_copies[0].name}" in condition["error_message"]
    waiting = one(stack, "aws_autoscaling_group" if target == "ec2" else "aws_sagemaker_model")
    assert f"data.aws_s3_objects.{name}" in waiting["depends_on"]


TWO = {
    "model": Model(id="deepseek-ai/DeepSeek-R1"),
    "engine": VLLM(max_model_len=16_384),
    "parallelism": Parallelism(tensor=8, pipeline=2),
}


def test_each_replica_over_instances_is_a_group_in_one_zone_over_efa(compiled: Compiled) -> None:
    planned = plan(endpoint(ec2(instance_type="p5.48xlarge", efa=True), replicas=2, **TWO))
    item = planned.ec2[0]
    assert (item.serving.nodes, item.fewest_instances) == (2, 4)
    stack = compiled(planned, "ec2")
    groups = stack["resource"]["aws_autoscaling_group"]
    assert {group["name"] for group in groups.values()} == {"acme-chat-0", "acme-chat-1"}
    zones = [tuple(group["vpc_zone_identifier"]) for group in groups.values()]
    assert len(set(zones)) == 2
    for group in groups.values():
        assert (group["min_size"], group["max_size"], group["min_elb_capacity"]) == (2, 2, 1)
        assert group["health_check_type"] == "EC2"
        assert group["instance_refresh"]["preferences"]["min_healthy_percentage"] == 0
        assert len(group["vpc_zone_identifier"]) == 1
    assert {place["strategy"] for place in stack["resource"]["aws_placement_group"].values()} == {"cluster"}
    for name, launch in stack["resource"]["aws_launch_template"].items():
        kinds = [nic["interface_type"] for nic in launch["network_interfaces"]]
        assert kinds.count("efa-only") == item.instance.efa_interfaces
        assert launch["placement"]["group_name"] == f"${{aws_placement_group.{name}.name}}"
        assert all(
            "${aws_security_group.chat-efa.id}" in nic["security_groups"] for nic in launch["network_interfaces"]
        )
        assert gzip.decompress(base64.b64decode(launch["user_data"])).startswith(b"#cloud-config\n")
    statements = {
        statement["sid"]: statement
        for document in stack["data"]["aws_iam_policy_document"].values()
        for statement in document["statement"]
    }
    tags = {condition["variable"]: condition["values"] for condition in statements["AgreeOnRound"]["condition"]}
    assert tags["aws:ResourceTag/aws:autoscaling:groupName"] == ["acme-chat-0", "acme-chat-1"]
    cost = next(line for line in planned.costs if "p5.48xlarge" in line.what)
    assert cost.usd_per_hour_max == pytest.approx(4 * item.usd_per_instance_hour)
    assert item.serving.usd_per_replica_hour == pytest.approx(2 * item.usd_per_instance_hour)


def test_a_capacity_block_holds_replicas_over_instances(compiled: Compiled) -> None:
    capacity = CapacityBlock(reservation_id="cr-0123456789abcdef0")
    on = ec2(instance_type="p5.48xlarge", efa=True, capacity=capacity, zones=["us-east-1b"])
    stack = compiled(plan(endpoint(on, **TWO)), "ec2")
    template = one(stack, "aws_launch_template")
    assert template["instance_market_options"]["market_type"] == "capacity-block"
    assert "placement" not in template
    assert "aws_placement_group" not in stack["resource"]
    assert one(stack, "aws_autoscaling_group")["vpc_zone_identifier"][0].endswith("us-east-1b}")


def test_spot_has_a_group_on_demand_that_stands_in(compiled: Compiled) -> None:
    stack = compiled(plan(endpoint(ec2(capacity=Spot()), replicas=Autoscaling(min=1, max=3))), "ec2")
    groups = {group["name"]: group for group in stack["resource"]["aws_autoscaling_group"].values()}
    spot, standby = groups["acme-chat"], groups["acme-chat-standby"]
    distribution = spot["mixed_instances_policy"]["instances_distribution"]
    assert distribution["on_demand_percentage_above_base_capacity"] == distribution["on_demand_base_capacity"] == 0
    assert spot["capacity_rebalance"] is True
    assert (standby["min_size"], standby["max_size"]) == (0, 3)
    assert "launch_template" in standby
    policies = {policy["name"]: policy for policy in stack["resource"]["aws_autoscaling_policy"].values()}
    steps = policies["chat-short"]["step_adjustment"]
    assert [step["scaling_adjustment"] for step in steps] == [1, 2, 3]
    assert [step.get("metric_interval_lower_bound") for step in steps] == ["0", "1", "2"]
    assert [step.get("metric_interval_upper_bound") for step in steps] == ["1", "2", None]
    assert policies["chat-short"]["adjustment_type"] == "ExactCapacity"
    alarms = {alarm["alarm_name"]: alarm for alarm in stack["resource"]["aws_cloudwatch_metric_alarm"].values()}
    assert set(alarms) == {"acme-chat-fewer", "acme-chat-standby-short", "acme-chat-standby-complete"}
    again = alarms["acme-chat-standby-complete"]["evaluation_periods"] * 60
    assert again >= spot["health_check_grace_period"]
    assert "autoscaling:TerminateInstanceInAutoScalingGroup" in actions(stack)
    alone = compiled(plan(endpoint(ec2(capacity=Spot(fallback_on_demand=False)))), "ec2")
    assert one(alone, "aws_autoscaling_group")["name"] == "acme-chat"


@pytest.mark.parametrize("fewest", [0, 2])
def test_ec2_gives_instances_up_after_the_declared_time(compiled: Compiled, fewest: int) -> None:
    replicas = Autoscaling(min=fewest, max=4, cooldown_s=2400)
    stack = compiled(plan(endpoint(ec2(), replicas=replicas)), "ec2")
    policies = {policy["name"]: policy for policy in stack["resource"]["aws_autoscaling_policy"].values()}
    assert policies["chat"]["target_tracking_configuration"]["disable_scale_in"] is True
    fewer = policies["chat-fewer"]
    assert (fewer["scaling_adjustment"], fewer["cooldown"]) == (-1, replicas.cooldown_s)
    alarms = {alarm["alarm_name"]: alarm for alarm in stack["resource"]["aws_cloudwatch_metric_alarm"].values()}
    alarm = alarms["acme-chat-fewer"]
    assert alarm["evaluation_periods"] * 60 == replicas.cooldown_s
    (returned,) = [query for query in alarm["metric_query"] if query.get("return_data")]
    # The last instance of a group that goes to zero leaves by another alarm.
    spare = f"instances > {max(1, fewest)} AND waiting < 1"
    others = "running * instances < 204 * (instances - 1) AND cache * instances < 0.8 * (instances - 1)"
    assert returned["expression"] == f"IF({spare} AND {others}, 1, 0)"
    added = {name: policies[f"chat{name}"]["target_tracking_configuration"] for name in ("", "-running", "-cache")}
    assert {name: each["target_value"] for name, each in added.items()} == {"": 5, "-running": 204, "-cache": 0.8}
    assert all(each["disable_scale_in"] for each in added.values())


def test_ec2_goes_to_zero_and_the_first_call_wakes_it(compiled: Compiled) -> None:
    planned = plan(endpoint(ec2(), replicas=Autoscaling(min=0, max=3, cooldown_s=1200)))
    stack = compiled(planned, "ec2")
    assert one(stack, "aws_autoscaling_group")["min_size"] == 0
    policies = {policy["name"]: policy for policy in stack["resource"]["aws_autoscaling_policy"].values()}
    assert policies["chat"]["target_tracking_configuration"]["disable_scale_in"] is True
    assert policies["chat-wake"]["step_adjustment"][0]["scaling_adjustment"] == 1
    assert policies["chat-idle"]["step_adjustment"][0]["scaling_adjustment"] == 0
    assert policies["chat-fewer"]["scaling_adjustment"] == -1
    alarms = {alarm["alarm_name"]: alarm for alarm in stack["resource"]["aws_cloudwatch_metric_alarm"].values()}
    idle = alarms["acme-chat-idle"]
    assert (idle["evaluation_periods"], idle["treat_missing_data"]) == (20, "breaching")
    assert idle["comparison_operator"] == "LessThanThreshold"
    (returned,) = [query for query in idle["metric_query"] if query.get("return_data")]
    assert returned["expression"] == "SUM(METRICS())"
    slow = plan(endpoint(ec2(), replicas=Autoscaling(min=0, max=1, cooldown_s=200_000)))
    longest = compiled(slow, "ec2")["resource"]["aws_cloudwatch_metric_alarm"]["chat-idle"]
    assert longest["evaluation_periods"] * 60 == 86_400
    refused = alarms["acme-chat-wake"]["metric_query"][0]["metric"]
    assert refused["metric_name"] == "HTTPCode_ELB_503_Count"
    assert refused["dimensions"] == {"LoadBalancer": "${aws_lb.chat.arn_suffix}"}
    fixed = compiled(plan(endpoint(ec2(), replicas=Autoscaling(min=0, max=1))), "ec2")
    assert {policy["name"] for policy in fixed["resource"]["aws_autoscaling_policy"].values()} == {
        "chat-wake",
        "chat-idle",
    }


@pytest.mark.terraform
@pytest.mark.parametrize("name", ["zero", "ec2", "sagemaker", "sagemaker-async"])
def test_terraform_takes_it_from_init_to_destroy(name: str, tmp_path: Path) -> None:
    on = TARGETS["sagemaker" if name == "zero" else name]
    on = ec2(capacity=Spot()) if name == "ec2" else on
    least = 0 if isinstance(on, SageMakerAsync) or name in ("zero", "ec2") else 1
    planned = plan(endpoint(on, replicas=Autoscaling(min=least, max=2)), storage=[BUCKET])
    compile_platforms([planned], tmp_path)
    report = rehearse(tmp_path)
    assert report.ok, [str(item) for item in report.findings]
    assert {stack.name for stack in report.stacks} == {
        "acme-network",
        "acme-storage",
        "acme-ec2" if name == "ec2" else "acme-sagemaker",
    }


def test_a_certificate_of_another_region_is_refused() -> None:
    elsewhere = ec2(certificate_arn=CERTIFICATE.replace("us-east-1", "eu-west-1"))
    with pytest.raises(SpecError) as caught:
        plan(endpoint(elsewhere))
    (item,) = caught.value.diagnostics
    assert (item.code, item.path) == ("LLM_NET_26", "endpoints.chat.on.certificate_arn")
    assert (item.found, item.expected) == ("eu-west-1", "us-east-1")
