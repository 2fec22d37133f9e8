"""Managed node groups in the synthesized Terraform, together with their launch template and instance type."""

from __future__ import annotations

from msgspec import Struct

from llminfra.catalog import instances
from llminfra.catalog.instances import InstanceType
from llminfra.rules.views.terraform_view import Block, Nested, Stacks


class NodeGroup(Struct, frozen=True):
    """A node group, its launch template where it has one, and the catalog's facts of its types."""

    group: Block
    template: Block | None
    instance_types: tuple[InstanceType, ...]

    @property
    def has_gpus(self) -> bool:
        """Whether any of its types has GPUs."""
        return any(item.gpu is not None for item in self.instance_types)

    @property
    def interfaces(self) -> tuple[Nested, ...]:
        """Network interfaces of the launch template."""
        return self.template.blocks("network_interfaces") if self.template else ()

    @property
    def uses_efa(self) -> bool:
        """Whether any interface carries EFA."""
        return any(is_efa(nic) for nic in self.interfaces)

    @property
    def reserved(self) -> bool:
        """Whether its instances come from a capacity reservation or block."""
        return self.template is not None and bool(self.template.blocks("capacity_reservation_specification"))


def is_efa(nic: Nested) -> bool:
    """Whether an interface carries EFA."""
    return nic.get("interface_type") in ("efa", "efa-only")


def position(nic: Nested) -> tuple[int, int]:
    """Network card and device index; Terraform reads a missing one as 0."""
    return int(nic.get("network_card_index") or 0), int(nic.get("device_index") or 0)


def node_groups(stacks: Stacks) -> tuple[NodeGroup, ...]:
    """Every managed node group."""
    found = []
    for group in stacks.resources("aws_eks_node_group"):
        links = group.blocks("launch_template")
        template = stacks.resolve(group, links[0].get("id") or links[0].get("name")) if links else None
        names = group.strings("instance_types") or (template.strings("instance_type") if template else ())
        types = tuple(item for name in names if (item := instances.get(name)) is not None)
        found.append(NodeGroup(group, template, types))
    return tuple(found)


def instance_type_of(stacks: Stacks, template: Block) -> InstanceType | None:
    """The one type that a launch template is made for, from itself or from the node group that uses it."""
    own = template.strings("instance_type")
    if own:
        return instances.get(own[0])
    for item in node_groups(stacks):
        if item.template is template and len(item.instance_types) == 1:
            return item.instance_types[0]
    return None
