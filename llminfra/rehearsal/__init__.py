"""Rehearsal: the real Terraform binary applies the synthesized stacks against simulated providers.

``rehearse`` runs the whole cycle, ``rehearse_change`` plans a new spec over an applied old one.
"""

from llminfra.rehearsal.change import rehearse_change
from llminfra.rehearsal.cycle import rehearse
from llminfra.rehearsal.faults import FaultPlan
from llminfra.rehearsal.report import (
    Change,
    ChangeReport,
    ChangeStep,
    Event,
    Finding,
    RehearsalReport,
    StackReport,
    Step,
)
from llminfra.rehearsal.world import World, WorldObject

__all__ = [
    "Change",
    "ChangeReport",
    "ChangeStep",
    "Event",
    "FaultPlan",
    "Finding",
    "RehearsalReport",
    "StackReport",
    "Step",
    "World",
    "WorldObject",
    "rehearse",
    "rehearse_change",
]
