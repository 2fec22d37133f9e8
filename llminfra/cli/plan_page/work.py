"""The part of the plan's page that is about queues, batch jobs and Bedrock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from llminfra.cli.plan_page.serving import model_line, note, serving_lines, spread_words, weights_words
from llminfra.cli.plan_page.why import price_share
from llminfra.cli.terminal.words import block_until, count, dot, duration, money, token_price, zones

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.targets import AsyncPlan, BatchPlan, BedrockModelPlan


def queue_rows(plan: Plan) -> list[tuple[str, RenderableType]]:
    """Queues in front of endpoints."""
    return [(item.name, _queue(item)) for item in plan.async_endpoints]


def batch_rows(plan: Plan, bar: int, *, why: bool) -> list[tuple[str, RenderableType]]:
    """Jobs on AWS Batch."""
    return [(item.name, _batch(item, plan.platform.region, bar, why=why)) for item in plan.batches]


def bedrock_rows(plan: Plan) -> list[tuple[str, RenderableType]]:
    """Models that Bedrock hosts."""
    return [(item.name, _model(item)) for item in plan.bedrock.models] if plan.bedrock else []


def _queue(item: AsyncPlan) -> RenderableType:
    spec = item.spec
    how = f"endpoint {item.behind}" + (f" at {item.url}" if item.url else " through SageMaker")
    workers = item.workers
    by = f"0…{count(workers.most, 'pod')}, {workers.concurrency} each" if workers else "an AWS Lambda function"
    return Group(
        Text(dot(how, by, f"{spec.max_concurrency} requests at once", f"{duration(spec.request_timeout_s)} each")),
        Text(
            dot(
                "hidden while it is worked on" if workers else f"hidden for {duration(item.visibility_s)} once taken",
                f"dead after {count(spec.attempts, 'attempt')}",
                f"waits {count(spec.retention_days, 'day')} at most",
                f"answers kept {count(spec.results_days, 'day')}",
            ),
            style="dim",
        ),
    )


def _batch(item: BatchPlan, region: str, bar: int, *, why: bool) -> RenderableType:
    on, serving = item.spec.on, item.serving
    price = money(item.machine.usd_per_node_hour, "no price known", " /h an instance")
    buys = "spot, else on demand" if on.spot and on.on_demand else "spot" if on.spot else "on demand"
    buys = f"{buys} from a {on.reservation.kind}{block_until(on.reservation)}" if on.reservation else buys
    types = " or ".join(each.name for each in item.machine.instance_types)
    spread = [f"{serving.nodes} a job over EFA"] if serving.nodes > 1 else []
    return Group(
        model_line(serving, price),
        Text(dot(f"{types} × 0…{on.max_instances}", buys, *spread, zones(item.zones, region))),
        Text(
            dot(
                spread_words(serving),
                f"{serving.engine} {serving.engine_version}",
                count(item.spec.jobs, "job"),
                item.spec.schedule or "submitted by hand",
            )
        ),
        *serving_lines(
            serving,
            bar,
            machine="an instance",
            patience=f"a job waits {duration(item.start_timeout_s)}",
            why=why,
            price=price_share(serving.parallelism.gpus, item.machine),
        ),
        *_all_jobs(item),
        Text(f"weights {weights_words(serving.weights)}", style="dim"),
        Text(f"{item.spec.input} to {item.spec.output}", style="dim"),
    )


def _all_jobs(item: BatchPlan) -> Iterator[RenderableType]:
    """How long all jobs together take for many requests of the estimate's size, what that costs, what holds it up."""
    serving, sent, speed = item.serving, item.spec.concurrency, item.serving.performance
    full = speed.full if speed is not None else None
    if speed is None or full is None or full.load.heard_s:
        return
    at_once = min(item.spec.jobs, item.spec.on.max_instances // serving.nodes)
    per_s = (
        full.input_tokens_per_s / full.load.prompt_tokens
        if speed.whole
        else full.output_tokens_per_s / full.load.output_tokens
    )
    hours = _MANY / per_s / at_once / 3600
    each = serving.usd_per_replica_hour
    price = money(None if each is None else each * hours * at_once, "", " at that price")
    size = f"{full.load.prompt_tokens:,} tokens in" + (f", {full.load.output_tokens:,} out" if not speed.whole else "")
    where = f"on {count(at_once * serving.nodes, 'full instance')}"
    yield Text(dot(f"≈ a million requests ({size}) in {duration(hours * 3600)} {where}", price))
    if sent < full.load.concurrency:
        yield note("tip", f"concurrency is {sent}: with {full.load.concurrency} in flight an engine is full")


_MANY = 1_000_000
"""Requests of a run that is told: nobody says how many there will be."""


def _model(item: BedrockModelPlan) -> RenderableType:
    through = f"profile {item.profile}" if item.profile else "the region's own model"
    lines = [dot(item.spec.id, through, f"answered in {', '.join(item.regions)}")]
    return Group(*(Text(line) for line in (*lines, token_price(item.tokens))))
