"""Every model that a plan serves, wherever it runs, in the words that the page needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.cli.terminal.words import count, span
from llminfra.planning.endpoints.contract import contract, parameter_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.serving import Ec2EndpointPlan, SageMakerEndpointPlan, ServingPlan
    from llminfra.planning.plan.targets import BatchPlan

_SAGEMAKER = {"sagemaker": "SageMaker, real time", "sagemaker-async": "SageMaker, asynchronous"}


class Served(Struct, frozen=True, kw_only=True):
    """A served model.

    Attributes:
        name: Of the endpoint or the batch job.
        plan: Model, engine, memory, start and speed.
        place: Where it runs, for people.
        machine: Instance type.
        zones: Availability zones.
        gpus: GPUs (or shares of them) of one machine.
        machines: Machines of one replica.
        scale: How many, for people.
        address: Where callers find it; empty for batch jobs.
        parameter: SSM parameter with the contract; empty for batch jobs.
        usd_per_hour: Price of one replica or instance.
    """

    name: str
    plan: ServingPlan
    place: str
    machine: str
    zones: tuple[str, ...]
    gpus: int
    machines: int
    scale: str
    address: str
    parameter: str
    usd_per_hour: float | None

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return f"model-{self.name}"


def served(plan: Plan) -> tuple[Served, ...]:
    """Endpoints on pools, on EC2 and on SageMaker, then batch jobs."""
    return tuple(_served(plan))


def _served(plan: Plan) -> Iterator[Served]:
    for item in plan.endpoints:
        pool = plan.pool(item.pool)
        router = next((each for each in plan.routers if each.name == item.part_of), None)
        yield Served(
            name=item.name,
            plan=item,
            place=f"EKS, pool {item.pool}",
            machine=item.instance_type,
            zones=pool.zones,
            gpus=pool.gpus_per_node,
            machines=item.nodes,
            scale=_scale(item, plan),
            address=contract(router or item, plan).address,
            parameter=parameter_name(plan.platform.name, item.called),
            usd_per_hour=item.usd_per_replica_hour,
        )
    outside: list[Ec2EndpointPlan | SageMakerEndpointPlan] = [*plan.ec2, *plan.sagemaker]
    for each in outside:
        yield Served(
            name=each.name,
            plan=each.serving,
            place=_SAGEMAKER.get(each.on.kind, "EC2 instances"),
            machine=each.on.instance_type,
            zones=each.zones,
            gpus=max(1, each.serving.parallelism.gpus // max(1, each.serving.nodes)),
            machines=each.serving.nodes,
            scale=_replicas(each.serving.min_replicas, each.serving.max_replicas),
            address=contract(each, plan).address,
            parameter=parameter_name(plan.platform.name, each.name),
            usd_per_hour=each.usd_per_instance_hour,
        )
    yield from map(_batch, plan.batches)


def _batch(item: BatchPlan) -> Served:
    return Served(
        name=item.name,
        plan=item.serving,
        place="AWS Batch",
        machine=item.machine.main_type.name,
        zones=item.zones,
        gpus=item.gpus,
        machines=1,
        scale=f"{count(item.spec.jobs, 'job')}, at most {count(item.spec.on.max_instances, 'instance')}",
        address="",
        parameter="",
        usd_per_hour=item.machine.usd_per_node_hour,
    )


def _scale(item: EndpointPlan, plan: Plan) -> str:
    """Replicas, and those that an overflow adds or stands beside."""
    own = _replicas(item.min_replicas, item.max_replicas)
    beyond = plan.overflow_of(item.name)
    if beyond is not None:
        return f"{own}, and {span(beyond.min_replicas, beyond.max_replicas)} on {beyond.pool} while requests wait"
    return own if item.overflow is None else f"{own} beyond {item.called}'s own"


def _replicas(least: int, most: int) -> str:
    return f"{span(least, most)} {'replica' if most == 1 else 'replicas'}"
