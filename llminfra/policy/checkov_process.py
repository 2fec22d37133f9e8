"""checkov as a process that starts early: it imports while synth runs, and answers one request."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from llminfra.diagnostics import ToolError

PYTHON_VARIABLE = "LLMINFRA_CHECKOV_PYTHON"
"""Environment variable with the Python that has checkov, where it is another one than ours."""

_WORKER = Path(__file__).with_name("checkov_worker.py")
_TIMEOUT_S = 300.0
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "SYSTEMROOT", "USERPROFILE")


@dataclass(frozen=True, slots=True)
class CheckovRecord:
    """One failed check, as checkov says it."""

    framework: str
    check: str
    name: str
    resource: str
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckovAnswer:
    """What checkov found.

    Attributes:
        records: Failed checks.
        passed: Number of passed checks.
        frameworks: Frameworks that ran.
        problems: What it could not read or run.
        version: checkov's version.
        run_s: Seconds of its runs, without import.
    """

    records: tuple[CheckovRecord, ...]
    passed: int
    frameworks: tuple[str, ...]
    problems: tuple[str, ...]
    version: str
    run_s: float


def available(python: str | None = None) -> bool:
    """Whether checkov is there: in this environment, or under the Python that the variable names."""
    if python or os.environ.get(PYTHON_VARIABLE):
        return True
    return importlib.util.find_spec("checkov") is not None


class CheckovProcess:
    """A running worker; a context manager that never leaves the process behind."""

    def __init__(self, python: str | None = None) -> None:
        """Start the worker; it imports checkov on its own.

        Args:
            python: Interpreter with checkov; ``None``: ``LLMINFRA_CHECKOV_PYTHON`` or ours.
        """
        interpreter = python or os.environ.get(PYTHON_VARIABLE) or sys.executable
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        try:
            self._process = subprocess.Popen(  # noqa: S603  # our own script, no shell
                [interpreter, "-I", "-W", "ignore", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
            )
        except OSError as error:
            self._log.close()
            msg = f"cannot start {interpreter} for checkov: {error.strerror}"
            raise ToolError(msg) from None

    def run(
        self,
        *,
        terraform_json: list[str],
        kubernetes: list[str],
        secrets: list[str],
        external_dirs: list[str],
        timeout_s: float = _TIMEOUT_S,
    ) -> CheckovAnswer:
        """Check files; each list is for the framework of its name.

        Args:
            terraform_json: Synthesized stacks.
            kubernetes: Rendered manifests.
            secrets: Files to look for secrets in.
            external_dirs: Folders with checkov policies of the application.
            timeout_s: Seconds after which the worker is given up.

        Raises:
            ToolError: checkov is missing there, crashed, or took too long.
        """
        request = {
            "terraform_json": terraform_json,
            "kubernetes": kubernetes,
            "secrets": secrets,
            "external_dirs": external_dirs,
        }
        timer = threading.Timer(timeout_s, self._process.kill)
        timer.start()
        try:
            ready = self._read()
            if not ready.get("ready"):
                msg = f"checkov cannot be imported: {ready.get('reason', 'no reason given')}"
                raise ToolError(msg)
            self._write(request)
            answer = self._read()
        finally:
            timer.cancel()
            self.close()
        return CheckovAnswer(
            records=tuple(CheckovRecord(**item) for item in answer["findings"]),
            passed=int(answer["passed"]),
            frameworks=tuple(answer["frameworks"]),
            problems=tuple(answer["problems"]),
            version=str(ready["version"]),
            run_s=float(answer["run_s"]),
        )

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End the process, whatever it does; safe to call again."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, document: dict[str, Any]) -> None:
        stream = self._process.stdin
        if stream is None:
            self._fail("has no input")
        try:
            stream.write(json.dumps(document).encode() + b"\n")
            stream.flush()
        except OSError:
            self._fail("ended before it was asked")

    def _read(self) -> dict[str, Any]:
        stream = self._process.stdout
        line = b"" if stream is None or stream.closed else stream.readline()
        try:
            document: object = json.loads(line)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            self._fail("gave no answer")
        return document

    def _fail(self, what: str) -> NoReturn:
        self._process.kill()
        code = self._process.wait()
        tail: list[str] = []
        if not self._log.closed:
            self._log.seek(0)
            tail = self._log.read().decode("utf-8", "replace").strip().splitlines()[-3:]
        msg = f"checkov's process {what} (exit code {code})" + (f": {' / '.join(tail)}" if tail else "")
        raise ToolError(msg)
