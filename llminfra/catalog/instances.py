"""EC2 instance types: every NVIDIA type a model can be served on, and the types that suit system nodes.

Facts come from EC2's DescribeInstanceTypes (see ``data/instances.json`` for the exact source); where Karpenter's
generated tables say more, they are merged in by ``scripts/catalog_instances.py``.
"""

import re
from collections.abc import Container
from difflib import get_close_matches
from functools import cache
from typing import Literal

from pydantic import Field

from llminfra.catalog.datafile import Fact, read_data
from llminfra.catalog.gpus import find_gpu

# Families of EC2 with accelerators that are not NVIDIA's (EC2 User Guide, accelerated computing).
_MOST = 4
"""Families that a name may be a slip of."""
_OTHER_ACCELERATORS = {
    **dict.fromkeys(("inf1", "inf2"), "AWS Inferentia"),
    **dict.fromkeys(("trn1", "trn1n", "trn2", "trn2u", "trn3", "trn3u"), "AWS Trainium"),
    "g4ad": "AMD Radeon",
    "dl1": "Intel Gaudi",
    "dl2q": "Qualcomm AI 100",
    "vt1": "Xilinx media accelerators",
    **dict.fromkeys(("f1", "f2"), "AMD FPGAs"),
}
Architecture = Literal["amd64", "arm64"]


class GpuOnInstance(Fact):
    """The GPUs of an instance type.

    Attributes:
        device: Key of the GPU in the GPU catalog, such as ``h100-80gb``.
        name: Name that EC2 reports, such as ``H100``.
        count: GPUs per instance.
        memory_mib: Memory of one GPU as EC2 reports it; the driver shows less (see the GPU catalog).
    """

    device: str
    name: str
    count: int = Field(ge=1)
    memory_mib: int = Field(gt=0)


class NetworkCard(Fact):
    """One network card.

    Attributes:
        index: The card's index in a launch template.
        max_interfaces: Interfaces the card takes, of all kinds together.
        efa: Whether the card takes an ``efa`` or ``efa-only`` interface.
        bandwidth_gbps: Baseline bandwidth of the card.
    """

    index: int = Field(ge=0)
    max_interfaces: int = Field(ge=1)
    efa: bool
    bandwidth_gbps: float = Field(gt=0)


class InstanceType(Fact):
    """One EC2 instance type.

    Attributes:
        name: API name such as ``p5.48xlarge``.
        vcpu: Virtual CPUs; EC2's vCPU quotas count these.
        memory_mib: Host memory.
        arch: Processor architecture in Kubernetes' words.
        gpu: The GPUs, or ``None`` for a CPU type.
        nvme_gb: Local NVMe in total, decimal gigabytes; 0 where the type has none.
        nvme_disks: Number of local NVMe disks; RAID0 wants this.
        network_gbps: Bandwidth the type sustains.
        network_burst_gbps: Bandwidth EC2 advertises, "up to".
        ebs_mbps: Maximum EBS bandwidth, megabits per second.
        efa_interfaces: Most EFA interfaces the type takes; 0 where it has no EFA.
        network_cards: The cards, by index.
        max_pods: Pods that the VPC CNI's secondary-address mode can number: ENIs of the default card times
            (addresses per ENI - 1) + 2.
        ipv4_per_interface: IPv4 addresses one interface takes.
    """

    name: str
    vcpu: int = Field(gt=0)
    memory_mib: int = Field(gt=0)
    arch: Architecture
    gpu: GpuOnInstance | None = None
    nvme_gb: int = Field(ge=0)
    nvme_disks: int = Field(ge=0)
    network_gbps: float = Field(gt=0)
    network_burst_gbps: float = Field(gt=0)
    ebs_mbps: int = Field(ge=0)
    efa_interfaces: int = Field(ge=0)
    network_cards: tuple[NetworkCard, ...] = Field(min_length=1)
    max_pods: int = Field(gt=0)
    ipv4_per_interface: int = Field(gt=0)

    @property
    def family(self) -> str:
        """The part before the dot: ``p5`` of ``p5.48xlarge``."""
        return self.name.partition(".")[0]

    @property
    def size(self) -> str:
        """The part after the dot: ``48xlarge`` of ``p5.48xlarge``."""
        return self.name.partition(".")[2]

    def max_pods_with_efa_only_on_card_0(self) -> int:
        """Pods when card 0 gives one interface to an ``efa-only`` device, which carries no addresses.

        Source: aws/karpenter-provider-aws designs/efa-for-static-capacity.md, "Max Pods Calculation".
        """
        if not self.network_cards[0].efa:
            return self.max_pods
        return max(2, self.max_pods - (self.ipv4_per_interface - 1))


def get(name: str) -> InstanceType | None:
    """The instance type called ``name``, or ``None`` where the catalog lacks it (``excluded`` may say why)."""
    return _instance_type(name) if name in read_data("instances.json")["types"] else None


def names() -> tuple[str, ...]:
    """Every name in the catalog, sorted."""
    return tuple(sorted(read_data("instances.json")["types"]))


@cache
def all_gpu_types() -> tuple[InstanceType, ...]:
    """Every type with whole NVIDIA GPUs that the catalog covers, by family and number of vCPUs."""
    rows = read_data("instances.json")["types"]
    found = [_instance_type(name) for name, row in rows.items() if row.get("gpu")]
    return tuple(sorted(found, key=lambda item: (item.family, item.vcpu, item.name)))


