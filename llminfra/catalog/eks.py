"""Amazon EKS: Kubernetes versions and their support, add-on versions, node images, principals."""

import datetime as dt
from functools import cache
from typing import Literal

from llminfra.catalog.datafile import Fact, read_data
from llminfra.catalog.instances import Architecture, InstanceType

AddonName = Literal[
    "aws-ebs-csi-driver",
    "coredns",
    "eks-node-monitoring-agent",
    "eks-pod-identity-agent",
    "kube-proxy",
    "metrics-server",
    "vpc-cni",
]
AmiType = Literal[
    "AL2023_ARM_64_NVIDIA",
    "AL2023_ARM_64_STANDARD",
    "AL2023_x86_64_NVIDIA",
    "AL2023_x86_64_STANDARD",
]


class KubernetesVersion(Fact):
    """One minor version of Kubernetes on EKS.

    Attributes:
        version: Minor version such as ``1.35``.
        end_of_standard_support: Last day at the standard price; from then on a cluster hour costs six times as much.
        end_of_extended_support: Day EKS upgrades the control plane by force; ``None`` where not announced.
        min_karpenter: Oldest Karpenter that supports it; ``None`` where none was found.
        ami_release: Pinned release of the AL2023 node images, as ``aws_eks_node_group.release_version`` wants it.
        addons: Pinned add-on versions; empty for versions llminfra does not create.
        addons_source: Where the add-on versions were read.
        held_back: Why llminfra creates no cluster with it, though EKS would; ``None`` where it does.
    """

    version: str
    end_of_standard_support: dt.date
    end_of_extended_support: dt.date | None
    min_karpenter: str | None
    ami_release: str | None = None
    addons: dict[AddonName, str] = {}
    addons_source: str | None = None
    held_back: str | None = None

    @property
    def creatable(self) -> bool:
        """Whether llminfra has everything pinned that a new cluster needs."""
        return bool(self.addons) and self.ami_release is not None

    def in_standard_support(self, day: dt.date) -> bool:
        """Whether the version is at the standard price on that day."""
        return day <= self.end_of_standard_support


class Ami(Fact):
    """A node image that EKS publishes.

    Attributes:
        ami_type: Value of ``aws_eks_node_group.ami_type``.
        arch: Processor architecture.
        nvidia: Whether it carries the NVIDIA driver, the container toolkit and the EFA kernel module.
    """

    ami_type: AmiType
    arch: Architecture
    nvidia: bool


class NvidiaDriver(Fact):
    """The driver in the pinned NVIDIA images; an engine image's CUDA major must not be above ``cuda_major``."""

    version: str
    cuda_major: int


class ContainerLimits(Fact):
    """Limits of the processes of containers on nodes with EFA.

    Attributes:
        nofile_soft: Open files, as the node image sets it for all containers.
        nofile_hard: The most that a process may raise it to.
        memlock_bytes: Memory that may be locked: as good as all of it, since RDMA locks what it registers.
    """

    nofile_soft: int
    nofile_hard: int
    memlock_bytes: int


@cache
def version(name: str) -> KubernetesVersion | None:
    """The Kubernetes version, or ``None`` where EKS does not support it or the catalog lacks it."""
    row = read_data("eks.json")["versions"].get(name)
    return None if row is None else KubernetesVersion(version=name, **row)


def versions() -> tuple[str, ...]:
    """Versions that a new cluster can be created with, oldest first."""
    return tuple(name for name in read_data("eks.json")["versions"] if (found := version(name)) and found.creatable)


def default_version() -> str:
    """The version of a cluster whose spec names none: one behind the newest, in standard support."""
    name: str = read_data("eks.json")["default_version"]
    return name


def addon_version(addon: AddonName, kubernetes_version: str) -> str | None:
    """Pinned version of an EKS add-on for a Kubernetes version, or ``None``."""
    found = version(kubernetes_version)
    return None if found is None else found.addons.get(addon)


@cache
def ami_for(instance: InstanceType) -> Ami:
    """The AL2023 image for an instance type: with the NVIDIA driver exactly where the type has GPUs."""
    for ami_type, row in read_data("eks.json")["amis"].items():
        if row["arch"] == instance.arch and row["nvidia"] == (instance.gpu is not None):
            return Ami(ami_type=ami_type, **row)
    raise LookupError(f"no AL2023 image for {instance.arch}, GPU: {instance.gpu is not None}")


@cache
def nvidia_driver() -> NvidiaDriver:
    """The NVIDIA driver of the pinned images."""
    return NvidiaDriver(**read_data("eks.json")["nvidia_driver"])


@cache
def container_limits() -> ContainerLimits:
    """Limits for nodes with EFA; the node image has none on locked memory of its own, and Linux' default is 8 MiB."""
    return ContainerLimits(**read_data("eks.json")["container_limits"])


def refused_zone_ids(region: str) -> tuple[str, ...]:
    """Ids of the region's zones in which EKS makes no control plane; ids are the same in every account."""
    return tuple(read_data("eks.json")["refused_zone_ids"].get(region, ()))


def max_pods(instance: InstanceType, *, prefix_delegation: bool = False, efa: bool = False) -> int:
    """Pods that EKS lets a node of this type run.

    By the secondary addresses of its interfaces, or with prefix delegation by 16 times as many, up to the limit of
    managed node groups: 110 below 30 vCPUs, else 250 (Amazon EKS User Guide, create-managed-node-group).

    Args:
        instance: The instance type.
        prefix_delegation: The VPC CNI hands out /28 prefixes.
        efa: Card 0 gives one interface to an ``efa-only`` device.
    """
    addresses = instance.max_pods_with_efa_only_on_card_0() if efa else instance.max_pods
    if not prefix_delegation:
        return addresses
    ceiling = read_data("eks.json")["max_pods_ceiling"]
    limit: int = ceiling["below_30_vcpus"] if instance.vcpu < 30 else ceiling["from_30_vcpus"]
    return min((addresses - 2) * 16 + 2, limit)
