"""Default quotas that a platform may exceed: warnings, because every account may have raised them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llminfra.rehearsal.aws.scene import Scene, Subject
from llminfra.rehearsal.provider.contract import Problem

# Type -> (default quota per region, its name). AWS General Reference, "Endpoints and quotas" of each service.
_DEFAULTS: Mapping[str, tuple[int, str]] = {
    "aws_vpc": (5, "VPCs per Region (L-F678F1CE)"),
    "aws_eip": (5, "EC2-VPC Elastic IPs (L-0263D0A3)"),
    "aws_internet_gateway": (5, "Internet gateways per Region (L-A4707A72)"),
    "aws_eks_cluster": (100, "Clusters (L-1194D53C)"),
    "aws_iam_role": (1000, "Roles per account (L-FE177D64)"),
    "aws_security_group": (2500, "VPC security groups per Region (L-E79EC296)"),
}
_NODE_GROUPS_PER_CLUSTER = 30


def check_quotas(scene: Scene, subject: Subject) -> Iterator[Problem]:
    """A count above the default quota."""
    if subject.type_name in _DEFAULTS:
        limit, name = _DEFAULTS[subject.type_name]
        count = (
            len([item for item in scene.world.all(subject.type_name) if item.region in (scene.place.region, "")]) + 1
        )
        if subject.state.get("id") is None or not isinstance(subject.state.get("id"), str):
            yield from _warn(count, limit, name)
    if subject.type_name == "aws_eks_node_group" and not isinstance(subject.state.get("id"), str):
        cluster = subject.text("cluster_name")
        groups = [x for x in scene.world.all("aws_eks_node_group") if x.attributes.get("cluster_name") == cluster]
        yield from _warn(len(groups) + 1, _NODE_GROUPS_PER_CLUSTER, "Managed node groups per cluster (L-6D54EA21)")


def _warn(count: int, limit: int, name: str) -> Iterator[Problem]:
    if count > limit:
        yield Problem(
            f"default quota exceeded: {name}",
            f"this would be number {count}; the default is {limit}. Check the account's applied quota.",
            (),
            "warning",
        )
