"""Synthesizing specs into a folder and saying what came out: the work of ``llminfra synth``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from llminfra.cli.terminal.failures import json_failures


def write_stacks(specs: Sequence[Path], out: Path | None, *, as_json: bool) -> None:
    """Write the stacks of every platform, and what was written on stdout.

    Args:
        specs: Spec files.
        out: Folder for the result; ``None``: what cdktf-cli names, else ``cdktf.out``.
        as_json: Print JSON instead of a table.

    Raises:
        SpecError: A spec failed, and JSON was not asked for.
        SystemExit: A spec failed, and that was told in JSON.
        UsageError: A file is missing, or no spec.
    """
    with json_failures(as_json):
        from llminfra.cli.extras import need  # heavy modules load as the work asks
        from llminfra.cli.terminal.output import print_result, stdout_console, working_on, write_json
        from llminfra.cli.work.planned import plan_for_synthesis

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
        from llminfra.cli.terminal.synth_table import synth_table  # rich only for people

        print_result(synth_table(result), stdout_console())
