"""Queues in front of endpoints: what planning refuses, and what the rest compiles to."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra import AsyncEndpoint, Autoscaling, Cluster, Image, Network, SageMakerAsync, Secret
from llminfra.compiler import compile_platforms
from llminfra.diagnostics import SpecError
from llminfra.planning.endpoints.contract import contract
from llminfra.planning.plan import Plan
from llminfra.rules import run_plan
from tests.targets.platforms import EC2, POOL, SAGEMAKER, async_plan, codes, endpoint, findings, plan, queue
from tests.targets.stack_view import allowed, only, reader, statements, without_expressions

Compiled = Callable[[Plan, str], dict[str, Any]]


def test_times_add_up() -> None:
    planned = async_plan(request_timeout_s=840).async_endpoints[0]
    assert planned.spec.request_timeout_s < planned.function_timeout_s <= 900
    assert 6 * planned.function_timeout_s <= planned.visibility_s <= 43_200


def test_an_endpoint_of_the_cluster_is_called_by_pods_or_at_an_address() -> None:
    behind = endpoint(POOL)
    inside = async_plan(behind).async_endpoints[0]
    assert inside.workers is not None
    assert inside.url == "http://chat.llm-serving.svc.cluster.local:8000"
    planned = async_plan(behind, address="http://chat.internal:8000").async_endpoints[0]
    assert (planned.calls, planned.url, planned.port) == ("http", "http://chat.internal:8000", 8000)
    assert planned.workers is None
    assert async_plan(endpoint(EC2)).async_endpoints[0].workers is None


@given(most=st.integers(min_value=2, max_value=1000))
def test_pods_never_send_more_requests_than_declared(most: int) -> None:
    workers = async_plan(endpoint(POOL), max_concurrency=most).async_endpoints[0].workers
    assert workers is not None
    assert 0.9 * most - 1 <= workers.most * workers.concurrency <= most
    assert workers.concurrency >= 1


def test_pods_of_a_closed_network_bring_their_packages() -> None:
    behind = endpoint(POOL)
    closed = {"network": Network(nat="none"), "endpoints": [behind], "pools": [POOL]}
    assert "LLM_ASY_8" in codes(**closed, async_endpoints=[queue(behind)])
    own = queue(behind, worker_image=Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/py", tag="1"))
    assert "LLM_ASY_8" not in codes(**closed, async_endpoints=[own])


def test_of_a_network_that_was_refused_nobody_knows_what_it_reaches() -> None:
    behind = endpoint(POOL)
    refused = Network(zones=["us-east-1a", "us-east-1q"])
    assert codes(network=refused, endpoints=[behind], pools=[POOL], async_endpoints=[queue(behind)]) == {"LLM_NET_20"}


@pytest.mark.parametrize("identity", ["pod-identity", "irsa"])
def test_pods_run_the_consumer_and_keda_may_ask_the_queue(compiled: Compiled, identity: str) -> None:
    behind = endpoint(POOL, api_key=Secret(name="llm/chat"))
    planned = plan(
        endpoints=[behind], pools=[POOL], async_endpoints=[queue(behind, request_timeout_s=200)],
        cluster=Cluster(identity=identity),
    )  # fmt: skip
    stack = compiled(planned, "async")
    assert "aws_lambda_function" not in stack["resource"]
    values = json.loads(only(stack, "helm_release")["values"][0])
    settings = reader("async_consumer")(without_expressions(values["env"]))
    assert settings.concurrency == 8
    assert settings.drain_timeout_s >= settings.call_attempts * settings.request_timeout_s
    assert values["terminationGracePeriodSeconds"] > settings.drain_timeout_s
    assert values["scaling"]["queueLength"] == settings.concurrency
    assert values["command"][-1] == "async_consumer"
    mine = statements(stack, "async-documents-consumer")
    assert mine["FetchCode"]["resources"] == ["${aws_s3_bucket.async.arn}/async_consumer/*"]
    assert set(mine) >= {"TakeRequests", "ClaimAndAnswer", "ReadApiKey"}
    assert ("roleArn" in values["serviceAccount"]) is (identity == "irsa")
    platform = compiled(planned, "platform")
    queue_arn = "arn:aws:sqs:us-east-1:111122223333:acme-async-documents"
    assert statements(platform, "keda-ask")["AskQueues"]["resources"] == [queue_arn]
    assert stack["resource"]["aws_sqs_queue"]["async-documents"]["name"] == queue_arn.rpartition(":")[2]
    keda = json.loads(platform["resource"]["helm_release"]["keda"]["values"][0])
    assert keda["podAnnotations"]["keda"]
    assert bool(keda["serviceAccount"]["operator"]["annotations"]) is (identity == "irsa")


@pytest.mark.parametrize(
    ("on", "fields", "code"),
    [
        (EC2, {"address": "https://elsewhere"}, "LLM_ASY_4"),
        (SAGEMAKER, {"request_timeout_s": 61}, "LLM_ASY_5"),
        (SageMakerAsync(instance_type="ml.g6e.2xlarge", output="s3://acme-answers/chat"), {}, "LLM_ASY_3"),
    ],
    ids=["address twice", "longer than SageMaker", "already a queue"],
)
def test_what_cannot_work_is_said(on: Any, fields: dict[str, Any], code: str) -> None:
    behind = endpoint(on)
    assert code in codes(endpoints=[behind], async_endpoints=[queue(behind, **fields)])


def test_an_endpoint_of_another_platform_is_refused() -> None:
    assert "LLM_ASY_1" in codes(endpoints=[endpoint()], async_endpoints=[queue(endpoint(name="other"))])


def test_keys_do_not_travel_in_plain_text() -> None:
    behind = endpoint(POOL, api_key=Secret(name="llm/chat"))
    found = codes(endpoints=[behind], pools=[POOL], async_endpoints=[queue(behind, address="http://chat.internal")])
    assert "LLM_ASY_6" in found


def test_the_consumer_must_find_the_key_in_the_secret() -> None:
    behind = endpoint(api_key=Secret(name="llm/chat", key="password"))
    assert "LLM_ASY_7" in codes(endpoints=[behind], async_endpoints=[queue(behind)])
    behind = endpoint(api_key=Secret(name="llm/chat", key="api_key"))
    assert "LLM_ASY_7" not in codes(endpoints=[behind], async_endpoints=[queue(behind)])


def test_two_queues_of_one_name_are_refused() -> None:
    behind = endpoint()
    found = findings(endpoints=[behind], async_endpoints=[queue(behind), queue(behind, max_concurrency=3)])
    assert [item.path for item in found if item.code == "LLM_SPEC_4"] == ["async_endpoints.documents"]


def test_one_invocation_at_a_time_is_no_queue() -> None:
    with pytest.raises(SpecError, match="LLM_SPEC_1"):
        AsyncEndpoint(name="slow", behind=endpoint(), max_concurrency=1)


@pytest.mark.parametrize("on", [EC2, SAGEMAKER], ids=["ec2", "sagemaker"])
def test_the_consumer_takes_its_environment(compiled: Compiled, on: Any) -> None:
    stack = compiled(async_plan(endpoint(on, api_key=None), request_timeout_s=60), "async")
    environment = only(stack, "aws_lambda_function")["environment"]["variables"]
    settings = reader("async_consumer")(without_expressions(environment))
    assert settings.request_timeout_s == 60
    assert bool(settings.endpoint_url) != bool(settings.sagemaker_endpoint)
    assert settings.result_prefix == "documents/"


def test_a_message_stays_hidden_for_six_invocations_and_dies_in_another_queue(compiled: Compiled) -> None:
    stack = compiled(async_plan(attempts=3), "async")
    function, queues = only(stack, "aws_lambda_function"), stack["resource"]["aws_sqs_queue"]
    assert queues["async-documents"]["visibility_timeout_seconds"] >= 6 * function["timeout"]
    redrive = json.loads(queues["async-documents"]["redrive_policy"])
    assert redrive == {"deadLetterTargetArn": "${aws_sqs_queue.async-documents-dead.arn}", "maxReceiveCount": 3}
    assert queues["async-documents-dead"]["message_retention_seconds"] == 14 * 86_400
    assert all(item["kms_master_key_id"] == "${aws_kms_key.async.arn}" for item in queues.values())


def test_the_poller_is_bounded_like_the_function(compiled: Compiled) -> None:
    stack = compiled(async_plan(max_concurrency=7), "async")
    mapping = only(stack, "aws_lambda_event_source_mapping")
    assert mapping["scaling_config"] == {"maximum_concurrency": 7}
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert only(stack, "aws_lambda_function")["reserved_concurrent_executions"] == 7


def test_the_role_reaches_its_own_things_only(compiled: Compiled) -> None:
    stack = compiled(async_plan(endpoint(SAGEMAKER), request_timeout_s=30), "async")
    assert [entry for entry in allowed(stack) if "*" in entry[2]] == []
    mine = statements(stack, "async-documents-consumer")
    account = "111122223333"
    assert mine["CallEndpoint"]["resources"] == [f"arn:aws:sagemaker:us-east-1:{account}:endpoint/acme-chat"]
    assert mine["ClaimAndAnswer"]["resources"] == [
        "${aws_s3_bucket.async.arn}/documents/ledger/*",
        "${aws_s3_bucket.async.arn}/documents/results/*",
    ]


def test_an_endpoint_that_goes_to_zero_is_called_by_its_component(compiled: Compiled) -> None:
    behind = endpoint(SAGEMAKER, replicas=Autoscaling(min=0, max=2))
    planned = async_plan(behind, request_timeout_s=30)
    component = contract(planned.sagemaker[0], planned).component
    assert component
    stack = compiled(planned, "async")
    assert only(stack, "aws_lambda_function")["environment"]["variables"]["ASYNC_SAGEMAKER_COMPONENT"] == component
    assert any(
        arn.endswith(f":inference-component/{component}")
        for arn in statements(stack, "async-documents-consumer")["CallEndpoint"]["resources"]
    )


def test_the_archive_travels_with_the_stack(compiled: Compiled) -> None:
    stack = compiled(async_plan(), "async")
    function = only(stack, "aws_lambda_function")
    archive = stack["folder"] / function["filename"].removeprefix("${path.module}/")
    with zipfile.ZipFile(archive) as content:
        module, _, name = function["handler"].rpartition(".")
        assert f"def {name}(" in content.read(f"{module.replace('.', '/')}.py").decode()
    assert function["source_code_hash"] == f'${{filebase64sha256("{function["filename"]}")}}'


def test_a_second_synthesis_replaces_the_archive(tmp_path: Any) -> None:
    compile_platforms([async_plan()], tmp_path)
    archive = tmp_path / "stacks" / "acme-async" / "workloads" / "async_consumer.zip"
    first = archive.read_bytes()
    archive.write_bytes(b"something else")
    compile_platforms([async_plan()], tmp_path)
    assert archive.read_bytes() == first
    assert sorted(item.name for item in archive.parent.iterdir()) == ["async_consumer.zip"]


def test_what_functions_reserve_is_a_quota_of_the_account() -> None:
    def needed(planned: Plan) -> list[float]:
        return [line.needed for line in planned.quotas if line.code == "L-B99A9384"]

    # AWS Lambda keeps a hundred for functions that reserve none.
    assert needed(async_plan(max_concurrency=950)) == [1050.0]
    assert needed(async_plan(endpoint(POOL), max_concurrency=950)) == []


def test_lost_requests_ring(compiled: Compiled) -> None:
    stack = compiled(async_plan(), "async")
    alarms = stack["resource"]["aws_cloudwatch_metric_alarm"]
    assert alarms["async-documents-dead"]["dimensions"] == {"QueueName": "${aws_sqs_queue.async-documents-dead.name}"}
    assert alarms["async-documents-dead"]["threshold"] == 0
    assert all(item["alarm_actions"] == ["${aws_sns_topic.async-alarms.arn}"] for item in alarms.values())


def test_applications_find_the_queue_by_its_name(compiled: Compiled) -> None:
    stack = compiled(async_plan(), "async")
    parameter = only(stack, "aws_ssm_parameter")
    assert parameter["name"] == "/llminfra/acme/queues/documents"
    found = json.loads(parameter["insecure_value"])
    assert found["queue_url"] == "${aws_sqs_queue.async-documents.url}"
    assert found["topic_arn"] == "${aws_sns_topic.async-documents-answers.arn}"
    assert found["results"] == "s3://${aws_s3_bucket.async.bucket}/documents/results/"
    assert statements(stack, "async-documents-callers")["FindQueue"]["resources"] == [
        "${aws_ssm_parameter.queue-contract-documents.arn}"
    ]


ZERO = Autoscaling(min=0, max=2, cooldown_s=1200)


@pytest.mark.parametrize("on", [EC2, SAGEMAKER], ids=["ec2", "sagemaker"])
@pytest.mark.parametrize("attempts", [3, 5, 12])
def test_attempts_outlast_the_start_of_an_endpoint_at_zero(compiled: Compiled, on: Any, attempts: int) -> None:
    planned = async_plan(endpoint(on, replicas=ZERO), attempts=attempts, request_timeout_s=60)
    stack = compiled(planned, "async") if attempts == 5 else None
    item = planned.async_endpoints[0]
    served = [*planned.ec2, *planned.sagemaker][0].serving
    pauses = [min(item.backoff_s * 2**index, 900) for index in range(attempts - 1)]
    assert sum(pauses) > served.startup.estimate_s
    if stack is not None:
        variables = only(stack, "aws_lambda_function")["environment"]["variables"]
        assert reader("async_consumer")(without_expressions(variables)).backoff_s == item.backoff_s


def test_too_few_attempts_for_an_endpoint_at_zero_are_refused() -> None:
    behind = endpoint(replicas=ZERO)
    (found,) = [
        each
        for each in findings(endpoints=[behind], async_endpoints=[queue(behind, attempts=1)])
        if each.code == "LLM_ASY_9"
    ]
    enough = int(found.expected.split()[0])
    assert async_plan(behind, attempts=enough).async_endpoints[0].backoff_s > 15
    assert async_plan(attempts=1).async_endpoints[0].backoff_s == 15


def test_a_queue_wakes_the_endpoint_of_its_workers(compiled: Compiled) -> None:
    planned = async_plan(endpoint(POOL, replicas=ZERO))
    assert not [hit for hit in run_plan(planned) if hit.code == "LLM_SRV_69"]
    release = compiled(planned, "serving")["resource"]["helm_release"]["chat"]
    scaling = json.loads(release["values"][0])["autoscaling"]
    assert (scaling["minReplicas"], scaling["triggers"]) == (0, [])
    queued, taken = scaling["queueTriggers"]
    assert queued["queueUrl"] == "https://sqs.us-east-1.amazonaws.com/111122223333/acme-async-documents"
    assert (queued["queueLength"], queued["inFlight"]) == (ZERO.waiting_per_replica, False)
    # What workers have taken keeps the replicas that run it.
    (served,) = planned.endpoints
    assert served.busy is not None
    assert (taken["inFlight"], taken["queueLength"]) == (True, served.busy.running)
    alone = plan(endpoints=[endpoint(POOL, replicas=ZERO)], pools=[POOL])
    assert [hit.code for hit in run_plan(alone) if hit.code == "LLM_SRV_69"]
    awake = compiled(async_plan(endpoint(POOL, replicas=Autoscaling(min=1, max=2))), "serving")
    values = json.loads(awake["resource"]["helm_release"]["chat"]["values"][0])
    assert "queueTriggers" not in values["autoscaling"]


def test_the_balancer_admits_the_function_whatever_blocks_it_is_open_to(compiled: Compiled) -> None:
    on = EC2.model_copy(update={"allow_from_cidrs": ("192.168.0.0/16",)})
    planned = plan(endpoints=[endpoint(on)], async_endpoints=[queue(endpoint(on))])
    blocks = {
        rule["cidr_ipv4"]
        for rule in compiled(planned, "ec2")["resource"]["aws_vpc_security_group_ingress_rule"].values()
        if "cidr_ipv4" in rule
    }
    assert blocks == {"192.168.0.0/16"}
    assert compiled(planned, "ec2")["output"]["chat_callers_security_group_id"] == {
        "value": "${aws_security_group.chat-callers.id}"
    }
    (rule,) = compiled(planned, "async")["resource"]["aws_vpc_security_group_ingress_rule"].values()
    assert rule["security_group_id"] == "${data.terraform_remote_state.ec2.outputs.chat_callers_security_group_id}"
    function = only(compiled(planned, "async"), "aws_lambda_function")
    assert [rule["referenced_security_group_id"]] == function["vpc_config"]["security_group_ids"]
    assert (rule["from_port"], rule["to_port"], rule["ip_protocol"]) == (443, 443, "tcp")


def test_without_a_queue_nothing_is_told_of_the_balancer(compiled: Compiled) -> None:
    assert "output" not in compiled(plan(endpoints=[endpoint()]), "ec2")
