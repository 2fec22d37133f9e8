"""Alerts of prefill and decode on separate pods: the router in front, and caches that do not arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.observability.alerts.make import Alerts
from llminfra.observability.endpoint_series import record_labels, scraped
from llminfra.observability.own_series import POOL_INFO, own_labels
from llminfra.observability.promql import selector
from llminfra.observability.signals import release_of
from llminfra.planning.plan.made_names import router_workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.charts.llm_observability import AlertRule
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan, RouterPlan

# Far below the cache of one prompt.
_SILENT_BYTES_PER_S = 10_000


def router_alerts(router: RouterPlan, *, base_url: str | None) -> Iterator[AlertRule]:
    """Alerts of the router: callers of the endpoint reach nothing but it."""
    make = Alerts(base_url, {"namespace": router.namespace, "endpoint": router.name})
    where = {"namespace": router.namespace, "deployment": router_workload(router.name)}
    yield make(
        "LlmRouterDown",
        "critical",
        f"(sum({selector('kube_deployment_status_replicas_available', where)}) or vector(0)) == 0",
        for_s=180,
        summary=f"The router of {router.name} is away",
        description=f"Callers of {router.name} get no answer, though {router.prefill} and {router.decode} may run.",
    )


def role_alerts(endpoint: EndpointPlan, plan: Plan, *, base_url: str | None) -> Iterator[AlertRule]:
    """Alerts of a role, as far as its release counts transfers: on the pods that keep caches and those that fetch."""
    release = release_of(endpoint)
    if endpoint.role is None or release is None:
        return
    make = Alerts(base_url, {key: value for key, value in record_labels(endpoint).items() if key != "engine"})
    here = scraped(endpoint)
    expired, failed = "vllm:nixl_num_kv_expired_reqs_total", "vllm:nixl_num_failed_transfers_total"
    moved = "vllm:nixl_bytes_transferred_sum"
    if endpoint.role == "prefill" and release.knows_metric(expired):
        yield make(
            "LlmCacheExpires",
            "warning",
            f"sum(increase({selector(expired, here)}[15m])) > 0",
            for_s=0,
            summary=f"Nobody fetches caches of {endpoint.name}",
            description="{{ $value | humanize }} prompts were read in vain within 15 minutes: no decode pod came for "
            "their cache, which held GPU memory all the while.",
        )
    if endpoint.role == "decode" and release.knows_metric(failed):
        yield make(
            "LlmCacheTransfersFail",
            "critical",
            f"sum(increase({selector(failed, here)}[15m])) > 0",
            for_s=0,
            summary=f"{endpoint.name} cannot fetch caches",
            description="{{ $value | humanize }} transfers failed within 15 minutes, and their requests with them.",
        )
    if endpoint.role == "decode" and endpoint.resources.efa and release.knows_metric(moved):
        pool = selector(POOL_INFO, {"pool": endpoint.pool, **own_labels(plan)})
        rates = (f"rate(node_amazonefa_{what}_bytes[10m])" for what in ("tx", "rdma_read", "rdma_write"))
        sent = f"sum(sum by (node) ({' + '.join(rates)}) and on (node) {pool})"
        yield make(
            "EfaSilent",
            "warning",
            f"{sent} < {_SILENT_BYTES_PER_S} and on () sum(rate({selector(moved, here)}[10m])) > {_SILENT_BYTES_PER_S}",
            for_s=900,
            summary=f"{endpoint.name} fetches caches without EFA",
            description="Caches arrive while EFA sends nothing: NIXL uses TCP, at a fraction of the speed.",
        )
