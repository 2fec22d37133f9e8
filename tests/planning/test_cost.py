"""Sums of costs, and the budget, where prices are unknown."""

from __future__ import annotations

from typing import Any

import pytest

from llminfra import ModelBucket, Platform, SageMaker, SpecError
from llminfra.catalog import prices
from llminfra.planning import plan_platform
from llminfra.planning.cost import total_cost
from llminfra.planning.plan import CostLine
from tests.serving_targets.platforms import POOL, TODAY, endpoint, plan


def line(path: str, least: float | None, most: float | None) -> CostLine:
    return CostLine(spec_path=path, what="", usd_per_hour_min=least, usd_per_hour_max=most, price_date=None)


def test_a_sum_names_what_is_missing_from_it() -> None:
    total = total_cost([line("cluster", 0.1, 0.1), line("pools.a", 0.0, None), line("pools.b", None, None)])
    assert (total.usd_per_hour_min, total.usd_per_hour_max) == (0.1, 0.1)
    assert total.unpriced == ("pools.a", "pools.b")
    assert total.unpriced_at_rest == ("pools.b",)


def far(**changes: Any) -> Platform:
    assert "eu-west-1" not in prices.priced_regions()
    return Platform(
        name="far",
        region="eu-west-1",
        pools=[POOL],
        storage=[ModelBucket(name="acme-far")],
        endpoints=[endpoint(POOL)],
        **changes,
    )


def test_a_budget_of_unknown_prices_is_not_proved() -> None:
    planned = plan_platform(far(budget_usd_per_month=1), today=TODAY)
    (found,) = [item for item in planned.diagnostics if item.code == "LLM_COST_2"]
    assert found.severity == "warning"
    assert found.path == "budget_usd_per_month"
    assert "pools.l40s" in found.message
    assert "cluster.system_nodes" in found.message
    assert "eu-west-1" in found.message
    assert found.found == "no price is known"
    assert "llminfra catalog refresh --region eu-west-1" in found.fix
    assert "LLM_COST_2" not in {item.code for item in plan_platform(far(), today=TODAY).diagnostics}


def test_a_half_known_sum_is_a_lower_bound() -> None:
    hosted = endpoint(SageMaker(instance_type="ml.g6e.2xlarge"))
    planned = plan(hosted, budget_usd_per_month=5000)
    (found,) = [item for item in planned.diagnostics if item.code == "LLM_COST_2"]
    assert "unknown of endpoints.chat" in found.message
    assert found.found.startswith("at least $")
    with pytest.raises(SpecError, match="more than its budget") as caught:
        plan(hosted, budget_usd_per_month=1)
    (over,) = [item for item in caught.value.diagnostics if item.code == "LLM_COST_1"]
    assert over.found.startswith("at least $")


def test_a_budget_of_known_prices_is_proved() -> None:
    planned = plan(endpoint(POOL), budget_usd_per_month=50_000)
    assert not [item for item in planned.diagnostics if item.code.startswith("LLM_COST")]
