"""Today's prices from AWS, for ``llminfra catalog refresh``: on demand, reserved, savings plan, spot, capacity block.

Instances of SageMaker endpoints, which are called ``ml.…``, are asked for on demand, and so is everything that is no
instance and costs money (:mod:`llminfra.catalog.service_refresh`).

The clients are boto3's (extra ``aws``), passed in by the caller: this module imports none of them. What an account may
not ask is left out, and said. The file that comes out is read by the look-ups of :mod:`llminfra.catalog.prices` when
``LLMINFRA_PRICES`` names it; prices in it win over the packaged ones.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from msgspec import Struct, field

from llminfra.catalog import instances
from llminfra.catalog.price_file import Kind, PriceFile, RecordedPrice
from llminfra.catalog.price_list import Pricing, on_demand, pages, products
from llminfra.catalog.service_refresh import service_prices

_BLOCK_HOURS = 24
_TERM = "1yr"
_SECONDS_PER_YEAR = 31_536_000


class Ec2(Protocol):
    """boto3's ``ec2`` client, as far as it is used."""

    def describe_spot_price_history(self, **arguments: Any) -> Mapping[str, Any]:
        """Spot prices."""

    def describe_capacity_block_offerings(self, **arguments: Any) -> Mapping[str, Any]:
        """Capacity blocks on sale."""


class SavingsPlans(Protocol):
    """boto3's ``savingsplans`` client, as far as it is used."""

    def describe_savings_plans_offering_rates(self, **arguments: Any) -> Mapping[str, Any]:
        """Hourly rates under a savings plan."""


class _Collected(Struct):
    prices: dict[str, dict[Kind, RecordedPrice]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, instance_type: str, kind: Kind, usd_per_hour: float, source: str, note: str = "") -> None:
        price = RecordedPrice(usd_per_hour=round(usd_per_hour, 6), source=source, note=note)
        self.prices.setdefault(instance_type, {})[kind] = price


