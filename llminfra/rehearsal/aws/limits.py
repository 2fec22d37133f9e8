"""Enumerations, lengths, ranges and patterns that AWS publishes for its resource types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from llminfra.rehearsal.aws.references import path_text
from llminfra.rehearsal.aws.scene import Subject
from llminfra.rehearsal.provider.contract import Problem


@cache
def _tables() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    folder = files("llminfra.rehearsal.aws").joinpath("data")
    published = json.loads(folder.joinpath("cloudformation.json").read_bytes())["types"]
    own = json.loads(folder.joinpath("limits.json").read_bytes())["types"]
    return published, own


def facts(type_name: str, kind: str) -> Mapping[str, Any]:
    """Facts of one kind (``enum``, ``length``, ``range``, ``pattern``) by dotted path; ours replace the published."""
    published, own = _tables()
    merged = {**published.get(type_name, {}).get(kind, {}), **own.get(type_name, {}).get(kind, {})}
    return {path: fact for path, fact in merged.items() if fact is not None}


def check_limits(subject: Subject) -> Iterator[Problem]:
    """Values outside what AWS accepts."""
    for dotted, allowed in facts(subject.type_name, "enum").items():
        for path, value in subject.known(dotted):
            if isinstance(value, str) and value and value not in allowed:
                expected = ", ".join(allowed[:12]) + (f" … ({len(allowed)} in all)" if len(allowed) > 12 else "")
                yield Problem(f"expected {path_text(path)} to be one of [{expected}], got {value}", "", path)
    for dotted, (low, high) in facts(subject.type_name, "length").items():
        for path, value in subject.known(dotted):
            if isinstance(value, str) and value and (len(value) < (low or 0) or (high and len(value) > high)):
                yield Problem(
                    f"expected length of {path_text(path)} to be in the range ({low or 0} - {high or 'any'}), "
                    f"got {len(value)}: {value[:80]}",
                    "",
                    path,
                )
    for dotted, (low, high) in facts(subject.type_name, "range").items():
        for path, value in subject.known(dotted):
            if isinstance(value, int | float) and (
                (low is not None and value < low) or (high is not None and value > high)
            ):
                bounds = f"({'any' if low is None else low} - {'any' if high is None else high})"
                yield Problem(f"expected {path_text(path)} to be in the range {bounds}, got {value:g}", "", path)
    for dotted, pattern in facts(subject.type_name, "pattern").items():
        for path, value in subject.known(dotted):
            if isinstance(value, str) and value and not re.search(pattern, value):
                yield Problem(
                    f"invalid value for {path_text(path)} (must match {pattern}), got {value[:120]!r}", "", path
                )
