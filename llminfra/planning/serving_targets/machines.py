"""An instance type seen as a pool, so that the same planning judges it wherever the endpoint runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.catalog import instances
from llminfra.diagnostics import entry_path
from llminfra.planning.hardware.nics import nic_layout
from llminfra.planning.network.offers import check_offered
from llminfra.planning.network.vpc import check_zone
from llminfra.planning.plan.infrastructure import NetworkPlan, PoolPlan
from llminfra.spec.compute.gpu_pool import GpuPool

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.serving import ServingPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform


# As many as the planner looks at for a spread over nodes.
_MOST_INSTANCES = 8


def machine(
    endpoint: Endpoint,
    instance_type: str,
    platform: Platform,
    findings: Findings,
    *,
    usd_per_hour: float | None,
    efa: bool = False,
) -> PoolPlan | None:
    """Instances of a type as a pool without Kubernetes; ``None`` leaves a finding.

    Without EFA a replica has one machine; with it the pool is what one replica may span.
    """
    path = f"endpoints.{endpoint.name}.on.instance_type"
    name = instance_type.removeprefix("ml.")
    hosted = "sagemaker" in getattr(endpoint.on, "kind", "")
    found = instances.get(name if hosted else instance_type)
    if found is None or found.gpu is None:
        reason = instances.excluded(name)
        findings.error(
            "LLM_CAP_40",
            endpoint.on,
            path,
            f"{instance_type} has no NVIDIA GPU"
            if found is not None
            else f"{instance_type!r} cannot be used: {reason}"
            if reason
            else f"there is no instance type {instance_type!r} in the catalog",
            found=instance_type,
            expected=instances.like(name, gpu=True, hosted=hosted)
            if found is None
            else f"a GPU type such as {'ml.' if hosted else ''}g6e.12xlarge",
            fix=instances.instead_of(name, hosted=hosted)
            if found is None
            else f"use a GPU type, for example {'ml.' if hosted else ''}g6e.12xlarge",
        )
        return None
    check_offered(name, platform.region, endpoint.on, path, findings, hosted=hosted)
    nics = nic_layout(found) if efa else ()
    declared = endpoint.parallelism.gpus if endpoint.parallelism else 1
    most = max(_MOST_INSTANCES, -(-declared // found.gpu.count)) if efa else 1
    return PoolPlan(
        name=instance_type,
        spec=GpuPool(name=endpoint.name, instance_types=[name], nodes=(0, most)),
        instance_types=(found,),
        provisioner="managed",
        zones=(),
        min_nodes=0,
        max_nodes=most,
        desired_nodes=0,
        grows=True,
        capacity_types=("on-demand",),
        nics=nics,
        efa_per_node=sum(nic.has_efa for nic in nics),
        gpus_per_node=found.gpu.count,
        gpu=found.gpu.device,
        labels={},
        taints=(),
        ami_type="",
        ami_release="",
        root_volume_gib=0,
        raid0=found.nvme_gb > 0,
        max_pods=1,
        placement_group=False,
        consolidate_after_s=0,
        usd_per_node_hour=usd_per_hour,
    )


def one_machine(endpoint: Endpoint, pool: PoolPlan, findings: Findings, *, fix: str) -> bool:
    """Report a declared spread that is larger than one instance; true when there is none."""
    spread = endpoint.parallelism
    if spread is None or spread.gpus <= pool.gpus_per_node:
        return True
    findings.error(
        "LLM_CAP_41",
        endpoint,
        f"endpoints.{endpoint.name}.parallelism",
        "a replica has one instance here: nothing starts its ranks on several of them together",
        found=f"{spread.gpus} GPUs on {pool.name} with {pool.gpus_per_node}",
        expected=f"at most {pool.gpus_per_node} GPUs a replica",
        fix=fix,
    )
    return False


def whole_instance(serving: ServingPlan, pool: PoolPlan) -> ServingPlan:
    """The same with the price of whole instances, since nothing else runs on them."""
    share = pool.gpus_per_node * serving.nodes / serving.parallelism.gpus
    tokens = serving.usd_per_million_tokens
    price = pool.usd_per_node_hour
    return replace(
        serving,
        usd_per_replica_hour=None if price is None else price * serving.nodes,
        usd_per_million_tokens=None if tokens is None else tokens * share,
    )


def report_idle_gpus(endpoint: Endpoint, pool: PoolPlan, serving: ServingPlan, findings: Findings) -> None:
    """An instance of its own is paid for as a whole, whatever part of it the replica uses."""
    used, there = serving.parallelism.gpus, pool.gpus_per_node * serving.nodes
    if used >= there:
        return
    gpu = pool.main_type.gpu
    smaller = [
        item.name
        for item in instances.all_gpu_types()
        if gpu is not None and item.gpu and item.gpu.device == gpu.device and used <= item.gpu.count < there
    ]
    findings.warning(
        "LLM_CAP_42",
        endpoint.on,
        f"endpoints.{endpoint.name}.on.instance_type",
        f"a replica takes {used} of the instance's {there} GPUs; the others are paid for and stand idle",
        found=f"{used} of {there} GPUs of {pool.name}: {serving.parallelism_why}",
        expected=" or ".join(smaller[:3]) or f"a type with {used} GPUs",
        fix=f"use {smaller[0]}" if smaller else f"set parallelism=Parallelism(tensor={there}) for more speed",
    )


def zones_of(
    endpoint: Endpoint, declared: tuple[str, ...], platform: Platform, network: NetworkPlan, findings: Findings
) -> tuple[str, ...] | None:
    """The declared zones, or all of the network; ``None`` leaves a finding."""
    path = f"endpoints.{endpoint.name}.on.zones"
    good = [
        check_zone(zone, entry_path(path, index), platform, findings, among=network.zones, at=endpoint)
        for index, zone in enumerate(declared)
    ]
    return (declared or network.zones) if all(good) else None
