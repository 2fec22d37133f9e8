"""Where an endpoint's series are: its scrape, its pods, and the names of what is recorded of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.observability.promql import exactly, selector
from llminfra.planning.plan.made_names import name_of_overflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llminfra.observability.signals import Kind
    from llminfra.planning.plan.endpoint import EndpointPlan

# Kubernetes' alphabet of generated names (apimachinery util/rand): what tells a Deployment's pods from those of a Job
# or of another endpoint whose name begins alike.
_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_OF_DEPLOYMENT = f"{_SAFE}{{6,10}}-{_SAFE}{{5}}"
_OF_GROUP = "lws-[0-9]+(-[0-9]+)?"

_RECORDS: Mapping[Kind, str] = {
    "gauge": "pod:llm_{}:sum",
    "ratio": "pod:llm_{}:max",
    "counter": "endpoint:llm_{}:rate5m",
    "histogram": "endpoint:llm_{}_bucket:rate5m",
}


def record_name(signal: str, kind: Kind) -> str:
    """Name of the recorded series of a signal.

    Example:
        >>> record_name("requests_waiting", "gauge")
        'pod:llm_requests_waiting:sum'
    """
    return _RECORDS[kind].format(signal)


def identity(endpoint: EndpointPlan) -> dict[str, str]:
    """Labels that name the endpoint on everything recorded of it; an overflow counts as its endpoint, on its pool."""
    name = endpoint.name if endpoint.overflow is None else endpoint.called
    return {"namespace": endpoint.namespace, "endpoint": name}


def record_labels(endpoint: EndpointPlan) -> dict[str, str]:
    """Labels of recorded series: who it is, and what dashboards choose by."""
    return {
        **identity(endpoint),
        "model_name": endpoint.served_name,
        "engine": endpoint.engine,
        "pool": endpoint.pool,
    }


def scraped(endpoint: EndpointPlan) -> dict[str, str]:
    """Labels of the engine's own series: its Service, which engines without a model label have too."""
    return {"namespace": endpoint.namespace, "service": endpoint.service}


def scraped_pods(endpoint: EndpointPlan) -> dict[str, str]:
    """What tells an endpoint's own pods from those of its overflow, whose Service is the same."""
    shared = endpoint.overflow is not None or endpoint.spec.overflow is not None
    return {"pod": pod_pattern(endpoint)} if shared else {}


def recorded(endpoint: EndpointPlan, signal: str, kind: Kind) -> str:
    """Selector of a recorded signal of the endpoint, its overflow included."""
    return selector(record_name(signal, kind), identity(endpoint))


def recorded_here(endpoint: EndpointPlan, signal: str, kind: Kind) -> str:
    """The same of its own pods alone, where those of an overflow are recorded beside them."""
    pool = {"pool": endpoint.pool} if scraped_pods(endpoint) else {}
    return selector(record_name(signal, kind), {**identity(endpoint), **pool})


def pod_pattern(endpoint: EndpointPlan) -> str:
    """Regular expression of the endpoint's pod names."""
    return f"{exactly(endpoint.name)}-{_OF_GROUP if endpoint.nodes > 1 else _OF_DEPLOYMENT}"


def pods(endpoint: EndpointPlan, metric: str, **equal: str) -> str:
    """Selector of a kube-state-metrics series of the endpoint's pods."""
    return selector(metric, {"namespace": endpoint.namespace, **equal}, {"pod": pod_pattern(endpoint)})


def answering_pods(endpoint: EndpointPlan, metric: str, **equal: str) -> str:
    """The same of all pods that answer for the endpoint, those of its overflow included."""
    pattern = pod_pattern(endpoint)
    if endpoint.spec.overflow is not None:
        pattern += f"|{exactly(name_of_overflow(endpoint.name))}-({_OF_GROUP}|{_OF_DEPLOYMENT})"
    return selector(metric, {"namespace": endpoint.namespace, **equal}, {"pod": pattern})
