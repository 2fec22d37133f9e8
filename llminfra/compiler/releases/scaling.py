"""What KEDA scales an endpoint by, as values of the chart ``llm-server``."""

from __future__ import annotations

from llminfra.charts.llm_server import Autoscaling, Fallback, PrometheusTrigger, QueueTrigger
from llminfra.constructs.basis.names import dns_suffix
from llminfra.observability.promql import selector
from llminfra.planning.controllers.scraping import Scraping, scraping_of
from llminfra.planning.endpoints.gateways import route_of
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.gateways import GatewayRoute
from llminfra.planning.plan.made_names import async_id
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
    queue = worked_queue(plan, endpoint.name) if endpoint.min_replicas == 0 else None
    route = route_of(plan, endpoint.name)
    scraping = scraping_of(plan)
    triggers: list[PrometheusTrigger] = []
    if scraping is not None and route is not None and route.hold_s is not None:
        triggers = _held_triggers(endpoint, route, declared, scraping)
    elif queue is None:
        if scraping is None or metrics is None or metrics.waiting is None:
            return None
        # Metrics without a label for the model, and two roles of one model, are told apart by the Service that they
        # are scraped from.
        alone = metrics.model_label and endpoint.part_of is None
        named = {metrics.model_label: endpoint.served_name} if alone else {"service": endpoint.name}
        waiting = selector(metrics.waiting, {"namespace": endpoint.namespace, **named, **scraping.external_labels})
        triggers = [_trigger(scraping, "waiting", f"sum({waiting})", declared.waiting_per_replica)]
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
        queue_triggers=_queue_triggers(queue, plan, declared, account_id) if queue else None,
    )


def _queue_triggers(queue: AsyncPlan, plan: Plan, declared: spec.Autoscaling, account_id: str) -> list[QueueTrigger]:
    """Requests that wait, and requests that workers have taken: these keep the last replica and ask for no other.

    The engine's own queue is not asked here either: it does not exist at zero. A later stack makes the queue, under
    this name.
    """
    region = plan.platform.region
    where = f"https://sqs.{region}.{dns_suffix(region)}/{account_id}"
    url = f"{where}/{plan.platform.name}-{async_id(queue.name)}"
    return [
        QueueTrigger(
            name="queued", queue_url=url, region=region, queue_length=declared.waiting_per_replica, in_flight=False
        ),
        QueueTrigger(name="taken", queue_url=url, region=region, queue_length=_NEVER_MORE, in_flight=True),
    ]


def _held_triggers(
    endpoint: EndpointPlan, route: GatewayRoute, declared: spec.Autoscaling, scraping: Scraping
) -> list[PrometheusTrigger]:
    """What the endpoint picker knows, with replicas and without: requests that it holds, and requests that run or came.

    The engine's own queue is not asked: it does not exist at zero, and KEDA would take that for a fault and start a
    replica. A picker that has held nothing yet has no such series, so a zero is written where the picker itself is
    there; where it is not, there is no value, which is a fault.

    Answers that come whole take milliseconds, so that hardly any is seen running; and a picker that reads no model
    counts none as running at all (``IncRunningRequests``, llm-d-router v0.10.0 pkg/epp/metrics/metrics.go). Of these it
    is asked how many came lately.
    """
    where = {"namespace": endpoint.namespace, "service": route.picker, **scraping.external_labels}
    alive = f"sum({selector('llm_d_epp_info', where)}) * 0"
    held = selector("llm_d_epp_flow_control_queue_size", where)
    busy = f"sum({selector('llm_d_epp_request_running', where)})"
    if endpoint.task != "generate":
        busy = f"sum(increase({selector('llm_d_epp_request_total', where)}[{_LATELY}]))"
    return [
        _trigger(scraping, "held", f"sum({held}) or {alive}", declared.waiting_per_replica, wakes=True),
        # Keeps the last replica while it answers; never asks for another one.
        _trigger(scraping, "running", f"{busy} or {alive}", _NEVER_MORE, wakes=True),
    ]


def _trigger(scraping: Scraping, name: str, query: str, threshold: float, *, wakes: bool = False) -> PrometheusTrigger:
    if scraping.url is None:  # rules and `scales` keep such endpoints away
        msg = f"the trigger {name} has no Prometheus to ask"
        raise ValueError(msg)
    return PrometheusTrigger(
        name=name, server_address=scraping.url, query=query, threshold=threshold, wakes_from_zero=wakes
    )
