"""Synthesizing into a folder that goes away: for commands whose result is not the Terraform."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.cli.extras import need
from llminfra.cli.terminal.output import working_on

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan


@contextmanager
def synthesized(plans: Sequence[Plan], command: str) -> Iterator[Path]:
    """A temporary folder with what ``llminfra synth`` writes for the plans.

    Raises:
        ToolError: Node is missing or failed.
    """
    with tempfile.TemporaryDirectory(prefix="llminfra-") as folder:
        out = Path(folder) / "cdktf.out"
        with working_on("synthesizing"):
            need("llminfra.compiler", command).compile_platforms(plans, out)
        yield out
