"""What starts the overflow of an endpoint, and what keeps it: questions about its pods and the endpoint's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.compiler.releases.triggers import trigger
from llminfra.observability.endpoint_series import pod_pattern
from llminfra.observability.promql import number, selector

if TYPE_CHECKING:
    from llminfra.charts.llm_server import PrometheusTrigger
    from llminfra.planning.controllers.scraping import Scraping
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan, OverflowPlan


def overflow_triggers(
    endpoint: EndpointPlan, overflow: OverflowPlan, plan: Plan, scraping: Scraping
) -> list[PrometheusTrigger]:
    """The queue in front of all replicas starts replicas, and work that the own ones could not take over keeps them.

    A queue alone would make them come and go: they empty it, and with them gone it is there again. So what runs on both
    is asked, too, as soon as there is an overflow: cache in use, and requests. KEDA takes the largest answer, and gives
    the last replica up when none is above zero for the whole cooldown (kedacore/keda@8b4f083c
    pkg/scaling/executor/scale_scaledobjects.go). Where no replica of either kind has metrics, or Prometheus is away,
    the fallback keeps what there is and starts one (pkg/scaling/scale_handler.go: a fallback counts as active).
    """
    metrics = endpoint.invocation.metrics
    if metrics is None or metrics.waiting is None:  # `scales` keeps such endpoints away
        return []
    base = next(item for item in plan.endpoints if item.name == endpoint.part_of)

    def series(metric: str, of: EndpointPlan | None = None) -> str:
        where = {"namespace": endpoint.namespace, "service": endpoint.service, **scraping.external_labels}
        return selector(metric, where, {"pod": pod_pattern(of)} if of is not None else None)

    each = overflow.waiting_per_replica
    borne = overflow.base_replicas * each
    found = [
        trigger(scraping, "waiting", f"clamp_min(sum({series(metrics.waiting)}) - {borne}, 0)", each, wakes=True),
    ]
    own, other = base.busy, endpoint.busy
    if own is None or other is None:
        return found
    if own.running is not None and other.running is not None:
        running = [series(metrics.running or "", item) for item in (base, endpoint)]
        query = _beyond(f"sum by (pod) ({running[0]})", own.running, f"sum({running[1]})")
        found.append(trigger(scraping, "running", query, other.running))
    if own.cache is not None and other.cache is not None and overflow.cache is not None:
        used = [series(metrics.kv_usage or "", item) for item in (base, endpoint)]
        query = _beyond(used[0], own.cache, f"{number(overflow.cache)} * sum({used[1]})")
        found.append(trigger(scraping, "cache", query, round(other.cache * other.schedulers * overflow.cache, 4)))
    return found


def _beyond(own: str, full: float, elsewhere: str) -> str:
    """What the endpoint's own pods would have too much if they took over what runs elsewhere; 0 where nothing does."""
    return f"clamp_min(sum({own} - {number(full)}) + {elsewhere}, 0) or sum({own}) * 0"
