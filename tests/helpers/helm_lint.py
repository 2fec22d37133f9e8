"""Helm's own linter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llminfra.helm.binary import run_helm
from llminfra.helm.render import DEFAULT_KUBE_VERSION, values_text


def lint(chart_dir: Path, values: Mapping[str, Any], *, kube_version: str = DEFAULT_KUBE_VERSION) -> list[str]:
    """What ``helm lint --strict`` objects to, one line each; empty where the chart is clean.

    Raises:
        ToolError: Helm is missing.
    """
    done = run_helm(
        ["lint", str(chart_dir), "--strict", "--quiet", "--kube-version", kube_version, "--values", "-"],
        stdin=values_text(values),
    )
    if not done.returncode:
        return []
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    return [line for line in lines if line and not line.startswith(("==>", "[INFO]"))]
