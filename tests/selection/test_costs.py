"""Costs by stack, by endpoint, and by way to buy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llminfra import Spot
from llminfra.catalog.price_file import VARIABLE
from llminfra.planning.cost.views import costs_by_stack, endpoint_costs, purchase_options
from llminfra.planning.platform import plan_platform
from tests.rules.platforms import prod, prod_plan
from tests.serving_targets.platforms import TARGETS, endpoint, plan


def test_stacks_add_up_to_the_platform() -> None:
    plan = prod_plan()
    stacks = costs_by_stack(plan)
    assert list(stacks) == ["network", "cluster", "storage"]
    assert sum(item.usd_per_hour_max for item in stacks.values()) == pytest.approx(
        sum(line.usd_per_hour_max or 0 for line in plan.costs)
    )
    assert stacks["cluster"].usd_per_hour_max > stacks["network"].usd_per_hour_max
    assert stacks["cluster"].usd_per_month_max == pytest.approx(stacks["cluster"].usd_per_hour_max * 730)
    assert not stacks["cluster"].unpriced


def test_endpoints_outside_the_cluster_are_booked_where_they_stand() -> None:
    both = plan(endpoint(TARGETS["ec2"]), endpoint(TARGETS["sagemaker"], name="managed", replicas={"min": 0, "max": 1}))
    stacks = costs_by_stack(both)
    assert list(stacks) == ["network", "storage", "ec2", "sagemaker"]
    assert stacks["ec2"].usd_per_hour_min >= both.ec2[0].usd_per_instance_hour
    assert stacks["sagemaker"].unpriced == ("endpoints.managed",)


def test_an_endpoint_is_a_share_of_its_pool() -> None:
    plan = prod_plan()
    chat, assistant = endpoint_costs(plan)
    node = plan.pool("h100").usd_per_node_hour
    assert node is not None
    assert chat.usd_per_hour_min == pytest.approx(node * plan.endpoints[0].parallelism.gpus / 8)
    assert chat.usd_per_hour_max == pytest.approx((chat.usd_per_hour_min or 0) * plan.endpoints[0].max_replicas)
    assert assistant.usd_per_million_tokens is not None


def test_only_sourced_prices() -> None:
    bought = {item.kind: item for item in purchase_options(prod_plan().pool("h100"), "us-east-1")}
    assert bought["on-demand"].usd_per_hour == 55.04
    assert bought["spot"].usd_per_hour is None
    assert "llminfra catalog refresh" in bought["spot"].source


def test_pools_cost_what_they_are_bought_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_list = {line.spec_path: line for line in prod_plan().costs}
    row = {"usd_per_hour": 30.0, "source": "test"}
    prices = {"p5.48xlarge": {"capacity-block": row}, "g6e.12xlarge": {"spot": {**row, "usd_per_hour": 4.0}}}
    prices["g6e.24xlarge"] = prices["g6e.12xlarge"]
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"region": "us-east-1", "date": "2026-11-23", "prices": prices}))
    monkeypatch.setenv(VARIABLE, str(path))
    planned = plan_platform(prod())
    refreshed = {line.spec_path: line for line in planned.costs}
    h100, l40s = refreshed["pools.h100"], refreshed["pools.l40s"]
    nodes = prod().pools[0].nodes[1]
    assert h100.usd_per_hour_max == pytest.approx(30.0 * nodes)
    assert (at_list["pools.h100"].usd_per_hour_max or 0) == pytest.approx(55.04 * nodes)
    assert "on-demand price" in at_list["pools.h100"].note
    assert l40s.usd_per_hour_max == pytest.approx(4.0 * 8)
    assert l40s.price_date == "2026-11-23"
    assert any(item.startswith("g6e.24xlarge: $4.00/h a node, +0%") for item in planned.pool("l40s").other_types)
    # What an endpoint takes of a pool, and what its tokens cost, follow from the same price.
    assert planned.pool("h100").usd_per_node_hour == 30.0
    chat, _ = endpoint_costs(planned)
    gpus = planned.endpoints[0].parallelism.gpus
    assert chat.usd_per_hour_max == pytest.approx(30.0 * gpus / 8 * planned.endpoints[0].max_replicas)
    listed, _ = endpoint_costs(prod_plan())
    assert chat.usd_per_million_tokens == pytest.approx((listed.usd_per_million_tokens or 0) * 30.0 / 55.04)


def test_instances_of_ec2_cost_what_they_are_bought_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"usd_per_hour": 1.5, "source": "test"}
    path = tmp_path / "prices.json"
    prices = {"g6e.2xlarge": {"spot": row, "on-demand": {**row, "usd_per_hour": 2.25}}}
    path.write_text(json.dumps({"region": "us-east-1", "date": "2026-11-23", "prices": prices}))
    monkeypatch.setenv(VARIABLE, str(path))
    spot = TARGETS["ec2"].model_copy(update={"capacity": Spot()})
    assert spot.instance_type == "g6e.2xlarge"
    planned = plan(endpoint(spot))
    line = next(item for item in planned.costs if item.what.startswith("g6e.2xlarge"))
    assert line.note == "spot price: test"
    assert (planned.ec2[0].usd_per_instance_hour, line.usd_per_hour_min) == (1.5, 1.5)
