"""Synthesizes plans once per session: starting the bindings costs more than all the checks together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llminfra.compiler import compile_platforms
from llminfra.planning.plan import Plan
from tests.compiler import plans

Stacks = dict[str, Any]


def read_stacks(folder: Path) -> Stacks:
    """Stack kind to the content of its file."""
    return {
        path.parent.name.rpartition("-")[2]: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("stacks/*/cdk.tf.json"))
    }


@pytest.fixture(scope="session")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Plan], Stacks]:
    """Compile one plan; the result by stack kind."""

    def compile_one(plan: Plan) -> Stacks:
        folder = tmp_path_factory.mktemp("synth")
        compile_platforms([plan], folder)
        return read_stacks(folder)

    return compile_one


@pytest.fixture(scope="session")
def stacks(synth: Callable[[Plan], Stacks]) -> Stacks:
    """The plan with everything that ``plans`` makes by default."""
    return synth(plans.plan(plans.assistant(), plans.chat()))
