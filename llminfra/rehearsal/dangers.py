"""Changes that lose data, or capacity that may not come back: a person should look twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llminfra.rehearsal.served_changes import beyond, danger_to_callers, danger_to_pods, lost_adapters
from llminfra.rules.views.terraform_view import secrets_key

_DATA: Mapping[str, str] = {
    "aws_fsx_lustre_file_system": "the file system and what was not exported to S3",
    "aws_fsx_openzfs_file_system": "the file system and its volumes",
    "aws_efs_file_system": "the file system",
    "aws_s3_bucket": "the bucket (S3 refuses while it holds objects, and gives the name to anybody afterwards)",
    "aws_dynamodb_table": "the table",
    "aws_ebs_volume": "the volume",
    "aws_prometheus_workspace": "the metrics in the workspace",
    "aws_secretsmanager_secret": "the secret (its name is blocked while it waits for deletion)",
    "aws_kms_key": "the key: whatever it encrypted cannot be read once the waiting time is over",
    "aws_ecr_repository": "the images in the repository",
    "aws_cloudwatch_log_group": "the logs",
    "aws_backup_vault": "the backups",
}
_SERVER = "llm-server"
_SERVERS = frozenset({_SERVER, "pd-router", "llm-gateway"})
"""Charts that answer callers."""
_KARPENTER = "karpenter-pools"
_GONE = ("replace", "delete")
_CAPACITY, _KEY, _INTERRUPTED, _CALLERS = "LLM_GUARD_3", "LLM_GUARD_4", "LLM_GUARD_5", "LLM_GUARD_9"
_NO_WAY_BACK, _NO_WAY = "LLM_GUARD_6", "LLM_GUARD_7"


@dataclass(frozen=True, slots=True)
class Danger:
    """What speaks against a change.

    Attributes:
        rule: The guard that stands against it; a waiver names it.
        why: What is lost.
    """

    rule: str
    why: str


def danger(type_name: str, action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Danger | None:
    """Why the change is dangerous, or ``None``."""
    if action not in _GONE:
        return _dangerous_update(type_name, before, after) if action == "update" else None
    verb = "replacing" if action == "replace" else "destroying"
    precious = "LLM_GUARD_2" if action == "replace" else "LLM_GUARD_1"
    if type_name in _DATA:
        return Danger(precious, f"{verb} it loses {_DATA[type_name]}")
    if type_name == "aws_eks_cluster":
        return Danger(
            precious, f"{verb} the cluster takes every workload down, and the endpoint and OIDC issuer change"
        )
    if type_name == "aws_vpc":
        return Danger(precious, f"{verb} the VPC takes everything inside it along")
    if type_name in ("aws_ec2_capacity_reservation", "aws_ec2_capacity_block_reservation"):
        return Danger(precious, f"{verb} the reservation gives the capacity back; it may not be available again")
    if type_name == "aws_eks_node_group":
        if before.get("capacity_type") == "CAPACITY_BLOCK":
            return Danger(
                _CAPACITY, f"{verb} a node group on a capacity block stops its GPUs; the block's end does not move"
            )
        return Danger(
            _CAPACITY,
            f"{verb} the node group drains and stops its nodes; GPU capacity may not be there for the new ones",
        )
    chart = str(before.get("chart")).rpartition("/")[2] if type_name == "helm_release" else ""
    if chart == _KARPENTER and action == "delete":
        return _drained(_karpenter_pools(before))
    if chart == _SERVER and (endpoint := beyond(before)):
        return Danger(
            _INTERRUPTED,
            f"{verb} it takes the replicas beyond those of {endpoint}: what they served waits for the others",
        )
    if chart in _SERVERS:
        return Danger(
            _CALLERS, f"{verb} it stops the endpoint: its callers get no answer, and another name is another address"
        )
    if type_name in ("aws_lb", "aws_sagemaker_endpoint"):
        return Danger(_CALLERS, f"{verb} it interrupts requests, and its address changes")
    return None


def _dangerous_update(type_name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Danger | None:
    if type_name == "aws_eks_cluster" and before.get("version") != after.get("version"):
        old, new = str(before.get("version")), str(after.get("version"))
        if _minor(new) < _minor(old):
            return Danger(_NO_WAY, f"EKS cannot go back from {old} to {new}: the apply fails")
        if _minor(new) > _minor(old) + 1:
            return Danger(_NO_WAY, f"EKS upgrades one minor version at a time: {old} to {new} fails")
        return Danger(_NO_WAY_BACK, f"a control plane upgrade from {old} to {new} cannot be undone")
    if type_name == "aws_eks_cluster" and secrets_key(before) != secrets_key(after):
        return Danger(
            _KEY,
            "EKS keeps the key that the cluster was made with: the update does nothing, each plan shows it again, and "
            "the cluster is lost when the old key goes",
        )
    rolls = type_name == "aws_eks_node_group" and before.get("launch_template") != after.get("launch_template")
    if rolls and before.get("capacity_type") == "CAPACITY_BLOCK":
        return Danger(
            _CAPACITY,
            "EKS starts each new node before it ends the old one: a full block has no place for it (see MINIMAL)",
        )
    if type_name == "aws_ssm_parameter":
        return _if_told(_CALLERS, danger_to_callers(before, after))
    chart = str(before.get("chart")).rpartition("/")[2] if type_name == "helm_release" else ""
    if chart == _KARPENTER:
        gone = _drained(_karpenter_pools(before) - _karpenter_pools(after))
        return gone or _if_told(_CAPACITY, _rekeyed(_volume_keys(before), _volume_keys(after)))
    if chart != _SERVER:
        return None
    lost, meanwhile = lost_adapters(before, after), danger_to_pods(before, after)
    return _if_told(_CALLERS if lost else _INTERRUPTED, "; ".join(text for text in (lost, meanwhile) if text))


def _if_told(rule: str, why: str) -> Danger | None:
    return Danger(rule, why) if why else None


def _drained(pools: frozenset[str]) -> Danger | None:
    named = ", ".join(sorted(pools))
    told = f"Karpenter drains and stops the nodes of {named}; GPU capacity may not come back" if pools else ""
    return _if_told(_CAPACITY, told)


def _rekeyed(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    named = ", ".join(sorted(name for name, keys in after.items() if before.get(name, keys) != keys))
    return f"Karpenter replaces the nodes of {named}: their disks get another key" if named else ""


def _volume_keys(release: Mapping[str, Any]) -> dict[str, object]:
    """Keys of the disks by pool."""
    return {
        str(pool.get("name")): [disk.get("kmsKeyId") for disk in pool.get("blockDevices", ())]
        for pool in _pools(release)
    }


def _karpenter_pools(release: Mapping[str, Any]) -> frozenset[str]:
    """Names of the pools in the values of a release."""
    return frozenset(str(pool.get("name")) for pool in _pools(release))


def _pools(release: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The pools in the values of a release, which llminfra writes as JSON."""
    for text in release.get("values") or ():
        try:
            values = json.loads(text)
        except ValueError:
            continue
        if isinstance(values, dict):
            yield from values.get("pools", ())


def _minor(version: str) -> int:
    tail = version.partition(".")[2]
    return int(tail) if tail.isdigit() else 0
