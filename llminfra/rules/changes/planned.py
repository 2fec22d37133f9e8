"""Changes of managed resources as ``terraform show -json`` tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from llminfra.rules.views.mappings import as_mapping

ChangeAction = Literal["create", "update", "replace", "delete"]

_ACTIONS: Mapping[tuple[str, ...], ChangeAction] = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
}


class PlannedChange(Struct, frozen=True, kw_only=True):
    """What a plan does to one resource.

    Attributes:
        address: ``aws_s3_bucket.weights``.
        type: ``aws_s3_bucket``.
        action: What happens to it.
        before: Attributes in the state.
        after: Attributes that are known before the apply.
        because: Arguments that force a replacement.
        raw: Terraform's own record of the change, with its marks of what is sensitive or not known.
    """

    address: str
    type: str
    action: ChangeAction
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    because: tuple[str, ...]
    raw: Mapping[str, Any]


def planned_changes(document: Mapping[str, Any]) -> Iterator[PlannedChange]:
    """Changes of a plan, in its order; what is only read, kept or forgotten is none."""
    for item in document.get("resource_changes") or ():
        if not isinstance(item, Mapping):
            continue
        change = as_mapping(item.get("change"))
        actions = change.get("actions")
        action = _ACTIONS.get(tuple(map(str, actions))) if isinstance(actions, list) else None
        if item.get("mode") != "managed" or action is None:
            continue
        yield PlannedChange(
            address=str(item.get("address")),
            type=str(item.get("type")),
            action=action,
            before=as_mapping(change.get("before")),
            after=as_mapping(change.get("after")),
            because=_because(change.get("replace_paths")),
            raw=change,
        )


def _because(paths: object) -> tuple[str, ...]:
    routes = paths if isinstance(paths, list) else ()
    return tuple(".".join(map(str, route)) for route in routes if isinstance(route, list))
