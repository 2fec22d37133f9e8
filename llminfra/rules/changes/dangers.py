"""Changes that lose data, or capacity that may not come back: a person should look twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from llminfra.catalog.charts import pinned_charts
from llminfra.rules.changes.definitions import left_behind
from llminfra.rules.changes.karpenter import drained, rekeyed
from llminfra.rules.changes.kept import holds_messages, logs_cut, metrics_cut, workspace_cut
from llminfra.rules.changes.losses import lost_with
from llminfra.rules.changes.planned import ChangeAction
from llminfra.rules.changes.served import all_at_once, beyond, danger_to_callers, danger_to_pods, lost_adapters
from llminfra.rules.views.terraform_view import secrets_key

_SERVER = "llm-server"
_GATEWAY = "llm-gateway"
_SERVERS = frozenset({_SERVER, "pd-router"})
"""Charts that answer callers."""
_KARPENTER = "karpenter-pools"
_PROMETHEUS = "kube-prometheus-stack"
_GPU = "nvidia.com/gpu"
"""Key of the taint of GPU nodes."""
_OWN_CHARTS = "./charts/"
"""Where a stack has the charts of this repository beside it."""
_CAPACITY, _KEY, _INTERRUPTED, _CALLERS = "LLM_GUARD_3", "LLM_GUARD_4", "LLM_GUARD_5", "LLM_GUARD_9"
_DATA, _DATA_REPLACED = "LLM_GUARD_1", "LLM_GUARD_2"
_DEFINITIONS, _ROLLS = "LLM_GUARD_10", "LLM_GUARD_11"
_NO_WAY_BACK, _NO_WAY = "LLM_GUARD_6", "LLM_GUARD_7"
_ENDS: Mapping[str, tuple[str, str]] = {
    "aws_autoscaling_group": (_CAPACITY, "the group stops its instances; GPU capacity may not be there for new ones"),
    "aws_batch_compute_environment": (_CAPACITY, "it stops its instances, and the jobs that run on them fail"),
    "aws_batch_job_queue": (_CAPACITY, "AWS Batch ends the jobs that wait in the queue and those that run"),
    "aws_bedrock_guardrail": (_CALLERS, "requests that name the guardrail are refused from then on"),
    "aws_bedrock_inference_profile": (_CALLERS, "requests that name the profile find no model from then on"),
    "aws_lb": (_CALLERS, "it interrupts requests, and its address changes"),
    "aws_sagemaker_endpoint": (_CALLERS, "it interrupts requests, and its address changes"),
    "aws_sns_topic": (_CALLERS, "its subscribers hear nothing more, and its ARN is free for others"),
}
"""What ends with a resource that is replaced or destroyed, each with its guard."""

_OF_OPERATORS = ("-alarms", "-budget")
"""Names of topics that tell operators of what goes with them, and callers of nothing."""


class Danger(Struct, frozen=True):
    """What speaks against a change.

    Attributes:
        rule: The guard that stands against it; a waiver names it.
        why: What is lost.
    """

    rule: str
    why: str


def danger(type_name: str, action: ChangeAction, before: Mapping[str, Any], after: Mapping[str, Any]) -> Danger | None:
    """Why the change is dangerous, or ``None``.

    Args:
        type_name: Type of the resource.
        action: What happens to it.
        before: Attributes in the state.
        after: Attributes that are known before the apply; of what goes they do not count.
    """
    if action == "update":
        return _dangerous_update(type_name, before, after)
    return None if action == "create" else _dangerous_end(type_name, before, replaced=action == "replace")


def _dangerous_end(type_name: str, before: Mapping[str, Any], *, replaced: bool) -> Danger | None:
    verb = "replacing" if replaced else "destroying"
    if lost := lost_with(type_name, replaced=replaced):
        return Danger(_DATA_REPLACED if replaced else _DATA, lost)
    if type_name == "aws_sqs_queue" and holds_messages(before):
        return Danger(
            _DATA_REPLACED if replaced else _DATA, f"{verb} the queue loses the messages in it, and its senders"
        )
    if type_name == "aws_eks_node_group":
        if before.get("capacity_type") == "CAPACITY_BLOCK":
            why = "a node group on a capacity block stops its GPUs; the block's end does not move"
        else:
            why = "the node group drains and stops its nodes; GPU capacity may not be there for the new ones"
        return Danger(_CAPACITY, f"{verb} {why}")
    if type_name == "aws_launch_template" and replaced:
        return Danger(_CAPACITY, f"{verb} the launch template replaces the nodes that were started from it")
    if type_name == "aws_sns_topic" and str(before.get("name")).endswith(_OF_OPERATORS):
        return None
    if end := _ENDS.get(type_name):
        return Danger(end[0], f"{verb} it: {end[1]}")
    return _end_of_release(before, replaced=replaced) if type_name == "helm_release" else None


def _end_of_release(before: Mapping[str, Any], *, replaced: bool) -> Danger | None:
    verb = "replacing" if replaced else "destroying"
    chart = _chart(before)
    if chart == _KARPENTER and not replaced:
        return _if_told(_CAPACITY, drained(before, {}))
    if chart == _SERVER and (endpoint := beyond(before)):
        return Danger(
            _INTERRUPTED,
            f"{verb} it takes the replicas beyond those of {endpoint}: what they served waits for the others",
        )
    if chart == _GATEWAY:
        return Danger(_CALLERS, f"{verb} it stops the gateway: callers of all of its endpoints get no answer there")
    if chart in _SERVERS:
        return Danger(
            _CALLERS, f"{verb} it stops the endpoint: its callers get no answer, and another name is another address"
        )
    if not str(before.get("chart")).startswith(_OWN_CHARTS) and chart not in pinned_charts():
        return Danger(_CAPACITY, f"{verb} the release takes what it runs away, and llminfra does not know its chart")
    return None


def _dangerous_update(type_name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Danger | None:
    if type_name == "aws_eks_cluster":
        return _other_key(before, after) or upgrade(before.get("version"), after.get("version"))
    if type_name == "aws_eks_node_group":
        return _rolled(before, after)
    if type_name == "aws_autoscaling_group":
        return _if_told(_INTERRUPTED, all_at_once(before, after))
    if type_name == "aws_cloudwatch_log_group":
        return _if_told(_DATA, logs_cut(before, after))
    if type_name == "aws_prometheus_workspace_configuration":
        return _if_told(_DATA, workspace_cut(before, after))
    if type_name == "aws_ssm_parameter":
        return _if_told(_CALLERS, danger_to_callers(before, after))
    chart = _chart(before) if type_name == "helm_release" else ""
    if chart == _PROMETHEUS and (cut := metrics_cut(before, after)):
        return Danger(_DATA, cut)
    if chart == _KARPENTER:
        return _if_told(_CAPACITY, drained(before, after) or rekeyed(before, after))
    if chart != _SERVER:
        return _if_told(_DEFINITIONS, left_behind(before, after))
    lost, meanwhile = lost_adapters(before, after), danger_to_pods(before, after)
    return _if_told(_CALLERS if lost else _INTERRUPTED, "; ".join(text for text in (lost, meanwhile) if text))


def _rolled(before: Mapping[str, Any], after: Mapping[str, Any]) -> Danger | None:
    """Nodes of a group that become others: EKS starts each new one first."""
    if all(before.get(name) == after.get(name) for name in ("launch_template", "release_version", "version")):
        return None
    if before.get("capacity_type") == "CAPACITY_BLOCK":
        return Danger(
            _CAPACITY,
            "EKS starts each new node before it ends the old one: a full block has no place for it (see MINIMAL)",
        )
    taints = before.get("taint")
    if not any(isinstance(item, Mapping) and item.get("key") == _GPU for item in taints or ()):
        return None
    return Danger(
        _ROLLS,
        "EKS replaces its nodes one after the other, the new one first: what has one replica there is away for a cold "
        "start, and a reservation in full use has no place for one more (see MINIMAL)",
    )


def upgrade(old: str | None, new: str | None) -> Danger | None:
    """What speaks against another Kubernetes version of a control plane, such as ``1.35``, or ``None``."""
    if not old or not new or old == new:
        return None
    if _minor(new) < _minor(old):
        return Danger(_NO_WAY, f"EKS cannot go back from {old} to {new}: the apply fails")
    if _minor(new) > _minor(old) + 1:
        return Danger(_NO_WAY, f"EKS upgrades one minor version at a time: {old} to {new} fails")
    return Danger(_NO_WAY_BACK, f"a control plane upgrade from {old} to {new} cannot be undone")


def _other_key(before: Mapping[str, Any], after: Mapping[str, Any]) -> Danger | None:
    """A cluster without a key may get one, once; one that has a key keeps it."""
    was, will = secrets_key(before), secrets_key(after)
    if was is None or was == will:
        return None
    return Danger(
        _KEY,
        f"EKS keeps the key that the cluster was made with, {was}: the update to {will or 'another one'} does nothing, "
        "each plan shows it again, and the cluster is lost when the old key goes",
    )


def _if_told(rule: str, why: str) -> Danger | None:
    return Danger(rule, why) if why else None


def _chart(release: Mapping[str, Any]) -> str:
    return str(release.get("chart")).rpartition("/")[2]


def _minor(version: str) -> int:
    tail = version.partition(".")[2]
    return int(tail) if tail.isdigit() else 0
