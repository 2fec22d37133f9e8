"""What shortens the start of an endpoint's pods, as values of the chart ``llm-server``."""

from __future__ import annotations

import math

from llminfra.charts.kubernetes import Image
from llminfra.charts.llm_server import KeptKernels, NodeCopy, NodeVolume, SmallResources
from llminfra.planning.facts import number
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.serving.resources import CACHE_KEEPER
from llminfra.planning.storage.node_cache import MODELS, NODE_CACHE_DIR, NODE_CACHE_USER
from llminfra.spec.models.storage import LocalNvme

# Init containers run before the engine and in its place, so they may take what it will. The copy itself needs little;
# the rest is for pages on their way to disk.
_COPY_CPU_MILLIS = 2000
_COPY_MEMORY_MIB = 8192


def node_volume(endpoint: EndpointPlan) -> NodeVolume:
    """The folder on the node, of which the engine sees its own model.

    Raises:
        ValueError: The weights have no place on a node.
    """
    weights = endpoint.weights
    if weights.mount_path is None or weights.key is None or weights.storage is None:
        msg = f"endpoint {endpoint.name}: weights on NVMe without a place"
        raise ValueError(msg)
    return NodeVolume(
        name="weights",
        mount_path=weights.mount_path,
        host_path=NODE_CACHE_DIR,
        sub_path=f"{MODELS}/{weights.storage}/{weights.key}",
        capacity_gib=max(1, math.ceil(weights.bytes_total / 2**30)),
    )


def node_copy(endpoint: EndpointPlan, plan: Plan) -> NodeCopy | None:
    """The container that copies the weights to the node, where they are kept there."""
    weights, declared = endpoint.weights, endpoint.spec.weights
    if weights.kind != "nvme" or weights.storage is None or weights.key is None:
        return None
    own = declared.copy_image if isinstance(declared, LocalNvme) else None
    return NodeCopy(
        bucket=weights.storage,
        prefix=f"{weights.key}/",
        region=plan.platform.region,
        requests=int(number("cold_start", "copy_requests")),
        image=Image(repository=own.repository, tag=own.tag, digest=own.digest) if own else None,
        user=NODE_CACHE_USER,
        resources=SmallResources(
            cpu_millis=min(_COPY_CPU_MILLIS, endpoint.resources.cpu_millis),
            memory_mib=min(_COPY_MEMORY_MIB, endpoint.resources.memory_mib),
        ),
    )


def kept_kernels(endpoint: EndpointPlan, plan: Plan, cache_path: str) -> KeptKernels | None:
    """The containers that fetch and save compiled kernels, where they are kept."""
    cache, call = endpoint.compile_cache, endpoint.invocation
    if cache is None or call.readiness.path is None:
        return None
    return KeptKernels(
        bucket=cache.bucket,
        key=cache.key,
        region=plan.platform.region,
        cache=cache_path,
        folders=list(call.kernel_folders),
        ready_path=call.readiness.path,
        resources=SmallResources(cpu_millis=CACHE_KEEPER.cpu_millis, memory_mib=CACHE_KEEPER.memory_mib),
    )
