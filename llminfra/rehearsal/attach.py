"""The provider process of a rehearsal: one for all Terraform runs, so that none waits for a start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from llminfra.diagnostics import ToolError
from llminfra.rehearsal.provider.settings import SETTINGS_VARIABLE

_MODULE = "llminfra.rehearsal.provider.serve"


@contextmanager
def attached(names: Sequence[str], settings: Path, log: Path) -> Iterator[dict[str, str]]:
    """Run the providers; yields the value of ``TF_REATTACH_PROVIDERS`` per stack directory.

    Raises:
        ToolError: the process did not start; the message holds its output.
    """
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (package, os.environ.get("PYTHONPATH", "")) if part)
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", _MODULE, "--attach", *names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, SETTINGS_VARIABLE: str(settings), "PYTHONPATH": path},
        )
        assert process.stdout is not None  # noqa: S101  asked for above
        assert process.stdin is not None  # noqa: S101  asked for above
        try:
            line = process.stdout.readline()
            if not line.startswith("{"):
                process.wait(timeout=10)
                raise ToolError(f"the simulated providers did not start: {log.read_text(encoding='utf-8').strip()}")
            yield {folder: json.dumps(value) for folder, value in json.loads(line).items()}
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
