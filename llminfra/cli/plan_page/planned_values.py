"""What the plan made of one field: ``endpoints.chat.engine.max_model_len`` is 40,960 where the spec leaves it open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llminfra.cli.terminal.words import span
from llminfra.planning.plan.serving import WeightsPlan
from llminfra.reference.values import written
from llminfra.spec.base.spec import Spec

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan


def planned_value(plan: Plan, path: str) -> tuple[str, str]:
    """The planned value of a field and why it is that; empty where the plan has no such value.

    Records of the plan call most values as the declared types do.

    Args:
        plan: Of the platform that the path is of.
        path: Spec path without the platform.
    """
    for place, record in _records(plan):
        field = path.removeprefix(f"{place}.")
        if not path.startswith(f"{place}.") or "." in field or "[" in field:
            continue
        for names in _NAMES.get(field, ((field,),)):
            values = [getattr(record, name, None) for name in names]
            if None not in values and (told := _told(values)):
                return told, str(getattr(record, _REASONS.get(field, ""), ""))
    return "", ""


_NAMES = {
    "nodes": (("min_nodes", "max_nodes"),),
    "replicas": (("min_replicas", "max_replicas"),),
    "version": (("engine_version",), ("version",)),
}
"""What records of the plan call a field, where it is not the field's own name."""
_REASONS = {"parallelism": "parallelism_why", "instance_types": "type_why", "version": "engine_why"}
"""Where a record says why."""


def _records(plan: Plan) -> Iterator[tuple[str, Any]]:
    """Records by the place of what they were made of."""
    for place, serving in plan.served:
        yield f"{place}.parallelism", serving.parallelism
        for part in ("engine", "model"):
            yield f"{place}.{part}", serving
            yield f"{place}.{part}", serving.fit
        yield place, serving
    for pool in plan.pools:
        yield f"pools.{pool.name}", pool
        yield from ((f"{item.declared_path}.on", pool) for item in plan.endpoints if item.pool == pool.name)
    yield from ((f"endpoints.{item.name}.on", item) for item in plan.ec2)
    yield from ((f"endpoints.{item.name}.on", item) for item in plan.sagemaker)
    yield from ((f"batches.{item.name}.on", item) for item in plan.batches)
    yield from ((f"storage.{item.name}", item) for item in plan.lustre)
    yield from ((f"gateways.{item.name}", item) for item in plan.gateways)
    yield from ((f"async_endpoints.{item.name}", item) for item in plan.async_endpoints)
    yield "network", plan.network
    if plan.cluster is not None:
        if plan.cluster.system_nodes is not None:
            yield "cluster.system_nodes", plan.cluster.system_nodes
        yield "cluster", plan.cluster


def _told(values: list[Any]) -> str:
    """A value in words; empty: a record, which says more than a line can."""
    if len(values) > 1:
        return span(values[0], values[1])
    value = values[0]
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Spec):
        return written(value)
    if isinstance(value, tuple):
        names = [each if isinstance(each, str) else str(getattr(each, "name", "")) for each in value]
        return ", ".join(names) if all(names) else ""
    if isinstance(value, WeightsPlan):
        return f"{value.kind} {value.storage or ''}".rstrip()
    return value if isinstance(value, str) else ""
