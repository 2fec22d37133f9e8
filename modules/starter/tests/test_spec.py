"""What must stay true of the platform, whoever changes it."""

from pathlib import Path

import pytest

from llminfra import plan_specs, total_cost

SPEC = Path(__file__).parents[1] / "@spec@"


@pytest.fixture(scope="session")
def plan():
    """What `llminfra plan` decides; a spec that cannot work fails here, with every finding."""
    (one,) = plan_specs([SPEC])
    return one


def test_every_endpoint_starts(plan):
    assert all(endpoint.fit.fits and not endpoint.fit.tight for endpoint in plan.endpoints)


def test_nothing_costs_more_than_it_may(plan):
    total = total_cost(plan.costs)
    missing = ", ".join(total.unpriced)
    assert not missing, f"no prices of {missing}: `llminfra catalog refresh`, then LLMINFRA_PRICES"
    assert total.usd_per_hour_max < 10, f"${total.usd_per_hour_max:.2f} an hour"
