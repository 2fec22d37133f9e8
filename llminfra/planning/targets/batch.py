"""Offline jobs on AWS Batch: the model fits the instances, and a job has an instance to itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.catalog import prices
from llminfra.planning.cost.hourly import cost_line
from llminfra.planning.findings import Findings
from llminfra.planning.hardware.nics import Nic
from llminfra.planning.plan.targets import BatchPlan
from llminfra.planning.serving.serving import plan_serving
from llminfra.planning.serving.site import Site
from llminfra.planning.serving_targets.machines import machine, one_machine, report_idle_gpus, whole_instance, zones_of
from llminfra.planning.start.startup import start_of_a_job
from llminfra.planning.targets.batch_checks import check_fabric, check_image, check_lines
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.endpoint import Endpoint

if TYPE_CHECKING:
    from llminfra.diagnostics import Diagnostic
    from llminfra.planning.plan import CostLine
    from llminfra.planning.plan.infrastructure import NetworkPlan, PoolPlan
    from llminfra.spec.platform import Platform
    from llminfra.spec.services.batch import BatchInference

# The engine's image is 15 to 20 GB, packed and unpacked, beside the system's 30 GiB; weights from the Hub lie in the
# container's file system.
_ROOT_GIB = 120
_WEIGHTS_MARGIN = 1.2
# EC2 gives two minutes' notice of a spot interruption; the rest is for writing what is done.
_SPOT_DRAIN_S = 90
_ENGINES = frozenset({"vllm", "sglang"})


def plan_batches(platform: Platform, network: NetworkPlan, findings: Findings) -> tuple[BatchPlan, ...]:
    """Plan every batch that can be planned; the others leave findings."""
    planned = [_plan(item, platform, network, findings) for item in platform.batches if is_planned(item)]
    return tuple(item for item in planned if item is not None)


def batch_costs(platform: Platform, batches: tuple[BatchPlan, ...]) -> tuple[CostLine, ...]:
    """Nothing without jobs; at most, every instance at the on-demand price.

    AWS Batch bounds a compute environment, not a queue: jobs that find the spot environment full go on to the other.
    """
    return tuple(
        cost_line(
            f"batches.{item.name}",
            f"{item.machine.main_type.name} × 0…{_most(item)}, while jobs run",
            prices.on_demand_usd_per_hour(item.machine.main_type.name, platform.region),
            0,
            _most(item),
            "at the on-demand price; spot costs less and changes by the day" if item.spec.on.spot else "",
        )
        for item in batches
    )


def _most(item: BatchPlan) -> int:
    """Instances of both environments."""
    return item.spec.on.max_instances * (item.spec.on.spot + item.spec.on.on_demand)


def is_planned(item: BatchInference) -> bool:
    """Whether nothing of it was refused when it was read."""
    parts = (item, *(item.__dict__.get(name) for name in ("on", "model", "engine")))
    return not any(part is None or part.broken for part in parts)


def _plan(item: BatchInference, platform: Platform, network: NetworkPlan, findings: Findings) -> BatchPlan | None:
    """Judge the batch as an endpoint with one replica, and tell what is found under the batch's own path."""
    _check_references(item, platform, findings)
    endpoint = Endpoint(
        name=item.name,
        model=item.model,
        engine=item.engine,
        on=GpuPool(name=item.name, instance_types=item.on.instance_types),
        parallelism=item.parallelism,
        weights=item.weights,
    )
    if item.origin:
        endpoint.at(*item.origin)
        endpoint.on.at(*(item.on.origin or item.origin))
    own = Findings()
    plan = _judge(item, endpoint, platform, network, own)
    for each in own.items:
        found = _moved(each, item.name)
        if found not in findings.items:
            findings.items.append(found)
    return plan


def _moved(found: Diagnostic, name: str) -> Diagnostic:
    """The finding at the place where the batch was declared; the first match wins."""
    moves = {
        f"endpoints.{name}.on.instance_type": f"batches.{name}.on.instance_types",
        f"endpoints.{name}": f"batches.{name}",
        f"pools.{name}": f"batches.{name}.on",
    }
    for old, new in moves.items():
        if found.path == old or found.path.startswith((f"{old}.", f"{old}[")):
            return replace(found, path=new + found.path.removeprefix(old))
    return found


