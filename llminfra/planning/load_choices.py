"""The places that weights can be read from, how fast each is on an instance type, and what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from llminfra.catalog.prices import lustre_usd_per_gib_month
from llminfra.planning.facts import number
from llminfra.planning.startup_plan import LoadChoice

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.endpoint_plan import WeightsPlan
    from llminfra.planning.infrastructure_plan import LustrePlan

_FILE = "cold_start"
_MB_PER_GBIT = 125.0
_GIB_PER_TIB = 1024
_PRICED_REGION = "us-east-1"
_BEST_CLASS = 1000  # MB/s per TiB, the highest class of PERSISTENT_2
OF_PODS = frozenset({"bucket", "ebs", "lustre", "mountpoint", "nvme", "nvme-warm"})
"""Places that only pods of a cluster read from; others read a copy on their disk."""
Kind = Literal["hub", "bucket", "lustre", "ebs", "nvme", "nvme-warm", "mountpoint", "copied"]


def load_choices(
    weights: WeightsPlan,
    instance: InstanceType,
    lustre: tuple[LustrePlan, ...],
    *,
    streams: bool = False,
    pods: bool = True,
) -> tuple[LoadChoice, ...]:
    """Every place for the weights on this instance type, fastest first; the planned one is marked.

    ``streams`` is whether the engine reads files by the streaming loader, too; ``pods`` is false outside a cluster,
    where nothing is mounted and nothing shared.
    """
    network = instance.network_gbps * _MB_PER_GBIT
    hub, disk = hub_mb_per_s(instance), disk_mb_per_s(instance)
    gigabytes = weights.bytes_total / 1e9
    found = [
        _choice("hub", "the Hugging Face Hub", hub if pods else 1 / (1 / hub + 1 / disk), "nothing", weights),
        _choice(
            "bucket",
            "streaming from S3",
            s3_mb_per_s(instance),
            _streaming(weights),
            weights,
        ),
        _lustre(weights, network, lustre),
        _choice(
            "ebs",
            "an EBS snapshot with the weights",
            min(number(_FILE, "ebs_gp3_mb_per_s"), instance.ebs_mbps / 8),
            "a volume made of a snapshot with fast restore, gp3 at 1,000 MiB/s",
            weights,
        ),
    ]
    found.append(
        _choice(
            "mountpoint",
            "Mountpoint for S3",
            min(number(_FILE, "mountpoint_mb_per_s"), network * number(_FILE, "object_storage_network_share")),
            "a ModelBucket, and an engine that does not stream",
            weights,
        )
    )
    if not pods:
        rate = 1 / (1 / min(s3_mb_per_s(instance), disk) + 1 / disk)
        found.append(_choice("copied", "a copy from S3 on the instance's disk", rate, "a ModelBucket", weights))
    if instance.nvme_disks and instance.nvme_gb >= gigabytes:
        read, copy = nvme_read_mb_per_s(instance, streams=streams), nvme_copy_mb_per_s(instance)
        found.append(
            LoadChoice(
                kind="nvme",
                what="a copy on the node's NVMe, for its first pod",
                mb_per_s=1 / (1 / copy + 1 / read),
                seconds=weights.bytes_total / 1e6 * (1 / copy + 1 / read),
                needs="as planned" if weights.kind == "nvme" else "weights=LocalNvme(source=…)",
                chosen=weights.kind == "nvme",
            )
        )
        found.append(
            _choice(
                "nvme-warm",
                "a copy on the node's NVMe, for later pods",
                read,
                "weights=LocalNvme(source=…), and a node that stays; a new one starts empty",
                weights,
            )
        )
    if not pods:
        found = [choice for choice in found if choice.chosen or choice.kind not in OF_PODS]
    return tuple(sorted(found, key=lambda choice: choice.seconds))


def s3_mb_per_s(instance: InstanceType) -> float:
    """How fast objects come from S3 to the instance: as measured, or its share of the network."""
    share = instance.network_gbps * _MB_PER_GBIT * number(_FILE, "object_storage_network_share")
    return min(number(_FILE, "object_storage_mb_per_s"), share)


def hub_mb_per_s(instance: InstanceType) -> float:
    """How fast the Hub is: as assumed, and on a narrow network no faster than S3, which is nearer."""
    return min(number(_FILE, "hub_mb_per_s"), s3_mb_per_s(instance))


def disk_mb_per_s(instance: InstanceType) -> float:
    """The instance's own disk, outside a cluster: local NVMe, else a gp3 volume."""
    disks = number(_FILE, "nvme_mb_per_s_per_disk") * instance.nvme_disks
    return max(1.0, disks or min(number(_FILE, "ebs_gp3_mb_per_s"), instance.ebs_mbps / 8))


def _streaming(weights: WeightsPlan) -> str:
    if weights.kind == "nvme":
        return f"weights={weights.storage!r} without LocalNvme"
    return "a ModelBucket, and an engine that streams (vLLM, SGLang)"


def nvme_read_mb_per_s(instance: InstanceType, *, streams: bool) -> float:
    """How fast an engine reads a model from the node's array: bound by its loader, or by the disks."""
    loader = number(_FILE, "local_stream_mb_per_s" if streams else "local_load_mb_per_s")
    return min(loader, number(_FILE, "nvme_mb_per_s_per_disk") * instance.nvme_disks)


def nvme_copy_mb_per_s(instance: InstanceType) -> float:
    """How fast a node copies a model from S3 to its array: bound by requests, network or disks."""
    return min(
        number(_FILE, "s3_mb_per_s_per_request") * number(_FILE, "copy_requests"),
        instance.network_gbps * _MB_PER_GBIT * number(_FILE, "object_storage_network_share"),
        number(_FILE, "nvme_write_mb_per_s_per_disk") * instance.nvme_disks,
    )


def _choice(kind: Kind, what: str, rate: float, needs: str, weights: WeightsPlan) -> LoadChoice:
    chosen = kind == weights.kind
    rate = weights.read_mb_per_s if chosen else max(rate, 1.0)
    return LoadChoice(
        kind=kind,
        what=what,
        mb_per_s=rate,
        seconds=weights.bytes_total / 1e6 / rate,
        needs="as planned" if chosen else needs,
        chosen=chosen,
    )


def _lustre(weights: WeightsPlan, network: float, lustre: tuple[LustrePlan, ...]) -> LoadChoice:
    """The planned file system, or the smallest that one client cannot outrun."""
    client = min(number(_FILE, "lustre_client_mb_per_s"), network)
    step = int(number(_FILE, "lustre_step_gib"))
    capacity = max(step, -(-int(weights.bytes_total / 2**30) // step) * step)
    while capacity / _GIB_PER_TIB * _BEST_CLASS < client:
        capacity += step
    there = max((item.throughput_mb_per_s for item in lustre), default=0.0)
    if weights.kind != "lustre" and there >= client:
        return _choice("lustre", "FSx for Lustre", client, "weights=… with the file system that is declared", weights)
    return _choice(
        "lustre",
        "FSx for Lustre",
        client,
        f"a Lustre file system in the pool's zone, capacity_gib={capacity}, throughput_mbps_per_tib={_BEST_CLASS}"
        f"{_monthly(capacity)}",
        weights,
    )


def _monthly(capacity_gib: int) -> str:
    """What a file system of the best class costs; other regions' prices are not at hand, and of the same order."""
    price = lustre_usd_per_gib_month(_BEST_CLASS, _PRICED_REGION)
    return "" if price is None else f", ${price.usd * capacity_gib:,.0f} a month in {_PRICED_REGION}"
