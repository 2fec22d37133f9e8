"""``llminfra synth``: a spec becomes Terraform JSON and Helm charts in a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from llminfra.cli.failures import json_failures
from llminfra.cli.options import AsJson, Specs


def synth(
    specs: Specs,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the result; default: cdktf.out.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the Terraform stacks of every platform, and the charts they install."""
    with json_failures(as_json):
        from llminfra.cli.extras import need  # noqa: PLC0415  # heavy modules load inside the command
        from llminfra.cli.output import print_result, stdout_console, working_on, write_json  # noqa: PLC0415
        from llminfra.cli.planned import plan_for_synthesis  # noqa: PLC0415

        plans = plan_for_synthesis(specs)
        # cdktf-cli tells its app by this variable where to write.
        folder = out or Path(os.environ.get("CDKTF_OUTDIR") or "cdktf.out")
        with working_on("synthesizing"):
            result = need("llminfra.compiler", "synth").compile_platforms(plans, folder)
        if as_json:
            write_json(
                {
                    "ok": True,
                    "out_dir": str(result.out_dir),
                    "manifest": str(result.manifest),
                    "stacks": [
                        {
                            "name": item.name,
                            "platform": item.platform,
                            "path": str(item.path),
                            "dependencies": list(item.dependencies),
                            "resources": item.resources,
                        }
                        for item in result.stacks
                    ],
                    "diagnostics": [item.to_dict() for plan in plans for item in plan.diagnostics],
                }
            )
            return
        from llminfra.cli.synth_table import synth_table  # noqa: PLC0415  # rich only for people

        print_result(synth_table(result), stdout_console())