def refresh_prices(
    region: str,
    *,
    pricing: Pricing,
    ec2: Ec2 | None = None,
    savings_plans: SavingsPlans | None = None,
    instance_types: Iterable[str] | None = None,
    now: dt.datetime | None = None,
    refusals: tuple[type[Exception], ...] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[PriceFile, tuple[str, ...]]:
    """Ask AWS for the prices of a region.

    Args:
        region: Region of the prices; ``ec2`` must be a client of this region.
        pricing: Client of the price list, in ``PRICE_LIST_REGION``.
        ec2: For spot and capacity-block prices; ``None`` leaves them out.
        savings_plans: For savings-plan rates; ``None`` leaves them out.
        instance_types: What to ask for; ``None``: every type of the catalog from the price list, and every GPU type in
            all other ways to buy it.
        now: Time to record; ``None``: the time it is, UTC.
        refusals: Exceptions of the clients that mean "not allowed" or "not known": they become problems.
        progress: Told the instance type or service that is asked for.

    Returns:
        The prices, and what could not be had, one line each.
    """
    moment = now or dt.datetime.now(tz=dt.UTC)
    gpus = tuple(item.name for item in instances.all_gpu_types())
    names = tuple(instance_types) if instance_types is not None else gpus
    found = _Collected()
    if instance_types is None:
        progress("EC2")
        everything = instances.names()
        ask = partial(_list_prices, found, pricing, region, everything, {})
        _guard(found, refusals, f"price list of EC2 in {region}", ask)
    for name in names:
        progress(name)
        if instance_types is not None:
            ask = partial(_list_prices, found, pricing, region, (name,), {"instanceType": name})
            _guard(found, refusals, f"price list of {name}", ask)
        _guard(found, refusals, f"price list of ml.{name}", partial(_hosting_price, found, pricing, name, region))
    services, missing = service_prices(region, pricing, refusals=refusals, progress=progress)
    found.problems += missing
    if ec2 is not None:
        _guard(found, refusals, "spot prices", lambda: _spot(found, ec2, names, moment))
        for name in names:
            _guard(found, refusals, f"capacity blocks of {name}", partial(_block, found, ec2, name))
    if savings_plans is not None:
        _guard(found, refusals, "savings plans", lambda: _savings(found, savings_plans, names, region))
    file = PriceFile(
        version=2,
        region=region,
        date=moment.date().isoformat(),
        prices=dict(sorted(found.prices.items())),
        services=services,
    )
    return file, tuple(found.problems)


def _guard(found: _Collected, refusals: tuple[type[Exception], ...], what: str, ask: Callable[[], None]) -> None:
    try:
        ask()
    except refusals as error:
        found.problems.append(f"{what}: {error}")


def _list_prices(
    found: _Collected, pricing: Pricing, region: str, names: Collection[str], chosen: Mapping[str, str]
) -> None:
    """Prices of instances on EC2: of one type where ``chosen`` names it, else of all that are among ``names``."""
    wanted = {
        **chosen,
        "regionCode": region,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "licenseModel": "No License required",
        "marketoption": "OnDemand",
    }
    for product in products(pricing, "AmazonEC2", wanted):
        name = chosen.get("instanceType") or product.get("product", {}).get("attributes", {}).get("instanceType", "")
        if name not in names:
            continue
        for offer in on_demand(product):
            if (usd := _hourly(offer)) is not None:
                found.add(name, "on-demand", usd, "AWS Price List API, AmazonEC2, on demand")
        for offer in product.get("terms", {}).get("Reserved", {}).values():
            options = offer.get("termAttributes", {})
            if (
                options.get("LeaseContractLength") == _TERM
                and options.get("PurchaseOption") == "No Upfront"
                and options.get("OfferingClass") == "standard"
                and (usd := _hourly(offer)) is not None
            ):
                note = "one year, nothing upfront, standard"
                found.add(name, "reserved", usd, "AWS Price List API, AmazonEC2, reserved", note)


def _hosting_price(found: _Collected, pricing: Pricing, name: str, region: str) -> None:
    """Price of hosting on SageMaker.

    The names and values of the filters are those that public clients of this price list send; no document of AWS that
    states them was found, and none of this was tried with AWS. A filter that matches nothing leaves the price out.
    """
    wanted = {
        "productFamily": "ML Instance",
        "regionCode": region,
        "instanceName": f"ml.{name}",
        "platoinstancetype": "Hosting",
    }
    for product in products(pricing, "AmazonSageMaker", wanted):
        for offer in on_demand(product):
            if (usd := _hourly(offer)) is not None:
                found.add(f"ml.{name}", "on-demand", usd, "AWS Price List API, AmazonSageMaker, hosting")


def _hourly(offer: Mapping[str, Any]) -> float | None:
    for dimension in offer.get("priceDimensions", {}).values():
        if dimension.get("unit") in {"Hrs", "Hours"}:
            usd = float(dimension.get("pricePerUnit", {}).get("USD", 0) or 0)
            if usd > 0:
                return usd
    return None


def _spot(found: _Collected, ec2: Ec2, names: tuple[str, ...], moment: dt.datetime) -> None:
    lowest: dict[str, tuple[float, str]] = {}
    for row in pages(
        ec2.describe_spot_price_history,
        "SpotPriceHistory",
        "NextToken",
        InstanceTypes=list(names),
        ProductDescriptions=["Linux/UNIX"],
        StartTime=moment,
    ):
        offer = (float(row["SpotPrice"]), str(row["AvailabilityZone"]))
        name = row["InstanceType"]
        if name not in lowest or offer < lowest[name]:
            lowest[name] = offer
    for name, (usd, zone) in lowest.items():
        found.add(name, "spot", usd, "EC2 DescribeSpotPriceHistory", f"lowest of the zones: {zone}")


def _block(found: _Collected, ec2: Ec2, name: str) -> None:
    offers = [
        (float(row["UpfrontFee"]) / (row["InstanceCount"] * row["CapacityBlockDurationHours"]), str(row["StartDate"]))
        for row in pages(
            ec2.describe_capacity_block_offerings,
            "CapacityBlockOfferings",
            "NextToken",
            InstanceType=name,
            InstanceCount=1,
            CapacityDurationHours=_BLOCK_HOURS,
        )
    ]
    if offers:
        usd, start = min(offers)
        found.add(
            name, "capacity-block", usd, "EC2 DescribeCapacityBlockOfferings", f"one instance, one day, from {start}"
        )


def _savings(found: _Collected, savings_plans: SavingsPlans, names: tuple[str, ...], region: str) -> None:
    for start in range(0, len(names), 10):
        for row in pages(
            savings_plans.describe_savings_plans_offering_rates,
            "searchResults",
            "nextToken",
            savingsPlanTypes=["Compute"],
            savingsPlanPaymentOptions=["No Upfront"],
            products=["EC2"],
            serviceCodes=["AmazonEC2"],
            filters=[
                {"name": "region", "values": [region]},
                {"name": "instanceType", "values": list(names[start : start + 10])},
                {"name": "productDescription", "values": ["Linux/UNIX"]},
                {"name": "tenancy", "values": ["shared"]},
            ],
        ):
            offering = row.get("savingsPlanOffering", {})
            if offering.get("durationSeconds") != _SECONDS_PER_YEAR or row.get("unit") != "Hrs":
                continue
            kinds = {item["name"]: item["value"] for item in row.get("properties", ())}
            if name := kinds.get("instanceType"):
                note = "Compute Savings Plan, one year, nothing upfront"
                found.add(name, "savings-plan", float(row["rate"]), "AWS Savings Plans API", note)
