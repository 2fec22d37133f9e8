"""Prices asked of AWS: boto3's real clients with stubbed answers, whose shapes botocore checks."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from llminfra.catalog import prices
from llminfra.catalog.price_file import VARIABLE, PriceFile, read_price_file
from llminfra.catalog.refresh import refresh_prices
from llminfra.catalog.service_refresh import queries, token_queries
from llminfra.diagnostics import UsageError

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def client(name: str) -> Any:
    return boto3.client(name, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")


def product(on_demand: str, reserved: str | None = None) -> str:
    """A row of the price list, as the API gives it: JSON in a string."""
    terms: dict[str, Any] = {
        "OnDemand": {"X.1": {"priceDimensions": {"X.1.1": {"unit": "Hrs", "pricePerUnit": {"USD": on_demand}}}}}
    }
    if reserved:
        terms["Reserved"] = {
            "X.2": {
                "termAttributes": {
                    "LeaseContractLength": "1yr",
                    "PurchaseOption": "No Upfront",
                    "OfferingClass": "standard",
                },
                "priceDimensions": {"X.2.1": {"unit": "Hrs", "pricePerUnit": {"USD": reserved}}},
            },
            "X.3": {
                "termAttributes": {
                    "LeaseContractLength": "3yr",
                    "PurchaseOption": "All Upfront",
                    "OfferingClass": "standard",
                },
                "priceDimensions": {
                    "X.3.1": {"unit": "Quantity", "pricePerUnit": {"USD": "9999"}},
                    "X.3.2": {"unit": "Hrs", "pricePerUnit": {"USD": "0.0000000000"}},
                },
            },
        }
    return json.dumps({"product": {"sku": "X"}, "terms": terms})


@pytest.fixture
def asked() -> Iterator[tuple[PriceFile, tuple[str, ...]]]:
    """Prices of two types: everything for the first, an error for the second's capacity blocks."""
    pricing, ec2, savings = client("pricing"), client("ec2"), client("savingsplans")
    with Stubber(pricing) as listed, Stubber(ec2) as compute, Stubber(savings) as plans:
        listed.add_response("get_products", {"PriceList": [], "NextToken": "more"})
        listed.add_response("get_products", {"PriceList": [product("55.04", "36.5")]})
        hosting = [("productFamily", "ML Instance"), ("regionCode", "us-east-1")]
        hosting += [("instanceName", "ml.p5.48xlarge"), ("platoinstancetype", "Hosting")]
        listed.add_response(
            "get_products",
            {"PriceList": [product("63.3")]},
            {
                "ServiceCode": "AmazonSageMaker",
                "FormatVersion": "aws_v1",
                "Filters": [{"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in hosting],
            },
        )
        listed.add_response("get_products", {"PriceList": [product("0.8048")]})
        listed.add_response("get_products", {"PriceList": []})
        for _ in {(item.service, str(item.filters)) for item in (*queries().values(), *token_queries().values())}:
            listed.add_response("get_products", {"PriceList": []})
        compute.add_response(
            "describe_spot_price_history",
            {
                "SpotPriceHistory": [
                    {"InstanceType": "p5.48xlarge", "SpotPrice": "21.5", "AvailabilityZone": "us-east-1b"},
                    {"InstanceType": "p5.48xlarge", "SpotPrice": "19.25", "AvailabilityZone": "us-east-1d"},
                ]
            },
        )
        compute.add_response(
            "describe_capacity_block_offerings",
            {
                "CapacityBlockOfferings": [
                    {"UpfrontFee": "755.04", "InstanceCount": 1, "CapacityBlockDurationHours": 24, "StartDate": NOW}
                ]
            },
        )
        compute.add_client_error("describe_capacity_block_offerings", "Unsupported", "g6.xlarge has no blocks")
        plans.add_response(
            "describe_savings_plans_offering_rates",
            {
                "searchResults": [
                    {
                        "savingsPlanOffering": {"durationSeconds": seconds},
                        "rate": rate,
                        "unit": "Hrs",
                        "properties": [{"name": "instanceType", "value": "p5.48xlarge"}],
                    }
                    for seconds, rate in ((94_608_000, "24.0"), (31_536_000, "40.1"))
                ]
            },
        )
        yield refresh_prices(
            "us-east-1",
            pricing=pricing,
            ec2=ec2,
            savings_plans=savings,
            instance_types=("p5.48xlarge", "g6.xlarge"),
            now=NOW,
            refusals=(ClientError,),
        )
        for stub in (listed, compute, plans):
            stub.assert_no_pending_responses()


def test_every_way_to_buy(asked: tuple[PriceFile, tuple[str, ...]]) -> None:
    found, _ = asked
    assert {kind: item.usd_per_hour for kind, item in found.prices["p5.48xlarge"].items()} == {
        "on-demand": 55.04,
        "reserved": 36.5,
        "spot": 19.25,
        "capacity-block": 31.46,
        "savings-plan": 40.1,
    }
    assert found.prices["ml.p5.48xlarge"]["on-demand"].usd_per_hour == 63.3
    assert "ml.g6.xlarge" not in found.prices
    assert found.date == "2026-11-23"
    assert "us-east-1d" in found.prices["p5.48xlarge"]["spot"].note


def test_what_may_not_be_asked_is_said_and_left_out(asked: tuple[PriceFile, tuple[str, ...]]) -> None:
    found, problems = asked
    assert set(found.prices["g6.xlarge"]) == {"on-demand"}
    assert found.services == {}
    *services, blocks = problems
    assert "capacity blocks of g6.xlarge" in blocks
    assert len(services) == len(queries())
    assert "nat_gateway_hour (AmazonEC2) in us-east-1: no such product in the price list" in services


def test_other_errors_are_not_swallowed() -> None:
    pricing = client("pricing")
    with Stubber(pricing) as listed:
        listed.add_client_error("get_products", "AccessDenied")
        with pytest.raises(ClientError):
            refresh_prices("us-east-1", pricing=pricing, instance_types=("g6.xlarge",), now=NOW)


class Sweep:
    """A price list of two types; answers what was asked of EC2 alone, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def get_products(self, **arguments: Any) -> dict[str, Any]:
        wanted = {item["Field"]: item["Value"] for item in arguments["Filters"]}
        if arguments["ServiceCode"] != "AmazonEC2" or "operatingSystem" not in wanted:
            return {"PriceList": []}
        self.asked.append(wanted)
        rows = {name: json.loads(product(usd)) for name, usd in (("m7i.xlarge", "0.2415"), ("x0.odd", "1"))}
        for name, row in rows.items():
            row["product"]["attributes"] = {"instanceType": name}
        return {"PriceList": [json.dumps(row) for row in rows.values()]}


def test_without_types_every_type_of_the_catalog_comes_in_one_question() -> None:
    listed = Sweep()
    found, _ = refresh_prices("eu-central-1", pricing=listed, now=NOW)
    (asked,) = listed.asked
    assert "instanceType" not in asked
    assert (asked["regionCode"], asked["marketoption"]) == ("eu-central-1", "OnDemand")
    assert {name: row["on-demand"].usd_per_hour for name, row in found.prices.items()} == {"m7i.xlarge": 0.2415}


def test_a_file_of_the_first_version_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prices.json"
    row = {"usd_per_hour": 1.5, "source": "AWS Price List API"}
    path.write_text(json.dumps({"region": "eu-west-3", "date": "2026-11-20", "prices": {"g6.xlarge": {"spot": row}}}))
    monkeypatch.setenv(VARIABLE, str(path))
    assert (read_price_file(path).version, read_price_file(path).services) == (1, {})
    spot = prices.refreshed_usd_per_hour("g6.xlarge", "eu-west-3", "spot")
    assert spot is not None
    assert spot.usd == 1.5
    assert prices.service_price("nat_gateway_hour", "eu-west-3") is None


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"version": 3, "region": "eu-west-3", "date": "2026-11-20", "prices": {}}))
    with pytest.raises(UsageError, match="version"):
        read_price_file(path)


def test_look_ups_take_the_file_that_is_named(
    asked: tuple[PriceFile, tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = prices.on_demand_usd_per_hour("g6.xlarge", "us-east-1")
    path = tmp_path / "prices.json"
    path.write_text(asked[0].model_copy(update={"date": "2026-11-24"}).model_dump_json())
    monkeypatch.setenv(VARIABLE, str(path))
    found = prices.on_demand_usd_per_hour("g6.xlarge", "us-east-1")
    assert packaged is not None
    assert found is not None
    assert (found.date, packaged.date) == ("2026-11-24", "2026-07-20")
    spot = prices.refreshed_usd_per_hour("p5.48xlarge", "us-east-1", "spot")
    assert spot is not None
    assert spot.usd == 19.25
    assert prices.refreshed_usd_per_hour("p5.48xlarge", "eu-west-1", "spot") is None, "the file is of another region"
    monkeypatch.delenv(VARIABLE)
    assert prices.refreshed_usd_per_hour("p5.48xlarge", "us-east-1", "spot") is None, "never guessed"


@pytest.mark.parametrize("content", ["", "[]", '{"region": "us-east-1"}', '{"region": 1, "date": "", "prices": {}}'])
def test_a_wrong_file_is_a_usage_error(content: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="llminfra catalog refresh"):
        read_price_file(path)
    with pytest.raises(UsageError, match=r"missing\.json"):
        read_price_file(tmp_path / "missing.json")
