"""What the rules of endpoints do with real samples: run by Prometheus' own ``promtool test rules``."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.helpers.tools import require_promtool
from tests.observability.samples import POD, engine, firing, node, pod, rules_file


def test_promtool_takes_the_rules(groups, tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(rules_file(groups), allow_unicode=True), encoding="utf-8")
    done = subprocess.run([require_promtool(), "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_full_cache_with_a_queue(promtool):
    promtool(
        {
            engine("vllm:kv_cache_usage_perc"): "0.95x30",
            engine("vllm:num_requests_waiting"): "3x30",
            engine("vllm:kv_cache_usage_perc", service="vllm-1"): "0.95x30",
            engine("vllm:num_requests_waiting", service="vllm-1"): "0x30",
        },
        [
            (4, firing("LlmKvCacheFull"), {}),
            (10, firing("LlmKvCacheFull"), {'{endpoint="vllm-0"}': 1}),
        ],
    )


def test_a_queue_that_nobody_comes_to_empty(promtool):
    """Two replicas keep ten waiting at most; where replicas may come, LlmAtMostReplicas says when none may any more."""
    promtool(
        {
            engine("vllm:num_requests_waiting", service="fixed", pod="fixed-7d9f8b6c5d-x2k4z"): "6x60",
            engine("vllm:num_requests_waiting", service="fixed", pod="fixed-7d9f8b6c5d-z9k4z"): "6x60",
            engine("vllm:num_requests_waiting"): "100x60",
        },
        [(10, firing("LlmRequestsWait"), {}), (25, firing("LlmRequestsWait"), {'{endpoint="fixed"}': 1})],
    )


def test_the_old_name_of_the_cache_is_recorded_for_the_old_release(promtool):
    """vLLM 0.8.5 calls it gpu_cache_usage_perc; 0.33.0 must not be fooled by it."""
    promtool(
        {
            engine("vllm:gpu_cache_usage_perc", service="vllm-3"): "0.5x30",
            engine("vllm:gpu_cache_usage_perc", service="vllm-0"): "0.5x30",
        },
        [(5, "count by (endpoint) (pod:llm_kv_cache_usage:max)", {'{endpoint="vllm-3"}': 1})],
    )


def test_a_missing_metric_is_told_after_a_start_could_be_over(promtool):
    promtool(
        {engine("vllm:num_requests_waiting"): "0x60"},
        [
            (20, firing("LlmMetricsMissing"), {}),
            (30, 'count(ALERTS{alertname="LlmMetricsMissing",alertstate="firing",endpoint="vllm-0"})', {}),
            (30, 'count(ALERTS{alertname="LlmMetricsMissing",alertstate="firing",endpoint="sglang-4"})', {"{}": 1}),
        ],
    )


def test_slower_than_promised(promtool):
    def bucket(le, service):
        return engine("vllm:time_to_first_token_seconds_bucket", le=le, service=service)

    slow = {bucket(le, "vllm-0"): values for le, values in (("0.5", "0+10x60"), ("1", "0+20x60"), ("+Inf", "0+20x60"))}
    fast = {bucket(le, "vllm-1"): values for le, values in (("0.25", "0+20x60"), ("1", "0+20x60"), ("+Inf", "0+20x60"))}
    promtool({**slow, **fast}, [(30, firing("LlmTimeToFirstTokenSlow"), {'{endpoint="vllm-0"}': 1})])


def test_a_pod_that_loads_too_long(promtool):
    """Its budget is 600 s; pods of another endpoint or of a Job, whose names begin alike, are not its own."""
    job = "vllm-0-weights-x2k4z"
    states = {
        f'{metric}{{namespace="llm-serving",pod="{name}"{more}}}': value
        for name in (POD, job)
        for metric, more, value in (
            ("kube_pod_status_ready", ',condition="false"', "1x60"),
            ("kube_pod_start_time", "", "0x60"),
        )
    }
    promtool(
        {**states, **pod(POD), **pod(job)},
        [
            (9, firing("LlmPodStuckLoading", "pod"), {}),
            (20, firing("LlmPodStuckLoading", "pod"), {f'{{pod="{POD}"}}': 1}),
        ],
    )


@pytest.mark.parametrize(("started", "told"), [(True, {f'{{pod="{POD}"}}': 1}), (False, {})])
def test_a_pod_whose_volume_is_never_mounted_is_stuck_and_one_without_a_node_is_not(promtool, started, told):
    where = f'namespace="llm-serving",pod="{POD}"'
    states = {f'kube_pod_status_ready{{{where},condition="false"}}': "1x60"}
    states |= {f"kube_pod_start_time{{{where}}}": "0x60"} if started else {}
    promtool({**states, **pod(POD, phase="Pending")}, [(30, firing("LlmPodStuckLoading", "pod"), told)])


def test_a_fabric_that_is_silent_while_requests_run(promtool):
    running = {engine("vllm:num_requests_running", service="wide"): "4x60", **node("n1", "h100", "p5.48xlarge")}
    counter = 'node_amazonefa_tx_bytes{device="rdmap0",port="1",node="n1"}'
    promtool({**running, counter: "5000x60"}, [(45, firing("EfaSilent"), {'{endpoint="wide"}': 1})])
    promtool({**running, counter: "0+60000000x60"}, [(45, firing("EfaSilent"), {})])


def test_caches_that_arrive_past_a_silent_fabric(promtool):
    moved = engine("vllm:nixl_bytes_transferred_sum", service="split-decode")
    here = {moved: "0+60000000x60", **node("n1", "h100", "p5.48xlarge")}

    def fabric(read):
        counters = {"tx": "5000x60", "rdma_read": read, "rdma_write": "0x60"}
        return {f'node_amazonefa_{key}_bytes{{device="r0",port="1",node="n1"}}': row for key, row in counters.items()}

    promtool({**here, **fabric("0x60")}, [(45, firing("EfaSilent"), {'{endpoint="split-decode"}': 1})])
    promtool({**here, **fabric("0+60000000x60")}, [(45, firing("EfaSilent"), {})])
    promtool({**here, moved: "0x60", **fabric("0x60")}, [(45, firing("EfaSilent"), {})])


def test_caches_that_fail_or_expire(promtool):
    failed = engine("vllm:nixl_num_failed_transfers_total", service="split-decode")
    expired = engine("vllm:nixl_num_kv_expired_reqs_total", service="split-prefill")
    promtool(
        {failed: "0x30 2x30", expired: "0x30 1x30"},
        [
            (29, firing("LlmCacheTransfersFail"), {}),
            (35, firing("LlmCacheTransfersFail"), {'{endpoint="split-decode"}': 1}),
            (35, firing("LlmCacheExpires"), {'{endpoint="split-prefill"}': 1}),
            (55, firing("LlmCacheTransfersFail"), {}),
        ],
    )


def test_a_router_that_is_away(promtool):
    ready = 'kube_deployment_status_replicas_available{namespace="llm-serving",deployment="split-router"}'
    promtool({ready: "1x60"}, [(40, firing("LlmRouterDown"), {})])
    promtool({ready: "0x60"}, [(40, firing("LlmRouterDown"), {'{endpoint="split"}': 1})])
