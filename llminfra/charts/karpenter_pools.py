"""Values of the chart ``karpenter-pools``: one NodePool and one EC2NodeClass for each pool.

Facts from aws/karpenter-provider-aws:website/content/en/docs/concepts/{nodepools,nodeclasses,disruption}.md of v1.14.
The rules that the CRDs carry as CEL expressions are checked here, because no JSON schema runs them.
"""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from llminfra.charts.kubernetes import Effect
from llminfra.charts.values import ChartValues, DnsLabel, LateStr

Duration = Annotated[str, Field(pattern=r"^([0-9]+(s|m|h))+$")]
"""A Go duration in whole units, such as ``30m`` or ``1h30m``."""

DurationOrNever = Annotated[str, Field(pattern=r"^(([0-9]+(s|m|h))+|Never)$")]
PinnedAmiAlias = Annotated[str, Field(pattern=r"^(al2023|bottlerocket)@v?[0-9][0-9.]*$", max_length=30)]
"""``family@version``; ``@latest`` is refused: it replaces every node of the fleet when AWS publishes an image."""


class PoolTaint(ChartValues):
    """A taint of the nodes."""

    key: str
    value: str | None = None
    effect: Effect


class Requirement(ChartValues):
    """A scheduling requirement beyond those that the pool's own fields become."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = "In"
    values: list[str] = []


class NodeNetworkInterface(ChartValues):
    """One interface of a node's launch template."""

    network_card_index: int = Field(ge=0)
    device_index: int = Field(ge=0)
    interface_type: Literal["interface", "efa-only"]


class BlockDevice(ChartValues):
    """An encrypted gp3 volume of a node."""

    device_name: str = "/dev/xvda"
    size_gib: int = Field(ge=1, le=59000)
    iops: int | None = Field(default=None, ge=3000)
    throughput_mib_per_second: int | None = Field(default=None, ge=125)
    kms_key_id: LateStr | None = None
    snapshot_id: str | None = Field(default=None, min_length=1)
    """Snapshot with preloaded container images."""
    initialization_mib_per_second: int | None = Field(default=None, ge=100, le=300)
    """Rate at which the volume is filled from the snapshot."""
    root_volume: bool = False

    @model_validator(mode="after")
    def _filled_from_something(self) -> Self:
        if self.initialization_mib_per_second is not None and self.snapshot_id is None:
            msg = "initialization_mib_per_second goes with snapshot_id: an empty volume has nothing to be filled with"
            raise ValueError(msg)
        return self


class DisruptionBudget(ChartValues):
    """How many nodes may be disrupted at once, always or in a window."""

    nodes: Annotated[str, Field(pattern=r"^((100|[0-9]{1,2})%|[0-9]+)$")]
    reasons: list[Literal["Underutilized", "Empty", "Drifted"]] = []
    schedule: str | None = None
    """Start of the window in cron form, UTC."""
    duration: Duration | None = None

    @model_validator(mode="after")
    def _window(self) -> Self:
        if (self.schedule is None) != (self.duration is None):
            msg = "a disruption window has both a schedule and a duration"
            raise ValueError(msg)
        return self


class PoolDisruption(ChartValues):
    """When Karpenter takes nodes away. The defaults leave a loading model alone."""

    consolidation_policy: Literal["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"] = "WhenEmpty"
    consolidate_after: DurationOrNever = "30m"
    """Longer than the worst cold start: a node is empty for Karpenter until its pods run."""
    budgets: list[DisruptionBudget] = Field(default=[DisruptionBudget(nodes="1")], min_length=1)


class KarpenterPool(ChartValues):
    """One pool of nodes."""

    name: DnsLabel
    labels: dict[str, str] = {}
    """Of the nodes."""
    taints: list[PoolTaint] = []
    startup_taints: list[PoolTaint] = []
    """Taken away by their agents, for example ``fsx.csi.aws.com/agent-not-ready``."""
    instance_types: list[str] = Field(min_length=1)
    zones: list[str] = Field(min_length=1)
    capacity_types: list[Literal["reserved", "spot", "on-demand"]] = Field(min_length=1)
    """Karpenter prefers reserved, then spot, then on-demand, whatever the order here."""
    architecture: Literal["amd64", "arm64"] = "amd64"
    requirements: list[Requirement] = []
    limits: dict[str, int] = Field(min_length=1)
    """Resource to amount, such as ``nvidia.com/gpu`` or ``nodes``; without limits a mistake has no ceiling."""
    weight: int | None = Field(default=None, ge=1, le=100)
    expire_after: DurationOrNever = "Never"
    """Expiry ignores disruption budgets, so nodes with long loads do not expire."""
    termination_grace_period: Duration | None = None
    disruption: PoolDisruption = PoolDisruption()

    instance_profile: LateStr
    """Name of the nodes' instance profile."""
    subnet_ids: list[LateStr] = Field(min_length=1)
    security_group_ids: list[LateStr] = Field(min_length=1)
    ami_alias: PinnedAmiAlias
    capacity_reservation_ids: list[LateStr] = []
    placement_group_name: str | None = Field(default=None, min_length=1)
    network_interfaces: list[NodeNetworkInterface] = []
    """Explicit layout; empty leaves the one primary interface to Karpenter."""
    block_devices: list[BlockDevice] = Field(min_length=1)
    raid0: bool = False
    """Local NVMe as one volume that holds container images, pod logs and emptyDirs."""
    max_pods: int | None = Field(default=None, ge=1)
    user_data: str | None = None
    tags: dict[str, str] = {}

    @model_validator(mode="after")
    def _interfaces_are_possible(self) -> Self:
        if not self.network_interfaces:
            return self
        places = [(nic.network_card_index, nic.device_index) for nic in self.network_interfaces]
        primary = [nic for nic in self.network_interfaces if (nic.network_card_index, nic.device_index) == (0, 0)]
        if not primary or primary[0].interface_type != "interface":
            msg = "network_interfaces need card 0, device 0 of type interface: the primary interface carries IP"
            raise ValueError(msg)
        if twice := sorted({place for place in places if places.count(place) > 1}):
            msg = f"(card, device) used more than once: {', '.join(map(str, twice))}"
            raise ValueError(msg)
        efa = Counter(nic.network_card_index for nic in self.network_interfaces if nic.interface_type == "efa-only")
        if crowded := sorted(card for card, count in efa.items() if count > 1):
            msg = f"more than one efa-only interface on cards {', '.join(map(str, crowded))}: a card takes one"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _reservations_match(self) -> Self:
        if bool(self.capacity_reservation_ids) != ("reserved" in self.capacity_types):
            msg = "capacity_reservation_ids go with the capacity type reserved"
            raise ValueError(msg)
        if self.capacity_reservation_ids and self.placement_group_name:
            msg = "a placement group besides a capacity reservation leads to InsufficientInstanceCapacity"
            raise ValueError(msg)
        if sum(device.root_volume for device in self.block_devices) > 1:
            msg = "only one block device can be the root volume"
            raise ValueError(msg)
        return self


class KarpenterPoolsValues(ChartValues):
    """All pools that Karpenter runs."""

    labels: dict[str, str] = {}
    """On every object."""
    pools: list[KarpenterPool] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        names = [pool.name for pool in self.pools]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            msg = f"pools of the same name: {', '.join(twice)}"
            raise ValueError(msg)
        return self
