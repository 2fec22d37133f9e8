"""``llminfra log``: what an engine printed while it started, beside the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llminfra.cli.options import AsJson


def log(
    file: Annotated[
        Path, typer.Argument(metavar="LOG", help="What vLLM, SGLang or TGI printed, - for stdin.", allow_dash=True)
    ],
    specs: Annotated[
        list[Path] | None, typer.Argument(metavar="SPEC…", help="Specs: the plan of their endpoint is what is held.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Endpoint of the specs; without it the one that serves the model.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Hugging Face id of the model, where the log names a folder.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Its config.json, or its folder, for a model that the catalog lacks.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="GPU such as H100-80GB, or an EC2 instance type.")] = None,
    engine_version: Annotated[
        str | None, typer.Option(help="Release, which SGLang does not print, and TGI not by name; as the log says.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read what an engine printed while it started, and put it beside what is planned.

    Without a SPEC, the plan is that of the settings which the log prints. Exits with 1 where the engine did not start,
    where it has less memory for the cache than the plan may be wrong by, and where it runs with other settings than the
    spec declares.
    """
    from llminfra.cli.work.start_log import show_log  # when it runs

    given = {"model": model, "gpu": gpu, "engine_version": engine_version}
    stated = {name: value for name, value in given.items() if value is not None}
    if not show_log(file, specs or [], endpoint=endpoint, given=stated, config=config, as_json=as_json):
        raise typer.Exit(1)
