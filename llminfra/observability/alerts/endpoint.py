"""Alerts of one endpoint: what its callers feel, and what is about to make them feel it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.observability.alerts.make import Alerts
from llminfra.observability.endpoint_series import (
    answering_pods,
    identity,
    pod_pattern,
    pods,
    record_labels,
    recorded,
    scraped,
)
from llminfra.observability.promql import number, selector
from llminfra.observability.signals import signals_of
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.charts.llm_observability import AlertRule
    from llminfra.observability.signals import Signal
    from llminfra.planning.plan.endpoint import EndpointPlan

_KV_FULL = 0.9
_FAILED_SHARE = 0.05
_PREEMPTED_SHARE = 0.05
# Where an endpoint picker calls a replica saturated (kubernetes-sigs/gateway-api-inference-extension,
# DefaultQueueDepthThreshold), which is also what autoscaling keeps below by default.
_QUEUED_PER_REPLICA = 5
# A node may have to come before a pod can start (EC2, kubelet, device plugin), and the image be pulled.
_NEW_NODE_S = 900
_RESTARTS_PER_HOUR = 2


def endpoint_alerts(endpoint: EndpointPlan, *, base_url: str | None, scaled: bool) -> list[AlertRule]:
    """Alerts of the endpoint: of its pods always, of the engine as far as its release says something.

    What callers feel of an overflow is part of what they feel of its endpoint, which alerts on both.
    """
    labels = {key: value for key, value in record_labels(endpoint).items() if key != "engine"}
    make = Alerts(base_url, labels)
    signals = signals_of(endpoint)
    felt = (
        ()
        if endpoint.overflow is not None
        else (*_engine(endpoint, make, signals, scaled=scaled), *_promises(endpoint, make, signals))
    )
    return [
        *_pods(endpoint, make),
        *felt,
        *(_scaling(endpoint, make, signals) if scaled else ()),
    ]


def _pods(endpoint: EndpointPlan, make: Alerts) -> Iterator[AlertRule]:
    startup = endpoint.startup
    ready = answering_pods(endpoint, "kube_pod_status_ready", condition="true")
    if endpoint.min_replicas and endpoint.overflow is None:
        yield make(
            "LlmEndpointDown",
            "critical",
            f"(sum({ready}) or vector(0)) == 0",
            for_s=300,
            summary=f"No pod of {endpoint.name} is ready",
            description=f"Callers of {endpoint.name} get no answer. A cold start on a new node takes about "
            f"{startup.estimate_s:.0f} s; the startup probe gives a container up after {startup.budget_s} s.",
        )
    started = pods(endpoint, "kube_pod_start_time")
    # A pod that has its node is Pending while its image is pulled, its volumes are mounted and weights are copied; one
    # without a node has no start time.
    like = {"phase": "Pending|Running", "pod": pod_pattern(endpoint)}
    there = f"max by (namespace, pod) ({selector('kube_pod_status_phase', {'namespace': endpoint.namespace}, like)})"
    unready = pods(endpoint, "kube_pod_status_ready", condition="false")
    # A pod's age counts from its node on, so the pull of the image and copies of the weights are part of it.
    old = f"time() - max by (namespace, pod) ({started}) > {startup.pod_patience_s}"
    yield make(
        "LlmPodStuckLoading",
        "warning",
        f"max by (namespace, pod) ({unready}) == 1 and on (namespace, pod) ({old}) "
        f"and on (namespace, pod) {there} == 1",
        for_s=max(120, endpoint.drain.grace_s),
        summary="Pod {{ $labels.pod }} is not ready after its start-up budget",
        description=f"The container is estimated to take {startup.container_s:.0f} s and allowed {startup.budget_s} s.",
    )
    restarts = pods(endpoint, "kube_pod_container_status_restarts_total")
    yield make(
        "LlmPodRestarts",
        "warning",
        f"sum by (namespace, pod) (increase({restarts}[1h])) > {_RESTARTS_PER_HOUR}",
        for_s=0,
        summary="Pod {{ $labels.pod }} restarts again and again",
        description="{{ $value | humanize }} restarts within the hour: every one costs a full load of the model.",
    )
    killed = pods(endpoint, "kube_pod_container_status_last_terminated_reason", reason="OOMKilled")
    yield make(
        "LlmPodOutOfMemory",
        "warning",
        f"sum by (namespace, pod) (increase({restarts}[15m])) > 0 "
        f"and on (namespace, pod) max by (namespace, pod) ({killed}) == 1",
        for_s=0,
        summary="Pod {{ $labels.pod }} was killed for memory",
        description=f"Its limit is {endpoint.resources.memory_mib} MiB of host memory (not GPU memory).",
    )


def _engine(endpoint: EndpointPlan, make: Alerts, signals: dict[str, Signal], *, scaled: bool) -> Iterator[AlertRule]:
    first = next((signals[name] for name in ("requests_waiting", "requests_running") if name in signals), None)
    if first is not None and endpoint.min_replicas:
        yield make(
            "LlmMetricsMissing",
            "warning",
            f"absent({selector(first.metric, scraped(endpoint))})",
            for_s=endpoint.startup.budget_s + _NEW_NODE_S,
            summary=f"{endpoint.name} has no metrics",
            description=f"{first.metric} is missing: no replica is up, it is not scraped, or the engine renamed it. "
            "Autoscaling and the other alerts of this endpoint are blind.",
        )
    waiting = f"sum({recorded(endpoint, 'requests_waiting', 'gauge')})"
    if "kv_cache_usage" in signals and "requests_waiting" in signals:
        usage = f"max({recorded(endpoint, 'kv_cache_usage', 'ratio')})"
        yield make(
            "LlmKvCacheFull",
            "warning",
            f"{usage} > {_KV_FULL} and {waiting} > 0",
            for_s=300,
            summary=f"KV cache of {endpoint.name} is full and requests wait",
            description="{{ $value | humanizePercentage }} of the KV cache is used: more load only queues.",
        )
    if "requests_waiting" in signals and not scaled and endpoint.spec.overflow is None and endpoint.min_replicas:
        limit = _QUEUED_PER_REPLICA * endpoint.max_replicas
        yield make(
            "LlmRequestsWait",
            "warning",
            f"{waiting} > {limit}",
            for_s=900,
            summary=f"Requests wait at {endpoint.name}",
            description="{{ $value | humanize }} requests wait and nothing adds replicas: those that come now wait "
            "longer still.",
        )
    finished = recorded(endpoint, "requests_finished", "counter")
    if "preemptions" in signals and "requests_finished" in signals:
        rate = recorded(endpoint, "preemptions", "counter")
        yield make(
            "LlmPreemptions",
            "warning",
            f"sum({rate}) / (sum({finished}) > 0) > {_PREEMPTED_SHARE}",
            for_s=600,
            summary=f"{endpoint.name} preempts requests",
            description="{{ $value | humanizePercentage }} as many preemptions as finished requests: the engine "
            "throws KV cache away and computes it again.",
        )
    if "requests_failed" in signals and "requests_finished" in signals:
        rate = recorded(endpoint, "requests_failed", "counter")
        yield make(
            "LlmRequestsFail",
            "critical",
            f"sum({rate}) / (sum({finished}) > 0) > {_FAILED_SHARE}",
            for_s=300,
            summary=f"Requests to {endpoint.name} fail",
            description="{{ $value | humanizePercentage }} of requests failed or were given up by their callers.",
        )


def _promises(endpoint: EndpointPlan, make: Alerts, signals: dict[str, Signal]) -> Iterator[AlertRule]:
    """The declared targets, at the 99th percentile; nothing is promised where none is declared."""
    slo = endpoint.spec.slo
    if slo is None:
        return
    first = "first token" if endpoint.task in {"generate", "transcribe"} else "answer"
    targets = (
        ("LlmTimeToFirstTokenSlow", "time_to_first_token_seconds", first, slo.time_to_first_token_ms),
        ("LlmTokensSlow", "inter_token_latency_seconds", "next token", slo.time_per_output_token_ms),
    )
    for alert, signal, what, target_ms in targets:
        if target_ms is None or signal not in signals:
            continue
        buckets = recorded(endpoint, signal, "histogram")
        yield make(
            alert,
            "warning",
            f"histogram_quantile(0.99, sum by (le) ({buckets})) > {number(target_ms / 1000)}",
            for_s=600,
            summary=f"{endpoint.name} is slower than promised",
            description=f"One request in a hundred waits {{{{ $value | humanizeDuration }}}} for its {what}; "
            f"{target_ms:g} ms were promised.",
        )


def _scaling(endpoint: EndpointPlan, make: Alerts, signals: dict[str, Signal]) -> Iterator[AlertRule]:
    scaled = {"namespace": endpoint.namespace, "scaledObject": endpoint.name}
    yield make(
        "LlmScalerFails",
        "warning",
        f"sum(increase({selector('keda_scaler_detail_errors_total', scaled)}[15m])) > 0",
        for_s=900,
        summary=f"KEDA cannot read the load of {endpoint.name}",
        description="It keeps the replicas it has; load that grows now finds nobody new.",
    )
    declared = endpoint.spec.replicas
    if "requests_waiting" in signals and isinstance(declared, Autoscaling):
        target = {"namespace": endpoint.namespace, "horizontalpodautoscaler": f"keda-hpa-{endpoint.name}"}
        replicas = f"max({selector('kube_horizontalpodautoscaler_status_desired_replicas', target)})"
        beside = endpoint.overflow.base_replicas if endpoint.overflow is not None else 0
        limit = declared.waiting_per_replica * (beside + endpoint.max_replicas)
        replicas_are = f"its {endpoint.max_replicas} replicas"
        if beside:
            replicas_are += f" beside the {beside} of {endpoint.called}"
        yield make(
            "LlmAtMostReplicas",
            "warning",
            f"sum({selector('pod:llm_requests_waiting:sum', identity(endpoint))}) > {limit} "
            f"and on () {replicas} >= {endpoint.max_replicas}",
            for_s=900,
            summary=f"{endpoint.name} needs more than {replicas_are}",
            description="{{ $value | humanize }} requests wait and no replica may be added.",
        )
