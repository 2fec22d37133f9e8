"""Batch inference: whether it fits, what planning refuses, and what the rest compiles to."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from llminfra import TGI, VLLM, BatchQueue, CapacityBlock, Image, Model, ModelBucket, Parallelism, Secret, SGLang
from llminfra.catalog.batch_runner import runner_container
from llminfra.diagnostics import SpecError
from llminfra.planning.plan import Plan
from tests.targets.platforms import batch, codes, findings, plan
from tests.targets.stack_view import allowed, only, reader, statements, task, without_expressions

OWN = Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/vllm", tag="1", efa=True, ray=True)
FABRIC: dict[str, Any] = {"instance_types": ["p5.48xlarge"], "max_instances": 4, "efa": True, "spot": False}
LARGE: dict[str, Any] = {
    "model": Model(id="deepseek-ai/DeepSeek-R1"),
    "engine": VLLM(max_model_len=8_192, image=OWN),
    "parallelism": Parallelism(tensor=8, pipeline=2),
    "on": BatchQueue(**FABRIC),
    "jobs": 1,
}
Compiled = Callable[[Plan, str], dict[str, Any]]


def test_a_batch_needs_no_cluster_and_costs_nothing_at_rest() -> None:
    planned = plan(batches=[batch()])
    assert planned.cluster is None
    line = next(item for item in planned.costs if item.spec_path == "batches.nightly")
    assert line.usd_per_hour_min == 0
    assert line.usd_per_hour_max is not None
    assert line.usd_per_hour_max > 0


def test_a_model_that_does_not_fit_is_refused_where_the_batch_stands() -> None:
    found = findings(batches=[batch(model=Model(id="meta-llama/Llama-3.3-70B-Instruct"))])
    errors = [item for item in found if item.severity.value == "error"]
    assert errors
    assert all(item.path.startswith("batches.nightly") for item in errors), errors


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"on": BatchQueue(instance_types=["g6e.2xlarge", "g6.2xlarge"])}, "LLM_BAT_1"),
        ({"on": BatchQueue(instance_types=["g6e.2xlarge"], max_instances=3)}, "LLM_BAT_2"),
        ({"engine": TGI(version="3.3.6", max_model_len=8_192)}, "LLM_BAT_3"),
        ({"parallelism": Parallelism(tensor=8)}, "LLM_CAP_41"),
        ({"on": BatchQueue(instance_types=["g6e.2xlarge"], efa=True, spot=False), "jobs": 1}, "LLM_CAP_21"),
        ({"on": BatchQueue(instance_types=["p5e.48xlarge", "p5en.48xlarge"], efa=True, spot=False)}, "LLM_CAP_22"),
        ({"on": BatchQueue(**FABRIC | {"zones": ["us-east-1a", "us-east-1b"]}), "jobs": 1}, "LLM_CAP_24"),
        ({"on": BatchQueue(**FABRIC | {"spot": True}), "jobs": 1}, "LLM_BAT_4"),
        ({"on": BatchQueue(**FABRIC)}, "LLM_BAT_5"),
        ({**LARGE, "engine": VLLM(max_model_len=8_192)}, "LLM_BAT_6"),
        ({**LARGE, "on": BatchQueue(**FABRIC | {"max_instances": 1})}, "LLM_FIT_6"),
        (
            {**LARGE, "engine": VLLM(max_model_len=8_192, image=OWN, distributed_executor_backend="ray")},
            "LLM_SRV_48",
        ),
        ({"on": BatchQueue(instance_types=["m7i.large"])}, "LLM_CAP_40"),
        ({"on": BatchQueue(instance_types=["g6e.2xlarge"], zones=["us-east-1z"])}, "LLM_NET_20"),
    ],
    ids=[
        *(
            "two GPUs",
            "idle instances",
            "another engine",
            "larger than an instance",
            "no EFA",
            "two types",
            "two zones",
        ),
        *("spot", "an array", "an image that starts a server", "too few instances", "Ray", "no GPU", "no such zone"),
    ],
)
def test_what_cannot_work_is_said(fields: dict[str, Any], code: str) -> None:
    found = [item for item in findings(batches=[batch(**fields)]) if item.code == code]
    assert found
    assert all(item.path.startswith(("batches.nightly", "endpoints.nightly")) for item in found)


def test_idle_gpus_are_told_at_the_queue() -> None:
    found = findings(batches=[batch(on=BatchQueue(instance_types=["g6e.12xlarge"], max_instances=2))])
    assert [item.path for item in found if item.code == "LLM_CAP_42"] == ["batches.nightly.on.instance_types"]


def test_idle_gpus_are_in_the_price_of_tokens() -> None:
    queue = BatchQueue(instance_types=["g6e.12xlarge"], max_instances=2)
    serving = plan(batches=[batch(on=queue, parallelism=Parallelism(tensor=1))]).batches[0].serving
    full = serving.performance.full if serving.performance else None
    assert full is not None
    assert serving.usd_per_replica_hour is not None
    assert serving.usd_per_million_tokens == pytest.approx(
        serving.usd_per_replica_hour / full.output_tokens_per_s / 3600 * 1e6
    )
    assert serving.usd_per_replica_hour > 10, "all four GPUs"


def test_results_must_not_become_input() -> None:
    with pytest.raises(SpecError, match="lie in one another"):
        batch(input="s3://acme-batch/in", output="s3://acme-batch/in/out")


def test_no_way_to_buy_is_refused() -> None:
    with pytest.raises(SpecError, match="no way to get an instance"):
        BatchQueue(instance_types=["g6e.2xlarge"], spot=False, on_demand=False)


def test_spot_comes_first_and_on_demand_is_there(compiled: Compiled) -> None:
    stack = compiled(plan(batches=[batch()]), "batch")
    environments = stack["resource"]["aws_batch_compute_environment"]
    order = only(stack, "aws_batch_job_queue")["compute_environment_order"]
    names = [item["compute_environment"].split(".")[1] for item in sorted(order, key=lambda item: item["order"])]
    resources = [environments[name]["compute_resources"] for name in names]
    assert [item["type"] for item in resources] == ["SPOT", "EC2"]
    assert [item["allocation_strategy"] for item in resources] == [
        "SPOT_PRICE_CAPACITY_OPTIMIZED",
        "BEST_FIT_PROGRESSIVE",
    ]
    assert all(item["min_vcpus"] == 0 and item["max_vcpus"] == 16 for item in resources)
    assert all("security_group_ids" not in item for item in resources)  # the launch template has them
    for item in environments.values():
        assert "name" not in item
        assert item["lifecycle"] == {"create_before_destroy": True}


def test_never_more_instances_than_declared_whatever_type_comes() -> None:
    def cost(**on: Any) -> float:
        planned = plan(batches=[batch(on=BatchQueue(max_instances=4, **on))])
        (line,) = (item for item in planned.costs if item.spec_path == "batches.nightly")
        assert line.usd_per_hour_max is not None
        return line.usd_per_hour_max

    types = ["g6e.2xlarge", "g6e.4xlarge"]
    mixed = plan(batches=[batch(on=BatchQueue(instance_types=types, max_instances=4))]).batches[0]
    assert mixed.max_vcpus // min(item.vcpu for item in mixed.machine.instance_types) == 4
    # Each environment of the queue has a bound of its own.
    assert cost(instance_types=types) == pytest.approx(2 * cost(instance_types=types, spot=False))


def test_on_demand_alone(compiled: Compiled) -> None:
    on = BatchQueue(instance_types=["g6e.2xlarge"], max_instances=2, spot=False)
    stack = compiled(plan(batches=[batch(on=on)]), "batch")
    assert only(stack, "aws_batch_compute_environment")["compute_resources"]["type"] == "EC2"
    environment = {item["name"]: item["value"] for item in task(stack)["containers"][1]["environment"]}
    assert environment["BATCH_WATCH_SPOT"] == "false"


def test_the_runner_takes_its_environment(compiled: Compiled) -> None:
    stack = compiled(plan(batches=[batch(concurrency=17)]), "batch")
    runner = task(stack)["containers"][1]
    environment = {item["name"]: item["value"] for item in runner["environment"]}
    settings = reader("batch_runner")(without_expressions(environment) | {"AWS_BATCH_JOB_ID": "1f2e"})
    assert str(settings.input) == "s3://acme-batch/requests/"
    assert (settings.concurrency, settings.watch_spot) == (17, True)
    assert settings.server_command == ()  # the engine has a container of its own


def test_a_job_takes_all_of_an_instance_and_no_more(compiled: Compiled) -> None:
    planned = plan(batches=[batch()])
    instance = planned.batches[0].machine.main_type
    stack = compiled(planned, "batch")
    needed: dict[str, int] = {}
    for container in task(stack)["containers"]:
        for item in container["resourceRequirements"]:
            needed[item["type"]] = needed.get(item["type"], 0) + int(item["value"])
    assert instance.gpu is not None
    assert needed["GPU"] == instance.gpu.count
    assert needed["VCPU"] <= instance.vcpu
    assert needed["MEMORY"] < instance.memory_mib


def test_the_runner_alone_decides_how_the_job_ends(compiled: Compiled) -> None:
    engine, runner = task(compiled(plan(batches=[batch()]), "batch"))["containers"]
    assert (engine["essential"], runner["essential"]) == (False, True)
    assert runner["dependsOn"] == [{"containerName": "engine", "condition": "START"}]
    assert "vllm" not in engine["command"]  # the image's entry point is ``vllm serve``


def test_pinned_packages_have_hashes(compiled: Compiled) -> None:
    assert all("==" in item and "--hash=sha256:" in item for item in runner_container().requirements)
    runner = task(compiled(plan(batches=[batch()]), "batch"))["containers"][1]
    assert "--require-hashes" in runner["command"][2]


def test_an_own_image_installs_nothing(compiled: Compiled) -> None:
    own = Image(repository="registry.example.com/runner", tag="1.2.3")
    runner = task(compiled(plan(batches=[batch(runner_image=own)]), "batch"))["containers"][1]
    assert runner["image"] == "registry.example.com/runner:1.2.3"
    assert runner["command"][:2] == ["python3", "-c"]
    assert "RUNNER_REQUIREMENTS" not in {item["name"] for item in runner["environment"]}


def test_exit_codes_of_the_runner_are_understood(compiled: Compiled) -> None:
    reader("batch_runner")
    from batch_runner import exit_codes  # type: ignore[import-not-found]  # on the path by now

    rules = only(compiled(plan(batches=[batch()]), "batch"), "aws_batch_job_definition")["retry_strategy"]
    assert len(rules["evaluate_on_exit"]) <= 5

    def action(code: int) -> str:
        tests = [item for item in rules["evaluate_on_exit"] if "on_exit_code" in item]
        return next((item["action"] for item in tests if fnmatchcase(str(code), item["on_exit_code"])), "RETRY")

    assert action(exit_codes.TRY_AGAIN) == "RETRY"
    assert action(137) == "RETRY"
    hopeless = (exit_codes.BAD_INPUT, exit_codes.NO_INPUT, exit_codes.BAD_SETTINGS, exit_codes.INTERNAL)
    assert {action(code) for code in hopeless} == {"EXIT"}
    assert rules["evaluate_on_exit"][0]["on_status_reason"] == "Host EC2*"


def test_the_job_reads_one_prefix_and_writes_another(compiled: Compiled) -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    stack = compiled(plan(batches=[batch(output_kms_key_arn=key)]), "batch")
    assert [entry for entry in allowed(stack) if "*" in entry[2]] == []
    mine = statements(stack, "batch-nightly-job-job")
    assert mine["ReadInput"]["resources"] == ["arn:aws:s3:::acme-batch/requests/*"]
    assert mine["WriteOutput"]["resources"] == ["arn:aws:s3:::acme-batch/answers/*"]
    assert mine["OutputKey"]["resources"] == [key]
    assert "InputKey" not in mine
    weights = statements(stack, "batch-nightly-job-weights")
    assert weights["ReadWeights"]["resources"][0].endswith(
        "/models/Qwen/Qwen3-8B/b968826d9c46dd6066d109eabc6255188de91218/*"
    )


def test_a_token_comes_from_its_secret(compiled: Compiled) -> None:
    model = Model(id="Qwen/Qwen3-8B", token=Secret(name="hf-token", key="token"))
    stack = compiled(plan(batches=[batch(model=model)], storage=[]), "batch")
    secrets = task(stack)["containers"][0]["secrets"]
    assert [item["name"] for item in secrets] == ["HF_TOKEN"]
    assert secrets[0]["valueFrom"].endswith(":token::")
    mine = statements(stack, "batch-nightly-execution-start")
    assert mine["ReadSecrets"]["resources"] == ["${data.aws_secretsmanager_secret.batch-nightly-HF_TOKEN.arn}"]


def test_the_schedule_submits_an_array_job(compiled: Compiled) -> None:
    stack = compiled(plan(batches=[batch(schedule="cron(0 2 * * ? *)")]), "batch")
    assert stack["resource"]["aws_cloudwatch_event_rule"]["batch-nightly"]["schedule_expression"] == "cron(0 2 * * ? *)"
    target = stack["resource"]["aws_cloudwatch_event_target"]["batch-nightly"]
    assert target["batch_target"]["array_size"] == 2
    assert "batch-nightly" not in compiled(plan(batches=[batch()]), "batch")["resource"]["aws_cloudwatch_event_rule"]


def test_one_job_is_no_array(compiled: Compiled) -> None:
    one = batch(schedule="rate(1 day)", jobs=1, on=BatchQueue(instance_types=["g6e.2xlarge"], max_instances=1))
    target = compiled(plan(batches=[one]), "batch")["resource"]["aws_cloudwatch_event_target"]["batch-nightly"]
    assert "array_size" not in target["batch_target"]


def test_weights_must_be_of_the_platform() -> None:
    assert "LLM_REF_2" in codes(batches=[batch(weights=ModelBucket(name="elsewhere"))])


def test_engine_options_reach_the_server(compiled: Compiled) -> None:
    engine = task(compiled(plan(batches=[batch(engine=VLLM(max_model_len=4_096))]), "batch"))["containers"][0]
    assert "--max-model-len=4096" in engine["command"]
    assert engine["linuxParameters"]["sharedMemorySize"] >= 1024
    assert {"name": "memlock", "softLimit": -1, "hardLimit": -1} in engine["ulimits"]


def test_what_batch_answers_is_what_was_declared(compiled: Compiled) -> None:
    """Batch adds empty lists; the provider compares those of linuxParameters in ECS properties as they are."""
    for container in task(compiled(plan(batches=[batch()]), "batch"))["containers"]:
        linux = container["linuxParameters"]
        assert (linux["devices"], linux["tmpfs"]) == ([], []), container["name"]
        # Whatever else is empty the provider leaves out on both sides (ecsProperties.reduce).
        assert [] not in [value for name, value in container.items() if name != "linuxParameters"]


def test_a_model_larger_than_an_instance_is_a_job_over_several(compiled: Compiled) -> None:
    planned = plan(batches=[batch(**LARGE)])
    item = planned.batches[0]
    stack = compiled(planned, "batch")
    job = only(stack, "aws_batch_job_definition")
    assert (job["type"], job.get("ecs_properties")) == ("multinode", None)
    nodes = json.loads(job["node_properties"])
    assert (nodes["numNodes"], nodes["mainNode"]) == (item.serving.nodes, 0) == (2, 0)
    (only_range,) = nodes["nodeRangeProperties"]
    assert only_range["targetNodes"] == "0:1"
    container = only_range["container"]
    devices = [each["hostPath"] for each in container["linuxParameters"]["devices"]]
    assert devices == [f"/dev/infiniband/uverbs{index}" for index in range(item.machine.main_type.efa_interfaces)]
    assert {each["name"]: each["softLimit"] for each in container["ulimits"]}["memlock"] == -1
    environment = {each["name"]: each["value"] for each in container["environment"]}
    main = reader("batch_runner")(without_expressions(environment) | {"AWS_BATCH_JOB_ID": "1f2e"})
    assert main.server_command[:2] == main.node_command[:2] == ("vllm", "serve")
    assert "--node-rank=0" in main.server_command
    assert {"--node-rank=%NODE_RANK%", "--headless", "--master-addr=%MAIN_ADDRESS%"} <= set(main.node_command)
    assert "$(" not in environment["BATCH_SERVER_COMMAND"] + environment["BATCH_NODE_COMMAND"]


def test_nodes_of_a_job_share_a_fabric_and_leave_a_place_for_its_container(compiled: Compiled) -> None:
    planned = plan(batches=[batch(**LARGE)])
    stack = compiled(planned, "batch")
    compute = only(stack, "aws_batch_compute_environment")["compute_resources"]
    assert compute["placement_group"] == "${aws_placement_group.batch-nightly.name}"
    assert len(compute["subnets"]) == 1
    assert "${aws_security_group.batch-nightly-efa.id}" in compute["security_group_ids"]
    nics = only(stack, "aws_launch_template")["network_interfaces"]
    assert sum(nic["network_card_index"] == 0 for nic in nics) == 1
    assert nics[0]["interface_type"] == "efa"
    assert len(nics) == planned.batches[0].machine.main_type.efa_interfaces
    block = CapacityBlock(reservation_id="cr-0123456789abcdef0")
    reserved = compiled(plan(batches=[batch(**LARGE | {"on": BatchQueue(**FABRIC, reservation=block)})]), "batch")
    assert only(reserved, "aws_launch_template")["instance_market_options"]["market_type"] == "capacity-block"
    assert "aws_placement_group" not in reserved["resource"]


def test_sglang_is_started_by_its_whole_command(compiled: Compiled) -> None:
    engine, runner = task(compiled(plan(batches=[batch(engine=SGLang(max_model_len=8_192))]), "batch"))["containers"]
    assert engine["command"][:3] == ["python3", "-m", "sglang.launch_server"]
    environment = {item["name"]: item["value"] for item in runner["environment"]}
    assert environment["BATCH_ENDPOINT_URL"] == "http://127.0.0.1:30000"


def test_a_reservation_is_not_spot() -> None:
    block = CapacityBlock(reservation_id="cr-0123456789abcdef0")
    with pytest.raises(SpecError, match="spot=False"):
        BatchQueue(instance_types=["p5.48xlarge"], reservation=block)


def test_jobs_draw_on_the_quotas_of_what_they_may_buy() -> None:
    planned = plan(batches=[batch(on=BatchQueue(instance_types=["g6e.2xlarge"], max_instances=2))])
    lines = {line.name: line for line in planned.quotas if "batch nightly" in line.why}
    assert set(lines) == {"Running On-Demand G and VT instances", "All G and VT Spot Instance Requests"}
    assert {line.needed for line in lines.values()} == {16.0}


def test_rules_keep_the_limit_of_eventbridge_with_the_longest_names(compiled: Compiled) -> None:
    longest = batch(name="n" * 32, schedule="rate(1 day)")
    stack = compiled(plan(name="p" * 24, batches=[longest]), "batch")
    names = [rule["name"] for rule in stack["resource"]["aws_cloudwatch_event_rule"].values()]
    assert len(set(names)) == 2
    assert all(len(name) <= 64 for name in names)
