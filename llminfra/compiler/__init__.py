"""Plans in, Terraform out: the only caller of constructs, and the only place that knows how state is split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.compiler.result import StackInfo, SynthResult

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

__all__ = ["StackInfo", "SynthResult", "compile_platforms"]


def compile_platforms(plans: Sequence[Plan], out_dir: Path) -> SynthResult:
    """Write the Terraform of planned platforms; see :func:`llminfra.compiler.compile.compile_platforms`."""
    from llminfra.compiler.compile import compile_platforms as compile_all  # noqa: PLC0415  # loads every construct

    return compile_all(plans, out_dir)
