"""Endpoints outside the cluster, as the plan shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from llminfra.cli.plan_page.serving import model_line, note, serving_lines, spread_words, weights_words
from llminfra.cli.terminal.words import block_until, dot, duration, money, span, zones
from llminfra.planning.endpoints.contract import contract
from llminfra.planning.plan.serving import Ec2EndpointPlan

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.serving import SageMakerEndpointPlan

_KINDS = {"ec2": "EC2 instances", "sagemaker": "SageMaker, real time", "sagemaker-async": "SageMaker, asynchronous"}


def target_rows(plan: Plan, bar: int, *, why: bool) -> list[tuple[str, RenderableType]]:
    """Name and description of every endpoint on EC2 and SageMaker."""
    items: list[Ec2EndpointPlan | SageMakerEndpointPlan] = [*plan.ec2, *plan.sagemaker]
    return [(item.name, _target(item, plan, bar, why=why)) for item in items]


def _target(item: Ec2EndpointPlan | SageMakerEndpointPlan, plan: Plan, bar: int, *, why: bool) -> RenderableType:
    serving = item.serving
    each = money(item.usd_per_instance_hour, "no price known", " /h an instance")
    size = f"{item.on.instance_type} × {span(serving.min_replicas, serving.max_replicas)}"
    if serving.nodes > 1:
        replicas = "replica" if serving.max_replicas == 1 else "replicas"
        size = f"{serving.max_replicas} {replicas} of {serving.nodes} × {item.on.instance_type} over EFA"
    if isinstance(item, Ec2EndpointPlan):
        capacity = item.on.capacity
        bought = [f"{capacity.kind}{block_until(capacity)}"] if capacity.kind != "on-demand" else []
        patience = f"health checks count after {duration(item.grace_s)}"
    else:
        bought = []
        patience = f"SageMaker waits {duration(item.startup_timeout_s)}"
    where = dot(_KINDS[item.on.kind], size, *bought, zones(item.zones, plan.platform.region))
    known = item.usd_per_instance_hour
    price = "" if known is None else f"{serving.nodes} × ${known:,.2f} an hour for {item.on.instance_type}"
    reasons = [_patience(item)] if why else []
    lines: list[RenderableType] = [
        model_line(serving, each),
        Text(dot(where, spread_words(serving), f"{serving.engine} {serving.engine_version}")),
        *serving_lines(serving, bar, machine="an instance", patience=patience, why=why, price=price),
        *(note("", line) for line in reasons),
        Text(f"weights {weights_words(serving.weights)}", style="dim"),
        Text(f"called at {contract(item, plan).address}", style="dim"),
    ]
    return Group(*lines)


def _patience(item: Ec2EndpointPlan | SageMakerEndpointPlan) -> str:
    """How long a start may take, from its phases and the budget of the container."""
    startup = item.serving.startup
    budget = f"the budget of {startup.budget_s:,} s for the container"
    if isinstance(item, Ec2EndpointPlan):
        first = sum(phase.seconds for phase in startup.phases if phase.name in ("node", "image"))
        return f"start: {item.grace_s:,} s of grace: twice the {first:,.0f} s before, and {budget}, in whole minutes"
    return f"start: SageMaker waits {item.startup_timeout_s:,} s: {budget}, within what SageMaker allows"
