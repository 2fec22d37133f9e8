"""What the dashboards show: rows of panels, each with its queries. ``scripts/dashboards.py`` makes Grafana's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HERE = '{namespace=~"$namespace", endpoint=~"$endpoint", model_name=~"$model_name"}'
GPU = '{node=~"$node", gpu=~"$gpu"}'
NIC = '{node=~"$node", device=~"$device"}'
POOL = '{pool=~"$pool"}'


@dataclass(frozen=True)
class Query:
    """A PromQL expression and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A panel; ``unit`` is Grafana's name of it, ``red`` and ``yellow`` are thresholds."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    about: str = ""
    yellow: float | None = None
    red: float | None = None
    most: float | None = None
    stacked: bool = False
    width: int = 8


@dataclass(frozen=True)
class Variable:
    """A template variable filled from the labels of a series."""

    name: str
    label: str
    query: str
    multi: bool = True


@dataclass(frozen=True)
class Board:
    """A dashboard."""

    uid: str
    title: str
    about: str
    variables: tuple[Variable, ...]
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]


def _quantiles(signal: str) -> tuple[Query, ...]:
    buckets = f"sum by (le, endpoint) (endpoint:llm_{signal}_bucket:rate5m{HERE})"
    return tuple(
        Query(f"histogram_quantile({quantile}, {buckets})", f"{{{{endpoint}}}} p{name}")
        for quantile, name in ((0.5, "50"), (0.95, "95"), (0.99, "99"))
    )


