import datetime as dt
from typing import get_args

import pytest

from llminfra.catalog import instances, prices, regions
from llminfra.catalog.datafile import read_data


def test_p5_in_us_east_1():
    price = prices.on_demand_usd_per_hour("p5.48xlarge", "us-east-1")
    assert price is not None
    assert (price.usd, price.region, price.unit, price.date) == (55.04, "us-east-1", "instance-hour", "2026-07-20")
    assert "karpenter" in price.source
    assert not price.unverified


def test_an_unknown_region_or_type_has_no_price():
    assert prices.on_demand_usd_per_hour("p5.48xlarge", "eu-west-1") is None
    assert prices.on_demand_usd_per_hour("p5e.48xlarge", "us-east-1") is None
    assert prices.on_demand_usd_per_hour("p5e.48xlarge", "us-east-2") is None
    assert prices.service_price("nat_gateway_hour", "eu-north-1") is None


@pytest.mark.parametrize(("region", "usd"), [("ap-northeast-1", 0.062), ("eu-west-1", 0.048)])
def test_a_price_that_only_notes_quote_says_so(region: str, usd: float):
    for name in ("nat_gateway_hour", "nat_gateway_gb"):
        price = prices.service_price(name, region)
        assert price is not None
        assert (price.usd, price.date, price.unverified) == (usd, "2026-09-25", True)


@pytest.mark.parametrize(
    ("name", "region", "usd"),
    [
        ("p5en.48xlarge", "us-east-2", 63.296),
        ("g6e.24xlarge", "us-west-2", 15.06559),
        ("m7i.xlarge", "eu-central-1", 0.2415),
    ],
)
def test_some_types_of_other_regions_have_second_hand_prices(name: str, region: str, usd: float):
    price = prices.on_demand_usd_per_hour(name, region)
    assert price is not None
    assert (price.usd, price.unverified) == (usd, True)
    assert "skypilot" in price.source
    assert region not in read_data("prices.json")["on_demand_usd_per_hour"]


def test_second_hand_prices_are_of_the_catalogs_types():
    for region in read_data("prices.json")["on_demand_second_hand"]["usd_per_hour"].values():
        assert set(region) <= set(instances.names())


def test_a_cluster_costs_the_same_in_every_commercial_region_and_is_unknown_in_others():
    for name in regions.names():
        cluster = prices.service_price("eks_cluster_hour", name)
        known = regions.get(name)
        assert known is not None
        if known.partition == "aws":
            assert cluster is not None
            assert (cluster.usd, cluster.region) == (0.1, name)
        else:
            assert cluster is None
    assert prices.service_price("eks_cluster_hour", "nowhere") is None


def test_every_gpu_type_but_one_is_priced_in_us_east_1():
    missing = [
        item.name for item in instances.all_gpu_types() if prices.on_demand_usd_per_hour(item.name, "us-east-1") is None
    ]
    assert missing == ["p5e.48xlarge"]


def test_only_catalog_types_are_priced():
    for region in read_data("prices.json")["on_demand_usd_per_hour"]:
        assert set(read_data("prices.json")["on_demand_usd_per_hour"][region]) <= set(instances.names())


def test_larger_sizes_of_a_family_cost_more():
    def usd(name: str) -> float:
        price = prices.on_demand_usd_per_hour(name, "us-east-1")
        assert price is not None
        return price.usd

    assert usd("g6e.xlarge") < usd("g6e.12xlarge") < usd("g6e.48xlarge") < usd("p5.48xlarge") < usd("p6-b300.48xlarge")


@pytest.mark.parametrize("name", get_args(prices.ServicePriceName))
def test_every_service_price_has_a_source_and_a_date(name: prices.ServicePriceName):
    price = prices.service_price(name, "us-east-1")
    assert price is not None
    assert price.usd > 0
    assert len(price.source) > 20
    assert dt.date(2022, 1, 1) < dt.date.fromisoformat(price.date) < dt.date(2027, 1, 1)


def test_the_file_has_no_price_without_a_name_in_the_type():
    names = set(get_args(prices.ServicePriceName))
    data = read_data("prices.json")
    assert set(data["services"]["us-east-1"]) == names
    for rows in (*data["services"].values(), *data["services_of_partition"].values()):
        assert set(rows) <= names
        assert {row["source"] for row in rows.values()} <= set(data["service_sources"])
        assert all(row["unit"] == data["services"]["us-east-1"][name]["unit"] for name, row in rows.items())


@pytest.mark.parametrize(("throughput", "usd"), [(125, 0.145), (250, 0.21), (500, 0.34), (1000, 0.60)])
def test_lustre_prices_are_marked_unverified(throughput: int, usd: float):
    price = prices.lustre_usd_per_gib_month(throughput, "us-east-1")
    assert price is not None
    assert price.usd == usd
    assert price.unverified


def test_lustre_has_no_other_throughput():
    assert prices.lustre_usd_per_gib_month(300, "us-east-1") is None


def test_month():
    assert prices.HOURS_PER_MONTH == 365 * 24 / 12


def test_hosting_on_sagemaker_has_prices_of_its_own_and_says_that_they_are_second_hand() -> None:
    hosted = prices.hosting_usd_per_hour("ml.g5.xlarge", "us-east-1")
    machine = prices.on_demand_usd_per_hour("g5.xlarge", "us-east-1")
    assert hosted is not None
    assert machine is not None
    assert hosted.usd > machine.usd
    assert hosted.unverified
    assert prices.hosting_usd_per_hour("ml.g5.xlarge", "eu-west-1") is None
    assert prices.hosting_usd_per_hour("ml.p5.48xlarge", "us-east-1") is None  # its price has fallen since
