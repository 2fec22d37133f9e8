"""Binaries and packages that some tests need: skip with the reason where one is missing, fail in CI."""

from __future__ import annotations

import os
import shutil
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

from llminfra.diagnostics import ToolError
from llminfra.helm.binary import find_helm


def require_helm() -> Path:
    """The Helm binary."""
    try:
        return find_helm()
    except ToolError as error:
        _missing(str(error))


def require_terraform() -> Path:
    """The Terraform binary, or OpenTofu's."""
    found = shutil.which("terraform") or shutil.which("tofu")
    if found is None:
        _missing("neither terraform nor tofu is on PATH")
    return Path(found)


def require_promtool() -> Path:
    """Prometheus' own tool (Debian package ``prometheus``); it comes from no wheel, so CI may lack it too."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not on PATH")
    return Path(found)


def require_module(name: str) -> ModuleType:
    """A module that only an extra brings; may be asked for at the top of a file."""
    try:
        return import_module(name)
    except ImportError as error:
        _missing(f"{name} is not installed: {error}")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{reason} (CI must have it)")
    pytest.skip(reason, allow_module_level=True)
