"""One endpoint on pods, decided: its weights, resources, replicas, drain, and the router of its roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.engines.invocation import Invocation
    from llminfra.engines.job import Role
    from llminfra.planning.memory import FitResult
    from llminfra.planning.performance import PerformanceEstimate
    from llminfra.planning.plan.startup import StartupPlan
    from llminfra.spec.endpoint import Endpoint, Parallelism


class WeightsPlan(Struct, frozen=True, kw_only=True):
    """Where an endpoint reads its weights from, and how fast.

    ``model_argument`` is what the engine is told to load: an ``s3://`` URI, a path under ``mount_path``, or a Hub id.
    ``bucket`` is streamed by the engine, ``mountpoint`` is the bucket as files through Mountpoint for S3, ``copied`` is
    a copy on the instance's own disk that is made before the engine starts, ``nvme`` such a copy on a node's disks that
    the node's pods share. ``key`` is the model's prefix in the bucket, without a slash at its end; ``copy_mb_per_s`` is
    how fast a node copies the model, where that is a step of its own. The sources say where the rates come from.
    """

    kind: Literal["bucket", "mountpoint", "lustre", "hub", "copied", "nvme"]
    storage: str | None
    model_argument: str
    key: str | None
    mount_path: str | None
    bytes_total: int
    read_mb_per_s: float
    read_source: str
    copy_mb_per_s: float | None = None
    copy_source: str = ""


class CompileCachePlan(Struct, frozen=True, kw_only=True):
    """Where the compiled kernels of an endpoint are kept: one object, for this engine, model, GPU and command line."""

    bucket: str
    key: str


class AdapterPlan(Struct, frozen=True, kw_only=True):
    """A LoRA adapter: where it lies, and where the pod sees it.

    ``model_id`` and ``revision`` name it on the Hub where it is copied from there. ``key`` has no slash at its end.
    """

    name: str
    rank: int
    bucket: str
    key: str
    mount_path: str
    model_id: str | None = None
    revision: str | None = None


class PodResources(Struct, frozen=True, kw_only=True):
    """Requests of one pod (equal to its limits for GPU, EFA and memory)."""

    gpus: int
    efa: int
    cpu_millis: int
    memory_mib: int
    shm_mib: int
    ephemeral_gib: int
    huge_pages_mib: int = 0


class DrainPlan(Struct, frozen=True, kw_only=True):
    """How a pod leaves: preStop sleep, the engine's own drain, and the grace period above both (seconds)."""

    pre_stop_s: int
    engine_s: int
    grace_s: int


class EndpointPlan(Struct, frozen=True, kw_only=True):
    """One endpoint, placed and sized; a disaggregated endpoint is two of them, ``part_of`` it, each with its role."""

    name: str
    spec: Endpoint
    namespace: str
    service_account: str
    pool: str
    instance_type: str
    model_id: str
    revision: str | None
    served_name: str
    engine: str
    engine_version: str
    invocation: Invocation
    parallelism: Parallelism
    parallelism_why: str
    nodes_per_replica: int
    replicas_per_node: int
    min_replicas: int
    max_replicas: int
    weights: WeightsPlan
    fit: FitResult
    resources: PodResources
    startup: StartupPlan
    drain: DrainPlan
    rollout: Literal["surge", "recreate-one"]
    candidates: tuple[str, ...] = ()
    usd_per_replica_hour: float | None = None
    performance: PerformanceEstimate | None = None
    usd_per_million_tokens: float | None = None
    adapters: tuple[AdapterPlan, ...] = ()
    compile_cache: CompileCachePlan | None = None
    role: Role | None = None
    part_of: str | None = None

    @property
    def declared_path(self) -> str:
        """Where it is declared: a role of a disaggregated endpoint is part of that endpoint."""
        if self.part_of is None:
            return f"endpoints.{self.name}"
        return f"endpoints.{self.part_of}.disaggregation.{self.role}"


class RouterPlan(Struct, frozen=True, kw_only=True):
    """What stands in front of the prefill and decode pods of an endpoint, under the endpoint's name.

    ``prefill`` and ``decode`` are the names of their Services; ``grace_s`` is how long a request may still run when the
    router is told to leave. ``cache_bytes_per_token`` travel for each token of a prompt, and ``fabric_gbps`` is the
    line rate of EFA between a pod of either role, where it is known.
    """

    name: str
    spec: Endpoint
    namespace: str
    served_name: str
    port: int
    prefill: str
    decode: str
    remote_from_tokens: int
    grace_s: int
    cache_bytes_per_token: float | None = None
    fabric_gbps: float | None = None

    def transfer_ms(self, tokens: int) -> float | None:
        """Milliseconds that the cache of a prompt travels at line rate; latency and set-up come on top."""
        if self.cache_bytes_per_token is None or not self.fabric_gbps:
            return None
        return tokens * self.cache_bytes_per_token * 8 / (self.fabric_gbps * 1e9) * 1e3
