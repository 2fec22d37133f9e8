"""What ``llminfra synth`` prints: the stacks in the order of their application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from llminfra.cli.terminal.words import count

if TYPE_CHECKING:
    from llminfra.compiler import SynthResult


def synth_table(result: SynthResult) -> RenderableType:
    """A row per stack, and what to do next."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("stack", style="bold")
    table.add_column("resources", justify="right")
    table.add_column("after", style="dim", overflow="fold")
    for item in result.stacks:
        after = (name.removeprefix(f"{item.platform}-") for name in item.dependencies)
        table.add_row(item.name, str(item.resources), ", ".join(after) or "–")
    first = result.stacks[0].path if result.stacks else result.out_dir
    total = sum(item.resources for item in result.stacks)
    return Group(
        Text.assemble(
            (str(result.out_dir), "bold"), f": {count(len(result.stacks), 'stack')}, {count(total, 'resource')}"
        ),
        table,
        Text(f"next: terraform -chdir={first} init", style="dim"),
    )