def _judge(
    item: BatchInference, endpoint: Endpoint, platform: Platform, network: NetworkPlan, findings: Findings
) -> BatchPlan | None:
    pool = _machine(item, endpoint, platform, findings)
    zones = zones_of(endpoint, tuple(item.on.zones), platform, network, findings)
    if pool is None or zones is None or not check_fabric(item, pool, findings):
        return None
    larger = "set efa=True and spot=False, use a larger instance type, or quantize"
    if not item.on.efa and not one_machine(endpoint, pool, findings, fix=larger):
        return None
    if item.on.efa or item.on.reservation is not None:
        zones = zones[:1]
    if item.engine.kind not in _ENGINES:
        findings.error(
            "LLM_BAT_3",
            item,
            f"endpoints.{item.name}.engine",
            "the batch runner knows how vLLM and SGLang start; other engines have not been tried with it",
            found=item.engine.kind,
            expected="VLLM(…) or SGLang(…)",
            fix="use VLLM(…)",
        )
        return None
    serving = plan_serving(endpoint, Site(pool=pool, platform=platform, lustre=()), findings)
    if serving is None or not check_lines(item, serving, findings) or not check_image(item, serving, findings):
        return None
    serving = replace(whole_instance(serving, pool), startup=start_of_a_job(serving.startup, serving.weights))
    nodes = serving.nodes
    if nodes > item.on.max_instances:
        findings.error(
            "LLM_FIT_6",
            item,
            f"endpoints.{item.name}.on.max_instances",
            "one job needs more instances than the queue can ever have",
            found=f"{nodes} instances",
            expected=f"at most {item.on.max_instances}",
            fix=f"set max_instances={nodes}",
        )
        return None
    report_idle_gpus(endpoint, pool, serving, findings)
    weights_gib = math.ceil(serving.weights.bytes_total / 2**30 * _WEIGHTS_MARGIN)
    smallest = min(pool.instance_types, key=lambda each: (each.vcpu, each.memory_mib))
    if nodes > 1 and item.runner_image is not None:
        findings.warning(
            "LLM_SPEC_8",
            item,
            f"batches.{item.name}.runner_image",
            "a job that spans instances has its runner in the engine's container",
            found="runner_image is set",
            expected="runner_image for a model that fits one instance",
            fix="leave runner_image out: the image of the engine needs Python and boto3",
        )
    return BatchPlan(
        name=item.name,
        spec=item,
        serving=serving,
        machine=pool,
        zones=zones,
        root_volume_gib=item.on.root_volume_gib or _ROOT_GIB + (weights_gib if serving.weights.kind == "hub" else 0),
        vcpus=smallest.vcpu,
        memory_mib=_memory_mib(pool, serving.resources.memory_mib, serving.parallelism.gpus // nodes),
        gpus=pool.gpus_per_node,
        # AWS Batch counts vCPUs: with those of a larger type there would be more of the smaller ones.
        max_vcpus=item.on.max_instances * smallest.vcpu,
        start_timeout_s=serving.startup.budget_s,
        drain_s=_SPOT_DRAIN_S,
        nics=_job_nics(pool) if nodes > 1 else (),
    )


def _job_nics(pool: PoolPlan) -> tuple[Nic, ...]:
    """All EFA cards, and a free place on card 0, where AWS Batch attaches the interface of the job's container.

    AWS' own templates for multi-node jobs leave it free, too (aws-samples/awsome-distributed-training
    1.architectures/3.aws-batch/0.aws-batch-distributed-training-p5.yaml).
    """
    primary = any(card.efa for card in pool.main_type.network_cards if card.index == 0)
    rest = (nic for nic in pool.nics if nic.network_card_index > 0)
    return Nic(0, 0, "efa" if primary else "interface"), *rest


def _memory_mib(pool: PoolPlan, share_mib: int, gpus: int) -> int:
    """Memory of the whole instance, of which the planner gave the replica's part."""
    return share_mib * pool.gpus_per_node // gpus


def _machine(item: BatchInference, endpoint: Endpoint, platform: Platform, findings: Findings) -> PoolPlan | None:
    """All instance types as one pool; they have the same GPUs."""
    pools = []
    for name in item.on.instance_types:
        price = prices.on_demand_usd_per_hour(name, platform.region)
        pools.append(
            machine(endpoint, name, platform, findings, usd_per_hour=price.usd if price else None, efa=item.on.efa)
        )
    known = [pool for pool in pools if pool is not None]
    if len(known) < len(pools):
        return None
    if len({(pool.gpu, pool.gpus_per_node, pool.main_type.arch) for pool in known}) > 1:
        findings.error(
            "LLM_BAT_1",
            item,
            f"endpoints.{item.name}.on.instance_types",
            "the types of a queue must have the same GPUs and architecture: one job definition serves them all",
            found=", ".join(f"{pool.name} ({pool.gpus_per_node} × {pool.gpu})" for pool in known),
            expected="types that differ in CPU, memory and disk only",
            fix="declare a BatchInference for each kind of GPU",
        )
        return None
    return replace(known[0], instance_types=tuple(pool.main_type for pool in known))


def _check_references(item: BatchInference, platform: Platform, findings: Findings) -> None:
    if item.weights is not None and item.weights not in platform.storage:
        findings.error(
            "LLM_REF_2",
            item,
            f"batches.{item.name}.weights",
            "the weights lie on storage that is not part of this platform",
            found=f"storage {item.weights.name!r}",
            expected=f"one of: {', '.join(each.name for each in platform.storage) or 'no storage is declared'}",
            fix=f"add it to Platform(storage=[…]) of {platform.name!r}",
        )
    most = item.on.max_instances
    if not item.on.efa and item.jobs > 1 and most > item.jobs:
        findings.warning(
            "LLM_BAT_2",
            item,
            f"batches.{item.name}.on.max_instances",
            "a job has an instance to itself: more instances than jobs are never started",
            found=f"max_instances={most} for {item.jobs} jobs",
            expected=f"at most {item.jobs}",
            fix=f"set max_instances={item.jobs} or raise jobs",
        )
