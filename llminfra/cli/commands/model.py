"""``llminfra model fetch``: a model's configuration and exact size from the Hub, as a file that a spec names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llminfra.catalog.container_env import HUB_TOKEN
from llminfra.cli.options import AsJson

app = typer.Typer(name="model", help="Models of the Hugging Face Hub.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Models of the Hugging Face Hub."""


@app.command("fetch")
def fetch(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Repository, such as Qwen/Qwen3-32B.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write; NAME.json of the model without it.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit; the head of main without it.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="URL of the Hub; HF_ENDPOINT or the public Hub.")] = None,
    token_env: Annotated[str, typer.Option(help="Environment variable that holds the token.")] = HUB_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Read config.json and the headers of the safetensors files; weights are not downloaded."""
    from llminfra.cli.terminal.output import working_on, write_json  # loaded when the command runs
    from llminfra.hub import fetch_model, write_model_file

    with working_on(f"asking the Hub about {model}"):
        found = fetch_model(model, revision, endpoint=endpoint, token_env=token_env)
    path = output or Path(f"{model.rpartition('/')[2]}.json")
    write_model_file(found, path)
    if as_json:
        write_json(
            {
                "model_id": found.model_id,
                "revision": found.revision,
                "gated": found.gated,
                "weights_bytes": found.weights_bytes,
                "parameters": found.parameters,
                "files": list(found.files),
                "path": str(path),
            }
        )
        return
    size = "no safetensors" if found.weights_bytes is None else f"{found.weights_bytes / 1e9:,.1f} GB of weights"
    typer.echo(f"{path}: {found.model_id} at {found.revision}, {size}{', gated' if found.gated else ''}")
    typer.echo("fields of the model in a spec:")
    for field, value in (("id", found.model_id), ("revision", found.revision), ("config", path.as_posix())):
        typer.echo(f"  {f'{field}:':<9} {value}")
