"""Prices with their date and source; what is not known is ``None``, never a guess.

On-demand prices are AWS's list prices for Linux with shared tenancy, before discounts and taxes. Spot and
capacity-block prices change by the day, so no packaged file can hold them.
"""

from functools import cache
from typing import Literal

from pydantic import Field

from llminfra.catalog import regions
from llminfra.catalog.datafile import Fact, read_data
from llminfra.catalog.price_file import Kind, RecordedPrice, RecordedServicePrice, refreshed, refreshed_service

#: Hours that AWS's own calculator counts for a month (365 * 24 / 12).
HOURS_PER_MONTH = 730

ServicePriceName = Literal[
    "cloudwatch_logs_ingest_gb",
    "ebs_gp3_gib_month",
    "ebs_gp3_iops_month",
    "ebs_gp3_mibps_month",
    "eks_cluster_hour",
    "eks_extended_support_cluster_hour",
    "fsx_lustre_persistent_ssd_1000_gib_month",
    "fsx_lustre_persistent_ssd_125_gib_month",
    "fsx_lustre_persistent_ssd_250_gib_month",
    "fsx_lustre_persistent_ssd_500_gib_month",
    "kms_key_month",
    "load_balancer_hour",
    "nat_gateway_gb",
    "nat_gateway_hour",
    "public_ipv4_hour",
    "s3_standard_gb_month",
    "secret_month",
    "vpc_endpoint_gb",
    "vpc_endpoint_hour",
]

_LUSTRE: dict[int, ServicePriceName] = {
    125: "fsx_lustre_persistent_ssd_125_gib_month",
    250: "fsx_lustre_persistent_ssd_250_gib_month",
    500: "fsx_lustre_persistent_ssd_500_gib_month",
    1000: "fsx_lustre_persistent_ssd_1000_gib_month",
}


class Price(Fact):
    """One price.

    Attributes:
        usd: US dollars per ``unit``.
        unit: What one price buys, such as ``instance-hour`` or ``GiB-month``.
        region: Where it holds.
        date: Day the source states it for, ISO form.
        source: Where it was read.
        unverified: No first-hand source was read; a plan that uses it says so.
    """

    usd: float = Field(ge=0)
    unit: str
    region: str
    date: str
    source: str
    unverified: bool = False


def on_demand_usd_per_hour(instance_type: str, region: str) -> Price | None:
    """List price of one running instance, or ``None`` where it is not at hand.

    ``None`` also for types that have no on-demand price, such as p5e.48xlarge. A file of refreshed prices
    (:mod:`llminfra.catalog.price_file`) wins over the packaged ones, which are second-hand in all but a few regions.
    """
    return refreshed_usd_per_hour(instance_type, region, "on-demand") or _packaged(instance_type, region)


#: Ways to buy that have a price of their own; a reservation is paid as its instances are on demand.
_BOUGHT_AS: dict[str, Kind] = {"capacity-block": "capacity-block", "spot": "spot"}


def own_usd_per_hour(instance_type: str, region: str, capacity: str) -> Price | None:
    """Price of the way that ``capacity`` buys instances; ``None`` where it has none of its own, or it is not known."""
    kind = _BOUGHT_AS.get(capacity)
    return None if kind is None else refreshed_usd_per_hour(instance_type, region, kind)


def bought_usd_per_hour(instance_type: str, region: str, capacity: str) -> Price | None:
    """Price of the way that ``capacity`` buys instances where it is known, else the one on demand."""
    return own_usd_per_hour(instance_type, region, capacity) or on_demand_usd_per_hour(instance_type, region)


def hosting_usd_per_hour(instance_type: str, region: str) -> Price | None:
    """Price of one instance of a SageMaker endpoint (``ml.g6.12xlarge``), or ``None`` where it is not at hand.

    A file of refreshed prices wins over the packaged ones, which are second-hand.
    """
    return refreshed_usd_per_hour(instance_type, region, "on-demand") or _packaged_hosting(instance_type, region)


def refreshed_usd_per_hour(instance_type: str, region: str, kind: Kind) -> Price | None:
    """Price by way to buy, from a file of refreshed prices alone: no packaged file holds prices that move."""
    found = refreshed(instance_type, region, kind)
    if found is None:
        return None
    price, date = found
    return Price(usd=price.usd_per_hour, unit="instance-hour", region=region, date=date, source=_told(price))


def _told(price: RecordedPrice | RecordedServicePrice) -> str:
    return f"{price.source}; {price.note}" if price.note else price.source


def usd_per_hour(instance_type: str, region: str, kind: Kind) -> Price | None:
    """Price of one instance bought in one way, or ``None`` where no source states it."""
    if kind == "on-demand":
        return on_demand_usd_per_hour(instance_type, region)
    return refreshed_usd_per_hour(instance_type, region, kind)


@cache
def _packaged(instance_type: str, region: str) -> Price | None:
    data = read_data("prices.json")
    usd = data["on_demand_usd_per_hour"].get(region, {}).get(instance_type)
    if usd is None:
        return _second_hand("on_demand_second_hand", instance_type, region)
    return Price(usd=usd, unit="instance-hour", region=region, date=data["_date"], source=data["_source"])


@cache
def _packaged_hosting(instance_type: str, region: str) -> Price | None:
    return _second_hand("sagemaker_hosting", instance_type, region)


def _second_hand(part: str, instance_type: str, region: str) -> Price | None:
    data = read_data("prices.json")[part]
    usd = data["usd_per_hour"].get(region, {}).get(instance_type)
    if usd is None:
        return None
    return Price(
        usd=usd, unit="instance-hour", region=region, date=data["_date"], source=data["_source"], unverified=True
    )


def service_price(name: ServicePriceName, region: str) -> Price | None:
    """Price of something other than an instance, or ``None`` where it is not at hand for the region.

    A file of refreshed prices wins over the packaged ones.
    """
    found = refreshed_service(name, region)
    if found is None:
        return _packaged_service(name, region)
    price, date = found
    return Price(usd=price.usd, unit=price.unit, region=region, date=date, source=_told(price))


@cache
def _packaged_service(name: ServicePriceName, region: str) -> Price | None:
    """A region's own price, or the one that every region of its partition has."""
    data = read_data("prices.json")
    known = regions.get(region)
    everywhere = data["services_of_partition"].get(known.partition, {}) if known is not None else {}
    row = data["services"].get(region, {}).get(name) or everywhere.get(name)
    if row is None:
        return None
    source = data["service_sources"][row["source"]]
    return Price(usd=row["usd"], unit=row["unit"], region=region, **source)


def lustre_usd_per_gib_month(throughput_mbps_per_tib: int, region: str) -> Price | None:
    """FSx for Lustre, persistent SSD, by throughput class (125, 250, 500 or 1000 MB/s per TiB)."""
    name = _LUSTRE.get(throughput_mbps_per_tib)
    return None if name is None else service_price(name, region)
