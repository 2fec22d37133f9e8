"""What the stacks of SageMaker hold, for every kind of endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.api import lint

from llminfra import (
    TGI,
    VLLM,
    Autoscaling,
    CustomServer,
    DJLServing,
    Image,
    ModelBucket,
    SageMaker,
    SageMakerAsync,
    SGLang,
    Slo,
    SpecError,
)
from llminfra.catalog import instances
from llminfra.constructs.sagemaker.component import Copy, template
from llminfra.constructs.sagemaker.endpoint import Variant
from llminfra.planning.endpoints.contract import contract
from tests.serving_targets.compiled import Compiled, one
from tests.serving_targets.platforms import TARGETS, ec2, endpoint, plan
from tests.targets.stack_view import statements


def test_sagemaker_configuration_outlives_a_change(compiled: Compiled) -> None:
    planned = plan(endpoint(TARGETS["sagemaker"], replicas=Autoscaling(min=1, max=3)))
    stack = compiled(planned, "sagemaker")
    configuration = one(stack, "aws_sagemaker_endpoint_configuration")
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
    target = one(stack, "aws_appautoscaling_target")
    assert (target["min_capacity"], target["max_capacity"]) == (1, 3)


def test_another_machine_is_another_variant(compiled: Compiled) -> None:
    """SageMaker changes no instance type of a variant that is registered for scaling; Terraform must take it away."""
    seen = []
    for kind in ("ml.g6e.2xlarge", "ml.g6e.4xlarge"):
        planned = plan(endpoint(SageMaker(instance_type=kind), replicas=Autoscaling(min=1, max=3)))
        stack = compiled(planned, "sagemaker")
        variant = one(stack, "aws_sagemaker_endpoint_configuration")["production_variants"][0]
        resource_id = one(stack, "aws_appautoscaling_target")["resource_id"]
        assert resource_id.endswith(f"/variant/{variant['variant_name']}")
        assert one(stack, "aws_cloudwatch_metric_alarm")["dimensions"]["VariantName"] == variant["variant_name"]
        seen.append(resource_id)
    assert len(set(seen)) == 2


def test_sagemaker_container_gets_weights_and_no_network(compiled: Compiled) -> None:
    model = one(compiled(plan(endpoint(TARGETS["sagemaker"])), "sagemaker"), "aws_sagemaker_model")
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
    configuration = one(stack, "aws_sagemaker_endpoint_configuration")
    output = configuration["async_inference_config"]["output_config"]
    assert output["s3_output_path"] == "s3://acme-answers/chat"
    assert set(output["notification_config"]) == {"success_topic", "error_topic"}
    assert configuration["production_variants"][0]["initial_instance_count"] == 1
    assert one(stack, "aws_appautoscaling_target")["min_capacity"] == 0
    policies = {item["policy_type"] for item in stack["resource"]["aws_appautoscaling_policy"].values()}
    assert policies == {"TargetTrackingScaling", "StepScaling"}
    alarm = one(stack, "aws_cloudwatch_metric_alarm")
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
    configuration = one(compiled(planned, "sagemaker"), "aws_sagemaker_endpoint_configuration")
    assert configuration["kms_key_arn"] == "${aws_kms_key.sagemaker.arn}"
    assert configuration["production_variants"][0]["volume_size_in_gb"] == item.volume_gib
    grown = plan(endpoint(ec2())).ec2[0]
    assert not grown.raid0
    assert grown.root_volume_gib > 150


def test_real_time_goes_to_zero_as_a_component(compiled: Compiled) -> None:
    planned = plan(endpoint(TARGETS["sagemaker"], replicas=Autoscaling(min=0, max=2)))
    stack = compiled(planned, "sagemaker")
    configuration = one(stack, "aws_sagemaker_endpoint_configuration")
    variant = configuration["production_variants"][0]
    assert "model_name" not in variant
    assert variant["managed_instance_scaling"] == {
        "max_instance_count": 2,
        "min_instance_count": 0,
        "status": "ENABLED",
    }
    assert configuration["execution_role_arn"]
    target = one(stack, "aws_appautoscaling_target")
    assert target["resource_id"] == "inference-component/acme-chat"
    assert (target["min_capacity"], target["max_capacity"]) == (0, 2)
    alarm = one(stack, "aws_cloudwatch_metric_alarm")
    assert alarm["metric_name"] == "NoCapacityInvocationFailures"
    assert alarm["alarm_actions"] == ["${aws_appautoscaling_policy.chat-wake.arn}"]
    served = one(stack, "aws_cloudformation_stack")
    body = json.loads(served["template_body"])
    # Terraform must not give up before CloudFormation does.
    assert served["timeouts"]["create"] == served["timeouts"]["update"] == f"{served['timeout_in_minutes']}m"
    properties = body["Resources"]["Component"]["Properties"]
    assert properties["EndpointName"] == "${aws_sagemaker_endpoint.chat.name}"
    assert properties["Specification"]["ModelName"] == "${aws_sagemaker_model.chat.name}"
    written = statements(stack, "sagemaker-chat-container")["WriteLogs"]
    assert written["resources"][0].endswith(":log-group:/aws/sagemaker/InferenceComponents/acme-chat")
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


def test_a_server_without_variables_compiles(compiled: Compiled) -> None:
    own = Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/server", tag="v1")
    served = endpoint(TARGETS["sagemaker"], engine=CustomServer(image=own))
    model = one(compiled(plan(served), "sagemaker"), "aws_sagemaker_model")
    assert "environment" not in model["primary_container"]


def test_an_instance_of_a_queue_takes_as_many_requests_as_sagemaker_allows() -> None:
    small = {"engine": VLLM(max_model_len=4_096, max_num_seqs=2_000), "slo": Slo(prompt_tokens=200, output_tokens=100)}
    queued = SageMakerAsync(instance_type="ml.p5.48xlarge", output="s3://acme-answers/chat")
    assert plan(endpoint(queued, **small)).sagemaker[0].concurrent_requests == 1000
    assert plan(endpoint(SageMaker(instance_type="ml.p5.48xlarge"), **small)).sagemaker[0].concurrent_requests > 1000
