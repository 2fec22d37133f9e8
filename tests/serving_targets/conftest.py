"""Targets of endpoints, compiled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llminfra.compiler import compile_platforms
from llminfra.planning.plan import Plan
from tests.serving_targets.compiled import Compiled


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    def build(planned: Plan, kind: str) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("out")
        compile_platforms([planned], folder)
        content: dict[str, Any] = json.loads((folder / "stacks" / f"acme-{kind}" / "cdk.tf.json").read_text("utf-8"))
        return content

    return build
