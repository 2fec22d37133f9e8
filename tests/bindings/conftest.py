"""A built cache to share, and processes to use it in: what is tested here happens at the start of a process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_python(*arguments: str | Path, timeout_s: float = 240, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python with the given arguments, its environment free of what could steer the bindings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JSII_", "LLMINFRA_", "NODE_", "PYTHON"))
    }
    return subprocess.run(
        [sys.executable, *arguments],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with one whole entry. Copy it before you damage it."""
    # Workers of pytest-xdist share it: processes that start together on one cache are what it is made for.
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    result = run_python("-c", "from llminfra.bindings import core; core.App", LLMINFRA_CACHE_DIR=str(folder))
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="session")
def run(cache: Path) -> Run:
    """Runs Python on the shared cache."""

    def run_on_cache(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return run_python(*arguments, **{"LLMINFRA_CACHE_DIR": str(cache), **environment})

    return run_on_cache
