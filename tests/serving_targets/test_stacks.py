"""What EC2 and SageMaker endpoints compile to, and that Terraform accepts it from init to destroy."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint

from llminfra import TGI, Autoscaling, DJLServing, Reservation, SageMakerAsync, Secret
from llminfra.catalog import instances
from llminfra.compiler import compile_platforms
from llminfra.constructs.sagemaker_component import Copy, template
from llminfra.constructs.sagemaker_endpoint import Variant
from llminfra.planning.contract import contract
from llminfra.planning.plan import Plan
from llminfra.rehearsal import rehearse
from tests.serving_targets.platforms import BUCKET, TARGETS, ec2, endpoint, plan

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
    hook = _as_list(group["initial_lifecycle_hook"])[0]
    assert hook["lifecycle_transition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert hook["heartbeat_timeout"] > item.drain_s >= item.serving.drain.engine_s
    assert group["health_check_grace_period"] == item.grace_s > item.serving.startup.estimate_s
    assert group["wait_for_elb_capacity"] == group["min_size"] == 2
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


def test_types_without_local_disks_get_a_volume_and_a_key(compiled: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(endpoint(TARGETS["sagemaker"])).sagemaker[0].volume_gib is None
    plain = instances.get("g6e.2xlarge")
    assert plain is not None
    diskless = plain.model_copy(update={"nvme_gb": 0, "nvme_disks": 0})
    monkeypatch.setattr("llminfra.planning.machines.instances.get", lambda _name: diskless)
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
    assert _one(stack, "aws_cloudformation_stack")["template_body"].startswith("${jsonencode(")
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


@pytest.mark.terraform
@pytest.mark.parametrize("name", ["zero", "ec2", "sagemaker", "sagemaker-async"])
def test_terraform_takes_it_from_init_to_destroy(name: str, tmp_path: Path) -> None:
    on = TARGETS["sagemaker" if name == "zero" else name]
    least = 0 if isinstance(on, SageMakerAsync) or name == "zero" else 1
    planned = plan(endpoint(on, replicas=Autoscaling(min=least, max=2)), storage=[BUCKET])
    compile_platforms([planned], tmp_path)
    report = rehearse(tmp_path)
    assert report.ok, [str(item) for item in report.findings]
    assert {stack.name for stack in report.stacks} == {
        "acme-network",
        "acme-storage",
        "acme-ec2" if name == "ec2" else "acme-sagemaker",
    }
