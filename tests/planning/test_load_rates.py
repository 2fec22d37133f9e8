"""Rates of loading: what the network carries for S3, and that every rate says where it comes from."""

from __future__ import annotations

import pytest

from llminfra.catalog import instances
from llminfra.catalog.instances import InstanceType
from llminfra.planning.start.load_choices import load_choices
from llminfra.planning.storage.load_rates import ip_mb_per_s, s3_rate
from tests.rules.platforms import prod_plan


def instance(name: str) -> InstanceType:
    found = instances.get(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "gbps"),
    [
        ("p5.48xlarge", 100),
        ("p5en.48xlarge", 200),
        ("p6-b200.48xlarge", 200),
        ("p4d.24xlarge", 100),
        ("g6e.48xlarge", 100),
        ("g6e.12xlarge", 100),
        ("g5.12xlarge", 40),
    ],
)
def test_objects_come_over_the_primary_interface_and_not_over_efa(name: str, gbps: int) -> None:
    """3,200 Gbit/s of a p5en are its EFA cards together; a node has one ordinary interface, on card 0."""
    assert ip_mb_per_s(instance(name)) == gbps * 125
    assert f"of the primary interface's {gbps} Gbit/s" in s3_rate(instance(name)).why


def test_no_rate_exceeds_what_its_reason_names() -> None:
    for item in instances.all_gpu_types():
        assert s3_rate(item).mb_per_s <= 0.6 * ip_mb_per_s(item) + 1e-9, item.name


def test_every_choice_says_where_its_rate_comes_from() -> None:
    for endpoint in prod_plan().endpoints:
        startup = endpoint.startup
        assert all("MB/s" in choice.why for choice in startup.choices), startup.choices
        assert all(choice.why for choice in (*startup.images, *startup.kernels))
        assert load_choices(endpoint.weights, instance("p5en.48xlarge"), ())[0].why


def test_the_probe_says_its_factor_and_its_floor() -> None:
    chat, assistant = prod_plan().endpoints
    assert (chat.startup.budget_s, assistant.startup.budget_s) == (660, 600)
    assert "2 times the 199 s from the start of the container, and 205 s for the longest" in chat.startup.budget_why
    assert "(660 s), and at least 600 s" in chat.startup.budget_why
    assert "(540 s), and at least 600 s" in assistant.startup.budget_why
