"""What the rules do with real samples: run by Prometheus' own ``promtool test rules``."""

from __future__ import annotations

import subprocess

import pytest
import yaml
from msgspec.structs import replace

from llminfra.charts.llm_observability import RuleGroup
from llminfra.observability import rule_groups
from tests.helpers.tools import require_promtool

POD = "vllm-0-7d9f8b6c5d-x2k4z"


def rules_file(groups: list[RuleGroup], asked: str | None = None) -> dict[str, object]:
    """The groups as Prometheus reads them; of alerts only those that a text names, or all where it names none."""
    named = {item.alert for group in groups for item in group.alerts if asked and f'"{item.alert}"' in asked}
    return {
        "groups": [
            {
                "name": group.name,
                "rules": [
                    *({"record": item.record, "expr": item.expr, "labels": item.labels} for item in group.recording),
                    *(
                        {
                            "alert": item.alert,
                            "expr": item.expr,
                            "for": f"{item.for_seconds}s",
                            "labels": {"severity": item.severity, **item.labels},
                            "annotations": {"summary": item.summary, "description": item.description},
                        }
                        for item in group.alerts
                        if not named or item.alert in named
                    ),
                ],
            }
            for group in groups
        ]
    }


@pytest.fixture(scope="session")
def promtool(groups, tmp_path_factory):
    """Feed samples, one a minute, and compare what an expression gives at a minute."""
    return runner(groups, tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="session")
def shared_promtool(full_plan, tmp_path_factory):
    """The same with rules of two platforms on one cluster, whose pools and endpoints have the same names."""
    found = []
    for name in ("ours", "theirs"):
        platform = full_plan.platform.model_copy(update={"name": name})
        plan = replace(full_plan, platform=platform, cluster=replace(full_plan.eks, shared=True))
        found += [
            group.replace(name=f"{name}-{group.name}")
            for group in rule_groups(plan, scaled=set())
            if not group.name.startswith("llm-endpoint-")
        ]
    return runner(found, tmp_path_factory.mktemp("shared"))


