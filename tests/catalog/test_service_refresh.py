"""Prices of services asked of AWS: answers of ``GetProducts`` as they are, one JSON text for each product."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from llminfra.catalog import bedrock, prices
from llminfra.catalog.datafile import read_data
from llminfra.catalog.price_file import VARIABLE, PriceFile
from llminfra.catalog.service_refresh import queries, service_prices, token_queries

REGION = "eu-central-1"


def tier(price: dict[str, str], unit: str, begin: str = "0", end: str = "Inf") -> dict[str, Any]:
    """A price dimension."""
    return {
        "unit": unit,
        "beginRange": begin,
        "endRange": end,
        "description": f"{price} per {unit}",
        "appliesTo": [],
        "rateCode": f"SKU.JRTCKXETXF.{begin}",
        "pricePerUnit": price,
    }


def product(family: str | None, usage: str, *tiers: dict[str, Any], **attributes: str) -> str:
    """A product as the price list gives it."""
    row: dict[str, Any] = {"attributes": {"usagetype": usage, "regionCode": REGION, **attributes}, "sku": "SKU"}
    if family is not None:
        row["productFamily"] = family
    offer = {
        "sku": "SKU",
        "offerTermCode": "JRTCKXETXF",
        "effectiveDate": "2026-11-01T00:00:00Z",
        "termAttributes": {},
        "priceDimensions": {item["rateCode"]: item for item in tiers},
    }
    return json.dumps({"product": row, "serviceCode": "X", "terms": {"OnDemand": {"SKU.JRTCKXETXF": offer}}})


def usd(price: str, unit: str, **more: str) -> dict[str, Any]:
    return tier({"USD": price}, unit, **more)


#: What stands in the price list beside what is meant, too: neighbours whose prices are their own.
FRANKFURT: dict[str, list[str]] = {
    "AmazonCloudWatch": [
        product("Data Payload", "EUC1-DataProcessing-Bytes", usd("0.6300000000", "GB")),
        product("Data Payload", "EUC1-DataProcessingIA-Bytes", usd("0.3150000000", "GB")),
    ],
    "AmazonEC2": [
        product("Storage", "EUC1-EBS:VolumeUsage.gp3", usd("0.0952000000", "GB-Mo"), volumeApiName="gp3"),
        product("System Operation", "EUC1-EBS:VolumeP-IOPS.gp3", usd("0.0060000000", "IOPS-Mo"), volumeApiName="gp3"),
        product(
            "Provisioned Throughput",
            "EUC1-EBS:VolumeP-Throughput.gp3",
            usd("48.7424000000", "GiBps-mo"),
            volumeApiName="gp3",
        ),
        product("NAT Gateway", "EUC1-NatGateway-Hours", usd("0.0520000000", "Hrs")),
        product("NAT Gateway", "EUC1-NatGateway-Bytes", usd("0.0520000000", "GB")),
        product("NAT Gateway", "EUC1-RegionalNatGateway-Hours", usd("0.0700000000", "Hrs")),
        product("NAT Gateway", "EUC1-NatGateway-Prvd-Bytes", usd("0.0000000000", "GB")),
    ],
    "AmazonEKS": [
        product("Compute", "EUC1-AmazonEKS-Hours:perCluster", usd("0.1000000000", "Hours")),
        product("Compute", "EUC1-AmazonEKS-Hours:extendedSupport", usd("0.5000000000", "Hours")),
    ],
    "AmazonFSx": [
        product(
            "Storage",
            f"EUC1-Storage.SSD.{throughput}",
            usd(price, "GB-Mo"),
            fileSystemType="Lustre",
            throughputCapacity=str(throughput),
        )
        for throughput, price in ((50, "0.167"), (125, "0.186"), (250, "0.269"), (500, "0.435"), (1000, "0.768"))
    ],
    "AmazonS3": [
        product(
            "Storage",
            "EUC1-TimedStorage-ByteHrs",
            usd("0.0245000000", "GB-Mo", end="51200"),
            usd("0.0235000000", "GB-Mo", begin="51200", end="512000"),
            usd("0.0225000000", "GB-Mo", begin="512000"),
            volumeType="Standard",
        )
    ],
    "AmazonVPC": [
        product(
            "VpcEndpoint",
            "EUC1-VpcEndpoint-Bytes",
            usd("0.0040000000", "GB", begin="5242880"),
            usd("0.0100000000", "GB", end="1048576"),
            usd("0.0060000000", "GB", begin="1048576", end="5242880"),
        ),
        product("VpcEndpoint", "EUC1-VpcEndpoint-Hours", usd("0.0120000000", "Hrs")),
        product("VpcEndpoint", "EUC1-VpcEndpoint-Service-Hours", usd("0.0500000000", "Hrs")),
        product(
            None,
            "EUC1-PublicIPv4:InUseAddress",
            usd("0.0000000000", "Hrs", end="1"),
            usd("0.0050000000", "Hrs", begin="1"),
            group="VPCPublicIPv4Address",
        ),
        product(None, "EUC1-PublicIPv4:IdleAddress", usd("0.0060000000", "Hrs"), group="VPCPublicIPv4Address"),
    ],
    "AWSELB": [
        product("Load Balancer-Application", "EUC1-LoadBalancerUsage", usd("0.0270000000", "Hrs")),
        product("Load Balancer-Application", "EUC1-TS-LoadBalancerUsage", usd("0.0063000000", "Hrs")),
        product("Load Balancer-Application", "EUC1-LCUUsage", usd("0.0080000000", "LCU-Hrs")),
    ],
    "AWSSecretsManager": [product("Secret", "EUC1-AWSSecretsManager-Secrets", usd("0.4000000000", "Secrets"))],
    "awskms": [product("Encryption Key", "eu-central-1-KMS-Keys", usd("1.0000000000", "Keys"))],
}


class PriceList:
    """A price list that selects as ``GetProducts`` does: by family, region and attributes."""

    def __init__(self, rows: dict[str, list[str]], refused: str = "") -> None:
        self.rows = rows
        self.refused = refused
        self.asked: list[tuple[str, dict[str, str]]] = []

    def get_products(self, **arguments: Any) -> dict[str, Any]:
        service = arguments["ServiceCode"]
        wanted = {item["Field"]: item["Value"] for item in arguments["Filters"]}
        self.asked.append((service, wanted))
        if service == self.refused:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetProducts")
        found = []
        for text in self.rows.get(service, []):
            row = json.loads(text)["product"]
            known = {"productFamily": row.get("productFamily"), **row["attributes"]}
            if all(known.get(key) == value for key, value in wanted.items()):
                found.append(text)
        half = len(found) // 2
        if "NextToken" in arguments:
            return {"PriceList": found[half:]}
        return {"PriceList": found[:half], "NextToken": "more"} if half else {"PriceList": found}


def test_every_price_of_a_region_is_found_beside_its_neighbours() -> None:
    listed = PriceList(FRANKFURT)
    found, problems = service_prices(REGION, listed)
    assert problems == ()
    assert {name: row.usd for name, row in found.items()} == {
        "cloudwatch_logs_ingest_gb": 0.63,
        "ebs_gp3_gib_month": 0.0952,
        "ebs_gp3_iops_month": 0.006,
        "ebs_gp3_mibps_month": 0.0476,
        "eks_cluster_hour": 0.1,
        "eks_extended_support_cluster_hour": 0.6,
        "fsx_lustre_persistent_ssd_1000_gib_month": 0.768,
        "fsx_lustre_persistent_ssd_125_gib_month": 0.186,
        "fsx_lustre_persistent_ssd_250_gib_month": 0.269,
        "fsx_lustre_persistent_ssd_500_gib_month": 0.435,
        "kms_key_month": 1.0,
        "load_balancer_hour": 0.027,
        "nat_gateway_gb": 0.052,
        "nat_gateway_hour": 0.052,
        "public_ipv4_hour": 0.005,
        "s3_standard_gb_month": 0.0245,
        "secret_month": 0.4,
        "vpc_endpoint_gb": 0.01,
        "vpc_endpoint_hour": 0.012,
    }
    assert all(wanted["regionCode"] == REGION for _, wanted in listed.asked)


def test_every_price_that_a_plan_may_look_up_is_asked_for_in_its_unit() -> None:
    assert set(queries()) == set(get_args(prices.ServicePriceName))
    for name, query in queries().items():
        packaged = prices.service_price(name, "us-east-1")  # type: ignore[arg-type]  # a name by the line above
        assert packaged is not None
        assert packaged.unit == query.unit


def test_products_of_one_kind_are_asked_for_once() -> None:
    listed = PriceList(FRANKFURT)
    service_prices(REGION, listed)
    first = [(service, str(wanted)) for service, wanted in listed.asked]
    assert len([item for item in first if item[0] == "AmazonFSx"]) == 2, "two pages"


@pytest.mark.parametrize("prefix", ["", "USW2-", "EU-", "UGW1-", "APS10-"])
def test_a_usage_type_has_any_regions_prefix_or_none(prefix: str) -> None:
    rows = {"AmazonEC2": [product("NAT Gateway", f"{prefix}NatGateway-Hours", usd("0.045", "Hrs"))]}
    found, _ = service_prices(REGION, PriceList(rows))
    assert {name: row.usd for name, row in found.items()} == {"nat_gateway_hour": 0.045}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([product("NAT Gateway", "X-NatGateway-Hours", usd("1", "Hrs"))], "no such product"),
        ([product("NAT Gateway", "NatGateway-Hours", usd("0.0000000000", "Hrs"))], "no on-demand price"),
        ([product("NAT Gateway", "NatGateway-Hours", tier({"CNY": "0.4"}, "Hrs"))], "in CNY, not in US dollars"),
        ([product("NAT Gateway", "NatGateway-Hours", usd("1", "Days"))], "by 'Days', not by Hrs or Hours"),
        (
            [product("NAT Gateway", "NatGateway-Hours", usd(price, "Hrs")) for price in ("0.04", "0.05")],
            "prices that differ, and no way to tell which is meant: 0.04, 0.05",
        ),
    ],
)
def test_what_is_not_clear_is_left_out_and_said(rows: list[str], said: str) -> None:
    found, problems = service_prices(REGION, PriceList({"AmazonEC2": rows}))
    assert "nat_gateway_hour" not in found
    (problem,) = [item for item in problems if item.startswith("nat_gateway_hour ")]
    assert said in problem
    assert REGION in problem


def test_a_refusal_is_a_problem_of_what_was_asked_alone() -> None:
    found, problems = service_prices(REGION, PriceList(FRANKFURT, refused="AmazonFSx"), refusals=(ClientError,))
    assert len(problems) == 4
    assert all("AmazonFSx" in item and "AccessDenied" in item for item in problems)
    assert len(found) == len(queries()) - 4
    with pytest.raises(ClientError):
        service_prices(REGION, PriceList(FRANKFURT, refused="AmazonFSx"))


def test_a_surcharge_without_the_price_below_it_is_no_price() -> None:
    rows = {"AmazonEKS": FRANKFURT["AmazonEKS"][1:]}
    found, problems = service_prices(REGION, PriceList(rows))
    assert found == {}
    assert any(
        "eks_extended_support_cluster_hour" in item and "on top of eks_cluster_hour" in item for item in problems
    )


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1"])
def test_china_has_a_price_list_of_its_own(region: str) -> None:
    listed = PriceList(FRANKFURT)
    found, (problem,) = service_prices(region, listed)
    assert (found, listed.asked) == ({}, [])
    assert "CNY" in problem


def test_questions_and_answers_have_the_shape_of_boto3() -> None:
    pricing = boto3.client(
        "pricing", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    with Stubber(pricing) as stub:
        asked: list[tuple[str, str]] = []
        for query in (*queries().values(), *token_queries().values()):
            wanted = {"regionCode": REGION, **query.filters}
            if (query.service, str(wanted)) in asked:
                continue
            asked.append((query.service, str(wanted)))
            filters = [{"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in wanted.items()]
            arguments = {"ServiceCode": query.service, "Filters": filters, "FormatVersion": "aws_v1"}
            stub.add_response("get_products", {"PriceList": FRANKFURT.get(query.service, [])}, arguments)
        found, problems = service_prices(REGION, pricing)
        stub.assert_no_pending_responses()
    assert problems == ()
    assert len(found) == len(queries())


def test_a_refreshed_price_wins_over_the_packaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = service_prices(REGION, PriceList(FRANKFURT))
    path = tmp_path / "prices.json"
    file = PriceFile(version=2, region=REGION, date="2026-11-24", prices={}, services=found)
    path.write_text(file.model_dump_json())
    before = prices.service_price("vpc_endpoint_hour", REGION)
    assert prices.service_price("nat_gateway_hour", REGION) is None
    monkeypatch.setenv(VARIABLE, str(path))
    after = prices.service_price("vpc_endpoint_hour", REGION)
    assert before is not None
    assert after is not None
    assert (before.unverified, after.unverified, after.date) == (True, False, "2026-11-24")
    gateway = prices.service_price("nat_gateway_hour", REGION)
    assert gateway is not None
    assert (gateway.usd, gateway.unit, gateway.region) == (0.052, "gateway-hour", REGION)
    lustre = prices.lustre_usd_per_gib_month(1000, REGION)
    assert lustre is not None
    assert lustre.usd == 0.768
    extended = prices.service_price("eks_extended_support_cluster_hour", REGION)
    assert extended is not None
    assert "0.1 and 0.5 on top" in extended.source
    other = prices.service_price("nat_gateway_hour", "us-east-1")
    assert other is not None
    assert "infracost" in other.source, "the file is of another region"


TOKENS = [
    product("Amazon Bedrock", "EUC1-NovaMicro-input-tokens", usd("0.0000460000", "1K tokens")),
    product("Amazon Bedrock", "EUC1-NovaMicro-input-tokens-batch", usd("0.0000230000", "1K tokens")),
    product("Amazon Bedrock", "EUC1-NovaMicro-cache-read-input-token-count", usd("0.0000115000", "1K tokens")),
    product("Amazon Bedrock", "EUC1-NovaMicro-output-tokens", usd("0.0001840000", "1K tokens")),
    product("Amazon Bedrock", "EUC1-NovaPro-output-tokens", usd("0.0042000000", "Images")),
]


def test_prices_of_tokens_are_those_of_plain_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, (problem,) = service_prices(REGION, PriceList({**FRANKFURT, "AmazonBedrock": TOKENS}))
    assert {name: row.usd for name, row in found.items() if "nova" in name} == {
        "amazon.nova-micro-v1:0 input": 0.046,
        "amazon.nova-micro-v1:0 output": 0.184,
    }
    assert "amazon.nova-pro-v1:0 output" in problem, "in another unit; a model that a region lacks is no problem"
    assert bedrock.token_price("amazon.nova-micro-v1:0", None, REGION) is None
    path = tmp_path / "prices.json"
    path.write_text(PriceFile(version=2, region=REGION, date="2026-11-24", prices={}, services=found).model_dump_json())
    monkeypatch.setenv(VARIABLE, str(path))
    for profile in (None, "eu.amazon.nova-micro-v1:0"):
        price = bedrock.token_price("amazon.nova-micro-v1:0", profile, REGION)
        assert price is not None
        assert (price.usd_input, price.usd_output, price.date, price.unverified) == (0.046, 0.184, "2026-11-24", False)
    assert bedrock.token_price("amazon.nova-pro-v1:0", None, REGION) is None
    elsewhere = bedrock.token_price("amazon.nova-micro-v1:0", None, "us-east-1")
    assert elsewhere is not None
    assert elsewhere.unverified, "the file is of another region"


@pytest.mark.parametrize(
    ("model", "profile", "region", "usd"),
    [
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "us.", "us-west-2", (3.3, 16.5)),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "global.", "us-west-2", (3.0, 15.0)),
        ("amazon.nova-micro-v1:0", "", "us-east-1", (0.035, 0.14)),
        ("amazon.nova-micro-v1:0", "", "eu-west-2", None),
    ],
)
def test_what_tokens_cost_goes_by_what_is_called(
    model: str, profile: str, region: str, usd: tuple[float, float] | None
) -> None:
    found = bedrock.token_price(model, f"{profile}{model}" if profile else None, region)
    assert (None if found is None else (found.usd_input, found.usd_output)) == usd


def test_every_price_of_tokens_is_of_a_model_that_can_be_called() -> None:
    known = [facts for name in bedrock.names() if (facts := bedrock.model(name)) is not None]
    called = {item.id for item in known} | {profile.id for item in known for profile in item.profiles}
    assert set(read_data("bedrock_prices.json")["usd_per_million_tokens"]) <= called
    assert {name.partition(" ")[0] for name in token_queries()} <= {item.id for item in known}


def test_every_question_says_where_it_comes_from() -> None:
    data = read_data("price_list.json")
    assert all(len(text) > 40 for text in data["_source"].values())
    assert "tried with AWS" in data["_note"]
