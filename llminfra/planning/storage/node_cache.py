"""Weights on the NVMe of a pool's nodes: whether the disks are there, whether the models fit, and how fast it is."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from llminfra.planning.facts import number
from llminfra.planning.plan.serving import WeightsPlan
from llminfra.planning.served.overflow import placed
from llminfra.planning.storage.commits import is_commit
from llminfra.planning.storage.load_rates import nvme_copy_rate, nvme_read_rate
from llminfra.spec.compute.gpu_pool import GpuPool

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.models.storage import LocalNvme
    from llminfra.spec.platform import Platform

NODE_CACHE_DIR = "/mnt/k8s-disks/0/llminfra"
"""On the node: below the mount point of the array that nodeadm makes.

Source: awslabs/amazon-eks-ami@81fec2e templates/al2023/runtime/bin/setup-local-disks (``/mnt/k8s-disks``, array ``0``).
"""
NODE_CACHE_USER = 10001
"""Owner of the folder, and user of the container that copies into it."""
MODELS = "models"
# The kubelet evicts pods below 10 % of free space and collects images below 15 %; a file system has its own needs.
_USABLE_SHARE = 0.82
_BYTES_PER_GB = 1e9


def keeps_models(pool: GpuPool, platform: Platform) -> bool:
    """Whether nodes of the pool keep models on their NVMe."""
    return any(
        isinstance(endpoint.on, GpuPool)
        and endpoint.on.name == pool.name
        and endpoint.weights is not None
        and endpoint.weights.kind == "nvme"
        for endpoint in placed(platform.workloads)
    )


def nvme_weights(
    endpoint: Endpoint,
    storage: LocalNvme,
    pool: PoolPlan,
    findings: Findings,
    *,
    mount: str,
    revision: str | None,
    bytes_total: int,
    streams: bool,
) -> WeightsPlan | None:
    """The plan of weights that a node copies to its array; ``None`` with a finding where that cannot be."""
    path = f"endpoints.{endpoint.name}.weights"
    without = [item.name for item in pool.instance_types if not item.nvme_gb]
    if without:
        findings.error(
            "LLM_STO_23",
            endpoint,
            path,
            "these instance types have no local NVMe to keep a model on",
            found=", ".join(without),
            expected="types with instance storage, such as g6e.12xlarge or p5.48xlarge",
            fix=f"use other types in pool {pool.name!r}, or weights={storage.source.name!r} without LocalNvme",
            runtime_message=f"hostPath type check failed: {NODE_CACHE_DIR} is not a directory",
        )
    if not is_commit(revision):
        findings.error(
            "LLM_STO_24",
            endpoint,
            path,
            "nodes keep a model under its revision, and this model's is not pinned: they would serve old weights",
            found=f"{endpoint.model.id} at {revision!r}" if revision else f"{endpoint.model.id} without a revision",
            expected="a commit of the model repository",
            fix="set Model(revision=…)",
        )
        return None
    if without:
        return None
    bucket = storage.source
    key = f"{bucket.prefix}/{endpoint.model.id}/{revision}"
    slowest = min(pool.instance_types, key=lambda item: nvme_copy_rate(item).mb_per_s)
    copy, read = nvme_copy_rate(slowest), nvme_read_rate(slowest, streams=streams)
    return WeightsPlan(
        kind="nvme",
        storage=bucket.name,
        model_argument=mount,
        key=key,
        mount_path=mount,
        bytes_total=bytes_total,
        read_mb_per_s=read.mb_per_s,
        read_source=f"local NVMe: {read.why}",
        copy_mb_per_s=copy.mb_per_s,
        copy_source=copy.why,
    )


def check_node_caches(plans: list[EndpointPlan], pools: dict[str, PoolPlan], findings: Findings) -> None:
    """Report pools whose nodes cannot hold all models that their endpoints keep there."""
    on_pool: dict[str, list[EndpointPlan]] = defaultdict(list)
    for plan in plans:
        if plan.weights.kind == "nvme":
            on_pool[plan.pool].append(plan)
    for name, cached in on_pool.items():
        _check_room(cached, [plan for plan in plans if plan.pool == name], pools[name], findings)


def _check_room(cached: list[EndpointPlan], everyone: list[EndpointPlan], pool: PoolPlan, findings: Findings) -> None:
    smallest = min(pool.instance_types, key=lambda item: item.nvme_gb)
    room_gb = smallest.nvme_gb * _USABLE_SHARE
    models_gb = sum({plan.weights.key: plan.weights.bytes_total / _BYTES_PER_GB for plan in cached}.values())
    image_gb = 0.0
    if pool.spec.image_snapshot is None:  # a snapshot's volume holds the images
        image_gb = number("cold_start", "image_gib") * 2**30 / _BYTES_PER_GB * len({plan.engine for plan in everyone})
    pods_gb = max(plan.resources.ephemeral_gib * max(1, plan.replicas_per_node) for plan in everyone) * 2**30 / 1e9
    needed_gb = models_gb + image_gb + pods_gb
    parts = f"{models_gb:,.0f} GB of models, {image_gb:,.0f} of images, {pods_gb:,.0f} of pods' own files"
    first = cached[0]
    if needed_gb > room_gb:
        findings.error(
            "LLM_STO_25",
            first.spec,
            f"endpoints.{first.name}.weights",
            f"a node of pool {pool.name!r} has no room for what its pods keep on its NVMe",
            found=f"{needed_gb:,.0f} GB: {parts}",
            expected=f"at most {room_gb:,.0f} GB of the {smallest.nvme_gb:,} GB of {smallest.name}",
            fix=f"use a type with larger disks, or read from {first.weights.storage!r} without LocalNvme",
            runtime_message="no room on the node: …; or The node was low on resource: ephemeral-storage",
        )
    elif needed_gb + models_gb > room_gb:
        findings.warning(
            "LLM_STO_26",
            first.spec,
            f"endpoints.{first.name}.weights",
            "a node has no room for two revisions of its models: a new revision needs new nodes",
            found=f"{needed_gb + models_gb:,.0f} GB with both: {parts}",
            expected=f"at most {room_gb:,.0f} GB",
            fix="replace the nodes when a revision changes, or use a type with larger disks",
        )
