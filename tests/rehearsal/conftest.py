"""Skips where the binary is missing; in CI its absence is a failure."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(autouse=True)
def _needs_terraform(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("terraform") is None or shutil.which("terraform") or shutil.which("tofu"):
        return
    if os.environ.get("CI"):
        pytest.fail("neither terraform nor tofu is on PATH")
    pytest.skip("neither terraform nor tofu is on PATH")
