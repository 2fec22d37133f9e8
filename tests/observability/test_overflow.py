"""An endpoint on two pools: what starts and keeps its overflow on real samples, and alerts and records over both."""

from __future__ import annotations

import re

import pytest

from llminfra.compiler.releases.scaling import autoscaling_values
from llminfra.observability import rule_groups
from llminfra.observability.endpoint_series import pod_pattern
from tests.helpers.example_plans import example_plan
from tests.observability.samples import firing, runner
from tests.observability.test_queries import _check, _tables_of

BASE = ("chat-7d9f8b6c5d-x2k4z", "chat-7d9f8b6c5d-b7c9d")
BEYOND = ("chat-overflow-5c6d7f8b9d-t5v6w", "chat-overflow-5c6d7f8b9d-h2j4k")


@pytest.fixture(scope="module")
def plan():
    return example_plan("spot-overflow")


@pytest.fixture(scope="module")
def overflow(plan):
    return plan.overflow_of("chat")


@pytest.fixture(scope="module")
def triggers(plan, overflow):
    return {item.name: item for item in autoscaling_values(overflow, plan, "").triggers}


@pytest.fixture(scope="module")
def groups(plan):
    return rule_groups(plan, scaled={"chat-overflow"})


@pytest.fixture(scope="module")
def promtool(groups, tmp_path_factory):
    return runner([item for item in groups if "chat" in item.name], tmp_path_factory.mktemp("overflow"))


def series(metric, pod, value):
    labels = f'namespace="llm-serving",service="chat",pod="{pod}",model_name="Qwen/Qwen3-32B",engine="0"'
    return {f"vllm:{metric}{{{labels}}}": f"{value}x60"}


def served(pods, *, waiting=0.0, running=0.0, cache=0.0):
    found = {}
    for pod in pods:
        found |= series("num_requests_waiting", pod, waiting) | series("num_requests_running", pod, running)
        found |= series("kv_cache_usage_perc", pod, cache)
    return found


@pytest.mark.parametrize(
    ("samples", "wanted"),
    [
        (served(BASE, waiting=5, running=256, cache=1), {"waiting": 0, "cache": 0, "running": 0}),
        (served(BASE, waiting=6), {"waiting": 1}),
        (served(BASE, waiting=20), {"waiting": 6}),
        # Two of each, busy: the own ones could not take all of it; of one with little to do they could.
        (served((*BASE, *BEYOND), cache=0.7), {"waiting": 0, "cache": 2, "running": 0}),
        (served((*BASE, *BEYOND), running=180, cache=0.1), {"cache": 0, "running": 2}),
        (served((*BASE, BEYOND[0]), running=60, cache=0.3), {"waiting": 0, "cache": 0, "running": 0}),
        # The queue of the overflow counts, too, and its being gone is no fault.
        (served(BASE, waiting=4) | served(BEYOND, waiting=4), {"waiting": 2}),
        # Without the own replicas nothing is known: KEDA's fallback keeps what there is.
        (served(BEYOND, cache=0.2), {"waiting": 0, "cache": None, "running": None}),
        ({}, {"waiting": None, "cache": None, "running": None}),
    ],
)
def test_replicas_that_the_triggers_ask_for(promtool, triggers, samples, wanted):
    asked = []
    for name, replicas in wanted.items():
        query, threshold = triggers[name].query, triggers[name].threshold
        asked.append((5, f"ceil(({query}) / {threshold})", {} if replicas is None else {"{}": replicas}))
    promtool(samples, asked)


def test_triggers_and_records_name_what_exists(triggers, groups, overflow):
    tables, recorded = _tables_of(overflow), {}
    for trigger in triggers.values():
        check, labels = _check(trigger.query, tables, {})
        assert check.problems == [], trigger.query
        assert labels == frozenset()
    (group,) = (item for item in groups if item.name == "llm-endpoint-chat-overflow")
    for rule in group.recording:
        check, labels = _check(rule.expr, tables, recorded)
        assert check.problems == [], rule.expr
        recorded[rule.record] = labels | frozenset(rule.labels)


def test_both_pools_are_recorded_as_one_endpoint(promtool):
    promtool(
        served(BASE, waiting=3) | served(BEYOND, waiting=1),
        [
            (5, "sum by (endpoint) (pod:llm_requests_waiting:sum)", {'{endpoint="chat"}': 8}),
            (
                5,
                "sum by (endpoint, pool) (pod:llm_requests_waiting:sum)",
                {'{endpoint="chat",pool="reserved"}': 6, '{endpoint="chat",pool="spot"}': 2},
            ),
        ],
    )


def ready(pod, value):
    return {f'kube_pod_status_ready{{namespace="llm-serving",condition="true",pod="{pod}"}}': f"{value}x60"}


@pytest.mark.parametrize(("beyond", "told"), [(1, {}), (0, {'{endpoint="chat"}': 1})])
def test_an_endpoint_is_down_when_neither_kind_answers(promtool, beyond, told):
    promtool(ready(BASE[0], 0) | ready(BEYOND[0], beyond), [(10, firing("LlmEndpointDown"), told)])


def test_an_overflow_at_its_most_with_a_queue_is_told(promtool):
    desired = 'kube_horizontalpodautoscaler_status_desired_replicas{namespace="llm-serving",'
    hpa = {f'{desired}horizontalpodautoscaler="keda-hpa-chat-overflow"}}': "6x60"}
    promtool(
        served(BASE, waiting=25) | hpa,
        [(10, firing("LlmAtMostReplicas"), {}), (30, firing("LlmAtMostReplicas"), {'{endpoint="chat"}': 1})],
    )


def test_what_callers_feel_is_told_once(groups):
    told = {item.name: [alert.alert for alert in item.alerts] for item in groups if "chat" in item.name}
    assert {"LlmEndpointDown", "LlmKvCacheFull", "LlmMetricsMissing"} <= set(told["llm-endpoint-chat"])
    assert told["llm-endpoint-chat-overflow"] == [
        "LlmPodStuckLoading",
        "LlmPodRestarts",
        "LlmPodOutOfMemory",
        "LlmScalerFails",
        "LlmAtMostReplicas",
    ]


def test_pods_of_one_kind_are_not_those_of_the_other(plan, overflow):
    patterns = [pod_pattern(item) for item in (plan.endpoints[0], overflow)]
    for pattern, own, other in ((patterns[0], BASE, BEYOND), (patterns[1], BEYOND, BASE)):
        assert all(re.fullmatch(pattern, pod) for pod in own)
        assert not any(re.fullmatch(pattern, pod) for pod in other)
