"""Which type of a pool is planned, and what is said about it."""

import pytest

from llminfra import GpuPool, OnDemand, Spot
from llminfra.catalog import instances
from llminfra.catalog.instances import InstanceType
from llminfra.planning.cluster.pool_types import TypeChoice, choose_type
from llminfra.spec.compute.capacity import Capacity

NAMES = ["g6e.24xlarge", "g6e.12xlarge"]


def chosen(
    provisioner: str, capacity: Capacity | None = None, region: str = "us-east-1", names: list[str] = NAMES
) -> TypeChoice:
    found: list[InstanceType] = [item for name in names if (item := instances.get(name)) is not None]
    pool = GpuPool(name="pool", instance_types=names, capacity=capacity or OnDemand())
    return choose_type(pool, tuple(found), provisioner, region)


@pytest.mark.parametrize(("provisioner", "capacity"), [("karpenter", OnDemand()), ("managed", Spot())])
def test_the_cheapest_is_planned_where_the_order_means_nothing(provisioner: str, capacity: Capacity) -> None:
    choice = chosen(provisioner, capacity)
    assert choice.planned.name == "g6e.12xlarge"
    assert "cheapest of 2" in choice.why
    (other,) = choice.others
    assert other.startswith("g6e.24xlarge: $15.07/h a node, +44%; 96 vCPU")


def test_a_managed_group_keeps_the_declared_order_and_names_the_cheaper_one() -> None:
    choice = chosen("managed")
    assert choice.planned.name == "g6e.24xlarge"
    assert "g6e.12xlarge has the same GPUs for $10.49: put it first" in choice.why


def test_without_prices_of_the_region_the_order_of_another_is_taken() -> None:
    choice = chosen("karpenter", region="eu-south-2")
    assert choice.planned.name == "g6e.12xlarge"
    assert "order of prices in us-east-1; none of eu-south-2 is known" in choice.why
    assert choice.others[0].startswith("g6e.24xlarge: no price known")


def test_one_type_needs_no_words() -> None:
    assert chosen("karpenter", names=["g6e.12xlarge"]).why == ""


def test_no_more_than_two_others_are_named() -> None:
    names = ["g6e.xlarge", "g6e.2xlarge", "g6e.4xlarge", "g6e.8xlarge", "g6e.16xlarge"]
    assert [text.partition(":")[0] for text in chosen("karpenter", names=names).others] == names[1:3]
