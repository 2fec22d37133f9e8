"""What one pod asks for: its share of the node after Kubernetes and DaemonSets took theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.facts import number, numbers
from llminfra.planning.plan.serving import PodResources

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.plan.infrastructure import PoolPlan

_FILE = "node_overhead"
# NCCL and the engine's message queues live in /dev/shm; 1 GiB a GPU is above what others ship (production-stack, KServe
# and TGI 1 GiB a pod, llm-d 2 GiB) and far below what a GPU node has.
_SHM_MIB_PER_GPU = 1024
_SHM_LEAST_MIB = 2048


class Beside(Struct, frozen=True):
    """What a container beside the engine takes of the pod's share."""

    cpu_millis: int
    memory_mib: int


CACHE_KEEPER = Beside(cpu_millis=100, memory_mib=256)
"""The container that saves compiled kernels: idle but for one upload."""


def allocatable_cpu_millis(instance: InstanceType) -> int:
    """Millicores that pods may request on a node of this type, DaemonSets not yet subtracted."""
    left, reserved = float(instance.vcpu), 0.0
    for cores, millis in numbers(_FILE)["kube_reserved_cpu_steps"]["value"]:
        share = left if cores is None else min(left, cores)
        reserved += share * millis
        left -= share
    return int(instance.vcpu * 1000 - reserved)


def allocatable_memory_mib(instance: InstanceType, max_pods: int) -> int:
    """MiB that pods may request on a node of this type, DaemonSets not yet subtracted."""
    real = instance.memory_mib * (1 - number(_FILE, "vm_memory_overhead"))
    reserved = number(_FILE, "kube_reserved_base_mib") + number(_FILE, "kube_reserved_mib_per_pod") * max_pods
    return int(real - reserved - number(_FILE, "eviction_threshold_mib"))


def pod_resources(
    pool: PoolPlan, gpus: int, *, efa: bool, ephemeral_gib: int, beside: Beside | None = None
) -> PodResources:
    """A pod's fair share of the smallest type of the pool: GPUs over GPUs, of everything that is left.

    EFA interfaces are shared out in the same proportion when ``efa`` is wanted; what a container ``beside`` the engine
    takes is not the engine's.
    """
    share = gpus / pool.gpus_per_node
    cpu = min(allocatable_cpu_millis(item) for item in pool.instance_types) - number(_FILE, "daemonsets_cpu_millis")
    memory = min(allocatable_memory_mib(item, pool.max_pods) for item in pool.instance_types)
    memory = int(memory - number(_FILE, "daemonsets_memory_mib"))
    extra = beside or Beside(0, 0)
    return PodResources(
        gpus=gpus,
        efa=round(pool.efa_per_node * share) if efa else 0,
        cpu_millis=max(500, int(cpu * share - extra.cpu_millis) // 100 * 100),
        memory_mib=max(1024, int(memory * share - extra.memory_mib) // 256 * 256),
        shm_mib=max(_SHM_LEAST_MIB, _SHM_MIB_PER_GPU * gpus),
        ephemeral_gib=ephemeral_gib,
    )
