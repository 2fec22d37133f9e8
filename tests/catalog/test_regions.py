import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.catalog import instances, regions


def test_us_east_1():
    found = regions.get("us-east-1")
    assert found is not None
    assert found.long_name == "US East (N. Virginia)"
    assert (found.partition, found.dns_suffix) == ("aws", "amazonaws.com")
    assert found.zones == tuple(f"us-east-1{letter}" for letter in "abcdef")
    assert found.zone_ids == tuple(f"use1-az{number}" for number in range(1, 7))
    assert found.dlc_registry == "763104351884.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("name", "partition", "suffix"),
    [("cn-north-1", "aws-cn", "amazonaws.com.cn"), ("us-gov-west-1", "aws-us-gov", "amazonaws.com")],
)
def test_other_partitions(name: str, partition: str, suffix: str):
    found = regions.get(name)
    assert found is not None
    assert (found.partition, found.dns_suffix, found.zones_unverified) == (partition, suffix, True)


def test_zones_belong_to_their_region():
    for name in regions.names():
        found = regions.get(name)
        assert found is not None
        assert 2 <= len(found.zones) <= len(found.zone_ids)
        assert {zone[:-1] for zone in found.zones} == {name}


def test_unknown_region():
    assert regions.get("eu-west-9") is None
    assert regions.zones("eu-west-9") == ()
    assert "eu-west-1" in regions.suggest("eu-west-9")


@pytest.mark.parametrize(("slip", "region"), [("us-esat-1", "us-east-1"), ("eu-wset-1", "eu-west-1")])
def test_letters_in_another_order_are_the_region_that_has_them(slip: str, region: str):
    assert regions.meant(slip) == region
    assert regions.suggest(slip)[0] == region
    assert len({"".join(sorted(each)) for each in regions.names()}) == len(regions.names())


def test_offerings_are_by_zone_id():
    assert "us-east-1" in regions.offered_in("p5.48xlarge")
    assert "ca-west-1" not in regions.offered_in("p5.48xlarge")
    found = regions.offered_zone_ids("p5.48xlarge", "us-east-1")
    region = regions.get("us-east-1")
    assert region is not None
    assert found
    assert set(found) <= set(region.zone_ids)


def test_a_region_without_records_says_so():
    assert regions.has_offerings("us-east-1")
    assert not regions.has_offerings("mx-central-1")
    assert regions.offered_zone_ids("m7i.large", "mx-central-1") == ()


def test_most_types_are_offered_somewhere():
    nowhere = [name for name in instances.names() if not regions.offered_in(name)]
    assert len(nowhere) < 12, nowhere


@given(st.text(max_size=30))
def test_any_text_is_safe(text: str):
    assert regions.get(text) is None or text in regions.names()


def test_offers_nearby_come_first():
    near = regions.nearest_offers("g6e.xlarge", "eu-west-1")
    assert near.startswith("eu-")
    assert near.endswith(f"and {len(regions.offered_in('g6e.xlarge')) - 6} more")
    assert regions.nearest_offers("g6e.xlarge", "us-west-1").startswith("us-")
    assert regions.nearest_offers("no.such", "us-west-1") == ""


def test_services_are_where_aws_names_them():
    everywhere = set(regions.names())
    assert everywhere - set(regions.with_service("aps")) == {"cn-north-1", "cn-northwest-1"}
    grafana = set(regions.with_service("grafana"))
    assert grafana < everywhere
    assert {"us-east-1", "us-gov-west-1"} <= grafana
    assert "eu-north-1" not in grafana
