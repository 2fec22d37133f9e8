"""What is lost by a change of one resource."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llminfra.rules import LooksAt, by_code
from llminfra.rules.changes.dangers import danger
from llminfra.rules.changes.planned import ChangeAction


def contract(**fields: object) -> dict[str, Any]:
    """The parameter in which an endpoint or a gateway says how it is called."""
    plain = {"protocol": "openai", "model": "a", "address": "https://a", "auth": {"kind": "bearer"}}
    return {"insecure_value": json.dumps({**plain, **fields})}


def keyed_cluster(arn: str) -> dict[str, Any]:
    """A cluster whose secrets are under a key."""
    return {"encryption_config": [{"provider": [{"key_arn": arn}], "resources": ["secrets"]}]}


def keyed_pool(arn: str | None) -> dict[str, Any]:
    """A release with a pool whose disk is under a key, or under that of the account."""
    disk = {"sizeGib": 100, **({"kmsKeyId": arn} if arn else {})}
    return {
        "chart": "./charts/karpenter-pools",
        "values": [json.dumps({"pools": [{"name": "l4", "blockDevices": [disk]}]})],
    }


def release(*, model: str = "s3://a", adapter: str = "sql", surge: int = 1, gpus: int = 8, replicas: int = 1) -> Any:
    """The release of an endpoint."""
    args = [model, *([f"{adapter}=/mnt/adapters/{adapter}"] if adapter else [])]
    rollout = {"maxSurge": surge}
    values = {"args": args, "rollout": rollout, "resources": {"gpus": gpus}, "replicas": replicas}
    return {"chart": "./charts/llm-server", "values": [json.dumps(values)]}


def beyond(*, gpus: int = 8) -> Any:
    """The release of an overflow that keeps one replica."""
    values = {"overflowOf": "chat", "rollout": {"maxSurge": 0}, "resources": {"gpus": gpus}, "replicas": 1}
    return {"chart": "./charts/llm-server", "values": [json.dumps(values)]}


def group(version: str | None, *, kept: int = 0) -> dict[str, Any]:
    """An Auto Scaling group that leaves so many percent in service."""
    refresh = [{"preferences": [{"min_healthy_percentage": kept}]}]
    return {"launch_template": [{"id": "lt", **({"version": version} if version else {})}], "instance_refresh": refresh}


def monitoring(retention: str) -> dict[str, Any]:
    """The release of Prometheus."""
    values = {"prometheus": {"prometheusSpec": {"retention": retention}}}
    return {"chart": "kube-prometheus-stack", "values": [json.dumps(values)]}


def chart(version: str, name: str = "kube-prometheus-stack", repository: str = "") -> dict[str, Any]:
    """A release of an upstream chart."""
    where = repository or "https://prometheus-community.github.io/helm-charts"
    return {"chart": name, "repository": where, "version": version}


def gpu_nodes(release: str) -> dict[str, Any]:
    """A managed node group of a GPU pool."""
    return {"capacity_type": "ON_DEMAND", "release_version": release, "taint": [{"key": "nvidia.com/gpu"}]}


CONTRACT = contract()


@pytest.mark.parametrize(
    ("kind", "action", "before", "after", "expected"),
    [
        ("aws_eks_node_group", "replace", {"capacity_type": "CAPACITY_BLOCK"}, {}, "capacity block"),
        (
            "aws_eks_node_group",
            "update",
            {"capacity_type": "CAPACITY_BLOCK", "launch_template": [{"version": "1"}]},
            {"capacity_type": "CAPACITY_BLOCK", "launch_template": [{}]},
            "a full block has no place",
        ),
        ("aws_eks_node_group", "update", {"capacity_type": "CAPACITY_BLOCK"}, {"capacity_type": "CAPACITY_BLOCK"}, ""),
        ("aws_eks_cluster", "update", {"version": "1.34"}, {"version": "1.33"}, "cannot go back"),
        ("aws_eks_cluster", "update", {"version": "1.33"}, {"version": "1.35"}, "one minor version at a time"),
        (
            "helm_release",
            "update",
            {"chart": "./charts/karpenter-pools", "values": ['{"pools": [{"name": "l4"}, {"name": "h100"}]}', "x"]},
            {"chart": "./charts/karpenter-pools", "values": ['{"pools": [{"name": "l4"}]}']},
            "stops the nodes of h100;",
        ),
        ("helm_release", "update", {"chart": "./charts/karpenter-pools", "values": None}, {}, ""),
        ("helm_release", "update", keyed_pool(None), keyed_pool("arn:b"), "replaces the nodes of l4: their disks"),
        ("helm_release", "update", keyed_pool("arn:a"), keyed_pool("arn:a"), ""),
        ("aws_eks_cluster", "update", keyed_cluster("arn:a"), keyed_cluster("arn:b"), "EKS keeps the key"),
        ("aws_eks_cluster", "update", keyed_cluster("arn:a"), {}, "arn:a: the update to another one"),
        ("aws_eks_cluster", "update", keyed_cluster("arn:a"), keyed_cluster("arn:a"), ""),
        ("aws_eks_cluster", "update", {}, keyed_cluster("arn:a"), ""),
        (
            "helm_release",
            "delete",
            {"chart": "./charts/karpenter-pools", "values": ['{"pools": [{"name": "l4"}]}']},
            {},
            "stops the nodes of l4;",
        ),
        ("aws_kms_key", "delete", {}, {}, "cannot be read"),
        ("helm_release", "delete", {"chart": "./charts/llm-server"}, {}, "callers get no answer"),
        ("helm_release", "delete", {"chart": "./charts/llm-gateway"}, {}, "it stops the gateway"),
        ("helm_release", "delete", beyond(), {}, "the replicas beyond those of chat"),
        ("helm_release", "update", beyond(), beyond(gpus=4), ""),
        ("helm_release", "delete", {"chart": "./charts/weights-copy"}, {}, ""),
        ("helm_release", "delete", {"chart": "keda"}, {}, ""),
        ("helm_release", "delete", {"chart": "oci://charts.example.com/search"}, {}, "does not know its chart"),
        ("helm_release", "replace", {"chart": "search"}, {}, "does not know its chart"),
        ("helm_release", "create", {"chart": "search"}, {}, ""),
        ("aws_launch_template", "replace", {}, {}, "replaces the nodes"),
        ("aws_launch_template", "delete", {}, {}, ""),
        ("aws_subnet", "delete", {}, {}, "takes everything inside it along"),
        ("aws_sagemaker_endpoint_configuration", "replace", {}, {}, ""),
        ("helm_release", "update", {"chart": "./charts/llm-server"}, {}, ""),
        ("aws_iam_role", "delete", {}, {}, ""),
        ("aws_ssm_parameter", "update", CONTRACT, contract(), ""),
        ("aws_ssm_parameter", "update", CONTRACT, contract(model="b"), "requests for a find no model"),
        ("aws_ssm_parameter", "update", CONTRACT, contract(address="https://b"), "from https://a to https://b"),
        ("aws_ssm_parameter", "update", CONTRACT, contract(auth={"kind": "none"}), "authenticate in another way"),
        ("aws_ssm_parameter", "update", CONTRACT, contract(auth={"kind": "bearer", "secret": "other"}), ""),
        ("aws_ssm_parameter", "update", contract(models=["a", "b"]), contract(models=["a"]), "requests for b find no"),
        ("aws_ssm_parameter", "update", contract(tenants={"ads": {}}), contract(tenants={}), "of ads are refused"),
        ("aws_ssm_parameter", "update", {"value": "x"}, {"value": "y"}, ""),
        ("helm_release", "update", release(), release(model="s3://b"), "the adapters sql stay"),
        ("helm_release", "update", release(adapter=""), release(adapter="", model="s3://b"), ""),
        ("helm_release", "update", release(), release(surge=0, gpus=4), "the only replica stops"),
        ("helm_release", "update", release(), release(adapter="other"), "requests for sql find no adapter"),
        ("helm_release", "update", release(adapter=""), release(), ""),
        ("helm_release", "update", release(), release(surge=0), ""),
        ("helm_release", "update", release(), release(surge=0, gpus=4, replicas=2), ""),
        ("helm_release", "update", release(), release(gpus=4), ""),
        ("aws_eks_cluster", "create", {}, {}, ""),
        ("aws_sqs_queue", "delete", {"message_retention_seconds": 1_209_600}, {}, "loses the messages in it"),
        ("aws_sqs_queue", "replace", {}, {}, "replacing the queue loses the messages"),
        ("aws_sqs_queue", "delete", {"message_retention_seconds": 300}, {}, ""),
        ("aws_batch_job_queue", "delete", {}, {}, "ends the jobs that wait"),
        ("aws_batch_compute_environment", "replace", {}, {}, "the jobs that run on them fail"),
        ("aws_autoscaling_group", "replace", {}, {}, "stops its instances"),
        ("aws_bedrock_guardrail", "delete", {}, {}, "requests that name the guardrail"),
        ("aws_bedrock_inference_profile", "delete", {}, {}, "find no model"),
        ("aws_sns_topic", "delete", {"name": "acme-docs-answers"}, {}, "its subscribers hear nothing"),
        ("aws_sns_topic", "delete", {"name": "acme-budget"}, {}, ""),
        ("aws_grafana_workspace", "delete", {}, {}, "loses the dashboards"),
        ("aws_autoscaling_group", "update", group("1"), group(None), "instances stop before new ones start"),
        ("aws_autoscaling_group", "update", group("1", kept=50), group(None, kept=50), ""),
        ("aws_autoscaling_group", "update", group("1"), group("1"), ""),
        ("aws_autoscaling_group", "update", {"launch_template": []}, group(None), ""),
        (
            "aws_cloudwatch_log_group",
            "update",
            {"retention_in_days": 365},
            {"retention_in_days": 30},
            "logs older than 30 days",
        ),
        ("aws_cloudwatch_log_group", "update", {"retention_in_days": 0}, {"retention_in_days": 30}, "older than 30"),
        ("aws_cloudwatch_log_group", "update", {"retention_in_days": 30}, {"retention_in_days": 0}, ""),
        ("aws_cloudwatch_log_group", "update", {"retention_in_days": 30}, {"retention_in_days": 90}, ""),
        (
            "aws_prometheus_workspace_configuration",
            "update",
            {"retention_period_in_days": 150},
            {"retention_period_in_days": 30},
            "metrics older than 30 days",
        ),
        ("aws_prometheus_workspace_configuration", "update", {}, {"retention_period_in_days": 30}, ""),
        ("helm_release", "update", monitoring("30d"), monitoring("2d"), "older than 2d: it kept 30d"),
        ("helm_release", "update", monitoring("2w"), monitoring("15d"), ""),
        ("helm_release", "update", chart("88.5.3"), chart("89.0.0"), "from 88.5.3 to 89.0.0, and Helm leaves"),
        (
            "helm_release",
            "update",
            chart("88.5.3"),
            chart("89.0.0"),
            "`helm show crds kube-prometheus-stack --repo https://prometheus-community.github.io/helm-charts --version",
        ),
        (
            "helm_release",
            "update",
            chart("0.9.0", "lws", "oci://registry.k8s.io/lws/charts"),
            chart("0.10.0", "lws", "oci://registry.k8s.io/lws/charts"),
            "`helm show crds oci://registry.k8s.io/lws/charts/lws --version 0.10.0 | kubectl apply --server-side",
        ),
        ("helm_release", "update", chart("88.5.3"), chart("88.5.3"), ""),
        ("helm_release", "update", chart("2.20.1", "keda"), chart("2.20.2", "keda"), ""),
        ("aws_eks_node_group", "update", gpu_nodes("1"), gpu_nodes("2"), "the new one first"),
        ("aws_eks_node_group", "update", gpu_nodes("1"), gpu_nodes("1"), ""),
        ("aws_eks_node_group", "update", {"release_version": "1"}, {"release_version": "2"}, ""),
        ("helm_release", "update", monitoring("30d"), {"chart": "kube-prometheus-stack", "values": ["x"]}, ""),
    ],
)
def test_dangers(kind: str, action: ChangeAction, before: dict[str, Any], after: dict[str, Any], expected: str) -> None:
    found = danger(kind, action, before, after)
    assert expected in (found.why if found else "")
    assert (found is not None) == bool(expected)
    assert found is None or by_code()[found.rule].looks_at is LooksAt.CHANGE


@pytest.mark.parametrize(
    ("kind", "action", "before", "after", "rule"),
    [
        ("aws_kms_key", "delete", {}, {}, "LLM_GUARD_1"),
        ("aws_eks_cluster", "replace", {}, {}, "LLM_GUARD_2"),
        ("aws_eks_node_group", "replace", {}, {}, "LLM_GUARD_3"),
        ("helm_release", "delete", {"chart": "./charts/llm-gateway"}, {}, "LLM_GUARD_9"),
        ("aws_ssm_parameter", "update", CONTRACT, contract(model="b"), "LLM_GUARD_9"),
        ("helm_release", "update", release(), release(surge=0, gpus=4), "LLM_GUARD_5"),
        ("helm_release", "update", release(), release(adapter="", surge=0), "LLM_GUARD_9"),
        ("aws_eks_cluster", "update", {"version": "1.33"}, {"version": "1.34"}, "LLM_GUARD_6"),
        ("aws_eks_cluster", "update", {"version": "1.34"}, {"version": "1.33"}, "LLM_GUARD_7"),
        (
            "aws_eks_cluster",
            "update",
            {"version": "1.33", **keyed_cluster("arn:a")},
            {"version": "1.34", **keyed_cluster("arn:b")},
            "LLM_GUARD_4",
        ),
        ("aws_sagemaker_endpoint", "delete", {}, {}, "LLM_GUARD_9"),
    ],
)
def test_each_danger_has_its_guard(
    kind: str, action: ChangeAction, before: dict[str, Any], after: dict[str, Any], rule: str
) -> None:
    found = danger(kind, action, before, after)
    assert found is not None
    assert found.rule == rule
