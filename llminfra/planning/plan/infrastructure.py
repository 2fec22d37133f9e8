"""What endpoints stand on, decided: network, cluster, pools of nodes, buckets, file systems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.hardware.nics import Nic
    from llminfra.spec.compute.gpu_pool import GpuPool
    from llminfra.spec.compute.shared_with import SharedWith
    from llminfra.spec.models.storage import Lustre, ModelBucket


class SubnetPlan(Struct, frozen=True, kw_only=True):
    """One subnet; ``existing_id`` names one that is already there."""

    zone: str
    kind: Literal["private", "public"]
    cidr: str
    existing_id: str | None = None


class NetworkPlan(Struct, frozen=True, kw_only=True):
    """The VPC: subnets per zone, NAT, and the VPC endpoints that private nodes need (service short names)."""

    cidr: str
    zones: tuple[str, ...]
    subnets: tuple[SubnetPlan, ...]
    nat: Literal["per-zone", "single", "none"]
    gateway_endpoints: tuple[str, ...]
    interface_endpoints: tuple[str, ...]
    flow_logs_days: int
    existing_vpc_id: str | None = None

    @property
    def there(self) -> bool:
        """Whether there is a VPC at all."""
        return bool(self.subnets)

    def private(self, zone: str) -> SubnetPlan:
        """The private subnet of a zone."""
        return next(item for item in self.subnets if item.kind == "private" and item.zone == zone)


class AddonPlan(Struct, frozen=True, kw_only=True):
    """An EKS managed add-on; ``role_policies`` are the AWS managed policies (path and name) of its role, if any."""

    name: str
    version: str
    before_compute: bool = False
    service_account: str | None = None
    role_policies: tuple[str, ...] = ()


class SystemNodesPlan(Struct, frozen=True, kw_only=True):
    """The CPU node group for controllers.

    Attributes:
        zones: Where its nodes are, see ``planning.cluster.eks``.
    """

    instance_types: tuple[str, ...]
    zones: tuple[str, ...]
    min_nodes: int
    max_nodes: int
    ami_type: str
    ami_release: str | None
    root_volume_gib: int


class ClusterPlan(Struct, frozen=True, kw_only=True):
    """The EKS cluster.

    Attributes:
        system_nodes: ``None`` where the cluster is there already, with nodes of its own.
        existing: Whether it is there already: of the rest, ``name``, ``version``, ``identity`` and what follows count.
        node_group_id: Security group of the nodes of such a cluster; ``None``: the cluster's own.
        installed: Charts that are there already.
        karpenter_node_role: Role of the nodes of a Karpenter that is there.
        provided: Charts to install for other platforms on the cluster.
        shared_with: Platforms that what is installed acts for, too.
        shared: Whether there may be other platforms on it: it was there, or is said to be shared.
    """

    name: str
    version: str
    identity: Literal["pod-identity", "irsa"]
    admin_role_arns: tuple[str, ...]
    public_access_cidrs: tuple[str, ...]
    private_access_cidrs: tuple[str, ...]
    log_days: int
    deletion_protection: bool
    autoscaler: Literal["karpenter", "cluster-autoscaler"]
    system_nodes: SystemNodesPlan | None
    addons: tuple[AddonPlan, ...]
    existing: bool = False
    node_group_id: str | None = None
    installed: tuple[str, ...] = ()
    karpenter_node_role: str | None = None
    provided: tuple[str, ...] = ()
    shared_with: tuple[SharedWith, ...] = ()
    shared: bool = False


class Taint(Struct, frozen=True, kw_only=True):
    """A node taint in Kubernetes' own words (``NoSchedule``)."""

    key: str
    value: str
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule"]


class PoolPlan(Struct, frozen=True, kw_only=True):
    """A GPU pool after look-up: facts of its instance types, who starts nodes, interfaces, disk, labels and taints.

    ``desired_nodes`` is the size at rest: what the fewest replicas need, or all of a capacity block, which is paid for.
    ``planned_type`` is one of ``instance_types``, ``type_why`` says why it, and ``other_types`` what comes next.
    ``node_cache`` is whether its nodes keep models on their NVMe for their pods. ``grows`` is whether anybody adds
    nodes when pods wait for them: Karpenter adds none to a managed node group, which has its nodes at rest and no more.
    ``mean_nodes`` are those for the fewest replicas in the mean of a week; ``None`` without working hours, and where
    nodes stay outside of them.
    """

    name: str
    spec: GpuPool
    instance_types: tuple[InstanceType, ...]
    provisioner: Literal["managed", "karpenter", "cluster-autoscaler"]
    zones: tuple[str, ...]
    min_nodes: int
    max_nodes: int
    desired_nodes: int
    grows: bool
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
    mean_nodes: float | None = None

    @property
    def nodes_at_rest(self) -> float:
        """Nodes that are paid for at rest: in the mean of a week, where working hours ask for more."""
        return self.desired_nodes if self.mean_nodes is None else self.mean_nodes

    @property
    def main_type(self) -> InstanceType:
        """The instance type that nodes are likely to have, which endpoints and prices are planned for."""
        return self.planned_type or self.instance_types[0]


class BucketPlan(Struct, frozen=True, kw_only=True):
    """The weights bucket."""

    name: str
    spec: ModelBucket
    existing: bool


class LustrePlan(Struct, frozen=True, kw_only=True):
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