ENDPOINT = Board(
    uid="llm-endpoint",
    title="LLM endpoint",
    about="What callers of an endpoint feel, and what its engine does about it. The series are recorded per engine and "
    "release; a panel stays empty where the engine does not say.",
    variables=(
        Variable("namespace", "Namespace", "label_values(endpoint:llm_gpus:sum, namespace)"),
        Variable("endpoint", "Endpoint", 'label_values(endpoint:llm_gpus:sum{namespace=~"$namespace"}, endpoint)'),
        Variable(
            "model_name",
            "Model",
            'label_values(endpoint:llm_gpus:sum{namespace=~"$namespace", endpoint=~"$endpoint"}, model_name)',
        ),
    ),
    rows=(
        (
            "Now",
            (
                Panel(
                    "Requests running",
                    (Query(f"sum(pod:llm_requests_running:sum{HERE})"),),
                    kind="stat",
                    width=4,
                ),
                Panel(
                    "Requests waiting",
                    (Query(f"sum(pod:llm_requests_waiting:sum{HERE})"),),
                    kind="stat",
                    yellow=1,
                    red=20,
                    width=4,
                ),
                Panel(
                    "KV cache used, fullest replica",
                    (Query(f"max(pod:llm_kv_cache_usage:max{HERE})"),),
                    "percentunit",
                    "stat",
                    yellow=0.8,
                    red=0.9,
                    width=4,
                ),
                Panel(
                    "Replicas with metrics",
                    (Query(f"count(pod:llm_requests_running:sum{HERE})"),),
                    kind="stat",
                    width=4,
                ),
                Panel(
                    "Cost per hour",
                    (Query(f"sum(endpoint:llm_cost_usd_per_hour:sum{HERE})"),),
                    "currencyUSD",
                    "stat",
                    "GPUs held by running pods, at the on-demand list price of their pool.",
                    width=4,
                ),
                Panel(
                    "Cost per million output tokens",
                    (
                        Query(
                            f"sum(endpoint:llm_cost_usd_per_hour:sum{HERE}) "
                            f"/ (sum(endpoint:llm_generation_tokens:rate5m{HERE}) * 3600 > 0) * 1e6"
                        ),
                    ),
                    "currencyUSD",
                    "stat",
                    "At the present load: an idle endpoint has no price per token.",
                    width=4,
                ),
            ),
        ),
        (
            "Latency",
            (
                Panel(
                    "Time to first token",
                    _quantiles("time_to_first_token_seconds"),
                    "s",
                    about="TGI does not measure it; see the time in the queue there.",
                ),
                Panel("Time between tokens", _quantiles("inter_token_latency_seconds"), "s"),
                Panel("Time of whole requests", _quantiles("request_latency_seconds"), "s"),
                Panel("Time in the queue", _quantiles("queue_time_seconds"), "s"),
            ),
        ),
        (
            "Load",
            (
                Panel(
                    "Requests running by replica",
                    (Query(f"sum by (endpoint, pod) (pod:llm_requests_running:sum{HERE})", "{{pod}}"),),
                    stacked=True,
                ),
                Panel(
                    "Requests waiting by replica",
                    (Query(f"sum by (endpoint, pod) (pod:llm_requests_waiting:sum{HERE})", "{{pod}}"),),
                    stacked=True,
                ),
                Panel(
                    "Tokens per second",
                    (
                        Query(f"sum by (endpoint) (endpoint:llm_prompt_tokens:rate5m{HERE})", "{{endpoint}} prompt"),
                        Query(
                            f"sum by (endpoint) (endpoint:llm_generation_tokens:rate5m{HERE})",
                            "{{endpoint}} generated",
                        ),
                    ),
                    "cps",
                ),
                Panel(
                    "Requests finished per second",
                    (Query(f"sum by (endpoint) (endpoint:llm_requests_finished:rate5m{HERE})", "{{endpoint}}"),),
                    "reqps",
                ),
                Panel(
                    "Output tokens per second and GPU",
                    (
                        Query(
                            f"sum by (endpoint) (endpoint:llm_generation_tokens:rate5m{HERE}) "
                            f"/ (sum by (endpoint) (endpoint:llm_gpus:sum{HERE}) > 0)",
                            "{{endpoint}}",
                        ),
                    ),
                    "cps",
                ),
            ),
        ),
        (
            "Trouble",
            (
                Panel(
                    "KV cache used by replica",
                    (Query(f"max by (endpoint, pod) (pod:llm_kv_cache_usage:max{HERE})", "{{pod}}"),),
                    "percentunit",
                    yellow=0.8,
                    red=0.9,
                    most=1,
                ),
                Panel(
                    "Preemptions per second",
                    (Query(f"sum by (endpoint) (endpoint:llm_preemptions:rate5m{HERE})", "{{endpoint}}"),),
                    about="KV cache that is thrown away and computed again; SGLang calls it retraction.",
                ),
                Panel(
                    "Share of requests that fail",
                    (
                        Query(
                            f"sum by (endpoint) (endpoint:llm_requests_failed:rate5m{HERE}) "
                            f"/ (sum by (endpoint) (endpoint:llm_requests_finished:rate5m{HERE}) > 0)",
                            "{{endpoint}}",
                        ),
                    ),
                    "percentunit",
                    about="Requests that callers gave up count too where the engine does not tell them apart.",
                    red=0.05,
                ),
                Panel(
                    "Alerts",
                    (Query('count by (alertname) (ALERTS{alertstate="firing", alertname=~"Llm.+"})', "{{alertname}}"),),
                ),
            ),
        ),
    ),
)

