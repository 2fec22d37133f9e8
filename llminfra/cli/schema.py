"""``llminfra schema``: the JSON schema of YAML specs, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def schema(
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File for the schema; default: stdout.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON schema of YAML specs: completion and checks in an editor."""
    import json  # loaded when the command runs

    from llminfra.cli.output import write_json
    from llminfra.schema import json_schema

    if out is None:
        write_json(json_schema())
    else:
        out.write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
