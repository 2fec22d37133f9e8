"""Today's prices of what is no instance, from AWS's price list: clusters, gateways, endpoints, volumes, file systems.

What is asked for each is data (``data/price_list.json``), with the public code and records that it was taken from; none
of it was tried with AWS. A price is taken where exactly one is found in the unit that is expected. Where none is, or
several that differ, the price is left out, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pydantic import Field

from llminfra.catalog import regions
from llminfra.catalog.datafile import Fact, read_data
from llminfra.catalog.price_file import RecordedServicePrice
from llminfra.catalog.price_list import Pricing, first_paid_tier, products

_CHINA = "aws-cn"
_DIGITS = 6


class ServiceQuery(Fact):
    """How one price is found in the price list.

    Attributes:
        service: Service code.
        filters: Attributes that ``GetProducts`` selects by, beside the region.
        usage_type: Usage type without its region's prefix; ``None``: the filters select the product alone.
        units: Units as AWS writes them, to how many of ours each is; empty: whatever the product is priced by.
        unit: What one price buys.
        on_top_of: The price that is paid beside this one; the two together are what the look-up tells.
    """

    service: str
    filters: dict[str, str]
    usage_type: str | None = None
    units: dict[str, float] = Field(default_factory=dict)
    unit: str
    on_top_of: str | None = None


@cache
def queries() -> Mapping[str, ServiceQuery]:
    """Every price that is asked for, by the name of its look-up."""
    return {name: ServiceQuery(**row) for name, row in read_data("price_list.json")["queries"].items()}


@cache
def token_queries() -> Mapping[str, ServiceQuery]:
    """Prices of tokens of Bedrock's models, which a region has or has not, by model and direction."""
    return {name: ServiceQuery(**row) for name, row in read_data("price_list.json")["token_queries"].items()}


def service_prices(
    region: str,
    pricing: Pricing,
    *,
    refusals: tuple[type[Exception], ...] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, RecordedServicePrice], tuple[str, ...]]:
    """Ask the price list for everything that is no instance.

    Args:
        region: Region of the prices.
        pricing: Client of the price list.
        refusals: Exceptions of the client that mean "not allowed" or "not known": they become problems.
        progress: Told the service that is asked for.

    Returns:
        The prices by name, and what could not be had, one line each.
    """
    known = regions.get(region)
    if known is not None and known.partition == _CHINA:
        return {}, (f"services in {region}: AWS has a price list of its own for China, in CNY",)
    found: dict[str, RecordedServicePrice] = {}
    problems: list[str] = []
    answers: dict[tuple[str, str], list[Mapping[str, Any]] | Exception] = {}
    for name, query in {**queries(), **token_queries()}.items():
        wanted = {"regionCode": region, **query.filters}
        key = (query.service, str(wanted))
        if key not in answers:
            progress(query.service)
            try:
                answers[key] = list(products(pricing, query.service, wanted))
            except refusals as error:
                answers[key] = error
        answer = answers[key]
        if name in token_queries() and not isinstance(answer, Exception) and not _meant(query, answer):
            continue  # the region has no such model
        price = str(answer) if isinstance(answer, Exception) else _only_price(query, answer)
        if isinstance(price, str):
            problems.append(f"{name} ({query.service}) in {region}: {price}")
        else:
            source = f"AWS Price List API, {query.service}"
            found[name] = RecordedServicePrice(usd=round(price, _DIGITS), unit=query.unit, source=source)
    for name, query in queries().items():
        if query.on_top_of is not None and name in found:
            _add_up(name, query.on_top_of, found, problems, region)
    return dict(sorted(found.items())), tuple(problems)


def _only_price(query: ServiceQuery, answer: list[Mapping[str, Any]]) -> float | str:
    """The one price that the products state, or why there is none."""
    meant = _meant(query, answer)
    stated = [price for item in meant for price in first_paid_tier(item)]
    if not stated:
        return "no such product in the price list" if not meant else "the product has no on-demand price"
    factors = {unit.casefold(): factor for unit, factor in query.units.items()}
    prices, odd = set(), set()
    for price in stated:
        factor = factors.get(price.unit.casefold()) if factors else 1.0
        if price.usd is None:
            odd.add(f"in {', '.join(price.currencies)}, not in US dollars")
        elif factor is None:
            odd.add(f"by {price.unit!r}, not by {' or '.join(query.units)}")
        else:
            prices.add(price.usd / factor)
    if odd:
        return f"priced {'; '.join(sorted(odd))}"
    if len(prices) > 1:
        return f"prices that differ, and no way to tell which is meant: {', '.join(map(str, sorted(prices)))}"
    return prices.pop()


def _meant(query: ServiceQuery, answer: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [item for item in answer if _is_meant(query, item)]


def _is_meant(query: ServiceQuery, product: Mapping[str, Any]) -> bool:
    """Whether a product has the usage type, behind the prefix of any region or none."""
    if query.usage_type is None:
        return True
    usage: str = product.get("product", {}).get("attributes", {}).get("usagetype", "")
    prefix: str = read_data("price_list.json")["prefix"]
    return re.fullmatch(prefix + re.escape(query.usage_type), usage) is not None


def _add_up(name: str, below: str, found: dict[str, RecordedServicePrice], problems: list[str], region: str) -> None:
    """Make a surcharge the whole price; without the price below it, it is none."""
    surcharge = found.pop(name)
    if below not in found:
        problems.append(f"{name} in {region}: it is paid on top of {below}, which has no price")
        return
    usd = round(surcharge.usd + found[below].usd, _DIGITS)
    found[name] = RecordedServicePrice(
        usd=usd, unit=surcharge.unit, source=surcharge.source, note=f"{found[below].usd} and {surcharge.usd} on top"
    )
