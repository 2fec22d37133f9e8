"""Specs of this repository, each synthesized once for all tests and all processes of a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from llminfra.bindings.folder_cache import find_or_build
from llminfra.compiler import compile_platforms
from tests.helpers.example_plans import plans_of

Synthesized = Callable[[Path], Path]


def run_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of this run of pytest: its workers share it, and another run has another."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def synthesize_once(root: Path) -> Synthesized:
    """Gives the folder that a spec is synthesized to: for reading, as others read it at the same time."""

    def give(spec: Path) -> Path:
        def build(entry: Path) -> None:
            compile_platforms(plans_of(spec), entry / "out")

        return find_or_build(root, f"{spec.parent.name}-{spec.stem}", build) / "out"

    return give
