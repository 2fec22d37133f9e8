"""AWS regions: zones, partitions, registry accounts, and which instance types are offered where.

Zone IDs (``use1-az1``) are the same in every account, zone names (``us-east-1a``) are not: EC2 deals the letters out
account by account. So which zone *name* offers a type cannot be known offline; the zone IDs can.
"""

import re
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal

from llminfra.catalog.datafile import Fact, read_data


class Region(Fact):
    """One region.

    Attributes:
        name: API name such as ``us-east-1``.
        long_name: Name people read, such as ``US East (N. Virginia)``.
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``: the second part of every ARN.
        dns_suffix: End of the region's service names.
        zone_ids: IDs of the availability zones, equal in every account.
        zones: Zone names that one account sees; other accounts may have other letters.
        zones_unverified: The letters in ``zones`` are counted from ``a``, not read from an account.
        dlc_account: Account whose ECR serves AWS Deep Learning Containers here; ``None`` where not known.
    """

    name: str
    long_name: str
    partition: str
    dns_suffix: str
    zone_ids: tuple[str, ...]
    zones: tuple[str, ...]
    zones_unverified: bool
    dlc_account: str | None

    @property
    def dlc_registry(self) -> str | None:
        """Registry host of the AWS Deep Learning Containers in this region."""
        return f"{self.dlc_account}.dkr.ecr.{self.name}.{self.dns_suffix}" if self.dlc_account else None


@cache
def get(name: str) -> Region | None:
    """The region called ``name``, or ``None``."""
    row = read_data("regions.json")["regions"].get(name)
    return None if row is None else Region(name=name, **row)


def names() -> tuple[str, ...]:
    """Every region name, sorted."""
    return tuple(read_data("regions.json")["regions"])


def suggest(name: str) -> tuple[str, ...]:
    """Up to three region names close to ``name``, first the one that it surely means, if any."""
    near = get_close_matches(name.strip().lower(), names(), n=3, cutoff=0.6)
    first = [alone] if (alone := meant(name)) else []
    return tuple(dict.fromkeys([*first, *near]))[:3]


def meant(name: str) -> str:
    """The only region that a name is another spelling of: of its code, of one of its zones, or of its place.

    Letters in another order are another spelling of a code.

    Empty: none, or several.

    Example:
        >>> meant("US East 1"), meant("us-esat-1"), meant("us-east-1a"), meant("Frankfurt"), meant("us-east-7")
        ('us-east-1', 'us-east-1', 'us-east-1', 'eu-central-1', '')
    """
    wanted = re.sub(r"[^a-z0-9]", "", name.lower())
    if not wanted:
        return ""
    found = {each for each in names() if wanted in _spellings(each)}
    places = {each for each in names() if wanted in _plain(get(each)) and len(wanted) >= _SHORTEST_PLACE}
    mixed = {each for each in names() if sorted(each.replace("-", "")) == sorted(wanted)}
    either = found or places or mixed
    return either.pop() if len(either) == 1 else ""


_SHORTEST_PLACE = 4


def _spellings(region: str) -> set[str]:
    return {each.replace("-", "") for each in (region, *zones(region))}


def _plain(region: Region | None) -> str:
    return re.sub(r"[^a-z0-9]", "", region.long_name.lower()) if region is not None else ""


ServiceName = Literal["aps", "grafana"]
"""Amazon Managed Service for Prometheus, and Amazon Managed Grafana, by their endpoints' names."""


def with_service(service: ServiceName) -> tuple[str, ...]:
    """Regions that AWS names for the service, sorted."""
    return tuple(read_data("services.json")["services"][service])


FeatureName = Literal["bedrock-guardrails", "fsx-lustre-persistent-2", "fsx-lustre-persistent-2-limited"]
"""Parts of services that are in fewer regions than the service."""


def with_feature(feature: FeatureName) -> tuple[str, ...]:
    """Regions that AWS's user guides name for it, sorted."""
    return tuple(read_data("services.json")["features"][feature])


def zones(region: str) -> tuple[str, ...]:
    """Zone names an account typically sees in the region; empty for an unknown region."""
    found = get(region)
    return () if found is None else found.zones


def offered_in(instance_type: str) -> tuple[str, ...]:
    """Regions known to offer the instance type, sorted.

    Regions without recorded offerings (``has_offerings``) are absent: for them nothing is known.
    """
    recorded: dict[str, Any] = read_data("offerings.json")["regions"]
    return tuple(name for name, row in recorded.items() if instance_type in row["types"])


def types_in(region: str) -> tuple[str, ...]:
    """Instance types that the region is known to offer; empty where nothing is recorded."""
    return tuple(read_data("offerings.json")["regions"].get(region, {"types": ()})["types"])


def nearest_offers(instance_type: str, region: str, most: int = 6) -> str:
    """Regions that are known to offer the type, those of the same partition and continent first, as a phrase."""
    here = get(region)

    def distance(name: str) -> tuple[bool, int, str]:
        there = get(name)
        foreign = here is not None and there is not None and there.partition != here.partition
        pairs = zip(region.split("-"), name.split("-"), strict=False)
        alike = next((count for count, (mine, other) in enumerate(pairs) if mine != other), len(name))
        return foreign, -alike, name

    ordered = sorted(offered_in(instance_type), key=distance)
    more = len(ordered) - most
    return ", ".join(ordered[:most]) + (f" and {more} more" if more > 0 else "")


def has_offerings(region: str) -> bool:
    """Whether the data records what this region offers; without it a missing type means nothing."""
    return region in read_data("offerings.json")["regions"]


def offered_zone_ids(instance_type: str, region: str) -> tuple[str, ...]:
    """Zone IDs in the region that offer the instance type; empty where none does, or nothing is recorded."""
    row = read_data("offerings.json")["regions"].get(region)
    if row is None:
        return ()
    return tuple(row["zone_ids"][int(digit) - 1] for digit in row["types"].get(instance_type, ""))
