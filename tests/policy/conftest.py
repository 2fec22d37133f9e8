"""The production platform, synthesized once a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.example_plans import ROOT
from tests.helpers.synthesized import Synthesized


@pytest.fixture(scope="session")
def synth_dir(synthesized: Synthesized) -> Path:
    """``stacks/prod.py``, synthesized; copy before changing."""
    return synthesized(ROOT / "stacks" / "prod.py")
