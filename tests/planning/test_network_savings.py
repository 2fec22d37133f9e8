"""What a plan says would make its network cheaper, and that it does."""

import datetime as dt
import re

import pytest

from llminfra import VLLM, Endpoint, ExistingNetwork, GpuPool, Lustre, Model, ModelBucket, Network, Platform
from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.planning import plan_platform
from llminfra.planning.cost.hourly import total_cost
from llminfra.planning.cost.savings import network_savings
from llminfra.planning.plan import Plan

ZONES = [f"us-east-1{letter}" for letter in "abc"]


def planned(network: Network | ExistingNetwork, *, instance: str = "g6.xlarge", zone: str | None = None) -> Plan:
    pool = GpuPool(name="gpu", instance_types=[instance], nodes=(1, 1), zones=[zone] if zone else [])
    weights = ModelBucket(name="acme-weights")
    storage = (
        [weights] if zone is None else [weights, Lustre(name="fast", capacity_gib=1200, source=weights, zone=zone)]
    )
    chat = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=8192), on=pool)
    platform = Platform(
        name="acme", region="us-east-1", network=network, pools=[pool], storage=storage, endpoints=[chat]
    )
    return plan_platform(platform, today=dt.date(2026, 11, 30))


def month(plan: Plan) -> float:
    return total_cost(plan.costs).usd_per_hour_min * HOURS_PER_MONTH


@pytest.mark.parametrize(("nat", "count"), [("per-zone", 2), ("single", 1)])
def test_what_is_told_is_saved_to_the_dollar(nat, count):
    before = planned(Network(nat=nat))
    told = network_savings(before)
    assert len(told) == count
    for text in told:
        change = re.search(r"Network\((.*)\)", text)[1]
        changed = Network(**{"nat": nat, **eval(f"dict({change})")})
        saved = float(re.search(r"\$([\d,]+) a month", text)[1].replace(",", ""))
        assert month(before) - month(planned(changed)) == pytest.approx(saved, abs=0.51)


def test_zones_that_something_is_bound_to_are_kept():
    texts = network_savings(planned(Network(), zone="us-east-1c"))
    assert any('zones=["us-east-1a", "us-east-1c"]' in text for text in texts)
    assert network_savings(planned(Network(zones=ZONES[:2], nat="single"))) == ()


def test_nothing_is_told_of_a_small_part_or_of_a_network_that_is_there():
    there = ExistingNetwork(
        vpc_id="vpc-0123456789abcdef0",
        cidr="10.0.0.0/16",
        private_subnet_ids={zone: f"subnet-0123456789abcdef{index}" for index, zone in enumerate(ZONES)},
    )
    assert network_savings(planned(there)) == ()
    assert network_savings(planned(Network(), instance="p4d.24xlarge")) == ()
