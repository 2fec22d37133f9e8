"""Where the files that are not Python are: charts, dashboards, alert rules."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from llminfra.diagnostics import ToolError


@cache
def modules_dir() -> Path:
    """The ``modules`` directory: beside the package in a checkout, ``llminfra/_modules`` in an installed wheel.

    Raises:
        ToolError: the installation has neither.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_modules", package.parent / "modules"):
        if (candidate / "charts").is_dir():
            return candidate
    msg = f"no charts beside {package}: the installation is incomplete; reinstall llminfra"
    raise ToolError(msg)


def chart_dir(name: str) -> Path:
    """The directory of an in-repo chart.

    Raises:
        ToolError: there is no chart of that name.
    """
    return named_folder("charts", name, marker="Chart.yaml", noun="chart")


def named_folder(kind: str, name: str, *, marker: str, noun: str) -> Path:
    """A folder of one kind by name; ``marker`` is the file that makes a folder one.

    Raises:
        ToolError: there is none of that name.
    """
    folders = modules_dir() / kind
    path = folders / name
    if not (path / marker).is_file():
        known = ", ".join(sorted(item.parent.name for item in folders.glob(f"*/{marker}")))
        msg = f"no {noun} {name!r}; there are: {known}"
        raise ToolError(msg)
    return path


def files_of(folder: Path) -> list[Path]:
    """Files below a folder of ours, sorted; without what Python leaves beside scripts that it has run."""
    return sorted(item for item in folder.rglob("*") if item.is_file() and "__pycache__" not in item.parts)


def user_data_dir() -> Path:
    """The directory of the scripts and units that instances without Kubernetes run.

    Raises:
        ToolError: the installation has none.
    """
    path = modules_dir() / "userdata"
    if not path.is_dir():
        msg = f"no user data beside {modules_dir()}: the installation is incomplete; reinstall llminfra"
        raise ToolError(msg)
    return path


@cache
def runbooks_dir() -> Path:
    """The directory of the runbooks, one page an alert: ``docs/runbooks``, or a copy of it in an installed wheel.

    Raises:
        ToolError: the installation has none.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_runbooks", package.parent / "docs" / "runbooks"):
        if candidate.is_dir():
            return candidate
    msg = f"no runbooks beside {package}: the installation is incomplete; reinstall llminfra"
    raise ToolError(msg)
