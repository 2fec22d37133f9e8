"""The cold start: what is part of which estimate, and what a faster one asks for."""

from __future__ import annotations

import re

from llminfra.compiler.releases.llm_server import llm_server_values
from llminfra.planning.startup_plan import Phase, StartupPlan
from tests.helpers.example_plans import example_plan


def startup() -> StartupPlan:
    seconds = {"node": 120.0, "image": 100.5, "copy": 40.0, "process": 30.0, "weights": 50.0}
    phases = tuple(Phase(name=name, seconds=each, why="for a test") for name, each in seconds.items())
    return StartupPlan(phases=phases, budget_s=600)


def test_the_container_starts_after_node_image_and_copy() -> None:
    assert startup().estimate_s == 340.5
    assert startup().container_s == 80


def test_a_pod_may_be_older_than_the_budget_by_what_comes_first() -> None:
    assert startup().pod_patience_s == 600 + 281


def test_the_annotation_compares_the_budget_with_the_container_alone() -> None:
    plan = example_plan("quickstart")
    (endpoint,) = plan.endpoints
    text = llm_server_values(endpoint, plan, None, None).annotations["llminfra.io/startup-budget"]
    budget, container, before = (int(item) for item in re.findall(r"(\d+) s\b", text))
    assert budget == endpoint.startup.budget_s
    assert container == round(endpoint.startup.container_s)
    assert before == round(endpoint.startup.estimate_s - endpoint.startup.container_s)
    assert budget >= 2 * container
