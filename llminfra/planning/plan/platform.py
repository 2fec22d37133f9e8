"""``Plan``: everything that was decided, frozen. Nothing to the right of it decides anything again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from llminfra.diagnostics import Diagnostic, errors
from llminfra.planning.plan.declared_paths import declared_path
from llminfra.planning.plan.image_lock import ImageLock

if TYPE_CHECKING:
    from llminfra.planning.plan.endpoint import EndpointPlan, RouterPlan
    from llminfra.planning.plan.gateways import GatewayPlan
    from llminfra.planning.plan.hub_copies import HubCopyPlan
    from llminfra.planning.plan.infrastructure import BucketPlan, ClusterPlan, LustrePlan, NetworkPlan, PoolPlan, Taint
    from llminfra.planning.plan.serving import Ec2EndpointPlan, SageMakerEndpointPlan, ServingPlan
    from llminfra.planning.plan.targets import AsyncPlan, BatchPlan, BedrockPlan
    from llminfra.spec.platform import Platform


class CostLine(Struct, frozen=True, kw_only=True):
    """What one thing costs in USD an hour, at its fewest and at its most; ``None``: no price for it in the catalog.

    Where AWS tells a price ``on_request`` only, no command asks for it.
    """

    spec_path: str
    what: str
    usd_per_hour_min: float | None
    usd_per_hour_max: float | None
    price_date: str | None
    note: str = ""
    on_request: bool = False


class QuotaLine(Struct, frozen=True, kw_only=True):
    """An AWS quota that the spec needs, at the most; ``default_is`` says what the default is the default of."""

    code: str
    name: str
    needed: float
    default: float | None
    why: str
    default_is: str = "default"


class Plan(Struct, frozen=True, kw_only=True):
    """Everything llminfra decided for one platform.

    ``installed_by`` has charts of its cluster that another platform of the same command installs, with its name.
    """

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
    image_lock: ImageLock = ImageLock()
    installed_by: dict[str, str] = field(default_factory=dict)

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
    def shared(self) -> bool:
        """Whether platforms of other specs may be on its cluster."""
        return self.cluster is not None and self.cluster.shared

    @property
    def ok(self) -> bool:
        """Whether nothing stops the compilation."""
        return not errors(self.diagnostics)

    @property
    def served(self) -> tuple[tuple[str, ServingPlan], ...]:
        """Every model that an engine serves, on any target and in jobs, with the spec path of what serves it."""
        return (
            *((f"endpoints.{item.name}", item) for item in self.endpoints),
            *((f"endpoints.{item.name}", item.serving) for item in self.ec2),
            *((f"endpoints.{item.name}", item.serving) for item in self.sagemaker),
            *((f"batches.{item.name}", item.serving) for item in self.batches),
        )

    def declared_path(self, path: str) -> str:
        """A path below a workload of an endpoint (``endpoints.chat-decode.engine``) as the user declared it."""
        for endpoint in self.platform.workloads:
            if (declared := declared_path(endpoint, path)) != path:
                return declared
        return path

    def overflow_of(self, endpoint: str) -> EndpointPlan | None:
        """The replicas of an endpoint that come on another pool while requests wait, if it has any."""
        return next((item for item in self.endpoints if item.overflow and item.part_of == endpoint), None)

    def pool(self, name: str) -> PoolPlan:
        """The planned pool of that name."""
        return next(item for item in self.pools if item.name == name)

    @property
    def taints(self) -> tuple[Taint, ...]:
        """Every distinct taint of the pools: what DaemonSets must tolerate."""
        return tuple(dict.fromkeys(taint for pool in self.pools for taint in pool.taints))
