"""How long a start takes, decided: its phases, and what other ways of loading would take."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct


class Phase(Struct, frozen=True, kw_only=True):
    """One phase of a cold start, in seconds, with how the number came about."""

    name: str
    seconds: float
    why: str


class LoadChoice(Struct, frozen=True, kw_only=True):
    """A place to read the weights from: how long it takes, and what it asks for; ``chosen`` marks the planned one.

    ``why`` says where the rate comes from. ``nvme`` is the first pod on a node, which copies and then reads;
    ``nvme-warm`` a later one on the same node.
    """

    kind: Literal["hub", "bucket", "lustre", "ebs", "nvme", "nvme-warm", "mountpoint", "copied"]
    what: str
    mb_per_s: float
    seconds: float
    needs: str
    why: str = ""
    chosen: bool = False


class StartChoice(Struct, frozen=True, kw_only=True):
    """A way to have the image, or the compiled kernels: how long it takes, why so long, and what it asks for."""

    what: str
    seconds: float
    needs: str
    why: str = ""
    chosen: bool = False


BEFORE_THE_CONTAINER = frozenset({"node", "image", "copy"})
"""Phases of a cold start that are over when the engine's container starts, and with it the startup probe."""


class StartupPlan(Struct, frozen=True, kw_only=True):
    """The cold start by phases, and the startup-probe budget that follows from it.

    ``budget_why`` says how the budget follows. ``choices`` compares the places that weights can come from, ``images``
    and ``kernels`` the ways to have the image and the compiled kernels, each fastest first.
    """

    phases: tuple[Phase, ...]
    budget_s: int
    budget_why: str = ""
    advice: tuple[str, ...] = ()
    choices: tuple[LoadChoice, ...] = ()
    images: tuple[StartChoice, ...] = ()
    kernels: tuple[StartChoice, ...] = ()

    @property
    def estimate_s(self) -> float:
        """Sum of all phases, from the start of an instance to the first answer."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def container_s(self) -> float:
        """What the engine's container takes until it answers: the part that the startup probe waits for."""
        return sum(phase.seconds for phase in self.phases if phase.name not in BEFORE_THE_CONTAINER)

    @property
    def first_pod_s(self) -> float:
        """What the first pod of a cache takes beyond the phases: it compiles and tries what later ones find."""
        planned = next((choice.seconds for choice in self.kernels if choice.chosen), 0.0)
        return max((choice.seconds for choice in self.kernels), default=planned) - planned

    @property
    def copy_patience_s(self) -> int:
        """Twice what a copy of the weights to the node takes; 0 where there is none."""
        return math.ceil(2 * sum(phase.seconds for phase in self.phases if phase.name == "copy"))

    @property
    def pod_patience_s(self) -> int:
        """How old a pod on a new node may be and still be on its way: twice what comes first, and the budget."""
        first = sum(phase.seconds for phase in self.phases if phase.name in BEFORE_THE_CONTAINER - {"node"})
        return self.budget_s + math.ceil(2 * first)
