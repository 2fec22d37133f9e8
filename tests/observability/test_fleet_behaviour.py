"""What the rules of nodes, GPUs and money do with real samples: run by ``promtool test rules``."""

from __future__ import annotations

from tests.observability.samples import POD, firing, node, pod


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
