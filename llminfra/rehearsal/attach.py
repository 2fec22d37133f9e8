"""The provider process of a rehearsal: one for all Terraform runs, so that none waits for a start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llminfra.diagnostics import ToolError
from llminfra.rehearsal.mirror import PROVIDER_MODULE
from llminfra.rehearsal.provider.settings import SETTINGS_VARIABLE


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where the commands in one stack's directory find what runs already.

    Attributes:
        providers: The value of ``TF_REATTACH_PROVIDERS``, for every command after ``init``.
        backend: Variables of the ``http`` backend, for every command; none where the state is a local file.
    """

    providers: str
    backend: Mapping[str, str]


@contextmanager
def attached(names: Sequence[str], settings: Path, log: Path) -> Iterator[dict[str, Attachment]]:
    """Run the providers; yields how each stack directory is attached.

    Raises:
        ToolError: the process did not start; the message holds its output.
    """
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (package, os.environ.get("PYTHONPATH", "")) if part)
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", PROVIDER_MODULE, "--attach", *names],
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
            yield {folder: _attachment(value) for folder, value in json.loads(line).items()}
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def _attachment(told: Mapping[str, Any]) -> Attachment:
    state = told["state"]
    return Attachment(json.dumps(told["providers"]), {"TF_HTTP_ADDRESS": state} if state else {})
