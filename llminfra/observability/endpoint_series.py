"""Where an endpoint's series are: its scrape, its pods, and the names of what is recorded of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.observability.promql import exactly, selector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llminfra.observability.signals import Kind
    from llminfra.planning.plan.endpoint import EndpointPlan

# Kubernetes' alphabet of generated names (apimachinery util/rand): what tells a Deployment's pods from those of a Job
# or of another endpoint whose name begins alike.
_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"

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
    """Labels that name the endpoint on everything recorded of it."""
    return {"namespace": endpoint.namespace, "endpoint": endpoint.name}


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
    return {"namespace": endpoint.namespace, "service": endpoint.name}


def recorded(endpoint: EndpointPlan, signal: str, kind: Kind) -> str:
    """Selector of a recorded signal of the endpoint."""
    return selector(record_name(signal, kind), identity(endpoint))


def pod_pattern(endpoint: EndpointPlan) -> str:
    """Regular expression of the endpoint's pod names."""
    name = exactly(endpoint.name)
    if endpoint.nodes > 1:
        return f"{name}-lws-[0-9]+(-[0-9]+)?"
    return f"{name}-{_SAFE}{{6,10}}-{_SAFE}{{5}}"


def pods(endpoint: EndpointPlan, metric: str, **equal: str) -> str:
    """Selector of a kube-state-metrics series of the endpoint's pods."""
    return selector(metric, {"namespace": endpoint.namespace, **equal}, {"pod": pod_pattern(endpoint)})
