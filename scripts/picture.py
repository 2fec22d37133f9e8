"""Draws docs/images/plan.svg: what `llminfra plan stacks/prod.py` prints, from the real output.

Run it after a change of the plan's page: `python scripts/picture.py`.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from llminfra.cli.plan_page.view import plan_view
from llminfra.planning.specs import plan_specs

ROOT = Path(__file__).resolve().parents[1]
SPEC = Path("stacks/prod.py")
PICTURE = ROOT / "docs" / "images" / "plan.svg"
WIDTH = 92
# A picture in a repository fetches nothing: the reader's own monospace font serves.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def draw() -> str:
    """The picture as SVG text."""
    console = Console(file=io.StringIO(), record=True, width=WIDTH, force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "bold green"), f"llminfra plan {SPEC}"), highlight=False)
    for plan in plan_specs([ROOT / SPEC]):
        console.print(plan_view(plan, WIDTH))
    svg = console.export_svg(title="llminfra", theme=DIMMED_MONOKAI, code_format=FORMAT, unique_id="plan")
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw(), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
