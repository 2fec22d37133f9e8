"""``llminfra init``: a ready application repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder, new or without these files.")],
    name: Annotated[str | None, typer.Option(help="Name of the platform; default: the folder's.")] = None,
    yaml: Annotated[bool, typer.Option("--yaml", help="Write the spec in YAML; default: in Python.")] = False,
) -> None:
    """Write a ready application repository: spec, cdktf.json, pipeline, tests."""
    from llminfra.starter import spec_name, write_starter  # only for this command

    for path in write_starter(folder, name, yaml=yaml):
        typer.echo(str(path))
    typer.echo(f"\nnext: llminfra plan {folder / spec_name(yaml=yaml)}")
