"""Alerts of EFA: errors, lost partners, and the quiet fall back to TCP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.observability.alerts.make import Alerts
from llminfra.observability.endpoint_series import record_labels, recorded_here
from llminfra.observability.own_series import POOL_INFO, on_own_nodes, own_labels
from llminfra.observability.promql import selector
from llminfra.observability.signals import signals_of

if TYPE_CHECKING:
    from llminfra.charts.llm_observability import AlertRule
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan

# Far below what one token of any model that needs two nodes sends, far above keep-alives.
_SILENT_BYTES_PER_S = 10_000


def efa_alerts(plan: Plan, *, base_url: str | None) -> list[AlertRule]:
    """Alerts of every EFA device, or of those of the platform's own nodes where others share the cluster."""
    make = Alerts(base_url)
    made = [
        make(
            "EfaRdmaErrors",
            "warning",
            "sum by (node) (increase(node_amazonefa_rdma_read_wr_err[15m]) "
            "+ increase(node_amazonefa_rdma_write_wr_err[15m])) > 0",
            for_s=0,
            summary="RDMA on {{ $labels.node }} fails",
            description="{{ $value | humanize }} failed work requests: NCCL or NIXL on that node is about to stop.",
        ),
        make(
            "EfaPartnerLost",
            "warning",
            "sum by (node) (increase(node_amazonefa_unresponsive_remote_events[15m]) "
            "+ increase(node_amazonefa_impaired_remote_conn_events[15m])) > 0",
            for_s=0,
            summary="{{ $labels.node }} has lost a partner over EFA",
            description="A remote node does not answer or answers slowly: look for the node that is gone, then at "
            "security groups.",
        ),
        make(
            "EfaRetransmits",
            "warning",
            "sum by (node) (rate(node_amazonefa_retrans_pkts[10m])) "
            "/ (sum by (node) (rate(node_amazonefa_tx_pkts[10m])) > 100) > 0.01",
            for_s=900,
            summary="{{ $labels.node }} sends much again over EFA",
            description="{{ $value | humanizePercentage }} of packets: the replica is slower than it need be.",
        ),
    ]
    return [item.replace(expr=on_own_nodes(plan, item.expr)) for item in made]


def silent_fabric_alert(endpoint: EndpointPlan, plan: Plan, *, base_url: str | None) -> list[AlertRule]:
    """A replica over several nodes that works while EFA is silent: NCCL fell back to TCP and said nothing.

    Known from vllm-project/vllm#55635 and NVIDIA-NeMo/RL#2410: an image without EFA's user space still runs.
    """
    if endpoint.nodes == 1 or not endpoint.resources.efa or "requests_running" not in signals_of(endpoint):
        return []
    pool = selector(POOL_INFO, {"pool": endpoint.pool, **own_labels(plan)})
    sent = f"sum(sum by (node) (rate(node_amazonefa_tx_bytes[10m])) and on (node) {pool})"
    busy = f"sum(max_over_time({recorded_here(endpoint, 'requests_running', 'gauge')}[10m])) > 0"
    labels = {key: value for key, value in record_labels(endpoint).items() if key != "engine"}
    return [
        Alerts(base_url, labels)(
            "EfaSilent",
            "warning",
            f"{sent} < {_SILENT_BYTES_PER_S} and on () {busy}",
            for_s=900,
            summary=f"{endpoint.name} spans nodes and does not use EFA",
            description="Requests run while EFA sends nothing: NCCL uses TCP, at a fraction of the speed.",
        )
    ]
