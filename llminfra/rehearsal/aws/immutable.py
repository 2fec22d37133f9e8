"""Attributes that cannot change in place: a new value replaces the resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from llminfra.rehearsal.provider.values import Path, State
from llminfra.rehearsal.schema.model import Block

_NEVER = frozenset({"tags", "tags_all", "id", "arn"})
# Names that identify what a resource belongs to; a resource without facts of its own is replaced when they change.
_PARENTS = frozenset(
    {"name", "name_prefix", "bucket", "vpc_id", "cluster_name", "region", "availability_zone", "role", "policy_arn"}
)


@cache
def _cloudformation() -> Mapping[str, frozenset[str]]:
    data = json.loads(files("llminfra.rehearsal.aws").joinpath("data", "cloudformation.json").read_bytes())
    return {name: frozenset(row["create_only"]) for name, row in data["types"].items() if "create_only" in row}


@cache
def _provider() -> Mapping[str, Mapping[str, frozenset[str]]]:
    data = json.loads(files("llminfra.rehearsal.aws").joinpath("data", "replacement.json").read_bytes())
    return {
        name: {key: frozenset(row.get(key, ())) for key in ("replace", "in_place", "shrink")}
        for name, row in data["types"].items()
    }


def immutable_attributes(type_name: str, block: Block) -> frozenset[str]:
    """Dotted paths whose change forces a replacement.

    Facts in order: the table of the Terraform provider's own behaviour (``data/replacement.json``), CloudFormation's
    create-only properties, and for a type that neither knows the attributes that name its parent.
    """
    table, facts = _provider().get(type_name), _cloudformation().get(type_name)
    if table is None and facts is None:
        found = frozenset(name for name in _PARENTS if _settable(block, name))
    else:
        found = (facts or frozenset()) | (table["replace"] if table else frozenset())
    if _settable(block, "region"):
        found |= {"region"}
    return found - (table["in_place"] if table else frozenset()) - _NEVER


def shrunk(type_name: str, prior: State, planned: State) -> tuple[Path, ...]:
    """Attributes that grow in place, and whose lower value the provider takes for another resource."""
    table = _provider().get(type_name)
    found = []
    for name in sorted(table["shrink"]) if table else ():
        before, after = prior.get(name), planned.get(name)
        if isinstance(before, int | float) and isinstance(after, int | float) and after < before:
            found.append((name,))
    return tuple(found)


def _settable(block: Block, name: str) -> bool:
    attribute = block.attributes.get(name)
    return attribute is not None and (attribute.optional or attribute.required)