def runner(groups, folder):
    binary = require_promtool()

    def run(samples, expectations):
        test = {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in samples.items()],
            "promql_expr_test": [
                {
                    "expr": expression,
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
                }
                for minute, expression, expected in expectations
            ],
        }
        # No alert reads another, and most of the time goes into those that nobody asks for, minute by minute.
        rules = rules_file(groups, " ".join(expression for _, expression, _ in expectations))
        (folder / "rules.yml").write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
        document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
        (folder / "test.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        done = subprocess.run(
            [binary, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def firing(alert: str, by: str = "endpoint") -> str:
    return f'count by ({by}) (ALERTS{{alertname="{alert}",alertstate="firing"}})'


def engine(metric: str, **labels: str) -> str:
    said = {"namespace": "llm-serving", "service": "vllm-0", "pod": POD, "model_name": "m", "engine": "0", **labels}
    return f"{metric}{{{','.join(f'{name}=`{value}`' for name, value in said.items())}}}".replace("`", '"')


def node(name: str = "n1", pool: str = "l40s", kind: str = "g6e.12xlarge", of: str = "") -> dict[str, str]:
    whose = f'label_llminfra_io_platform="{of}",' if of else ""
    return {
        f'kube_node_labels{{node="{name}",label_llminfra_io_pool="{pool}",{whose}'
        f'label_node_kubernetes_io_instance_type="{kind}"}}': "1x200",
        f'kube_node_status_allocatable{{node="{name}",resource="nvidia_com_gpu",unit="integer"}}': "4x200",
    }


def pod(name: str, *, gpus: int = 1, phase: str = "Running", on: str = "n1") -> dict[str, str]:
    where = f'namespace="llm-serving",pod="{name}"'
    return {
        f'kube_pod_container_resource_requests{{{where},node="{on}",resource="nvidia_com_gpu"}}': f"{gpus}x200",
        f'kube_pod_status_phase{{{where},phase="{phase}"}}': "1x200",
    }


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


def test_money_for_free_gpus(promtool):
    """One node of four GPUs, one of them held: three quarters of 10.49 dollars an hour are for nothing."""
    promtool(
        {**node(), **pod(POD), **pod("done", phase="Succeeded")},
        [
            (5, "pool:llm_gpus:sum", {'pool:llm_gpus:sum{pool="l40s"}': 4}),
            (5, "pool:llm_gpus_held:sum", {'pool:llm_gpus_held:sum{pool="l40s"}': 1}),
            (
                5,
                "pool:llm_idle_cost_usd_per_hour:sum / pool:llm_cost_usd_per_hour:sum",
                {'{pool="l40s"}': 0.75},
            ),
            (5, 'count(endpoint:llm_gpus:sum{endpoint="vllm-0"} == 1)', {"{}": 1}),
        ],
    )


def test_a_pool_that_nobody_holds_is_all_idle(promtool):
    promtool(
        node(),
        [(5, "pool:llm_idle_cost_usd_per_hour:sum / pool:llm_cost_usd_per_hour:sum", {'{pool="l40s"}': 1})],
    )


def test_a_budget_that_burns(promtool):
    """50,000 dollars a month are 68 an hour: seven nodes burn more, six do not."""
    many = {key: value for index in range(7) for key, value in node(f"n{index}").items()}
    promtool(many, [(90, firing("BudgetBurn", "alertname"), {'{alertname="BudgetBurn"}': 1})])
    few = {key: value for index in range(6) for key, value in node(f"n{index}").items()}
    promtool(few, [(90, firing("BudgetBurn", "alertname"), {})])


def test_hardware_or_program(promtool):
    def xid(code, gpu):
        return f'DCGM_EXP_XID_ERRORS_COUNT{{node="n1",gpu="{gpu}",xid="{code}"}}'

    promtool(
        {xid("79", "0"): "1x10", xid("31", "1"): "1x10", 'DCGM_EXP_XID_ERRORS_COUNT{node="n1",gpu="2"}': "0x10"},
        [
            (2, firing("GpuXidHardware", "gpu"), {'{gpu="0"}': 1}),
            (2, firing("GpuXidApplication", "gpu"), {'{gpu="1"}': 1}),
        ],
    )


def test_links_of_blackwell_are_no_fault_of_a_program(promtool):
    def xid(code, gpu):
        return f'DCGM_EXP_XID_ERRORS_COUNT{{node="n1",gpu="{gpu}",xid="{code}"}}'

    codes = {"0": "149", "1": "154", "2": "109", "3": "13"}
    promtool(
        {xid(code, gpu): "1x10" for gpu, code in codes.items()},
        [
            (2, firing("GpuXidNvlink", "gpu"), {'{gpu="0"}': 1}),
            (2, firing("GpuXidHardware", "gpu"), {'{gpu="1"}': 1, '{gpu="2"}': 1}),
            (2, firing("GpuXidApplication", "gpu"), {'{gpu="3"}': 1}),
        ],
    )


def scheduled(name: str, there: bool) -> dict[str, str]:
    where = f'namespace="llm-serving",pod="{name}"'
    return {
        f'kube_pod_status_scheduled{{{where},condition="true"}}': f"{int(there)}x200",
        f'kube_pod_status_scheduled{{{where},condition="false"}}': f"{int(not there)}x200",
    }


def waiting(name: str, reason: str, series: str = "kube_pod_container_status_waiting_reason") -> dict[str, str]:
    return {f'{series}{{namespace="llm-serving",pod="{name}",container="engine",reason="{reason}"}}': "1x200"}


def test_a_pod_without_a_node_is_another_than_one_without_an_image(promtool):
    init = "kube_pod_init_container_status_waiting_reason"
    promtool(
        {
            **pod("homeless", phase="Pending", on=""),
            **scheduled("homeless", False),
            **pod("pulls", phase="Pending"),
            **scheduled("pulls", True),
            **waiting("pulls", "ContainerCreating"),
            **pod("missing", phase="Pending"),
            **scheduled("missing", True),
            **waiting("missing", "ImagePullBackOff"),
            **pod("secret", phase="Pending"),
            **waiting("secret", "CreateContainerConfigError", init),
            # Without a GPU it is nobody's alert here.
            **waiting("web", "ImagePullBackOff"),
        },
        [
            (30, firing("GpuPodPending", "pod"), {'{pod="homeless"}': 1}),
            (4, firing("GpuPodCannotStart", "pod"), {}),
            (
                10,
                firing("GpuPodCannotStart", "pod, reason"),
                {
                    '{pod="missing", reason="ImagePullBackOff"}': 1,
                    '{pod="secret", reason="CreateContainerConfigError"}': 1,
                },
            ),
        ],
    )


def test_spot_that_goes_again_and_again(promtool):
    def gone(reason, pool):
        return f'karpenter_nodeclaims_disrupted_total{{reason="{reason}",nodepool="{pool}",capacity_type="spot"}}'

    promtool(
        {
            gone("spot_interrupted", "a"): "0x5 1x5 2x5 3x5 4x60",
            gone("spot_interrupted", "b"): "0x5 1x80",
            gone("underutilized", "c"): "0+1x90",
        },
        [(50, firing("SpotTakenBack", "nodepool"), {'{nodepool="a"}': 1})],
    )


def test_an_exporter_that_is_missing(promtool):
    there = {'up{job="dcgm-exporter",instance="a",node="n1"}': "1x60"}
    promtool({**node("n1"), **there}, [(40, firing("DcgmDown", "alertname"), {})])
    promtool(
        {**node("n1"), **node("n2"), **there}, [(40, firing("DcgmDown", "alertname"), {'{alertname="DcgmDown"}': 1})]
    )


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


def test_a_held_gpu_that_does_nothing(promtool):
    def busy(gpu, more):
        return f'DCGM_FI_DEV_GPU_UTIL{{node="n1",gpu="{gpu}"{more}}}'

    held = ',namespace="llm-serving",pod="x"'
    promtool(
        {busy("0", held): "0x200", busy("1", held): "50x200", busy("2", ""): "0x200"},
        [(180, firing("GpuIdle", "gpu"), {'{gpu="0"}': 1})],
    )


def test_platforms_on_one_cluster_count_their_own_nodes_and_gpus(shared_promtool):
    hot = 'DCGM_FI_DEV_GPU_TEMP{node="theirs-1",gpu="0"}'
    shared_promtool(
        {**node("ours-1", of="ours"), **node("theirs-1", of="theirs"), **node("theirs-2", of="theirs"), hot: "95x200"}
        | pod("ours", on="ours-1") | pod("theirs", gpus=3, on="theirs-1"),
        [
            (30, "sum by (platform, pool) (pool:llm_nodes:count)",
             {'{platform="ours",pool="l40s"}': 1, '{platform="theirs",pool="l40s"}': 2}),
            (30, "pool:llm_gpus_held:sum",
             {'pool:llm_gpus_held:sum{platform="ours",pool="l40s"}': 1,
              'pool:llm_gpus_held:sum{platform="theirs",pool="l40s"}': 3}),
            (30, "count by (platform) (platform:llm_cost_usd_per_hour:sum > 0)",
             {'{platform="ours"}': 1, '{platform="theirs"}': 1}),
            (30, "count(pool:llm_cost_usd_per_hour:sum)", {"{}": 2}),
            (30, firing("GpuHot", "platform"), {'{platform="theirs"}': 1}),
            # One node of theirs answers, and none of ours.
            (30, 'count by (platform) (ALERTS{alertname="DcgmDown"})',
             {'{platform="ours"}': 1, '{platform="theirs"}': 1}),
        ],
    )  # fmt: skip
