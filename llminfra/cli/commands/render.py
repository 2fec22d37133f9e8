"""``llminfra render``: the Kubernetes objects that the in-repo charts become."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llminfra.cli.options import Specs


def render(
    specs: Specs,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder: STACK/RELEASE.yaml; default: stdout.", show_default=False),
    ] = None,
) -> None:
    """Render every Kubernetes object of llminfra's own charts by Helm; upstream charts are fetched at apply time."""
    import sys  # loaded when the command runs

    from llminfra.cli.files import need_folder, write_file
    from llminfra.cli.work.planned import plan_for_synthesis
    from llminfra.cli.work.releases import render_releases
    from llminfra.cli.work.scratch import synthesized

    plans = plan_for_synthesis(specs)
    if out is not None:
        need_folder(out)
    with synthesized(plans, "render") as folder:
        rendered = render_releases(folder, plans)
    if out is None:
        for release in rendered.releases:
            sys.stdout.write(f"# {release.stack}: {release.name}\n{release.text.strip()}\n")
    else:
        for release in rendered.releases:
            path = out / release.stack / f"{release.name}.yaml"
            write_file(path, f"{release.text.strip()}\n")
            typer.echo(str(path))
    if rendered.upstream:
        typer.echo(f"not rendered, fetched at apply time: {', '.join(rendered.upstream)}", err=True)
