"""``llminfra catalog refresh``: today's prices from AWS, into a file that plans can be made with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="catalog", help="Facts that plans are made with.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Facts that plans are made with."""


@app.command("refresh")
def refresh(
    region: Annotated[str, typer.Option(help="AWS region of the prices.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")] = Path("prices.json"),
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Instance type; all of the catalog without it.")
    ] = None,
) -> None:
    """Ask AWS for prices: instances on demand, reserved, by savings plan, spot and capacity block, and services.

    Services are what else a plan counts: clusters, NAT gateways, VPC endpoints, load balancers, volumes, file systems.
    Uses the credentials of the environment, as the AWS command line does. Set LLMINFRA_PRICES to the file to plan with
    it.
    """
    from llminfra.catalog import regions  # loaded when the command runs
    from llminfra.catalog.price_file import VARIABLE
    from llminfra.catalog.price_list import PRICE_LIST_REGION
    from llminfra.catalog.refresh import refresh_prices
    from llminfra.cli.extras import need
    from llminfra.cli.files import write_file
    from llminfra.cli.terminal.output import working_on
    from llminfra.diagnostics import ToolError, UsageError

    if regions.get(region) is None:
        close = ", ".join(regions.suggest(region)) or "us-east-1"
        msg = f"no region is called {region!r}; did you mean {close}?"
        raise UsageError(msg)
    boto3 = need("boto3", "catalog refresh", "aws")
    refused = need("botocore.exceptions", "catalog refresh", "aws")
    try:
        with working_on(f"asking AWS for prices in {region}"):
            found, problems = refresh_prices(
                region,
                pricing=boto3.client("pricing", region_name=PRICE_LIST_REGION),
                ec2=boto3.client("ec2", region_name=region),
                savings_plans=boto3.client("savingsplans", region_name=PRICE_LIST_REGION),
                instance_types=types,
                refusals=(refused.ClientError,),
            )
    except refused.BotoCoreError as error:
        msg = f"AWS cannot be asked: {error}"
        raise ToolError(msg) from None
    for problem in problems:
        typer.echo(f"no price: {problem}", err=True)
    write_file(output, found.model_dump_json(indent=1) + "\n")
    had = f"{len(found.prices)} instance types and {len(found.services)} services"
    typer.echo(f"{output}: prices of {had} in {region} on {found.date}")
    typer.echo(f"export {VARIABLE}={output.resolve()}")
