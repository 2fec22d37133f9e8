"""What KEDA scales an endpoint by, as values of the chart ``llm-server``."""

from __future__ import annotations

from llminfra.charts.llm_server import Autoscaling, Fallback, PrometheusTrigger, QueueTrigger
from llminfra.compiler.releases.overflow import overflow_triggers
from llminfra.compiler.releases.triggers import trigger
from llminfra.compiler.releases.working_hours import cron_triggers
from llminfra.constructs.basis.names import dns_suffix
from llminfra.engines.invocation import Metrics
from llminfra.observability.endpoint_series import scraped
from llminfra.observability.promql import selector
from llminfra.planning.controllers.scraping import Scraping, scraping_of
from llminfra.planning.endpoints.gateways import route_of
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.gateways import GatewayRoute
from llminfra.planning.plan.made_names import async_id
from llminfra.planning.plan.serving import BusyPlan
from llminfra.planning.plan.targets import AsyncPlan
from llminfra.planning.targets.queues import worked_queue
from llminfra.spec import endpoint as spec

_LONGEST_STABILIZATION_S = 3600
_POLL_S = 15
# Several scrapes.
_LATELY = "2m"
# More requests than any replica runs.
_NEVER_MORE = 100_000


def autoscaling_values(endpoint: EndpointPlan, plan: Plan, account_id: str) -> Autoscaling | None:
    """Bounds and triggers of an endpoint's ScaledObject; ``None``: there is nothing to scale by.

    Args:
        endpoint: The endpoint.
        plan: The plan it belongs to.
        account_id: The account, where a queue in front of the endpoint is in it.
    """
    metrics, declared = endpoint.invocation.metrics, endpoint.spec.replicas
    if not isinstance(declared, spec.Autoscaling):
        return None
    behind = endpoint.min_replicas == 0 and endpoint.overflow is None
    queue = worked_queue(plan, endpoint.name) if behind else None
    route = route_of(plan, endpoint.name)
    scraping = scraping_of(plan)
    triggers: list[PrometheusTrigger] = []
    if endpoint.overflow is not None:
        if scraping is None:
            return None
        triggers = overflow_triggers(endpoint, endpoint.overflow, plan, scraping)
    elif scraping is not None and route is not None and route.hold_s is not None:
        triggers = _held_triggers(endpoint, route, declared, scraping)
    elif queue is None and scraping is not None and metrics is not None and metrics.waiting is not None:
        triggers = _told_triggers(endpoint, metrics, declared, scraping)
    hours = cron_triggers(endpoint)
    if queue is None and not triggers and not hours:
        return None
    return Autoscaling(
        min_replicas=endpoint.min_replicas,
        max_replicas=endpoint.max_replicas,
        polling_interval_seconds=_POLL_S,
        cooldown_seconds=declared.cooldown_s,
        scale_down_stabilization_seconds=min(declared.cooldown_s, _LONGEST_STABILIZATION_S),
        scale_up_period_seconds=60,
        fallback=Fallback(
            replicas=max(1, endpoint.min_replicas),
            # A Prometheus that is down says nothing about load: never give replicas up because of it.
            behavior="currentReplicasIfHigher",
        ),
        triggers=triggers,
        cron_triggers=hours,
        queue_triggers=_queue_triggers(endpoint, queue, plan, declared, account_id) if queue else None,
    )


def _told_triggers(
    endpoint: EndpointPlan, metrics: Metrics, declared: spec.Autoscaling, scraping: Scraping
) -> list[PrometheusTrigger]:
    """What engines tell of themselves: KEDA takes the most replicas that any of the three asks for.

    Outside of working hours that leave no replica there is nobody to tell, which is no fault then.
    """
    silent = " or vector(0)" if endpoint.min_replicas == 0 else ""
    waiting, busy = f"sum({_told(endpoint, metrics, metrics.waiting, scraping)}){silent}", endpoint.busy
    triggers = [trigger(scraping, "waiting", waiting, declared.waiting_per_replica)]
    if busy is not None and busy.running is not None:
        running = f"sum({_told(endpoint, metrics, metrics.running, scraping)}){silent}"
        triggers.append(trigger(scraping, "running", running, busy.running))
    if busy is not None and busy.cache is not None:
        used = f"sum({_told(endpoint, metrics, metrics.kv_usage, scraping)}){silent}"
        cache = trigger(scraping, "cache", used, _caches(busy))
        triggers.append(_beside_what_runs(cache) if silent else cache)
    return triggers


