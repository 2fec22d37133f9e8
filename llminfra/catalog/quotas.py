"""EC2's vCPU quotas: which one an instance type counts against, on demand, as spot and in a capacity block."""

import re
from functools import cache
from typing import Literal

from llminfra.catalog.datafile import Fact, read_data

Purchase = Literal["on-demand", "spot", "capacity-block"]


class Quota(Fact):
    """One quota of the service ``ec2``.

    Attributes:
        code: Code for ``aws service-quotas request-service-quota-increase --quota-code``.
        name: Name in the Service Quotas console.
        purchase: Which instances it limits, by how they are bought.
        families: Prefixes of the instance families it covers, such as ``p5``; whole families for capacity blocks.
        default_vcpus: Value of an account that never asked for more.
        source: Where it was read.
    """

    code: str
    name: str
    purchase: Purchase
    families: tuple[str, ...]
    default_vcpus: int
    source: str

    def covers(self, instance_type: str) -> bool:
        """Whether instances of this type count against the quota."""
        if self.purchase == "capacity-block":
            return instance_type.partition(".")[0] in self.families
        letters, generation = _series(instance_type)
        return letters in self.families or letters + generation in self.families


LimitName = Literal["network_interfaces", "elastic_ips", "placement_groups", "function_concurrency"]


class Limit(Fact):
    """A limit that counts things other than vCPUs; ``code`` is empty where Service Quotas has none."""

    code: str
    name: str
    default: int
    source: str


@cache
def limit(name: LimitName) -> Limit:
    """One limit by name."""
    return Limit(**read_data("quotas.json")["limits"][name])


@cache
def capacity_block_families() -> tuple[str, ...]:
    """Instance families with NVIDIA GPUs of which AWS sells capacity blocks."""
    return tuple(read_data("quotas.json")["capacity_block"]["families"])


class BlockTimes(Fact):
    """How long capacity blocks last, and when on its last day one ends.

    Attributes:
        days_in_steps_of_1: Longest block, in days, of those that are sold day by day.
        days_in_steps_of_7: Longest block of all; above the former they are sold by the week.
        ends_utc: When a block ends, UTC.
        instances_go_utc: When EC2 begins to terminate its instances, UTC.
    """

    days_in_steps_of_1: int
    days_in_steps_of_7: int
    ends_utc: str
    instances_go_utc: str


@cache
def capacity_block_times() -> BlockTimes:
    """How long capacity blocks last."""
    data = read_data("quotas.json")["capacity_block"]
    return BlockTimes(**{name: data[name] for name in BlockTimes.model_fields})


def capacity_block_sizes() -> tuple[int, ...]:
    """How many instances one capacity block may hold."""
    return tuple(read_data("quotas.json")["capacity_block"]["instances"])


@cache
def all_quotas() -> tuple[Quota, ...]:
    """Every vCPU quota in the catalog."""
    data = read_data("quotas.json")
    rows = [dict(row, families=tuple(row["families"].split())) for row in data["quotas"]]
    return tuple(Quota(source=data["_source"], **row) for row in rows)


def vcpu_quota(instance_type: str, purchase: Purchase) -> Quota | None:
    """The quota an instance type counts against, or ``None`` where it is not known (spot P6)."""
    found = [quota for quota in all_quotas() if quota.purchase == purchase and quota.covers(instance_type)]
    return found[0] if len(found) == 1 else None


def _series(instance_type: str) -> tuple[str, str]:
    """Letters and generation of a type: ``("p", "5")`` of ``p5en.48xlarge``, ``("g", "6")`` of ``gr6.8xlarge``.

    The ``gr`` variants are G instances with more memory.
    """
    match = re.match(r"([a-z]+?)(\d+)", instance_type.partition("-")[0])
    if match is None:
        return "", ""
    letters = "g" if match[1] == "gr" else match[1]
    return letters, match[2]
