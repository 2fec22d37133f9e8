"""A filesystem mirror with the simulated providers, and the CLI configuration that points to it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from llminfra.rehearsal.provider.settings import REGISTRIES, SETTINGS_VARIABLE

PROVIDER_MODULE = "llminfra.rehearsal.provider.serve"


def build_mirror(root: Path, versions: Mapping[str, str], platform: str, settings: Path) -> Path:
    """Write the mirror and return the CLI configuration file.

    Args:
        root: Folder to write to.
        versions: Version of each provider.
        platform: Terraform's name of this machine, such as ``linux_amd64``.
        settings: The provider settings that a started provider reads.
    """
    mirror = root / "mirror"
    for registry in REGISTRIES:
        for name, version in versions.items():
            folder = mirror / registry / "hashicorp" / name / version / platform
            folder.mkdir(parents=True, exist_ok=True)
            executable = folder / f"terraform-provider-{name}_v{version}"
            executable.write_text(_script(name, settings), encoding="utf-8")
            executable.chmod(0o755)
    configuration = root / "cli.tfrc"
    configuration.write_text(
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        f'  filesystem_mirror {{\n    path = {_hcl(str(mirror))}\n    include = ["*/*/*"]\n  }}\n'
        "}\n",
        encoding="utf-8",
    )
    return configuration


def _script(name: str, settings: Path) -> str:
    """A POSIX script: an interpreter path may be too long, or hold spaces, for a ``#!`` line."""
    package = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(part for part in (str(package), os.environ.get("PYTHONPATH", "")) if part)
    return (
        "#!/bin/sh\n"
        f"export {SETTINGS_VARIABLE}={shlex.quote(str(settings))}\n"
        f"export PYTHONPATH={shlex.quote(path)}\n"
        f"exec {shlex.quote(sys.executable)} -m {PROVIDER_MODULE} {shlex.quote(name)}\n"
    )


def _hcl(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