FLEET = Board(
    uid="llm-fleet",
    title="LLM fleet and cost",
    about="GPUs by pool: how many there are, how many are held, how busy they are, and what they cost by list price.",
    variables=(Variable("pool", "Pool", "label_values(node:llm_pool:info, pool)"),),
    rows=(
        (
            "Now",
            (
                Panel("GPUs", (Query(f"sum(pool:llm_gpus:sum{POOL})"),), kind="stat", width=4),
                Panel("GPUs held by pods", (Query(f"sum(pool:llm_gpus_held:sum{POOL})"),), kind="stat", width=4),
                Panel(
                    "GPUs busy",
                    (
                        Query(
                            f"sum(pool:llm_gpu_utilization:avg{POOL} * on (pool) pool:llm_gpus:sum{POOL}) "
                            f"/ sum(pool:llm_gpus:sum{POOL})"
                        ),
                    ),
                    "percentunit",
                    "stat",
                    width=4,
                ),
                Panel(
                    "Cost of the platform per hour",
                    (Query("platform:llm_cost_usd_per_hour:sum"),),
                    "currencyUSD",
                    "stat",
                    "Nodes that are there, at on-demand list prices, and the rest of the plan at its smallest size.",
                    width=4,
                ),
                Panel(
                    "Cost per month at this rate",
                    (Query("platform:llm_cost_usd_per_hour:sum * 730"),),
                    "currencyUSD",
                    "stat",
                    width=4,
                ),
                Panel(
                    "Cost of free GPUs per hour",
                    (Query(f"sum(pool:llm_idle_cost_usd_per_hour:sum{POOL})"),),
                    "currencyUSD",
                    "stat",
                    "Money for GPUs that no pod holds.",
                    yellow=1,
                    red=50,
                    width=4,
                ),
            ),
        ),
        (
            "Pools",
            (
                Panel(
                    "GPUs by pool",
                    (
                        Query(f"pool:llm_gpus:sum{POOL}", "{{pool}} there"),
                        Query(f"pool:llm_gpus_held:sum{POOL}", "{{pool}} held"),
                    ),
                ),
                Panel(
                    "GPUs busy by pool",
                    (Query(f"pool:llm_gpu_utilization:avg{POOL}", "{{pool}}"),),
                    "percentunit",
                    most=1,
                ),
                Panel("Nodes by pool", (Query(f"pool:llm_nodes:count{POOL}", "{{pool}}"),), stacked=True),
                Panel(
                    "Cost per hour by pool",
                    (Query(f"pool:llm_cost_usd_per_hour:sum{POOL}", "{{pool}}"),),
                    "currencyUSD",
                    stacked=True,
                ),
                Panel(
                    "Cost of free GPUs by pool",
                    (Query(f"pool:llm_idle_cost_usd_per_hour:sum{POOL}", "{{pool}}"),),
                    "currencyUSD",
                    stacked=True,
                ),
                Panel(
                    "Cost per hour by endpoint",
                    (Query("sum by (endpoint) (endpoint:llm_cost_usd_per_hour:sum)", "{{endpoint}}"),),
                    "currencyUSD",
                    stacked=True,
                ),
            ),
        ),
        (
            "Nodes that come and go",
            (
                Panel(
                    "Pods without a node",
                    (Query('sum by (namespace) (kube_pod_status_phase{phase="Pending"})', "{{namespace}}"),),
                ),
                Panel(
                    "Karpenter: nodes started and stopped per hour",
                    (
                        Query(
                            "sum by (nodepool) (increase(karpenter_nodes_created_total[1h]))", "{{nodepool}} started"
                        ),
                        Query(
                            "sum by (nodepool) (increase(karpenter_nodes_terminated_total[1h]))",
                            "{{nodepool}} stopped",
                        ),
                    ),
                    about="Empty with the Cluster Autoscaler.",
                ),
                Panel(
                    "Karpenter: errors of AWS per hour",
                    (
                        Query(
                            "sum by (method, error) (increase(karpenter_cloudprovider_errors_total[1h]))",
                            "{{method}} {{error}}",
                        ),
                    ),
                ),
                Panel(
                    "KEDA: load per replica that scaling sees",
                    (Query("max by (scaledObject) (keda_scaler_metrics_value)", "{{scaledObject}}"),),
                ),
                Panel(
                    "KEDA: errors per hour",
                    (
                        Query(
                            "sum by (scaledObject) (increase(keda_scaler_detail_errors_total[1h]))",
                            "{{scaledObject}}",
                        ),
                    ),
                ),
                Panel(
                    "Alerts",
                    (Query('count by (alertname, severity) (ALERTS{alertstate="firing"})', "{{alertname}}"),),
                ),
            ),
        ),
    ),
)

_ON_GPU = "{{node}} gpu {{gpu}}"

