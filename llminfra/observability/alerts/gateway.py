"""Alerts of gateways: requests that fail, endpoint pickers that are away, and requests that were held in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.observability.alerts.make import Alerts
from llminfra.observability.promql import selector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.charts.llm_observability import AlertRule
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.gateways import GatewayPlan

# Of all answers; callers that are refused for their key or their limits get others than 5xx.
_FAILED_SHARE = 0.05


def gateway_alerts(gateway: GatewayPlan, plan: Plan, *, base_url: str | None) -> Iterator[AlertRule]:
    """Alerts of one gateway and of the endpoint pickers behind it."""
    make = Alerts(base_url, {"gateway": gateway.name})
    # The listener of callers; Envoy's others are for probes and metrics.
    of_callers = {"envoy_http_conn_manager_prefix": "http-.+"}
    envoy = {"gateway": gateway.name, **({"gateway_namespace": gateway.namespace} if plan.shared else {})}
    every = selector("envoy_http_downstream_rq_xx", envoy, of_callers)
    failed = selector("envoy_http_downstream_rq_xx", {**envoy, "envoy_response_code_class": "5"}, of_callers)
    yield make(
        "LlmGatewayFails",
        "critical",
        f"sum(rate({failed}[5m])) / sum(rate({every}[5m])) > {_FAILED_SHARE}",
        for_s=300,
        summary=f"Gateway {gateway.name} answers with errors",
        description="{{ $value | humanizePercentage }} of requests end with 5xx.",
    )
    for route in gateway.routes:
        where = {"namespace": gateway.namespace, "service": route.picker}
        yield make(
            "LlmPickerDown",
            "critical",
            f"(sum({selector('llm_d_epp_info', where)}) or vector(0)) == 0",
            for_s=180,
            summary=f"The endpoint picker of {route.endpoint} is away",
            description=f"Every request for {route.endpoint} fails: Envoy does not know a replica without it.",
        )
        if route.hold_s is None:
            continue
        dropped = selector("llm_d_epp_flow_control_requests_total", where, {"outcome": "Rejected.+|EvictedTTL"})
        yield make(
            "LlmHeldRequestsDropped",
            "warning",
            f"sum(increase({dropped}[15m])) > 0",
            for_s=0,
            summary=f"Requests for {route.endpoint} waited in vain",
            description=f"{{{{ $value | humanize }}}} requests found no replica within {route.hold_s} s, or no place "
            "to wait.",
        )
