"""What must stay true of the platform, whoever changes it."""

from pathlib import Path

from llminfra.loading.load import load
from llminfra.planning import plan_platform

SPEC = Path(__file__).parents[1] / "spec.py"


def plan():
    loaded = load(SPEC)
    assert loaded.ok, loaded.diagnostics
    return plan_platform(loaded.platforms[0])


def test_every_endpoint_starts():
    assert all(endpoint.fit.fits for endpoint in plan().endpoints)


def test_nothing_costs_more_than_it_may():
    most = sum(line.usd_per_hour_max or 0 for line in plan().costs)
    assert most < 10, f"${most:.2f} an hour"
