"""What must stay true of the platform, whoever changes it."""

from pathlib import Path

from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.cost.hourly import total_cost

SPEC = Path(__file__).parents[1] / "@spec@"


def plan():
    loaded = load(SPEC)
    assert loaded.ok, loaded.diagnostics
    return plan_platform(loaded.platforms[0])


def test_every_endpoint_starts():
    assert all(endpoint.fit.fits for endpoint in plan().endpoints)


def test_nothing_costs_more_than_it_may():
    total = total_cost(plan().costs)
    missing = ", ".join(total.unpriced)
    assert not missing, f"no prices of {missing}: `llminfra catalog refresh`, then LLMINFRA_PRICES"
    assert total.usd_per_hour_max < 10, f"${total.usd_per_hour_max:.2f} an hour"
