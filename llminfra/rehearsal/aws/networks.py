"""Address blocks: well-formed, inside the VPC, not overlapping; and parts of one network in one VPC."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_network

from llminfra.rehearsal.aws.scene import Scene, Subject
from llminfra.rehearsal.provider.contract import Problem

# Amazon VPC User Guide, "VPC CIDR blocks" and "Subnet CIDR blocks": both between /16 and /28.
_LARGEST, _SMALLEST = 16, 28
_BLOCKS = ("cidr_block", "destination_cidr_block", "cidr_ipv4")


def check_cidrs(subject: Subject) -> Iterator[Problem]:
    """CIDR blocks that do not parse, have host bits, or have a size that VPC does not know."""
    for name in _BLOCKS:
        value = subject.text(name)
        if not value:
            continue
        try:
            network = ip_network(value)
        except ValueError as error:
            yield Problem(f'"{value}" is not a valid CIDR block: {error}', "", (name,))
            continue
        sized = subject.type_name in ("aws_vpc", "aws_subnet") and isinstance(network, IPv4Network)
        if sized and not _LARGEST <= network.prefixlen <= _SMALLEST:
            kind = "Vpc" if subject.type_name == "aws_vpc" else "Subnet"
            yield Problem(
                f"Invalid{kind}.Range: The CIDR '{value}' is invalid.",
                f"a block has between /{_LARGEST} and /{_SMALLEST}",
                (name,),
            )


def check_containment(scene: Scene, subject: Subject) -> Iterator[Problem]:
    """A subnet outside its VPC, or on top of another subnet."""
    if subject.type_name != "aws_subnet" or not subject.text("cidr_block"):
        return
    block = _network(subject.text("cidr_block"))
    vpc = scene.find(("aws_vpc",), "id", subject.text("vpc_id"))
    if block is None or vpc is None:
        return
    parents = [_network(str(vpc.attributes.get("cidr_block") or ""))]
    parents += [
        _network(str(item.attributes.get("cidr_block") or ""))
        for item in scene.world.all("aws_vpc_ipv4_cidr_block_association")
        if item.attributes.get("vpc_id") == vpc.key
    ]
    if any(parents) and not any(parent and block.subnet_of(parent) for parent in parents):
        known = ", ".join(str(parent) for parent in parents if parent)
        yield Problem(
            f"InvalidSubnet.Range: The CIDR '{block}' is invalid.",
            f"the subnet {block} is not inside {vpc.key} ({known})",
            ("cidr_block",),
        )
    for other in scene.world.all("aws_subnet"):
        theirs = _network(str(other.attributes.get("cidr_block") or ""))
        same_vpc = other.attributes.get("vpc_id") == subject.text("vpc_id")
        if same_vpc and theirs and block.overlaps(theirs) and other.key != subject.text("id"):
            yield Problem(
                f"InvalidSubnet.Conflict: The CIDR '{block}' conflicts with another subnet",
                f"{other.key} has {theirs}",
                ("cidr_block",),
            )
            return


def check_same_vpc(scene: Scene, subject: Subject) -> Iterator[Problem]:
    """Subnets, security groups and the VPC named together belong to one VPC."""
    places: dict[str, str] = {}
    if subject.text("vpc_id"):
        places[subject.text("vpc_id")] = "vpc_id"
    for name in ("subnet_id", "subnet_ids", "subnets", "vpc_zone_identifier"):
        for value in subject.items(name):
            found = scene.find(("aws_subnet",), "id", value) if isinstance(value, str) else None
            if found:
                places.setdefault(str(found.attributes.get("vpc_id")), f"{name} ({value})")
    for name in ("security_group_ids", "security_groups", "vpc_security_group_ids"):
        for value in subject.items(name):
            found = scene.find(("aws_security_group",), "id", value) if isinstance(value, str) else None
            if found:
                places.setdefault(str(found.attributes.get("vpc_id")), f"{name} ({value})")
    places.pop("None", None)
    places.pop("", None)
    if len(places) > 1:
        described = "; ".join(f"{where} is in {vpc}" for vpc, where in sorted(places.items()))
        yield Problem("InvalidParameter: subnets and security groups belong to different networks", described)


def _network(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text)
    except ValueError:
        return None
