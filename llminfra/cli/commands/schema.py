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

    from llminfra.cli.files import write_file
    from llminfra.cli.terminal.output import write_json
    from llminfra.schema import json_schema

    if out is None:
        write_json(json_schema())
    else:
        write_file(out, json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