def with_more_memory(instance: InstanceType, times: float) -> str:
    """The smallest type with the same GPUs and at least so many times the memory for each; empty: there is none."""
    if instance.gpu is None:
        return ""
    device = instance.gpu.device
    wanted = instance.memory_mib / instance.gpu.count * times
    able = [
        (other.gpu.count, other.memory_mib, other.name)
        for other in all_gpu_types()
        if other.gpu is not None and other.gpu.device == device and other.memory_mib / other.gpu.count >= wanted
    ]
    least = [each for each in able if each[0] >= instance.gpu.count]
    return min(least, default=("", "", ""))[2]


def with_gpus_like(instance: InstanceType, among: Container[str]) -> str:
    """The type among some that comes nearest: as many GPUs of at least the memory, then as many CPUs; empty: none."""
    gpu = instance.gpu
    if gpu is None:
        return ""
    able = [
        (other.gpu.memory_mib, abs(other.vcpu - instance.vcpu), other.name)
        for other in all_gpu_types()
        if other.gpu is not None
        and other.name in among
        and other.gpu.count == gpu.count
        and other.gpu.memory_mib >= gpu.memory_mib
    ]
    return min(able, default=(0, 0, ""))[2]


def suggest(name: str, *, gpu: bool = False) -> tuple[str, ...]:
    """Up to three catalog names close to ``name``, the closest first; empty where nothing is near.

    Args:
        name: What was asked for; ``ml.`` before it is left out.
        gpu: Whether only types with NVIDIA GPUs will do.
    """
    wanted = name.strip().lower().removeprefix("ml.")
    known = tuple(item.name for item in all_gpu_types()) if gpu else names()
    if "." not in wanted:  # p5-48xlarge
        wanted = re.sub(r"[-_ ]+", ".", wanted, count=1)
    if wanted in known:
        return (wanted,)
    if gpu and (card := find_gpu(name)) is not None:  # H100: the types that have it, the smallest first
        return tuple(
            item.name for item in all_gpu_types() if item.gpu is not None and find_gpu(item.gpu.device) == card
        )
    family = wanted.partition(".")[0]
    siblings = [item for item in known if item.partition(".")[0] == family]
    if siblings:
        return tuple(get_close_matches(wanted, siblings, n=3, cutoff=0.0))
    # Sizes are alike everywhere: the family must be near, too, or `zz9.metal` would be a slip for `g4dn.metal`.
    families = get_close_matches(family, sorted({item.partition(".")[0] for item in known}), n=_MOST, cutoff=0.4)
    return tuple(get_close_matches(wanted, [item for item in known if item.partition(".")[0] in families], n=3))


def like(name: str, *, gpu: bool = False, hosted: bool = False) -> str:
    """What could be meant by a name that the catalog lacks, in words: near names, or else what families there are.

    Args:
        name: What was asked for; ``ml.`` before it is left out.
        gpu: Whether only types with NVIDIA GPUs will do.
        hosted: Whether names begin with ``ml.``, as in SageMaker.
    """
    start = "ml." if hosted else ""
    if near := suggest(name, gpu=gpu):
        return ", ".join(f"{start}{item}" for item in near)
    if gpu:
        families = dict.fromkeys(item.family for item in all_gpu_types())
        return f"a size of {', '.join(f'{start}{each}' for each in families)}, for example {start}g6e.12xlarge"
    families = dict.fromkeys(item.partition(".")[0] for item in names() if not _instance_type(item).gpu)
    return f"a size of {', '.join(families)}"


def instead_of(name: str, *, hosted: bool = False) -> str:
    """What to do about the name of a GPU type that cannot be used, in words.

    Args:
        name: What was asked for; ``ml.`` before it is left out.
        hosted: Whether names begin with ``ml.``, as in SageMaker.
    """
    start = "ml." if hosted else ""
    near = suggest(name, gpu=True)
    if near and near[0] == name.strip().lower().removeprefix("ml."):
        return f"write {start}{near[0]}"
    return (
        f"use {start}{near[0]}, or another type with NVIDIA GPUs" if near else f"use {start}g6e.12xlarge, for example"
    )


def excluded(name: str) -> str | None:
    """Why a real EC2 GPU type is not in the catalog, or ``None`` for a name that EC2 does not know either."""
    reason: str | None = read_data("instances.json")["excluded"].get(name)
    maker = _OTHER_ACCELERATORS.get(name.partition(".")[0])
    return reason or (f"its accelerators are {maker}, not NVIDIA GPUs: there is no plan for them" if maker else None)


@cache
def _instance_type(name: str) -> InstanceType:
    row = dict(read_data("instances.json")["types"][name])
    cards = tuple(
        NetworkCard(index=index, max_interfaces=interfaces, efa=bool(efa), bandwidth_gbps=gbps)
        for index, (interfaces, efa, gbps) in enumerate(_expand(row.pop("cards")))
    )
    return InstanceType(name=name, network_cards=cards, **row)


def _expand(runs: list[list[float]]) -> list[tuple[int, bool, float]]:
    """Run-length decoding of the cards: a p5.48xlarge has 32 equal ones."""
    return [
        (int(interfaces), bool(efa), float(gbps)) for count, interfaces, efa, gbps in runs for _ in range(int(count))
    ]