GPUS = Board(
    uid="llm-gpu",
    title="LLM GPUs",
    about="Every GPU: work, memory, power and heat, errors, links. From the DCGM exporter.",
    variables=(
        Variable("node", "Node", "label_values(DCGM_FI_DEV_GPU_UTIL, node)"),
        Variable("gpu", "GPU", 'label_values(DCGM_FI_DEV_GPU_UTIL{node=~"$node"}, gpu)'),
    ),
    rows=(
        (
            "Work",
            (
                Panel(
                    "Busy",
                    (Query(f"DCGM_FI_DEV_GPU_UTIL{GPU}", _ON_GPU),),
                    "percent",
                    about="Share of time with any kernel; a busy GPU may still do little.",
                    most=100,
                ),
                Panel(
                    "SMs active",
                    (Query(f"DCGM_FI_PROF_SM_ACTIVE{GPU}", _ON_GPU),),
                    "percentunit",
                    most=1,
                ),
                Panel(
                    "Tensor cores active",
                    (Query(f"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{GPU}", _ON_GPU),),
                    "percentunit",
                    about="High in prefill, low in decode.",
                    most=1,
                ),
                Panel(
                    "Memory interface active",
                    (Query(f"DCGM_FI_PROF_DRAM_ACTIVE{GPU}", _ON_GPU),),
                    "percentunit",
                    about="High in decode: every token reads all weights.",
                    most=1,
                ),
                Panel(
                    "Memory used",
                    (Query(f"DCGM_FI_DEV_FB_USED{GPU} * 1048576", _ON_GPU),),
                    "bytes",
                    about="Engines take their share at the start: see the KV cache for what is left of it.",
                ),
                Panel(
                    "Memory free",
                    (Query(f"DCGM_FI_DEV_FB_FREE{GPU} * 1048576", _ON_GPU),),
                    "bytes",
                ),
            ),
        ),
        (
            "Power and heat",
            (
                Panel("Power", (Query(f"DCGM_FI_DEV_POWER_USAGE{GPU}", _ON_GPU),), "watt"),
                Panel("Temperature", (Query(f"DCGM_FI_DEV_GPU_TEMP{GPU}", _ON_GPU),), "celsius", red=85),
                Panel("Memory temperature", (Query(f"DCGM_FI_DEV_MEMORY_TEMP{GPU}", _ON_GPU),), "celsius", red=95),
                Panel("SM clock", (Query(f"DCGM_FI_DEV_SM_CLOCK{GPU} * 1e6", _ON_GPU),), "hertz"),
                Panel(
                    "Slowed down by heat",
                    (Query(f"rate(DCGM_FI_DEV_THERMAL_VIOLATION{GPU}[$__rate_interval]) / 1e9", _ON_GPU),),
                    "percentunit",
                ),
                Panel(
                    "Slowed down by power",
                    (Query(f"rate(DCGM_FI_DEV_POWER_VIOLATION{GPU}[$__rate_interval]) / 1e9", _ON_GPU),),
                    "percentunit",
                ),
            ),
        ),
        (
            "Errors",
            (
                Panel(
                    "XIDs in the last minutes",
                    (
                        Query(
                            'DCGM_EXP_XID_ERRORS_COUNT{node=~"$node", gpu=~"$gpu", xid!=""}', _ON_GPU + " XID {{xid}}"
                        ),
                    ),
                    about="Counted by the exporter over its window (window_size_in_ms, five minutes unless told "
                    "otherwise).",
                ),
                Panel(
                    "Last XID",
                    (Query(f"DCGM_FI_DEV_XID_ERRORS{GPU}", _ON_GPU + " {{err_msg}}"),),
                    kind="stat",
                ),
                Panel(
                    "ECC errors per hour",
                    (
                        Query(f"increase(DCGM_FI_DEV_ECC_SBE_VOL_TOTAL{GPU}[1h])", _ON_GPU + " corrected"),
                        Query(f"increase(DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{GPU}[1h])", _ON_GPU + " uncorrectable"),
                    ),
                ),
                Panel(
                    "Remapped rows",
                    (
                        Query(f"DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS{GPU}", _ON_GPU + " correctable"),
                        Query(f"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS{GPU}", _ON_GPU + " uncorrectable"),
                    ),
                ),
                Panel(
                    "Row remapping failed",
                    (Query(f"max by (node, gpu) (DCGM_FI_DEV_ROW_REMAP_FAILURE{GPU})", _ON_GPU),),
                    kind="stat",
                    red=1,
                ),
                Panel(
                    "PCIe replays per hour", (Query(f"increase(DCGM_FI_DEV_PCIE_REPLAY_COUNTER{GPU}[1h])", _ON_GPU),)
                ),
            ),
        ),
        (
            "Links",
            (
                Panel(
                    "NVLink",
                    (Query(f"rate(DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL{GPU}[$__rate_interval])", _ON_GPU),),
                    about="The counter's unit differs between driver versions: compare over time, not with a data "
                    "sheet.",
                ),
                Panel(
                    "NVLink replays and recoveries per hour",
                    (
                        Query(f"increase(DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL{GPU}[1h])", _ON_GPU + " replays"),
                        Query(
                            f"increase(DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL{GPU}[1h])",
                            _ON_GPU + " recoveries",
                        ),
                    ),
                ),
                Panel(
                    "PCIe",
                    (
                        Query(f"DCGM_FI_PROF_PCIE_RX_BYTES{GPU}", _ON_GPU + " in"),
                        Query(f"DCGM_FI_PROF_PCIE_TX_BYTES{GPU}", _ON_GPU + " out"),
                    ),
                    "Bps",
                ),
            ),
        ),
    ),
)

