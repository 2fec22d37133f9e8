"""GPUs that pods share: how many shares a node has, how large each is, and what may run on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.mig import mig_profiles, slice_name
from llminfra.spec.compute.gpu_sharing import Mig, TimeSlicing

if TYPE_CHECKING:
    from llminfra.catalog.instances import GpuOnInstance, InstanceType
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.served.engine_settings import EngineSettings
    from llminfra.spec.compute.gpu_pool import GpuPool
    from llminfra.spec.endpoint import Endpoint

CONFIG_LABEL = "nvidia.com/device-plugin.config"
"""Node label by which the device plugin chooses its configuration."""
MIG_CONFIG = "mig"
"""Name of the configuration that counts slices of Multi-Instance GPUs."""
# Engines that take their share of the whole device, not of what is free when they start.
_BOUNDED_BY_SHARE = frozenset({"vllm", "custom"})


class Shares(Struct, frozen=True, kw_only=True):
    """What a node offers to the scheduler.

    Attributes:
        per_node: Units of ``nvidia.com/gpu`` that a node has.
        device: The GPU of one unit, as ``find_gpu`` knows it.
        config: Name of the device plugin's configuration; ``None`` for whole GPUs.
    """

    per_node: int
    device: str
    config: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Node labels."""
        return {} if self.config is None else {CONFIG_LABEL: self.config}


def time_slicing_config(replicas: int) -> str:
    """Name of the configuration of GPUs on which that many pods take turns."""
    return f"time-slicing-{replicas}"


def plan_shares(pool: GpuPool, main: InstanceType, gpu: GpuOnInstance, findings: Findings) -> Shares | None:
    """The shares of a pool's nodes; ``None`` leaves a finding."""
    sharing = pool.sharing
    if sharing is None:
        return Shares(per_node=gpu.count, device=gpu.device)
    known = len(findings.items)
    path = f"pools.{pool.name}.sharing"
    if pool.efa:
        findings.error(
            "LLM_CAP_34",
            pool,
            path,
            "a share of a GPU cannot use EFA: a replica on it never spans GPUs",
            found=f"sharing={sharing.kind} with efa=True",
            expected="whole GPUs, or no EFA",
            fix="drop efa=True, or leave sharing out",
        )
    if pool.provisioner == "karpenter":
        findings.error(
            "LLM_CAP_35",
            pool,
            f"pools.{pool.name}.provisioner",
            "Karpenter counts whole GPUs and would start a node for every few shares",
            found="karpenter",
            expected="auto or managed",
            fix="leave provisioner out: such a pool becomes a managed node group",
        )
    if isinstance(sharing, TimeSlicing):
        _check_tenants(pool, sharing, findings)
    count = gpu.count * (
        sharing.replicas if isinstance(sharing, TimeSlicing) else _slices(pool, sharing, main, gpu, findings)
    )
    if len(findings.items) > known:
        return None
    if isinstance(sharing, TimeSlicing):
        return Shares(per_node=count, device=gpu.device, config=time_slicing_config(sharing.replicas))
    device = find_gpu(gpu.device)
    whole = device.name if device else gpu.device
    return Shares(per_node=count, device=slice_name(whole, sharing.profile), config=MIG_CONFIG)


def _check_tenants(pool: GpuPool, sharing: TimeSlicing, findings: Findings) -> None:
    tenants = set(sharing.tenants)
    if len(tenants) > 1:
        findings.error(
            "LLM_CAP_10",
            pool,
            f"pools.{pool.name}.sharing",
            f"{len(tenants)} tenants share GPU memory without isolation",
            found=", ".join(sharing.tenants),
            expected="one tenant",
            fix="use Mig(…) for several tenants, or one pool for each",
        )


def _slices(pool: GpuPool, sharing: Mig, main: InstanceType, gpu: GpuOnInstance, findings: Findings) -> int:
    device = find_gpu(gpu.device)
    profiles = mig_profiles(device.name) if device else {}
    if (profile := profiles.get(sharing.profile)) is not None:
        return profile.count
    has = f"has no MIG profile {sharing.profile}" if profiles else "has no Multi-Instance GPU"
    findings.error(
        "LLM_CAP_33",
        pool,
        f"pools.{pool.name}.sharing.profile",
        f"{gpu.name} of {main.name} {has}",
        found=sharing.profile,
        expected=", ".join(f"{item.name} ({item.count} a GPU)" for item in profiles.values())
        or "a type with A100, H100, H200 or B200",
        fix="use a profile of this GPU" if profiles else "use a type with MIG, or leave sharing out",
        runtime_message=f"Unable to create a GPU instance on GPU 0 using profile {sharing.profile}: Invalid Argument",
    )
    return 0


def shared_settings(
    endpoint: Endpoint, settings: EngineSettings, pool: PoolPlan, findings: Findings
) -> EngineSettings | None:
    """Engine settings for one share of a GPU; ``None`` leaves a finding.

    With MIG a slice is a GPU of its own. With time slicing every process sees the whole memory, so that the share is
    a share of ``gpu_memory_utilization``.
    """
    sharing = pool.spec.sharing
    if sharing is None:
        return settings
    path = f"endpoints.{endpoint.name}"
    wanted = endpoint.parallelism
    if wanted is not None and wanted.gpus > 1:
        findings.error(
            "LLM_CAP_36",
            endpoint,
            f"{path}.parallelism",
            f"pool {pool.name!r} has shares of GPUs, and a replica has one of them",
            found=f"{wanted.gpus} GPUs",
            expected="one",
            fix="leave parallelism out, or use whole GPUs",
            runtime_message="maximum request size for shared resources is 1",
        )
        return None
    if isinstance(sharing, Mig):
        return settings
    share = 1 / sharing.replicas
    declared = getattr(endpoint.engine, "gpu_memory_utilization", None)
    if settings.kind not in _BOUNDED_BY_SHARE or (declared is not None and declared > share):
        findings.error(
            "LLM_CAP_37",
            endpoint,
            f"{path}.engine",
            f"{sharing.replicas} processes do not fit the memory of a GPU of pool {pool.name!r}",
            found=settings.kind if declared is None else f"{settings.kind}, gpu_memory_utilization={declared:g}",
            expected=f"VLLM with gpu_memory_utilization of at most {share:.2f}",
            fix="use VLLM and leave gpu_memory_utilization out",
            runtime_message="Free memory on device on startup is less than desired GPU memory utilization",
        )
        return None
    # Rounded down, so that all shares together stay below what one process alone would take.
    used = declared if declared is not None else int(settings.gpu_memory_utilization * share * 100) / 100
    return replace(settings, gpu_memory_utilization=used)