def _told(endpoint: EndpointPlan, metrics: Metrics, series: str | None, scraping: Scraping) -> str:
    """A series of the endpoint's engines, told apart by their Service: several endpoints may serve one model."""
    named = {metrics.model_label: endpoint.served_name} if metrics.model_label else {}
    return selector(series or "", {**scraped(endpoint), **named, **scraping.external_labels})


def _caches(busy: BusyPlan) -> float:
    """Caches in use at a busy replica; each of its schedulers tells the share of its own."""
    return round((busy.cache or 0.0) * busy.schedulers, 3)


def _queue_triggers(
    endpoint: EndpointPlan, queue: AsyncPlan, plan: Plan, declared: spec.Autoscaling, account_id: str
) -> list[QueueTrigger]:
    """Requests that wait, and all that are there: what workers have taken keeps the replicas that run it.

    The engine's own metrics are not asked here either: they do not exist at zero. A later stack makes the queue, under
    this name.
    """
    region = plan.platform.region
    where = f"https://sqs.{region}.{dns_suffix(region)}/{account_id}"
    url = f"{where}/{plan.platform.name}-{async_id(queue.name)}"
    return [
        QueueTrigger(
            name="queued", queue_url=url, region=region, queue_length=declared.waiting_per_replica, in_flight=False
        ),
        QueueTrigger(name="taken", queue_url=url, region=region, queue_length=_running(endpoint), in_flight=True),
    ]


def _held_triggers(
    endpoint: EndpointPlan, route: GatewayRoute, declared: spec.Autoscaling, scraping: Scraping
) -> list[PrometheusTrigger]:
    """What the endpoint picker knows, with replicas and without: requests that it holds, and requests that run or came.

    The engine's own queue is not asked: it does not exist at zero, and KEDA would take that for a fault and start a
    replica. A picker that has held nothing yet has no such series, and without replicas there are no caches, so a zero
    is written where the picker itself is there; where it is not, there is no value, which is a fault.

    Answers that come whole take milliseconds, so that hardly any is seen running; and a picker that reads no model
    counts none as running at all (``IncRunningRequests``, llm-d-router v0.10.0 pkg/epp/metrics/metrics.go). Of these it
    is asked how many came lately.
    """
    where = {"namespace": endpoint.namespace, "service": route.picker, **scraping.external_labels}
    alive = f"sum({selector('llm_d_epp_info', where)}) * 0"
    held = selector("llm_d_epp_flow_control_queue_size", where)
    running, most = f"sum({selector('llm_d_epp_request_running', where)})", _running(endpoint)
    if endpoint.task != "generate":
        # Keeps the last replica while it answers; never asks for another one.
        running, most = f"sum(increase({selector('llm_d_epp_request_total', where)}[{_LATELY}]))", _NEVER_MORE
    triggers = [
        trigger(scraping, "held", f"sum({held}) or {alive}", declared.waiting_per_replica, wakes=True),
        trigger(scraping, "running", f"{running} or {alive}", most, wakes=True),
    ]
    busy, metrics = endpoint.busy, endpoint.invocation.metrics
    if busy is not None and busy.cache is not None and metrics is not None:
        used = f"sum({_told(endpoint, metrics, metrics.kv_usage, scraping)}) or {alive}"
        triggers.append(_beside_what_runs(trigger(scraping, "cache", used, _caches(busy))))
    return triggers


def _beside_what_runs(cache: PrometheusTrigger) -> PrometheusTrigger:
    """What runs keeps the last replica; some engines count a block as used that no request has."""
    return cache.model_copy(update={"activation_threshold": cache.threshold})


def _running(endpoint: EndpointPlan) -> int:
    """Requests that keep a replica busy; where nobody knows, what runs keeps the last replica alone."""
    return endpoint.busy.running if endpoint.busy is not None and endpoint.busy.running is not None else _NEVER_MORE
