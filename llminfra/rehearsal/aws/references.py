"""References between resources: ids and ARNs must have the right shape and name something that exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from llminfra.rehearsal.aws.scene import Scene, Subject
from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.provider.values import Path


@dataclass(frozen=True, slots=True)
class Reference:
    """What an attribute refers to.

    Attributes:
        types: Resource types that it may name.
        by: Attributes of the target that hold the value.
        shape: Form of a value.
        exempt: Values that AWS itself provides.
        missing: AWS's answer when nothing has the value; ``{value}`` stands for it.
        outside: The target is usually made elsewhere, so only a value made here has to exist.
    """

    types: tuple[str, ...]
    by: tuple[str, ...]
    shape: re.Pattern[str]
    exempt: re.Pattern[str] | None
    missing: str
    outside: bool


@cache
def references() -> Mapping[str, Reference]:
    """The table in ``data/references.json``, by attribute or ``type.path``."""
    data = json.loads(files("llminfra.rehearsal.aws").joinpath("data", "references.json").read_bytes())
    return {
        name: Reference(
            types=tuple(row["types"]),
            by=tuple(item for item in (row.get("by", "id"), row.get("also")) if item),
            shape=re.compile(row["shape"]),
            exempt=re.compile(row["exempt"]) if "exempt" in row else None,
            missing=row["missing"],
            outside=row.get("outside", False),
        )
        for name, row in data["attributes"].items()
    }


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every known string in a state, with its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif isinstance(value, str) and value:
        yield path, value


def reference_of(type_name: str, path: Path) -> Reference | None:
    """What the attribute at a path refers to; the most specific entry wins."""
    names = tuple(step for step in path if isinstance(step, str))
    table = references()
    for candidate in (f"{type_name}." + ".".join(names), ".".join(names[-2:]), names[-1] if names else ""):
        if candidate in table:
            found = table[candidate]
            # A resource's own name is not a reference to its own type.
            return None if type_name in found.types and len(names) == 1 and names[0] in found.by else found
    return None


def check_shapes(subject: Subject) -> Iterator[Problem]:
    """Values that cannot be an id or ARN of what the attribute takes."""
    for path, value in leaves(subject.state):
        found = reference_of(subject.type_name, path)
        if found is not None and not found.shape.match(value):
            kinds = " or ".join(found.types)
            yield Problem(
                f"invalid value for {path_text(path)}",
                f"got {value!r}, expected the {found.by[0]} of {kinds} ({found.shape.pattern})",
                path,
            )


def check_exist(scene: Scene, subject: Subject) -> Iterator[Problem]:
    """References to something that does not exist in the simulated world."""
    for path, value in leaves(subject.state):
        found = reference_of(subject.type_name, path)
        if found is None or found.outside or (found.exempt and found.exempt.search(value)):
            continue
        if not any(scene.find(found.types, attribute, value) for attribute in found.by):
            yield Problem(
                found.missing.replace("{value}", value),
                f"{path_text(path)} names a {' or '.join(found.types)} that this rehearsal neither created nor was "
                "told about. If it exists in the account, add it to the existing world.",
                path,
            )


def path_text(path: Path) -> str:
    """A path as Terraform prints it."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
