"""The commands of the program, one file each."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from llminfra.cli.commands import (
    catalog,
    check,
    diff,
    explain,
    fit,
    images,
    init,
    log,
    model,
    plan,
    rehearse,
    render,
    report,
    schema,
    synth,
)


class _Commands(TyperGroup):
    """The commands; an option of the wrong type is told with what was given."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the line names."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from pydantic import ValidationError  # only on failure; it reads options for typer

            from llminfra.planning.memory.inputs.refused import refusals

            if isinstance(error.__cause__, ValidationError):
                error.message = "; ".join(refusals(error.__cause__.errors(), lambda _name: "", repr)).strip()
            raise


app = typer.Typer(
    cls=_Commands,
    name="llminfra",
    help="Declare LLM serving on AWS in typed Python: proof that it fits, Terraform, Helm releases, a policy report.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("plan")(plan.plan)
app.command("synth")(synth.synth)
app.command("check")(check.check)
app.command("diff")(diff.diff)
app.command("render")(render.render)
app.command("images")(images.images)
app.command("rehearse")(rehearse.rehearse)
app.command("fit")(fit.fit)
app.command("log")(log.log)
app.command("report")(report.report)
app.command("explain")(explain.explain)
app.command("schema")(schema.schema)
app.command("init")(init.init)
app.add_typer(model.app)
app.add_typer(catalog.app)


@app.callback(invoke_without_command=True)
def _common(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if version:
        from llminfra import __version__  # only for this option

        typer.echo(f"llminfra {__version__}")
        raise typer.Exit
