"""Network interfaces of a launch template against what the instance type has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from llminfra.rehearsal.aws.scene import Scene, Subject
from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.provider.values import UNKNOWN

_KINDS: Mapping[str, Literal["interface", "efa", "efa-only"]] = {
    "interface": "interface",
    "efa": "efa",
    "efa-only": "efa-only",
}


def interfaces_problems(interfaces: list[Any], instance_type: str) -> Iterator[str]:
    """What EC2 refuses about the interfaces for this type; nothing for a type that the catalog lacks."""
    from llminfra.catalog import instances  # pydantic is loaded only where a type is looked up
    from llminfra.planning.hardware.nics import Nic, check_layout

    facts = instances.get(instance_type)
    nics = []
    for item in interfaces:
        if not isinstance(item, dict) or UNKNOWN in (item.get("network_card_index"), item.get("device_index")):
            return
        kind = _KINDS.get(item.get("interface_type") or "interface")
        if kind is not None:
            nics.append(Nic(int(item.get("network_card_index") or 0), int(item.get("device_index") or 0), kind))
    if facts is not None and nics:
        yield from check_layout(nics, facts)


def check_layout(subject: Subject) -> Iterator[Problem]:
    """A launch template whose interfaces do not fit the instance type it names, or contradict each other."""
    if subject.type_name != "aws_launch_template":
        return
    interfaces = [item for item in subject.items("network_interfaces") if isinstance(item, dict)]
    if subject.text("instance_type"):
        for message in interfaces_problems(interfaces, subject.text("instance_type")):
            summary = f"InvalidNetworkInterface: {subject.text('instance_type')}: {message}"
            yield Problem(summary, "", ("network_interfaces",))
    if interfaces and subject.items("vpc_security_group_ids"):
        yield Problem(
            "InvalidParameterCombination: Network interfaces and an instance-level security groups may not be "
            "specified on the same request",
            "put the security groups on each network interface",
            ("vpc_security_group_ids",),
        )
    if len(interfaces) > 1 and any(item.get("associate_public_ip_address") in (True, "true") for item in interfaces):
        yield Problem(
            "InvalidParameterCombination: The associatePublicIPAddress parameter cannot be specified when launching "
            "with multiple network interfaces.",
            "",
            ("network_interfaces",),
        )
    for index, item in enumerate(interfaces):
        card, device = item.get("network_card_index") or 0, item.get("device_index") or 0
        if item.get("interface_type") == "efa-only" and (card, device) == (0, 0):
            yield Problem(
                "InvalidParameterCombination: the primary network interface (card 0, device 0) cannot be efa-only",
                "",
                ("network_interfaces", index),
            )


def check_placement(subject: Subject) -> Iterator[Problem]:
    """Capacity reservations and market types that exclude each other."""
    if subject.type_name != "aws_launch_template":
        return
    markets = [item.get("market_type") for item in subject.items("instance_market_options") if isinstance(item, dict)]
    targets = [
        target.get("capacity_reservation_id")
        for item in subject.items("capacity_reservation_specification")
        if isinstance(item, dict)
        for target in item.get("capacity_reservation_target") or []
        if isinstance(target, dict)
    ]
    if "capacity-block" in markets and not any(targets):
        yield Problem(
            "InvalidParameterValue: a launch template for a Capacity Block must name its capacity reservation",
            "set capacity_reservation_specification.capacity_reservation_target.capacity_reservation_id",
            ("instance_market_options",),
        )
    if "spot" in markets and any(targets):
        yield Problem(
            "InvalidParameterCombination: You cannot use a Capacity Reservation with Spot Instances",
            "",
            ("capacity_reservation_specification",),
        )


def check_node_layout(scene: Scene, subject: Subject, template: dict[str, Any]) -> Iterator[Problem]:
    """The launch template of a node group against the group's instance types."""
    del scene
    interfaces = template.get("network_interfaces") or []
    for name in subject.items("instance_types"):
        for message in interfaces_problems(interfaces, str(name)):
            yield Problem(
                f"InvalidParameterException: the launch template's network interfaces do not fit {name}: {message}",
                "",
                ("instance_types",),
            )
