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
    from llminfra.planning.plan.endpoint import AdapterPlan, CompileCachePlan, DrainPlan, PodResources, WeightsPlan
    from llminfra.planning.plan.startup import StartupPlan
    from llminfra.spec.ec2 import Ec2
    from llminfra.spec.endpoint import Endpoint, Parallelism
    from llminfra.spec.sagemaker import SageMaker, SageMakerAsync

Place = Literal["eks", "ec2", "sagemaker"]
"""Who starts the container."""


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
