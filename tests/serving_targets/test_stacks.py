"""What EC2 and SageMaker endpoints compile to, and that Terraform accepts it from init to destroy."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint

from llminfra import (
    TGI,
    VLLM,
    Autoscaling,
    CapacityBlock,
    CustomServer,
    DJLServing,
    Image,
    Model,
    ModelBucket,
    Parallelism,
    Reservation,
    SageMaker,
    SageMakerAsync,
    Secret,
    SGLang,
    Slo,
    SpecError,
    Spot,
)
from llminfra.catalog import instances
from llminfra.compiler import compile_platforms
from llminfra.constructs.sagemaker.component import Copy, template
from llminfra.constructs.sagemaker.endpoint import Variant
from llminfra.planning.endpoints.contract import contract
from llminfra.planning.plan import Plan
from llminfra.rehearsal import rehearse
from tests.serving_targets.platforms import BUCKET, CERTIFICATE, TARGETS, ec2, endpoint, plan

Compiled = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    def build(planned: Plan, kind: str) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("out")
        compile_platforms([planned], folder)
        content: dict[str, Any] = json.loads((folder / "stacks" / f"acme-{kind}" / "cdk.tf.json").read_text("utf-8"))
        return content

    return build


def _one(stack: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = stack["resource"][kind]
    assert len(found) == 1
    return next(iter(found.values()))


def _actions(stack: dict[str, Any]) -> set[str]:
    documents = stack["data"]["aws_iam_policy_document"].values()
    return {action for item in documents for statement in item["statement"] for action in statement["actions"]}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_ec2_is_closed_to_everything_but_callers(compiled: Compiled) -> None:
    stack = compiled(plan(endpoint(ec2(), api_key=Secret(name="acme/key"))), "ec2")
    rules = stack["resource"]["aws_vpc_security_group_ingress_rule"].values()
    assert {(rule["from_port"], rule.get("cidr_ipv4")) for rule in rules} == {(443, "10.0.0.0/16"), (8000, None)}
    assert not any(rule["from_port"] <= 22 <= rule["to_port"] for rule in rules)
    template = _one(stack, "aws_launch_template")
    assert "key_name" not in template
    assert template["metadata_options"]["http_tokens"] == "required"
    assert template["metadata_options"]["http_put_response_hop_limit"] == 1
    assert template["block_device_mappings"][0]["ebs"]["encrypted"] == "true"
    assert base64.b64decode(template["user_data"]).startswith(b"#cloud-config\n")
    assert _one(stack, "aws_lb")["internal"] is True
    listener = _one(stack, "aws_lb_listener")
    assert (listener["port"], listener["protocol"]) == (443, "HTTPS")


def test_ec2_instances_may_do_little(compiled: Compiled) -> None:
    stack = compiled(plan(endpoint(ec2(), api_key=Secret(name="acme/key"))), "ec2")
    assert not {action for action in _actions(stack) if action.endswith("*")} - {"kms:*"}
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
    assert _one(own, "aws_launch_template")["image_id"] == "ami-0123456789abcdef0"


def test_ec2_group_drains_and_refreshes(compiled: Compiled) -> None:
    planned = plan(endpoint(ec2(), replicas=Autoscaling(min=2, max=5, waiting_per_replica=7)))
    stack = compiled(planned, "ec2")
    group = _one(stack, "aws_autoscaling_group")
    item = planned.ec2[0]
    # Another time-out there would replace the group and all of its instances.
    assert "initial_lifecycle_hook" not in group
    hook = _one(stack, "aws_autoscaling_lifecycle_hook")
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
    metric = _one(stack, "aws_autoscaling_policy")["target_tracking_configuration"]
    assert metric["target_value"] == 7
    assert metric["customized_metric_specification"]["metric_name"] == "vllm:num_requests_waiting"
    assert metric["customized_metric_specification"]["metric_dimension"] == [{"name": "endpoint", "value": "chat"}]


def test_a_reservation_has_no_room_for_one_more(compiled: Compiled) -> None:
    capacity = Reservation(reservation_id="cr-0123456789abcdef0")
    stack = compiled(plan(endpoint(ec2(capacity=capacity))), "ec2")
    preferences = _one(stack, "aws_autoscaling_group")["instance_refresh"]["preferences"]
    assert (preferences["min_healthy_percentage"], preferences["max_healthy_percentage"]) == (0, 100)
    assert "capacity_reservation_specification" in _one(stack, "aws_launch_template")
    assert "aws_autoscaling_policy" not in stack["resource"]


def test_ec2_name_is_made_only_where_a_zone_is_given(compiled: Compiled) -> None:
    assert "aws_route53_record" not in compiled(plan(endpoint(ec2())), "ec2")["resource"]
    record = _one(compiled(plan(endpoint(ec2(hosted_zone_id="Z0123"))), "ec2"), "aws_route53_record")
    assert record["name"] == "chat.llm.example.com"


def test_sagemaker_configuration_outlives_a_change(compiled: Compiled) -> None:
    planned = plan(endpoint(TARGETS["sagemaker"], replicas=Autoscaling(min=1, max=3)))
    stack = compiled(planned, "sagemaker")
    configuration = _one(stack, "aws_sagemaker_endpoint_configuration")
    item = planned.sagemaker[0]
    assert configuration["name_prefix"] == "acme-chat-"
    assert "name" not in configuration
    assert configuration["lifecycle"] == {"create_before_destroy": True}
    variant = configuration["production_variants"][0]
    assert variant["container_startup_health_check_timeout_in_seconds"] == item.startup_timeout_s
    assert variant["model_data_download_timeout_in_seconds"] == item.download_timeout_s
    assert 60 <= item.startup_timeout_s <= 3600
    assert variant["routing_config"] == [{"routing_strategy": "LEAST_OUTSTANDING_REQUESTS"}]
    assert variant["inference_ami_version"] == "al2023-ami-sagemaker-inference-gpu-4-1"
    assert "volume_size_in_gb" not in variant
    target = _one(stack, "aws_appautoscaling_target")
    assert (target["min_capacity"], target["max_capacity"]) == (1, 3)


def test_another_machine_is_another_variant(compiled: Compiled) -> None:
    """SageMaker changes no instance type of a variant that is registered for scaling; Terraform must take it away."""
    seen = []
    for kind in ("ml.g6e.2xlarge", "ml.g6e.4xlarge"):
        planned = plan(endpoint(SageMaker(instance_type=kind), replicas=Autoscaling(min=1, max=3)))
        stack = compiled(planned, "sagemaker")
        variant = _one(stack, "aws_sagemaker_endpoint_configuration")["production_variants"][0]
        resource_id = _one(stack, "aws_appautoscaling_target")["resource_id"]
        assert resource_id.endswith(f"/variant/{variant['variant_name']}")
        assert _one(stack, "aws_cloudwatch_metric_alarm")["dimensions"]["VariantName"] == variant["variant_name"]
        seen.append(resource_id)
    assert len(set(seen)) == 2


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
    waiting = _one(stack, "aws_autoscaling_group" if target == "ec2" else "aws_sagemaker_model")
    assert f"data.aws_s3_objects.{name}" in waiting["depends_on"]


def test_sagemaker_container_gets_weights_and_no_network(compiled: Compiled) -> None:
    model = _one(compiled(plan(endpoint(TARGETS["sagemaker"])), "sagemaker"), "aws_sagemaker_model")
    container = model["primary_container"]
    source = container["model_data_source"]["s3_data_source"][0]
    assert source["s3_uri"].endswith("/")
    assert (source["s3_data_type"], source["compression_type"]) == ("S3Prefix", "None")
    assert model["enable_network_isolation"] is True
    assert len(model["vpc_config"]["subnets"]) == 3
    assert container["image"].startswith("763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:")
    assert container["environment"]["SM_VLLM_MAX_MODEL_LEN"] == "16384"


@pytest.mark.parametrize(
    ("engine", "repository", "ami", "variables"),
    [
        (DJLServing(max_model_len=16_384), "djl-inference", "gpu-3-1", {"HF_MODEL_ID": "/opt/ml/model"}),
        (
            SGLang(max_model_len=16_384),
            "sglang",
            "gpu-4-1",
            {"SM_SGLANG_MODEL_PATH": "/opt/ml/model", "SM_SGLANG_TP_SIZE": "1", "SM_SGLANG_ENABLE_METRICS": "true"},
        ),
        (
            TGI(version="3.3.6", max_model_len=16_384),
            "huggingface-pytorch-tgi-inference",
            "gpu-3-1",
            {"HF_MODEL_ID": "/opt/ml/model", "SM_NUM_GPUS": "1", "MAX_TOTAL_TOKENS": "16384"},
        ),
    ],
)
def test_other_engines_have_their_own_container(engine: Any, repository: str, ami: str, variables: Any) -> None:
    item = plan(endpoint(TARGETS["sagemaker"], engine=engine)).sagemaker[0]
    assert f"/{repository}:" in item.image_uri
    assert item.inference_ami_version is not None
    assert item.inference_ami_version.endswith(ami)
    assert variables.items() <= item.environment.items()


def test_images_come_from_the_registry_of_the_region() -> None:
    item = plan(endpoint(TARGETS["sagemaker"]), region="eu-south-1").sagemaker[0]
    assert item.image_uri.startswith("692866216735.dkr.ecr.eu-south-1.amazonaws.com/vllm:")


def test_async_wakes_from_zero_and_tells_the_result(compiled: Compiled) -> None:
    planned = plan(endpoint(TARGETS["sagemaker-async"], replicas=Autoscaling(min=0, max=2)))
    stack = compiled(planned, "sagemaker")
    configuration = _one(stack, "aws_sagemaker_endpoint_configuration")
    output = configuration["async_inference_config"]["output_config"]
    assert output["s3_output_path"] == "s3://acme-answers/chat"
    assert set(output["notification_config"]) == {"success_topic", "error_topic"}
    assert configuration["production_variants"][0]["initial_instance_count"] == 1
    assert _one(stack, "aws_appautoscaling_target")["min_capacity"] == 0
    policies = {item["policy_type"] for item in stack["resource"]["aws_appautoscaling_policy"].values()}
    assert policies == {"TargetTrackingScaling", "StepScaling"}
    alarm = _one(stack, "aws_cloudwatch_metric_alarm")
    assert alarm["metric_name"] == "HasBacklogWithoutCapacity"
    assert alarm["alarm_actions"] == ["${aws_appautoscaling_policy.chat-wake.arn}"]
    topics = stack["resource"]["aws_sns_topic"].values()
    assert len(topics) == 2
    assert all(topic["kms_master_key_id"] for topic in topics)


KEYS = [f"arn:aws:kms:us-east-1:111122223333:key/{digit * 8}" for digit in "12"]


def test_keys_of_buckets_that_were_there_may_be_used(compiled: Compiled) -> None:
    on = SageMakerAsync(instance_type="ml.g6e.2xlarge", output="s3://acme-answers/chat", input_kms_key_arn=KEYS[0])
    there = ModelBucket(name="acme-weights", existing=True, kms_key_arn=KEYS[1])
    stack = compiled(plan(endpoint(on), storage=[there]), "sagemaker")
    statements = {
        statement["sid"]: statement
        for document in stack["data"]["aws_iam_policy_document"].values()
        for statement in document["statement"]
    }
    for sid, key in (("DecryptRequests", KEYS[0]), ("DecryptWeights", KEYS[1])):
        assert (statements[sid]["actions"], statements[sid]["resources"]) == (["kms:Decrypt"], [key])
    with pytest.raises(SpecError, match="encrypted with a key that it makes"):
        ModelBucket(name="acme-weights", kms_key_arn=KEYS[1])


def test_types_without_local_disks_get_a_volume_and_a_key(compiled: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(endpoint(TARGETS["sagemaker"])).sagemaker[0].volume_gib is None
    plain = instances.get("g6e.2xlarge")
    assert plain is not None
    diskless = plain.model_copy(update={"nvme_gb": 0, "nvme_disks": 0})
    monkeypatch.setattr("llminfra.planning.serving_targets.machines.instances.get", lambda _name: diskless)
    planned = plan(endpoint(TARGETS["sagemaker"]))
    item = planned.sagemaker[0]
    assert item.volume_gib is not None
    assert item.volume_gib > item.serving.weights.bytes_total / 2**30
    configuration = _one(compiled(planned, "sagemaker"), "aws_sagemaker_endpoint_configuration")
    assert configuration["kms_key_arn"] == "${aws_kms_key.sagemaker.arn}"
    assert configuration["production_variants"][0]["volume_size_in_gb"] == item.volume_gib
    grown = plan(endpoint(ec2())).ec2[0]
    assert not grown.raid0
    assert grown.root_volume_gib > 150


def test_real_time_goes_to_zero_as_a_component(compiled: Compiled) -> None:
    planned = plan(endpoint(TARGETS["sagemaker"], replicas=Autoscaling(min=0, max=2)))
    stack = compiled(planned, "sagemaker")
    configuration = _one(stack, "aws_sagemaker_endpoint_configuration")
    variant = configuration["production_variants"][0]
    assert "model_name" not in variant
    assert variant["managed_instance_scaling"] == {
        "max_instance_count": 2,
        "min_instance_count": 0,
        "status": "ENABLED",
    }
    assert configuration["execution_role_arn"]
    target = _one(stack, "aws_appautoscaling_target")
    assert target["resource_id"] == "inference-component/acme-chat"
    assert (target["min_capacity"], target["max_capacity"]) == (0, 2)
    alarm = _one(stack, "aws_cloudwatch_metric_alarm")
    assert alarm["metric_name"] == "NoCapacityInvocationFailures"
    assert alarm["alarm_actions"] == ["${aws_appautoscaling_policy.chat-wake.arn}"]
    served = _one(stack, "aws_cloudformation_stack")
    body = json.loads(served["template_body"])
    # Terraform must not give up before CloudFormation does.
    assert served["timeouts"]["create"] == served["timeouts"]["update"] == f"{served['timeout_in_minutes']}m"
    properties = body["Resources"]["Component"]["Properties"]
    assert properties["EndpointName"] == "${aws_sagemaker_endpoint.chat.name}"
    assert properties["Specification"]["ModelName"] == "${aws_sagemaker_model.chat.name}"
    found = contract(planned.sagemaker[0], planned)
    assert found.component == "acme-chat"
    assert contract(plan(endpoint(TARGETS["sagemaker"])).sagemaker[0], planned).component is None


def test_the_components_template_is_valid_cloudformation() -> None:
    variant = Variant(
        instance_type="ml.g6e.2xlarge",
        instances=1,
        startup_timeout_s=600,
        download_timeout_s=900,
        inference_ami_version=None,
        volume_gib=None,
        kms_key_arn=None,
    )
    text = json.dumps(template("acme-chat", "acme-chat", "acme-chat-model", variant, Copy(gpus=1, memory_mib=8192)))
    assert [str(item) for item in lint(text, regions=["us-east-1"])] == []
    wrong = text.replace("NumberOfAcceleratorDevicesRequired", "Gpus")
    assert lint(wrong, regions=["us-east-1"])


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
    template = _one(stack, "aws_launch_template")
    assert template["instance_market_options"]["market_type"] == "capacity-block"
    assert "placement" not in template
    assert "aws_placement_group" not in stack["resource"]
    assert _one(stack, "aws_autoscaling_group")["vpc_zone_identifier"][0].endswith("us-east-1b}")


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
    assert set(alarms) == {"acme-chat-standby-short", "acme-chat-standby-complete"}
    again = alarms["acme-chat-standby-complete"]["evaluation_periods"] * 60
    assert again >= spot["health_check_grace_period"]
    assert "autoscaling:TerminateInstanceInAutoScalingGroup" in _actions(stack)
    alone = compiled(plan(endpoint(ec2(capacity=Spot(fallback_on_demand=False)))), "ec2")
    assert _one(alone, "aws_autoscaling_group")["name"] == "acme-chat"


def test_ec2_goes_to_zero_and_the_first_call_wakes_it(compiled: Compiled) -> None:
    planned = plan(endpoint(ec2(), replicas=Autoscaling(min=0, max=3, cooldown_s=1200)))
    stack = compiled(planned, "ec2")
    assert _one(stack, "aws_autoscaling_group")["min_size"] == 0
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


def test_a_server_without_variables_compiles(compiled: Compiled) -> None:
    own = Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/server", tag="v1")
    served = endpoint(TARGETS["sagemaker"], engine=CustomServer(image=own))
    model = _one(compiled(plan(served), "sagemaker"), "aws_sagemaker_model")
    assert "environment" not in model["primary_container"]


def test_an_instance_of_a_queue_takes_as_many_requests_as_sagemaker_allows() -> None:
    small = {"engine": VLLM(max_model_len=4_096, max_num_seqs=2_000), "slo": Slo(prompt_tokens=200, output_tokens=100)}
    queued = SageMakerAsync(instance_type="ml.p5.48xlarge", output="s3://acme-answers/chat")
    assert plan(endpoint(queued, **small)).sagemaker[0].concurrent_requests == 1000
    assert plan(endpoint(SageMaker(instance_type="ml.p5.48xlarge"), **small)).sagemaker[0].concurrent_requests > 1000
