"""Keys of several stacks are one line of the table, and stay lines of their own in the plan."""

from __future__ import annotations

import pytest

from llminfra.planning.cost.hourly import total_cost
from llminfra.planning.cost.keys import is_key, with_keys_as_one
from llminfra.planning.plan import CostLine
from tests.rules.platforms import prod_plan


def key(stack: str, note: str = "") -> CostLine:
    what = f"KMS key of the stack {stack}, without requests"
    return CostLine(
        spec_path=stack, what=what, usd_per_hour_min=0.5, usd_per_hour_max=0.5, price_date="2024-07-01", note=note
    )


def test_production_tells_its_keys_once() -> None:
    costs = prod_plan().costs
    assert [line.spec_path for line in costs if is_key(line)] == ["network", "cluster", "storage"]
    (told,) = (line for line in with_keys_as_one(costs) if line.what.startswith("KMS"))
    assert told.spec_path == "encryption"
    assert told.what == "KMS keys of the stacks network, cluster and storage, without requests"
    assert told.usd_per_hour_max == sum(line.usd_per_hour_max or 0 for line in costs if is_key(line))
    told_costs = total_cost(with_keys_as_one(costs))
    assert told_costs.usd_per_hour_max == pytest.approx(total_cost(costs).usd_per_hour_max)


def test_keys_of_different_notes_and_a_single_one_stay_as_they_are() -> None:
    several = (key("images"), key("network", "made anyway"), key("storage", "made anyway"))
    first, second = with_keys_as_one(several)
    assert first == several[0]
    assert (second.usd_per_hour_min, second.note) == (1.0, "made anyway")
    assert with_keys_as_one(several[:2]) == several[:2]
