"""What is decided about an endpoint wherever it runs, and what EC2 and SageMaker add to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.engines.invocation import Invocation
    from llminfra.planning.hardware.nics import Nic
    from llminfra.planning.memory import FitResult
    from llminfra.planning.performance import PerformanceEstimate
    from llminfra.planning.plan.startup import StartupPlan
    from llminfra.spec.compute.ec2 import Ec2
    from llminfra.spec.compute.sagemaker import SageMaker, SageMakerAsync
    from llminfra.spec.endpoint import Endpoint, Parallelism, Task

Place = Literal["eks", "ec2", "sagemaker"]
"""Who starts the container."""


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

    ``model_id`` and ``revision`` name it on the Hub where it is copied from there. ``key`` has no slash at its end, nor
    has ``mounted``: the prefix, above ``key`` or the same, that is mounted for all adapters under it at once.
    """

    name: str
    rank: int
    bucket: str
    key: str
    mounted: str
    path: str
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


class BusyPlan(Struct, frozen=True, kw_only=True):
    """When a replica of a scaled endpoint counts as busy: then another one is started, and above it none is given up.

    Attributes:
        schedulers: Copies of attention of a replica, each of which tells figures of its own.
        running: Requests that run at a replica, over all of its schedulers; ``None`` where that is not known.
        cache: Share of the KV cache in use, 0 to 1; ``None`` where the engine does not tell it.
        why: What ``running`` follows from.
    """

    schedulers: int
    running: int | None
    cache: float | None
    why: str


class ServingPlan(Struct, frozen=True, kw_only=True):
    """A model, an engine and its container, sized for one instance type: the part that no target changes.

    ``nodes`` are the instances of one replica. ``usd_per_replica_hour`` is the price of the replica's GPUs, which is
    a share of the instance's where others may use the rest.
    """

    name: str
    spec: Endpoint
    instance_type: str
    model_id: str
    revision: str | None
    served_name: str
    engine: str
    engine_version: str
    invocation: Invocation
    parallelism: Parallelism
    parallelism_why: str
    nodes: int
    min_replicas: int
    max_replicas: int
    weights: WeightsPlan
    fit: FitResult
    resources: PodResources
    startup: StartupPlan
    drain: DrainPlan
    candidates: tuple[str, ...]
    usd_per_replica_hour: float | None
    performance: PerformanceEstimate | None
    usd_per_million_tokens: float | None
    adapters: tuple[AdapterPlan, ...] = ()
    compile_cache: CompileCachePlan | None = None
    task: Task = "generate"
    busy: BusyPlan | None = None
    engine_why: str = ""


class Ec2Group(Struct, frozen=True, kw_only=True):
    """An Auto Scaling group: all replicas of an instance each, or the instances of one replica that spans several.

    ``suffix`` tells the groups of an endpoint apart.
    """

    suffix: str
    fewest: int
    most: int
    zones: tuple[str, ...]


class Ec2EndpointPlan(Struct, frozen=True, kw_only=True):
    """An endpoint on EC2 instances of its own.

    Attributes:
        serving: Model, engine and container.
        on: The declaration.
        instance: Facts of the instance type.
        zones: Where instances may start.
        nics: Interfaces of a replica that spans instances; none means one ordinary interface.
        placement_group: Whether the instances of a replica stand together in a cluster placement group.
        groups: The Auto Scaling groups.
        standby: Whether a second group buys on demand what spot does not have.
        ami_name: Name of the pinned machine image, where the spec names none.
        root_volume_gib: Root volume in GiB.
        raid0: Whether local NVMe disks are joined for weights, images and caches.
        grace_s: Seconds from launch until a health check counts.
        drain_s: Seconds that a leaving instance may take to finish its requests.
        allow_from_cidrs: Blocks that may call.
        usd_per_instance_hour: On-demand price.
    """

    serving: ServingPlan
    on: Ec2
    instance: InstanceType
    zones: tuple[str, ...]
    nics: tuple[Nic, ...]
    placement_group: bool
    groups: tuple[Ec2Group, ...]
    standby: bool
    ami_name: str
    root_volume_gib: int
    raid0: bool
    grace_s: int
    drain_s: int
    allow_from_cidrs: tuple[str, ...]
    usd_per_instance_hour: float | None

    @property
    def name(self) -> str:
        """Name of the endpoint."""
        return self.serving.name

    @property
    def surge(self) -> bool:
        """Whether a new instance may start before an old one leaves: with room for it, and without ranks to meet."""
        return self.serving.nodes == 1 and self.on.capacity.kind in ("on-demand", "spot")

    @property
    def fewest_instances(self) -> int:
        """Instances at rest."""
        return self.serving.min_replicas * self.serving.nodes

    @property
    def most_instances(self) -> int:
        """Instances at full size."""
        return self.serving.max_replicas * self.serving.nodes


class SageMakerEndpointPlan(Struct, frozen=True, kw_only=True):
    """An endpoint on SageMaker, real-time or asynchronous, one replica an instance.

    Attributes:
        serving: Model, engine and container.
        on: The declaration.
        image_uri: Image in the platform's region.
        environment: The container's variables: how its entry point is told what the engine's flags say.
        zones: Zones whose subnets the containers join.
        inference_ami_version: Host image.
        network_isolation: Whether the container has no network at all: SageMaker copies the weights itself.
        to_zero: Whether a real-time endpoint gives up its last instance; it is an inference component then.
        startup_timeout_s: ``ContainerStartupHealthCheckTimeoutInSeconds``.
        download_timeout_s: ``ModelDataDownloadTimeoutInSeconds``; ``None`` where SageMaker downloads nothing.
        concurrent_requests: Typical requests that one instance runs at once.
        volume_gib: Size of the volume, for types without local NVMe.
        usd_per_instance_hour: Price of the ``ml.`` type; ``None``: no source.
    """

    serving: ServingPlan
    on: SageMaker | SageMakerAsync
    image_uri: str
    environment: dict[str, str]
    zones: tuple[str, ...]
    inference_ami_version: str | None
    network_isolation: bool
    to_zero: bool
    startup_timeout_s: int
    download_timeout_s: int | None
    concurrent_requests: int
    volume_gib: int | None
    usd_per_instance_hour: float | None

    @property
    def name(self) -> str:
        """Name of the endpoint."""
        return self.serving.name

    @property
    def wants_key(self) -> bool:
        """Whether a key is made for it: for topics, or a volume. Types with local NVMe encrypt it and refuse a key."""
        return self.on.kind == "sagemaker-async" or (self.volume_gib is not None and self.on.kms_key_arn is None)
