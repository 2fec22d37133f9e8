"""Network interfaces of a launch template: which card carries what.

EC2's rules (Amazon EC2 User Guide, efa-acc-inst-types.html; Karpenter's validation of ``spec.networkInterfaces`` in
aws/karpenter-provider-aws designs/efa-for-static-capacity.md says the same):

* Network card 0, device 0 is the primary interface. It carries IP, so it is never ``efa-only``.
* Where card 0 has EFA, an ``efa-only`` goes to device 1; further cards take theirs at device 0.
* A card takes at most one EFA interface, and only where the card supports EFA.
* A (card, device) pair is used once, and a card takes at most its maximum of interfaces.
* An instance type takes at most its maximum of EFA interfaces.

Two layouts are in use at AWS. ``ip_optimized`` has the one ENA that a Kubernetes node needs and ``efa-only`` for the
rest, so that a p5.48xlarge takes one subnet address and not 32. ``bandwidth_optimized`` adds ENAs for more IP
bandwidth, on the cards that AWS names for the type (``catalog/data/nic_layouts.json``); for a type that it does not
name, on every EFA card with a free slot, which the User Guide allows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from llminfra.catalog.datafile import read_data
from llminfra.catalog.instances import InstanceType

NicPolicy = Literal["ip_optimized", "bandwidth_optimized"]
InterfaceType = Literal["interface", "efa", "efa-only"]


class Nic(Struct, frozen=True, order=True):
    """One entry of a launch template's network interfaces.

    Attributes:
        network_card_index: The card.
        device_index: The slot on the card.
        interface_type: ``interface`` (ENA: IP only), ``efa`` (ENA and EFA) or ``efa-only`` (EFA without an address).
    """

    network_card_index: int
    device_index: int
    interface_type: InterfaceType

    @property
    def has_efa(self) -> bool:
        """Whether pods can get a ``vpc.amazonaws.com/efa`` from it."""
        return self.interface_type != "interface"

    @property
    def has_ip(self) -> bool:
        """Whether it takes an address of the subnet."""
        return self.interface_type != "efa-only"


def nic_layout(instance: InstanceType, policy: NicPolicy = "ip_optimized") -> tuple[Nic, ...]:
    """All interfaces of a node of this type, with every EFA it has, by card and device.

    A type without EFA gets the primary ENA alone. The result always satisfies ``check_layout``.
    """
    nics = [Nic(0, 0, "interface")]
    ena_cards = _ena_cards(instance) if policy == "bandwidth_optimized" else frozenset[int]()
    efas_left = instance.efa_interfaces
    for card in instance.network_cards:
        slots = card.max_interfaces - (card.index == 0)
        if card.efa and efas_left and slots:
            nics.append(Nic(card.index, 1 if card.index == 0 else 0, "efa-only"))
            efas_left -= 1
            slots -= 1
        if card.index and card.index in ena_cards and slots:
            nics.append(Nic(card.index, 1, "interface"))
    return tuple(sorted(nics))


def check_layout(nics: Iterable[Nic], instance: InstanceType) -> list[str]:
    """What EC2 would refuse in a layout for this type, one sentence each; empty where it is fine."""
    layout = tuple(nics)
    cards = {card.index: card for card in instance.network_cards}
    problems = []
    primary = [nic for nic in layout if (nic.network_card_index, nic.device_index) == (0, 0)]
    if not primary:
        problems.append("no interface at network card 0, device 0: the primary interface is missing")
    problems.extend(
        "network card 0, device 0 is efa-only: the primary interface must carry IP"
        for nic in primary
        if nic.interface_type == "efa-only"
    )
    for (card, device), uses in Counter((nic.network_card_index, nic.device_index) for nic in layout).items():
        if uses > 1:
            problems.append(f"network card {card}, device {device} is used {uses} times")
    for index, count in Counter(nic.network_card_index for nic in layout).items():
        if index not in cards:
            problems.append(f"{instance.name} has no network card {index}: it has {len(cards)}, from 0")
        elif count > cards[index].max_interfaces:
            most = cards[index].max_interfaces
            problems.append(f"network card {index} has {count} interfaces: {instance.name} takes {most} a card")
    for index, count in Counter(nic.network_card_index for nic in layout if nic.has_efa).items():
        if index in cards and not cards[index].efa:
            problems.append(f"network card {index} of {instance.name} does not support EFA")
        elif count > 1:
            problems.append(f"network card {index} has {count} EFA interfaces: a card takes one")
    efas = sum(nic.has_efa for nic in layout)
    if efas > instance.efa_interfaces:
        problems.append(f"{efas} EFA interfaces: {instance.name} takes {instance.efa_interfaces}")
    problems.extend(
        f"network card {nic.network_card_index}, device {nic.device_index}: an index is never negative"
        for nic in layout
        if nic.network_card_index < 0 or nic.device_index < 0
    )
    return problems


def _ena_cards(instance: InstanceType) -> frozenset[int]:
    """Cards that carry an ENA in the bandwidth-optimized layout."""
    named: dict[str, list[int]] = read_data("nic_layouts.json")["ena_cards"]
    if instance.name in named:
        return frozenset(named[instance.name])
    return (
        frozenset(card.index for card in instance.network_cards if card.efa) if instance.efa_interfaces else frozenset()
    )
