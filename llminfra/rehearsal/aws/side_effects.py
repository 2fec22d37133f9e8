"""Objects that AWS makes and removes along with another one: a VPC's defaults, a cluster's security group."""

from __future__ import annotations

from collections.abc import Iterator

from llminfra.rehearsal.assumed import MADE_WITH
from llminfra.rehearsal.aws.scene import Scene
from llminfra.rehearsal.provider.values import State
from llminfra.rehearsal.world import WorldObject

_OWNER = MADE_WITH


def made_with(scene: Scene, type_name: str, key: str, state: State) -> Iterator[WorldObject]:
    """What comes into being with a resource."""
    place = scene.place
    owner = {_OWNER: f"{type_name}/{key}"}
    arn = f"arn:{place.partition}:ec2:{place.region}:{place.account}:"
    if type_name == "aws_vpc":
        for kind, attribute, name in (
            ("aws_security_group", "default_security_group_id", "default"),
            ("aws_route_table", "main_route_table_id", ""),
            ("aws_default_network_acl", "default_network_acl_id", ""),
        ):
            identifier = str(state.get(attribute) or "")
            if identifier:
                held = {"id": identifier, "vpc_id": key, "name": name, **owner}
                yield WorldObject(kind, identifier, held, place.region)
    if type_name == "aws_eks_cluster":
        for block in state.get("vpc_config") or []:
            identifier = str(block.get("cluster_security_group_id") or "")
            subnets = block.get("subnet_ids") or [""]
            if identifier:
                held = {
                    "id": identifier,
                    "arn": f"{arn}security-group/{identifier}",
                    "name": f"eks-cluster-sg-{key}",
                    "vpc_id": scene.vpc_of_subnet(str(subnets[0])),
                    **owner,
                }
                yield WorldObject("aws_security_group", identifier, held, place.region)


def owner_mark(type_name: str, key: str) -> tuple[str, str]:
    """Attribute and value that objects made along with a resource carry."""
    return _OWNER, f"{type_name}/{key}"
