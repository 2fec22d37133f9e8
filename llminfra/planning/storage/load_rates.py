"""How fast weights come from each place to an instance, and where that figure comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.facts import number

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType

_FILE = "cold_start"
_MB_PER_GBIT = 125.0


class Rate(Struct, frozen=True, kw_only=True):
    """Megabytes per second, and why so many."""

    mb_per_s: float
    why: str


def ip_mb_per_s(instance: InstanceType) -> float:
    """What the network carries but EFA's own protocol: as much as the card with the primary interface.

    A node has one ordinary interface, on card 0 (`nics`). The bandwidth of a type with several cards is that of all of
    them, which only EFA reaches (Amazon EC2 User Guide, efa-acc-inst-types); the catalog has it card by card, too.
    """
    cards = instance.network_cards
    return min(instance.network_gbps / len(cards), cards[0].bandwidth_gbps) * _MB_PER_GBIT


def s3_rate(instance: InstanceType) -> Rate:
    """Objects from S3 by many requests: as measured, or their share of the network."""
    measured, (share, why) = number(_FILE, "object_storage_mb_per_s"), _s3_share(instance)
    return Rate(mb_per_s=min(measured, share), why=f"S3 streaming measured at {measured:,.0f} MB/s, {why}")


def mountpoint_rate(instance: InstanceType) -> Rate:
    """Objects from S3 as files, by one reader."""
    assumed, (share, why) = number(_FILE, "mountpoint_mb_per_s"), _s3_share(instance)
    text = f"Mountpoint for S3 assumed at {assumed:,.0f} MB/s for one reader, {why}"
    return Rate(mb_per_s=min(assumed, share), why=text)


def hub_rate(instance: InstanceType) -> Rate:
    """The Hub: as assumed, and on a narrow network no faster than S3, which is nearer."""
    assumed = number(_FILE, "hub_mb_per_s")
    text = f"download from the Hugging Face Hub (assumed rate {assumed:,.0f} MB/s)"
    return Rate(mb_per_s=min(assumed, s3_rate(instance).mb_per_s), why=text)


def lustre_rate(instance: InstanceType) -> Rate:
    """What one client of a Lustre file system reads, if the file system is as fast."""
    assumed, network = number(_FILE, "lustre_client_mb_per_s"), ip_mb_per_s(instance)
    text = f"one client at most {min(assumed, network):,.0f} MB/s (assumed; the network has {network:,.0f})"
    return Rate(mb_per_s=min(assumed, network), why=text)


def ebs_rate(instance: InstanceType) -> Rate:
    """A gp3 volume that is paid to be fast, or the instance's bandwidth to volumes."""
    volume, bandwidth = number(_FILE, "ebs_gp3_mb_per_s"), instance.ebs_mbps / 8
    text = f"a gp3 volume set to {volume:,.0f} MB/s, {instance.name} reads volumes at {bandwidth:,.0f}"
    return Rate(mb_per_s=min(volume, bandwidth), why=text)


def disk_mb_per_s(instance: InstanceType) -> float:
    """The instance's own disk, outside a cluster: local NVMe, else a gp3 volume."""
    disks = number(_FILE, "nvme_mb_per_s_per_disk") * instance.nvme_disks
    return max(1.0, disks or ebs_rate(instance).mb_per_s)


def nvme_read_rate(instance: InstanceType, *, streams: bool) -> Rate:
    """An engine from the node's array: bound by its loader, or by the disks."""
    loader = number(_FILE, "local_stream_mb_per_s" if streams else "local_load_mb_per_s")
    disks = number(_FILE, "nvme_mb_per_s_per_disk") * instance.nvme_disks
    name = "streaming" if streams else "default"
    text = f"the {name} loader reads {loader:,.0f} MB/s from disks (measured), {instance.nvme_disks} disks {disks:,.0f}"
    return Rate(mb_per_s=min(loader, disks), why=text)


def nvme_copy_rate(instance: InstanceType) -> Rate:
    """A node from S3 to its array: bound by requests, network or disks."""
    requests, (share, why) = number(_FILE, "copy_requests"), _s3_share(instance)
    each = number(_FILE, "s3_mb_per_s_per_request")
    disks = number(_FILE, "nvme_write_mb_per_s_per_disk") * instance.nvme_disks
    text = (
        f"{requests:.0f} requests of {each:,.0f} MB/s, {why}, {instance.nvme_disks} disks write {disks:,.0f} (assumed)"
    )
    return Rate(mb_per_s=min(requests * each, share, disks), why=text)


def _s3_share(instance: InstanceType) -> tuple[float, str]:
    network, part = ip_mb_per_s(instance), number(_FILE, "object_storage_network_share")
    gbps = network / _MB_PER_GBIT
    return network * part, f"{part:.0%} of the primary interface's {gbps:,.0f} Gbit/s is {network * part:,.0f} MB/s"
