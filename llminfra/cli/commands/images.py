"""``llminfra images``: every container image and chart that a platform pulls, and from where."""

from __future__ import annotations

from typing import Annotated

import typer

from llminfra.cli.options import AsJson, Specs


def images(
    specs: Specs,
    as_json: AsJson = False,
    missing: Annotated[
        bool, typer.Option("--to-copy", help="Only what somebody must put into the mirror (ImageMirror).")
    ] = False,
) -> None:
    """List the images and charts of every platform: its publisher's name of each, and what is pulled instead."""
    from llminfra.cli.terminal.failures import json_failures  # loaded when the command runs
    from llminfra.cli.terminal.images_list import images_json, print_images
    from llminfra.cli.terminal.output import write_json
    from llminfra.compiler.images import chart_uses, image_uses
    from llminfra.planning.specs import plan_specs

    with json_failures(as_json):
        found = []
        for plan in plan_specs(specs):
            mirrored = [item for item in image_uses(plan) if not missing or item.repository is not None]
            charts = [item for item in chart_uses(plan) if not missing or item.repository is not None]
            found.append((plan.platform.name, mirrored, charts))
    if as_json:
        write_json({"ok": True, "platforms": [images_json(*item) for item in found]})
        return
    for item in found:
        print_images(*item)
