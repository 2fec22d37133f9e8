"""The production platform, synthesized once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra.compiler import compile_platforms
from tests.rules.platforms import prod_plan


@pytest.fixture(scope="session")
def synth_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``stacks/prod.py``, synthesized; copy before changing."""
    folder = tmp_path_factory.mktemp("prod")
    compile_platforms([prod_plan()], folder)
    return folder
