"""What a resource was made for that no stack has any more: from its address, and from what Terraform's state has of it.

Stacks name resources by what they are made for (``aws_s3_bucket.bucket-acme-weights``, ``helm_release.chat``), which is
all that is left of it in a plan that deletes them. Only what guards stand for is looked up here, and a test holds the
answers against the stacks of every example.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llminfra.rules.changes.texts import json_object

if TYPE_CHECKING:
    from llminfra.spec.platform import Platform

_INDEX = re.compile(r"\[[^\]]*\]$")
_OWN = {
    "bucket-": "storage",
    "lustre-": "storage",
    "pool-": "pools",
    "gateway-": "gateways",
    "async-": "async_endpoints",
    "batch-": "batches",
}
"""Section of the spec by what names begin with; what follows is the name of the object."""
_WHOLE = {
    ("aws_eks_node_group", "system"): "cluster.system_nodes",
    ("aws_cloudwatch_log_group", "bedrock-invocations"): "bedrock.logging",
    ("aws_cloudwatch_log_group", "control-plane"): "cluster",
    ("aws_cloudwatch_log_group", "flow-logs"): "network",
    ("aws_cloudwatch_log_group", "hub-copies"): "storage",
    ("aws_bedrock_guardrail", "guardrail"): "bedrock.guardrail",
    ("aws_sns_topic", "async-alarms"): "async_endpoints",
    ("aws_sns_topic", "batch-alarms"): "batches",
    ("aws_sns_topic", "budget"): "budget_usd_per_month",
    ("aws_sqs_queue", "interruption"): "cluster.autoscaler",
    ("aws_s3_bucket", "async"): "async_endpoints",
    ("aws_s3_bucket", "batch"): "batches",
    ("aws_kms_key", "async"): "async_endpoints",
    ("aws_kms_key", "batch"): "batches",
    ("aws_kms_key", "bedrock"): "bedrock",
    ("aws_kms_key", "cluster"): "cluster",
    ("aws_kms_key", "ec2"): "endpoints",
    ("aws_kms_key", "network"): "network",
    ("aws_kms_key", "sagemaker"): "endpoints",
    ("aws_kms_key", "storage"): "storage",
}
_OF_TYPE = {
    "aws_eks_cluster": "cluster",
    "aws_grafana_workspace": "observability",
    "aws_iam_openid_connect_provider": "cluster",
    "aws_prometheus_workspace": "observability",
    "aws_ecr_repository": "images",
    "aws_subnet": "network",
    "aws_vpc": "network",
}
_ENDINGS = {
    "aws_autoscaling_group": ("-standby",),
    "aws_batch_compute_environment": ("-on-demand", "-spot"),
    "aws_sns_topic": ("-answers", "-answered", "-failed"),
    "aws_sqs_queue": ("-dead", "-failed"),
}
"""What stacks add to the name of an object, by type."""
_OF_ENDPOINTS = frozenset(
    {"aws_autoscaling_group", "aws_cloudwatch_log_group", "aws_lb", "aws_sagemaker_endpoint", "aws_sns_topic"}
)
"""Types that have the name of an endpoint where nothing above says otherwise."""
_CHARTS = {"karpenter-pools": "pools"}
_SERVERS = frozenset({"llm-server", "pd-router"})
_ROLES = ("prefill", "decode")
_TRANSFER = "--kv-transfer-config"


def made_for(address: str, before: Mapping[str, Any]) -> str:
    """Spec path of what a resource was made for, or an empty string.

    Args:
        address: ``aws_lb.chat``, or that of one of its instances.
        before: Its attributes in the state.
    """
    kind, _, name = _INDEX.sub("", address).partition(".")
    if not name or "." in name:
        return ""
    if kind == "helm_release":
        return _of_release(name, before)
    if path := _WHOLE.get((kind, name)) or _OF_TYPE.get(kind):
        return path
    if kind == "aws_bedrock_inference_profile":
        return f"bedrock.models.{name.removeprefix('bedrock-')}"
    if kind == "aws_autoscaling_group" and before.get("health_check_type") == "EC2":
        name = name.rpartition("-")[0]  # a replica over several instances is a group, which has its number
    name = next((name.removesuffix(item) for item in _ENDINGS.get(kind, ()) if name.endswith(item)), name)
    for beginning, section in _OWN.items():
        if name.startswith(beginning):
            return f"{section}.{name.removeprefix(beginning)}"
    return f"endpoints.{name}" if kind in _OF_ENDPOINTS else ""


def still_declared(path: str, platforms: Sequence[Platform]) -> bool:
    """Whether a spec has the object at a path, or the section where the path names no object."""
    section, _, rest = path.partition(".")
    for platform in platforms:
        there = getattr(platform, section, None)
        if not isinstance(there, Sequence):
            if there is not None and (not rest or getattr(there, rest, None) is not None):
                return True
        elif any(rest in ("", item.name) or rest.startswith(f"{item.name}.") for item in there):
            return True
    return False


def _of_release(name: str, before: Mapping[str, Any]) -> str:
    chart = str(before.get("chart")).rpartition("/")[2]
    if chart in _CHARTS:
        return _CHARTS[chart]
    if chart == "llm-gateway":
        return f"gateways.{name.removeprefix('gateway-')}"
    if chart not in _SERVERS:
        return ""
    texts = before.get("values") or ()
    values = json_object(texts[0]) if texts else {}
    if endpoint := values.get("overflowOf"):
        return f"endpoints.{endpoint}.overflow"
    endpoint, _, role = name.rpartition("-")
    if role in _ROLES and any(str(item).startswith(_TRANSFER) for item in values.get("args") or ()):
        return f"endpoints.{endpoint}.disaggregation.{role}"
    return f"endpoints.{name}"
