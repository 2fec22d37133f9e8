"""What a plan compiles to, for tests of several targets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llminfra.compiler import compile_platforms
from llminfra.planning.plan import Plan
from tests.serving_targets.platforms import Compiled


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """Compiles a plan and gives the stack of that kind."""

    def build(planned: Plan, kind: str) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("out")
        compile_platforms([planned], folder)
        content: dict[str, Any] = json.loads((folder / "stacks" / f"acme-{kind}" / "cdk.tf.json").read_text("utf-8"))
        return content

    return build
