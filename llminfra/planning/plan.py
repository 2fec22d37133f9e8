"""``Plan``: everything that was decided, frozen. Nothing to the right of it decides anything again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from llminfra.diagnostics import Diagnostic, errors

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.engines.invocation import Invocation
    from llminfra.engines.job import Role
    from llminfra.planning.gateways import GatewayPlan
    from llminfra.planning.hub_copies import HubCopyPlan
    from llminfra.planning.memory import FitResult
    from llminfra.planning.nics import Nic
    from llminfra.planning.performance import PerformanceEstimate
    from llminfra.planning.serving_plan import Ec2EndpointPlan, SageMakerEndpointPlan
    from llminfra.planning.targets.plans import AsyncPlan, BatchPlan, BedrockPlan
    from llminfra.spec.endpoint import Endpoint, Parallelism
    from llminfra.spec.gpu_pool import GpuPool
    from llminfra.spec.platform import Platform
    from llminfra.spec.storage import Lustre, ModelBucket


ROLE_FIELDS = ("replicas", "parallelism")
"""What each role of a disaggregated endpoint declares itself; the rest belongs to the endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetPlan:
    """One subnet; ``existing_id`` names one that is already there."""

    zone: str
    kind: Literal["private", "public"]
    cidr: str
    existing_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPlan:
    """The VPC: subnets per zone, NAT, and the VPC endpoints that private nodes need (service short names)."""

    cidr: str
    zones: tuple[str, ...]
    subnets: tuple[SubnetPlan, ...]
    nat: Literal["per-zone", "single", "none"]
    gateway_endpoints: tuple[str, ...]
    interface_endpoints: tuple[str, ...]
    flow_logs_days: int
    existing_vpc_id: str | None = None

    def private(self, zone: str) -> SubnetPlan:
        """The private subnet of a zone."""
        return next(item for item in self.subnets if item.kind == "private" and item.zone == zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonPlan:
    """An EKS managed add-on; ``role_policies`` are the AWS managed policies (path and name) of its role, if any."""

    name: str
    version: str
    before_compute: bool = False
    service_account: str | None = None
    role_policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemNodesPlan:
    """The CPU node group for controllers."""

    instance_types: tuple[str, ...]
    min_nodes: int
    max_nodes: int
    ami_type: str
    ami_release: str | None
    root_volume_gib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlan:
    """The EKS cluster."""

    name: str
    version: str
    identity: Literal["pod-identity", "irsa"]
    admin_role_arns: tuple[str, ...]
    public_access_cidrs: tuple[str, ...]
    log_days: int
    deletion_protection: bool
    autoscaler: Literal["karpenter", "cluster-autoscaler"]
    system_nodes: SystemNodesPlan
    addons: tuple[AddonPlan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A node taint in Kubernetes' own words (``NoSchedule``)."""

    key: str
    value: str
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPlan:
    """A GPU pool after look-up: facts of its instance types, who starts nodes, interfaces, disk, labels and taints.

    ``desired_nodes`` is the size at rest: what the fewest replicas need, or all of a capacity block, which is paid for.
    ``planned_type`` is one of ``instance_types``, ``type_why`` says why it, and ``other_types`` what comes next.
    ``node_cache`` is whether its nodes keep models on their NVMe for their pods.
    """

    name: str
    spec: GpuPool
    instance_types: tuple[InstanceType, ...]
    provisioner: Literal["managed", "karpenter", "cluster-autoscaler"]
    zones: tuple[str, ...]
    min_nodes: int
    max_nodes: int
    desired_nodes: int
    capacity_types: tuple[Literal["reserved", "spot", "on-demand"], ...]
    nics: tuple[Nic, ...]
    efa_per_node: int
    gpus_per_node: int
    gpu: str
    labels: dict[str, str]
    taints: tuple[Taint, ...]
    ami_type: str
    ami_release: str
    root_volume_gib: int
    raid0: bool
    max_pods: int
    placement_group: bool
    consolidate_after_s: int
    usd_per_node_hour: float | None
    planned_type: InstanceType | None = None
    type_why: str = ""
    other_types: tuple[str, ...] = ()
    node_cache: bool = False

    @property
    def main_type(self) -> InstanceType:
        """The instance type that nodes are likely to have, which endpoints and prices are planned for."""
        return self.planned_type or self.instance_types[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPlan:
    """The weights bucket."""

    name: str
    spec: ModelBucket
    existing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LustrePlan:
    """An FSx for Lustre file system, its zone and its link to a bucket."""

    name: str
    spec: Lustre
    zone: str
    capacity_gib: int
    throughput_mbps_per_tib: int
    source_bucket: str | None
    source_prefix: str | None
    efa: bool

    @property
    def throughput_mb_per_s(self) -> float:
        """Baseline throughput of the whole file system in MB/s."""
        return self.capacity_gib / 1024 * self.throughput_mbps_per_tib


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsPlan:
    """Where an endpoint reads its weights from, and how fast.

    ``model_argument`` is what the engine is told to load: an ``s3://`` URI, a path under ``mount_path``, or a Hub id.
    ``bucket`` is streamed by the engine, ``mountpoint`` is the bucket as files through Mountpoint for S3, ``copied`` is
    a copy on the instance's own disk that is made before the engine starts, ``nvme`` such a copy on a node's disks that
    the node's pods share. ``key`` is the model's prefix in the bucket, without a slash at its end; ``copy_mb_per_s`` is
    how fast a node copies the model, where that is a step of its own.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileCachePlan:
    """Where the compiled kernels of an endpoint are kept: one object, for this engine, model, GPU and command line."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterPlan:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase of a cold start, in seconds, with how the number came about."""

    name: str
    seconds: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadChoice:
    """A place to read the weights from: how long it takes, and what it asks for; ``chosen`` marks the planned one.

    ``nvme`` is the first pod on a node, which copies and then reads; ``nvme-warm`` a later one on the same node.
    """

    kind: Literal["hub", "bucket", "lustre", "ebs", "nvme", "nvme-warm", "mountpoint", "copied"]
    what: str
    mb_per_s: float
    seconds: float
    needs: str
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StartChoice:
    """A way to have the image, or the compiled kernels: how long it takes and what it asks for."""

    what: str
    seconds: float
    needs: str
    chosen: bool = False


BEFORE_THE_CONTAINER = frozenset({"node", "image", "copy"})
"""Phases of a cold start that are over when the engine's container starts, and with it the startup probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupPlan:
    """The cold start by phases, and the startup-probe budget that follows from it.

    ``choices`` compares the places that weights can come from, ``images`` and ``kernels`` the ways to have the image
    and the compiled kernels, each fastest first.
    """

    phases: tuple[Phase, ...]
    budget_s: int
    advice: tuple[str, ...] = ()
    choices: tuple[LoadChoice, ...] = ()
    images: tuple[StartChoice, ...] = ()
    kernels: tuple[StartChoice, ...] = ()

    @property
    def estimate_s(self) -> float:
        """Sum of all phases, from the start of an instance to the first answer."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def container_s(self) -> float:
        """What the engine's container takes until it answers: the part that the startup probe waits for."""
        return sum(phase.seconds for phase in self.phases if phase.name not in BEFORE_THE_CONTAINER)

    @property
    def copy_patience_s(self) -> int:
        """Twice what a copy of the weights to the node takes; 0 where there is none."""
        return math.ceil(2 * sum(phase.seconds for phase in self.phases if phase.name == "copy"))

    @property
    def pod_patience_s(self) -> int:
        """How old a pod on a new node may be and still be on its way: twice what comes first, and the budget."""
        first = sum(phase.seconds for phase in self.phases if phase.name in BEFORE_THE_CONTAINER - {"node"})
        return self.budget_s + math.ceil(2 * first)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodResources:
    """Requests of one pod (equal to its limits for GPU, EFA and memory)."""

    gpus: int
    efa: int
    cpu_millis: int
    memory_mib: int
    shm_mib: int
    ephemeral_gib: int
    huge_pages_mib: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainPlan:
    """How a pod leaves: preStop sleep, the engine's own drain, and the grace period above both (seconds)."""

    pre_stop_s: int
    engine_s: int
    grace_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPlan:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterPlan:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """What one thing costs in USD an hour, at its fewest and at its most; ``None``: no price for it in the catalog."""

    spec_path: str
    what: str
    usd_per_hour_min: float | None
    usd_per_hour_max: float | None
    price_date: str | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLine:
    """An AWS quota that the spec needs, at the most; ``default_is`` says what the default is the default of."""

    code: str
    name: str
    needed: float
    default: float | None
    why: str
    default_is: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything llminfra decided for one platform."""

    platform: Platform
    network: NetworkPlan
    cluster: ClusterPlan | None
    pools: tuple[PoolPlan, ...]
    buckets: tuple[BucketPlan, ...]
    lustre: tuple[LustrePlan, ...]
    endpoints: tuple[EndpointPlan, ...]
    costs: tuple[CostLine, ...]
    quotas: tuple[QuotaLine, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    ec2: tuple[Ec2EndpointPlan, ...] = ()
    sagemaker: tuple[SageMakerEndpointPlan, ...] = ()
    gateways: tuple[GatewayPlan, ...] = ()
    async_endpoints: tuple[AsyncPlan, ...] = ()
    batches: tuple[BatchPlan, ...] = ()
    bedrock: BedrockPlan | None = None
    hub_copies: tuple[HubCopyPlan, ...] = ()
    routers: tuple[RouterPlan, ...] = ()

    @property
    def eks(self) -> ClusterPlan:
        """The cluster, for whoever works on a platform that has one.

        Raises:
            LookupError: The platform has no cluster.
        """
        if self.cluster is None:
            msg = f"platform {self.platform.name!r} has no cluster"
            raise LookupError(msg)
        return self.cluster

    @property
    def ok(self) -> bool:
        """Whether nothing stops the compilation."""
        return not errors(self.diagnostics)

    def declared_path(self, path: str) -> str:
        """A path below a role's workload (``endpoints.chat-decode.engine``) as the path where the user declared it."""
        for item in self.endpoints:
            name = f"endpoints.{item.name}"
            if item.part_of is not None and (path == name or path.startswith(f"{name}.")):
                rest = path.removeprefix(name).removeprefix(".")
                own = not rest or rest.partition(".")[0] in ROLE_FIELDS
                where = item.declared_path if own else f"endpoints.{item.part_of}"
                return f"{where}.{rest}" if rest else where
        return path

    def pool(self, name: str) -> PoolPlan:
        """The planned pool of that name."""
        return next(item for item in self.pools if item.name == name)

    @property
    def taints(self) -> tuple[Taint, ...]:
        """Every distinct taint of the pools: what DaemonSets must tolerate."""
        return tuple(dict.fromkeys(taint for pool in self.pools for taint in pool.taints))
