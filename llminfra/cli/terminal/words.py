"""Numbers and lists as people write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from llminfra.catalog import quotas
from llminfra.planning.cost.hourly import span

if TYPE_CHECKING:
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.plan.targets import TokenPricePlan
    from llminfra.spec.compute.capacity import Capacity

__all__ = [
    "block_until",
    "bought",
    "bound",
    "count",
    "dot",
    "duration",
    "money",
    "span",
    "token_price",
    "vpc_endpoints",
    "without_marks",
    "zones",
]


_CAPACITY: Mapping[str, str] = {
    "on-demand": "on demand",
    "spot": "spot",
    "reservation": "reservation",
    "capacity-block": "capacity block",
}
_A_CENT = 0.05
"""Below it two decimals tell too little."""


def dot(*parts: str) -> str:
    """The parts that are not empty, with dots between."""
    return " · ".join(part for part in parts if part)


def series(names: Sequence[str]) -> str:
    """Names in a row: a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def without_marks(text: str) -> str:
    """A docstring's text without its marks of code."""
    return text.replace("``", "")


def count(number: int, noun: str) -> str:
    """``1 node``, ``2 nodes``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = [
        f"{hours} h" if hours else "",
        f"{minutes} min" if minutes else "",
        f"{rest} s" if rest and not hours else "",
    ]
    return " ".join(part for part in parts if part)


def money(usd: float | None, unknown: str, unit: str = "") -> str:
    """``$1,234.56`` with a unit, or the word for an unknown price."""
    return unknown if usd is None else f"{small(usd)}{unit}"


def small(usd: float) -> str:
    """``$1,234.56``, and ``$0.0042`` where cents say nothing: a million tokens of an embedder cost less than one."""
    return f"${usd:,.2f}" if usd >= _A_CENT or usd == 0 else f"${usd:.2g}"


def bound(usd: float, decimals: int, *, unpriced: object) -> str:
    """A sum as it can be told: ``1,234.56``, ``≥ 1,234.56`` where something is missing, ``?`` where all of it is."""
    if unpriced and not usd:
        return "?"
    return f"{'≥ ' if unpriced else ''}{usd:,.{decimals}f}"


def bought(pool: PoolPlan) -> str:
    """How the nodes of a pool are bought."""
    kind = pool.spec.capacity.kind
    if kind == "spot" and "on-demand" in pool.capacity_types:
        return "spot, else on demand"
    return f"{_CAPACITY[kind]}{block_until(pool.spec.capacity)}"


def block_until(capacity: Capacity | None) -> str:
    """`` until 2027-03-01 11:00 UTC`` where a capacity block says when it ends: its instances go then."""
    ends = capacity.ends if capacity is not None and capacity.kind == "capacity-block" else None
    return "" if ends is None else f" until {ends.isoformat()} {quotas.capacity_block_times().instances_go_utc} UTC"


def zones(names: Sequence[str], region: str) -> str:
    """Zones of a region that the reader knows: ``zone b``, ``zones a b c``; in full where one is of another kind."""
    short = [name.removeprefix(region).removeprefix("-") for name in names]
    return f"{'zone' if len(short) == 1 else 'zones'} {' '.join(short)}" if short else ""


def vpc_endpoints(interfaces: int, gateways: int) -> str:
    """``17 interface and 1 gateway VPC endpoints``: interfaces cost by the hour and zone, gateways nothing."""
    told = [f"{number} {kind}" for number, kind in ((interfaces, "interface"), (gateways, "gateway")) if number]
    return f"{' and '.join(told)} VPC endpoint{'' if interfaces + gateways == 1 else 's'}" if told else ""


def token_price(price: TokenPricePlan | None) -> str:
    """What a million tokens of a model of Bedrock cost: in cents, or exactly where there are parts of them."""
    if price is None:
        return "no price known of its tokens"
    paid = [f"${usd:.2f}" if round(usd, 2) == usd else f"${usd:g}" for usd in (price.usd_input, price.usd_output)]
    per = f"{paid[0]} in and {paid[1]} out per million tokens"
    return dot(per, f"prices of {price.date}", *([price.note] if price.note else []))
