"""What goes for good with another plan: names and addresses that callers use, and data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.cli.diff_page.replaced import ended
from llminfra.cli.diff_page.ways_in import lost_ways
from llminfra.rules.changes.losses import lost_with

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_DATA, _CALLERS = "LLM_GUARD_1", "LLM_GUARD_9"


class Loss(Struct, frozen=True):
    """What is lost.

    Attributes:
        rule: The guard that stands against it.
        path: Spec path of the object that it is of.
        why: What is lost.
    """

    rule: str
    path: str
    why: str


def losses(old: Plan, new: Plan | None) -> tuple[Loss, ...]:
    """What is lost by another plan.

    Args:
        old: The plan as it is applied.
        new: The plan as it shall be; ``None``: the platform goes.
    """
    names = lost_names(old, new)
    there = {item.name for item in new.platform.workloads} if new is not None else set()
    told = {path for path, _ in names}
    left = [f"endpoints.{item.name}" for item in old.platform.workloads if item.name not in there]
    gone = [path for path in left if path not in told]
    return (
        *(Loss(_CALLERS, path, f"requests for {name} find no model from then on") for path, name in names),
        *(Loss(_CALLERS, path, "its address goes: another name is another address") for path in gone),
        *(Loss(_CALLERS, path, why) for path, why in (lost_ways(old, new) if new is not None else ())),
        *lost_data(old, new),
        *((Loss(*item) for item in ended(old, new)) if new is not None else ()),
    )


def lost_names(old: Plan, new: Plan | None) -> tuple[tuple[str, str], ...]:
    """Model names that nothing answers to any more, each after the endpoint that answers to it today."""
    answered = {name for _, name in _names(new)} if new is not None else set()
    return tuple(dict.fromkeys((path, name) for path, name in _names(old) if name not in answered))


def lost_data(old: Plan, new: Plan | None) -> tuple[Loss, ...]:
    """Buckets and file systems that the stacks make today and do not make any more."""
    made = dict(_storage(new)) if new is not None else {}
    return tuple(
        Loss(_DATA, f"storage.{name}", lost_with(type_name))
        for name, type_name in _storage(old)
        if made.get(name) != type_name
    )


def _storage(plan: Plan) -> Iterator[tuple[str, str]]:
    """What the stacks make that holds data, each with the type of its resource."""
    yield from ((item.name, "aws_s3_bucket") for item in plan.buckets if not item.existing)
    yield from ((item.name, "aws_fsx_lustre_file_system") for item in plan.lustre)


def _names(plan: Plan) -> Iterator[tuple[str, str]]:
    """Names that callers put into ``model``, each after its endpoint; jobs have none."""
    for planned, item in plan.served:
        if planned.startswith("endpoints."):
            path = ".".join(plan.declared_path(planned).split(".")[:2])
            yield path, item.served_name
            yield from ((path, adapter.name) for adapter in item.adapters)
