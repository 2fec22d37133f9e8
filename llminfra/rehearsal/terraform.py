"""Running the real binary: finding it, its environment, and its JSON messages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llminfra.diagnostics import ToolError, UsageError

_TIMEOUT_S = 900
# Collecting garbage is a sixth of what a command of a second takes; collected seldom, it holds 190 MiB at most.
_GARBAGE = {"GOGC": "800"}
_DROPPED = ("TF_", "AWS_", "KUBE", "HELM_")
_INSTALL = (
    "install Terraform 1.10 or newer (developer.hashicorp.com/terraform/install) or OpenTofu 1.10 or newer "
    "(opentofu.org/docs/intro/install), put it on PATH, or name it with --binary"
)


@dataclass(frozen=True, slots=True)
class Binary:
    """The tool.

    Attributes:
        path: Where it is.
        name: ``terraform`` or ``opentofu``.
        version: Such as ``1.11.4``.
        platform: Such as ``linux_amd64``.
    """

    path: Path
    name: str
    version: str
    platform: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(slots=True)
class Run:
    """What one command said."""

    exit_code: int = 0
    diagnostics: list[Mapping[str, Any]] = field(default_factory=list)
    changes: list[Mapping[str, Any]] = field(default_factory=list)
    summary: Mapping[str, int] = field(default_factory=dict)
    text: str = ""

    @property
    def ok(self) -> bool:
        """Whether the command succeeded; a plan with changes (2) counts."""
        return self.exit_code in (0, 2)


def find_binary(chosen: Path | None = None) -> Binary:
    """The binary to rehearse with.

    Raises:
        ToolError: there is none, or it does not run; the message says what to do.
        UsageError: the chosen one is no executable file.
    """
    path = chosen or next((Path(found) for name in ("terraform", "tofu") if (found := shutil.which(name))), None)
    if path is None:
        raise ToolError(f"neither terraform nor tofu is on PATH: {_INSTALL}")
    if not path.is_file() or not os.access(path, os.X_OK):
        msg = f"{path} is not an executable file: {_INSTALL}"
        raise ToolError(msg) if chosen is None else UsageError(msg)
    try:
        done = subprocess.run(  # noqa: S603  the user's own binary
            [str(path), "version", "-json"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment({}),
        )
        data = json.loads(done.stdout)
        name = "opentofu" if "tofu" in path.name else "terraform"
        return Binary(path, name, data["terraform_version"], data["platform"])
    except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError, KeyError) as error:
        raise ToolError(f"{path} does not answer `version -json`: {error}; {_INSTALL}") from error


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without credentials and without anything that changes what Terraform does."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(_DROPPED) or key.startswith("TF_VAR_")
    }
    # Nothing of EKS is there to wait for, see ``constructs.basis.iam``.
    unwaiting = {"LLMINFRA_SETTLE_S": "0"}
    return {
        **_GARBAGE,
        **kept,
        **unwaiting,
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        **extra,
    }


def run(
    binary: Binary,
    arguments: Sequence[str],
    directory: Path,
    variables: Mapping[str, str],
    on_message: Callable[[Mapping[str, Any]], None] | None = None,
) -> Run:
    """Run a command whose output is JSON, one message a line or one object.

    Raises:
        ToolError: the binary cannot be started, or hangs.
    """
    result = Run()
    try:
        process = subprocess.Popen(  # noqa: S603  the user's own binary
            [str(binary.path), *arguments],
            cwd=directory,
            env=environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise ToolError(f"{binary.path} could not be started: {error}") from error
    assert process.stdout is not None  # noqa: S101  asked for above
    lines: list[str] = []
    expired = threading.Event()

    def end() -> None:
        expired.set()
        process.kill()

    watch = threading.Timer(_TIMEOUT_S, end)
    watch.start()
    try:
        for line in process.stdout:
            lines.append(line)
            message = _parse(line)
            if message is not None:
                _take(result, message)
                if on_message is not None:
                    on_message(message)
        result.exit_code = process.wait()
    finally:
        watch.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
    if expired.is_set():
        raise ToolError(f"{binary} {arguments[0]} did not end within {_TIMEOUT_S} s")
    result.text = "".join(lines)
    if not result.diagnostics and not result.changes:
        _take_object(result)
    return result


def _parse(line: str) -> Mapping[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        message = json.loads(line)
    except json.JSONDecodeError:
        return None
    return message if isinstance(message, dict) and "type" in message else None


def _take(result: Run, message: Mapping[str, Any]) -> None:
    kind = message.get("type")
    if kind == "diagnostic":
        result.diagnostics.append(message["diagnostic"])
    elif kind == "planned_change":
        result.changes.append(message["change"])
    elif kind == "change_summary":
        result.summary = message["changes"]


def _take_object(result: Run) -> None:
    """`validate -json` prints one indented object."""
    try:
        data = json.loads(result.text)
    except json.JSONDecodeError:
        return
    if isinstance(data, dict):
        result.diagnostics.extend(data.get("diagnostics", ()))
