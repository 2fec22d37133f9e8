"""The places that weights can be read from, how fast each is on an instance type, and what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from llminfra.catalog.prices import lustre_usd_per_gib_month
from llminfra.planning.facts import number
from llminfra.planning.plan.startup import LoadChoice
from llminfra.planning.storage.load_rates import (
    Rate,
    disk_mb_per_s,
    ebs_rate,
    hub_rate,
    lustre_rate,
    mountpoint_rate,
    nvme_copy_rate,
    nvme_read_rate,
    s3_rate,
)

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.plan.infrastructure import LustrePlan
    from llminfra.planning.plan.serving import WeightsPlan

_FILE = "cold_start"
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
    disk, gigabytes = disk_mb_per_s(instance), weights.bytes_total / 1e9
    found = [
        _choice(
            "hub",
            "the Hugging Face Hub",
            hub_rate(instance) if pods else _then_read(hub_rate(instance), disk),
            "nothing",
            weights,
        ),
        _choice("bucket", "streaming from S3", s3_rate(instance), _streaming(weights), weights),
        _lustre(weights, lustre_rate(instance), lustre),
        _choice(
            "ebs",
            "an EBS snapshot with the weights",
            ebs_rate(instance),
            "a volume made of a snapshot with fast restore, gp3 at 1,000 MiB/s",
            weights,
        ),
        _choice(
            "mountpoint",
            "Mountpoint for S3",
            mountpoint_rate(instance),
            "a ModelBucket, and an engine that does not stream",
            weights,
        ),
    ]
    if not pods:
        copied = _then_read(s3_rate(instance), disk)
        found.append(_choice("copied", "a copy from S3 on the instance's disk", copied, "a ModelBucket", weights))
    if instance.nvme_disks and instance.nvme_gb >= gigabytes:
        found += _from_nvme(weights, instance, streams=streams)
    if not pods:
        found = [choice for choice in found if choice.chosen or choice.kind not in OF_PODS]
    return tuple(sorted(found, key=lambda choice: choice.seconds))


def _from_nvme(weights: WeightsPlan, instance: InstanceType, *, streams: bool) -> tuple[LoadChoice, LoadChoice]:
    """The first pod on a node copies and then reads, later ones read."""
    read, copy = nvme_read_rate(instance, streams=streams), nvme_copy_rate(instance)
    both = 1 / (1 / copy.mb_per_s + 1 / read.mb_per_s)
    first = LoadChoice(
        kind="nvme",
        what="a copy on the node's NVMe, for its first pod",
        mb_per_s=both,
        seconds=weights.bytes_total / 1e6 / both,
        needs="as planned" if weights.kind == "nvme" else "weights=LocalNvme(source=…)",
        why=f"copied at {copy.mb_per_s:,.0f} MB/s ({copy.why}), then read at {read.mb_per_s:,.0f} ({read.why})",
        chosen=weights.kind == "nvme",
    )
    needs = "weights=LocalNvme(source=…), and a node that stays; a new one starts empty"
    return first, _choice("nvme-warm", "a copy on the node's NVMe, for later pods", read, needs, weights)


def _then_read(copy: Rate, disk: float) -> Rate:
    """A copy to the instance's own disk first, and from there to the GPU."""
    copied = min(copy.mb_per_s, disk)
    why = f"copied at {copied:,.0f} MB/s ({copy.why}), then read at {disk:,.0f}"
    return Rate(mb_per_s=1 / (1 / copied + 1 / disk), why=why)


def _streaming(weights: WeightsPlan) -> str:
    if weights.kind == "nvme":
        return f"weights={weights.storage!r} without LocalNvme"
    return "a ModelBucket, and an engine that streams (vLLM, SGLang)"


def _choice(kind: Kind, what: str, rate: Rate, needs: str, weights: WeightsPlan) -> LoadChoice:
    chosen = kind == weights.kind
    speed = weights.read_mb_per_s if chosen else max(rate.mb_per_s, 1.0)
    return LoadChoice(
        kind=kind,
        what=what,
        mb_per_s=speed,
        seconds=weights.bytes_total / 1e6 / speed,
        needs="as planned" if chosen else needs,
        why=weights.read_source if chosen else rate.why,
        chosen=chosen,
    )


def _lustre(weights: WeightsPlan, client: Rate, lustre: tuple[LustrePlan, ...]) -> LoadChoice:
    """The planned file system, or the smallest that one client cannot outrun."""
    step = int(number(_FILE, "lustre_step_gib"))
    capacity = max(step, -(-int(weights.bytes_total / 2**30) // step) * step)
    while capacity / _GIB_PER_TIB * _BEST_CLASS < client.mb_per_s:
        capacity += step
    there = max((item.throughput_mb_per_s for item in lustre), default=0.0)
    needs = (
        "weights=… with the file system that is declared"
        if weights.kind != "lustre" and there >= client.mb_per_s
        else f"a Lustre file system in the pool's zone, capacity_gib={capacity}, throughput_mbps_per_tib={_BEST_CLASS}"
        f"{_monthly(capacity)}"
    )
    return _choice("lustre", "FSx for Lustre", client, needs, weights)


def _monthly(capacity_gib: int) -> str:
    """What a file system of the best class costs; other regions' prices are not at hand, and of the same order."""
    price = lustre_usd_per_gib_month(_BEST_CLASS, _PRICED_REGION)
    return "" if price is None else f", ${price.usd * capacity_gib:,.0f} a month in {_PRICED_REGION}"
