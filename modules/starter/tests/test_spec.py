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


def test_there_are_no_more_nodes_than_there_may(plan):
    """Holds in every region, with or without known prices."""
    assert sum(pool.max_nodes for pool in plan.pools) <= 2


def test_nothing_costs_more_than_it_may(plan):
    total = total_cost(plan.costs)
    assert total.usd_per_hour_max < 10, f"${total.usd_per_hour_max:.2f} an hour"
    if total.unpriced:
        missing, region = ", ".join(total.unpriced), plan.platform.region
        ask = f"llminfra catalog refresh --region {region} -o prices.json"
        pytest.skip(f"no prices of {missing}: `{ask}`, then LLMINFRA_PRICES=prices.json")