_ON_NODE = "{{node}}"


def _rate(counter: str) -> str:
    return f"sum by (node) (rate(node_amazonefa_{counter}{NIC}[$__rate_interval]))"


def _hourly(counter: str) -> str:
    return f"sum by (node) (increase(node_amazonefa_{counter}{NIC}[1h]))"


EFA = Board(
    uid="llm-efa",
    title="LLM EFA",
    about="Elastic Fabric Adapter by node: traffic, RDMA, what is sent again, errors.",
    variables=(
        Variable("node", "Node", "label_values(node_amazonefa_tx_bytes, node)"),
        Variable("device", "Device", 'label_values(node_amazonefa_tx_bytes{node=~"$node"}, device)'),
    ),
    rows=(
        (
            "Traffic",
            (
                Panel("Sent", (Query(_rate("tx_bytes"), _ON_NODE),), "Bps"),
                Panel("Received", (Query(_rate("rx_bytes"), _ON_NODE),), "Bps"),
                Panel(
                    "RDMA",
                    (
                        Query(_rate("rdma_read_bytes"), "{{node}} read"),
                        Query(_rate("rdma_write_bytes"), "{{node}} written"),
                    ),
                    "Bps",
                    about="NIXL reads or writes; NCCL mostly sends.",
                ),
                Panel(
                    "By device",
                    (
                        Query(
                            f"rate(node_amazonefa_tx_bytes{NIC}[$__rate_interval])",
                            "{{node}} {{device}}",
                        ),
                    ),
                    "Bps",
                    about="One silent device among busy ones is a broken one.",
                ),
            ),
        ),
        (
            "Trouble",
            (
                Panel(
                    "Packets sent again",
                    (
                        Query(
                            f"{_rate('retrans_pkts')} / ({_rate('tx_pkts')} > 0)",
                            _ON_NODE,
                        ),
                    ),
                    "percentunit",
                    about="From Nitro v4 on.",
                    red=0.01,
                ),
                Panel(
                    "Time-outs that changed the path, per hour", (Query(_hourly("retrans_timeout_events"), _ON_NODE),)
                ),
                Panel(
                    "Lost and slow partners per hour",
                    (
                        Query(_hourly("unresponsive_remote_events"), "{{node}} no answer"),
                        Query(_hourly("impaired_remote_conn_events"), "{{node}} impaired"),
                    ),
                ),
                Panel(
                    "Failed work requests per hour",
                    (
                        Query(_hourly("rdma_read_wr_err"), "{{node}} read"),
                        Query(_hourly("rdma_write_wr_err"), "{{node}} write"),
                    ),
                ),
                Panel("Packets dropped on receipt per hour", (Query(_hourly("rx_drops"), _ON_NODE),)),
                Panel(
                    "Failed set-ups per hour",
                    (
                        Query(_hourly("create_qp_err"), "{{node}} queue pairs"),
                        Query(_hourly("reg_mr_err"), "{{node}} memory registrations"),
                        Query(_hourly("cmds_err"), "{{node}} commands"),
                    ),
                ),
            ),
        ),
    ),
)

BOARDS = (FLEET, ENDPOINT, GPUS, EFA)
