"""Compiled stacks of the targets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llminfra.compiler import compile_platforms
from llminfra.planning.plan import Plan

Stack = dict[str, Any]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Plan, str], Stack]:
    """One stack of a plan, by its kind."""

    def build(plan: Plan, kind: str) -> Stack:
        out: Path = tmp_path_factory.mktemp("out")
        compile_platforms([plan], out)
        content: Stack = json.loads(
            (out / "stacks" / f"{plan.platform.name}-{kind}" / "cdk.tf.json").read_text(encoding="utf-8")
        )
        content["folder"] = out / "stacks" / f"{plan.platform.name}-{kind}"
        return content

    return build
