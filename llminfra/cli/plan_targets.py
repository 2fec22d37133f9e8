"""Endpoints outside the cluster, as the plan shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from llminfra.cli.memory_bar import memory_bar
from llminfra.cli.words import dot, duration, money, span, zones
from llminfra.planning.contract import contract
from llminfra.planning.serving_plan import Ec2EndpointPlan

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.serving_plan import SageMakerEndpointPlan

_KINDS = {"ec2": "EC2 instances", "sagemaker": "SageMaker, real time", "sagemaker-async": "SageMaker, asynchronous"}


def target_rows(plan: Plan, bar: int) -> list[tuple[str, RenderableType]]:
    """Name and description of every endpoint on EC2 and SageMaker."""
    items: list[Ec2EndpointPlan | SageMakerEndpointPlan] = [*plan.ec2, *plan.sagemaker]
    return [(item.name, _target(item, plan, bar)) for item in items]


def _target(item: Ec2EndpointPlan | SageMakerEndpointPlan, plan: Plan, bar: int) -> RenderableType:
    serving = item.serving
    cold = sum(phase.seconds for phase in serving.startup.phases)
    price = money(item.usd_per_instance_hour, "no price known", " /h an instance")
    size = f"{item.on.instance_type} × {span(serving.min_replicas, serving.max_replicas)}"
    if serving.nodes > 1:
        replicas = "replica" if serving.max_replicas == 1 else "replicas"
        size = f"{serving.max_replicas} {replicas} of {serving.nodes} × {item.on.instance_type} over EFA"
    bought = (
        [item.on.capacity.kind] if isinstance(item, Ec2EndpointPlan) and item.on.capacity.kind != "on-demand" else []
    )
    where = dot(_KINDS[item.on.kind], size, *bought, zones(item.zones, plan.platform.region), price)
    spread = f"{serving.parallelism.gpus} GPUs" if serving.parallelism.gpus > 1 else "1 GPU"
    lines = [
        Text(dot(serving.model_id, f"{serving.engine} {serving.engine_version}", spread, serving.parallelism_why)),
        Text(where, style="dim"),
        memory_bar(serving.fit, bar),
        Text(
            f"cold start about {duration(cold)} on a new instance; weights {serving.weights.read_source}", style="dim"
        ),
        Text(f"called at {contract(item, plan).address}", style="dim"),
    ]
    return Group(*lines)
