"""Entry point: the commands, and what their outcomes mean as exit codes (0 fine, 1 the spec failed, 2 usage)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# Entry points of installed pydantic plug-ins are searched on import; the command line uses none of them.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

import typer

from llminfra.cli import explain, fit, plan, schema, synth
from llminfra.diagnostics import LlminfraError, SpecError, UsageError

app = typer.Typer(
    name="llminfra",
    help="Declare LLM serving on AWS in typed Python: proof that it fits, Terraform, Helm releases, a policy report.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("plan")(plan.plan)
app.command("synth")(synth.synth)
app.command("fit")(fit.fit)
app.command("explain")(explain.explain)
app.command("schema")(schema.schema)


@app.callback(invoke_without_command=True)
def _common(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if version:
        from llminfra import __version__  # noqa: PLC0415  # only for this option

        typer.echo(f"llminfra {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Command line without the program's name; ``None``: that of the process.

    Returns:
        0 when all is fine, 1 when the spec or a check failed, 2 when the command was called wrongly.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows question marks instead of a traceback
    try:
        app(args=None if arguments is None else list(arguments), prog_name="llminfra")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except SpecError as error:
        from llminfra.cli.findings import print_findings  # noqa: PLC0415  # only on failure

        print_findings(error.diagnostics)
        return 1
    except UsageError as error:
        typer.echo(f"llminfra: {error}", err=True)
        return 2
    except LlminfraError as error:
        typer.echo(f"llminfra: {error}", err=True)
        return 1
    return 0
