"""Mistakes in a synthesized platform, and what a rehearsal must say of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llminfra.rehearsal import rehearse
from tests.rehearsal.synthesis import Stacks, write_synthesis


@dataclass(frozen=True, slots=True)
class Broken:
    """A mistake.

    Attributes:
        name: What it is.
        edit: How it is made.
        message: Pattern of the summary or detail.
        step: Where it comes up.
        address: Terraform address of the culprit.
        spec_path: Its place in the spec.
    """

    name: str
    edit: Callable[[Stacks], None]
    message: str
    step: str
    address: str = ""
    spec_path: str | None = None


def resource(stack: str, kind: str, block_name: str, /, **values: Any) -> Callable[[Stacks], None]:
    """Set arguments of a resource; ``None`` removes one."""

    def edit(stacks: Stacks) -> None:
        block = stacks[stack]["resource"].setdefault(kind, {}).setdefault(block_name, {})
        for key, value in values.items():
            if value is None:
                block.pop(key, None)
            else:
                block[key] = value

    return edit


def backend(**values: Any) -> Callable[[Stacks], None]:
    """Change the backend of the network stack."""

    def edit(stacks: Stacks) -> None:
        block = stacks["network"]["terraform"]["backend"]["s3"]
        for key, value in values.items():
            if value is None:
                del block[key]
            else:
                block[key] = value

    return edit


def assert_told(case: Broken, folder: Path, *, validate_only: bool) -> None:
    """A rehearsal of the mistake fails at its step, with its words, at its place."""
    report = rehearse(write_synthesis(folder, case.edit), validate_only=validate_only)
    assert not report.ok
    fitting = [
        item
        for item in report.errors
        if re.search(case.message, f"{item.summary}\n{item.detail}", re.DOTALL | re.IGNORECASE)
    ]
    assert fitting, "\n".join(map(str, report.errors))
    found = fitting[0]
    assert found.step == case.step
    if case.address:
        assert found.address == case.address
    if case.spec_path is not None:
        assert found.spec_path == case.spec_path
