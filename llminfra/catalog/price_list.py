"""AWS's price list, as ``GetProducts`` answers: products of one service in one region, and the prices they state.

The client is boto3's (extra ``aws``), passed in by the caller: this module imports none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Protocol

from msgspec import Struct

#: The price list answers in these regions only; each has the prices of all but those of China.
PRICE_LIST_REGION = "us-east-1"


class Pricing(Protocol):
    """boto3's ``pricing`` client, as far as it is used."""

    def get_products(self, **arguments: Any) -> Mapping[str, Any]:
        """Products of a service with their prices."""


class StatedPrice(Struct, frozen=True, kw_only=True):
    """One on-demand price of a product.

    Attributes:
        unit: Unit as AWS writes it, such as ``Hrs`` or ``GB-Mo``.
        usd: US dollars per unit; ``None`` where the price is in another currency alone.
        currencies: Currencies that the price is in.
    """

    unit: str
    usd: float | None
    currencies: tuple[str, ...]


def pages(call: Callable[..., Mapping[str, Any]], key: str, token: str, **arguments: Any) -> Iterator[Any]:
    """Every item of a paged answer."""
    following: dict[str, str] = {}
    while True:
        answer = call(**arguments, **following)
        yield from answer.get(key, ())
        if not answer.get(token):
            return
        following = {token: answer[token]}


def products(pricing: Pricing, service: str, wanted: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """Products of a service whose attributes are the wanted ones.

    Args:
        pricing: Client of the price list.
        service: Service code, such as ``AmazonEC2``.
        wanted: Attribute to its exact value.
    """
    filters = [{"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in wanted.items()]
    for text in pages(
        pricing.get_products, "PriceList", "NextToken", ServiceCode=service, Filters=filters, FormatVersion="aws_v1"
    ):
        yield json.loads(text) if isinstance(text, str) else text


def on_demand(product: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """The on-demand offers of a product."""
    offers: Mapping[str, Mapping[str, Any]] = product.get("terms", {}).get("OnDemand", {})
    return offers.values()


def first_paid_tier(product: Mapping[str, Any]) -> list[StatedPrice]:
    """On-demand price by offer, of the first units that cost something: those before are free, those after cheaper."""
    found = []
    for offer in on_demand(product):
        tiers = []
        for dimension in offer.get("priceDimensions", {}).values():
            prices: Mapping[str, str] = dimension.get("pricePerUnit", {})
            usd = float(prices["USD"] or 0) if "USD" in prices else None
            price = StatedPrice(unit=dimension.get("unit", ""), usd=usd, currencies=tuple(prices))
            if usd != 0:
                tiers.append((float(dimension.get("beginRange") or 0), price))
        if tiers:
            found.append(min(tiers, key=itemgetter(0))[1])
    return found
