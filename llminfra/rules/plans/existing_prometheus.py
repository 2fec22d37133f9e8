"""Rules on a Prometheus and a DCGM exporter that somebody else runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.planning.cluster.pools import GPU_OPERATOR
from llminfra.planning.controllers.needs import needs_of
from llminfra.planning.controllers.scraping import MONITORING_RELEASE, node_labels, scraping_of
from llminfra.rules.plans.planned import endpoint_path
from llminfra.rules.rule import Hit, rule
from llminfra.spec.endpoint import Autoscaling
from llminfra.spec.foundation.existing_prometheus import ExistingPrometheus

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_EXPORTER = "dcgm-exporter"
_STACK = "prometheus-community/helm-charts charts/kube-prometheus-stack/values.yaml"


@rule(
    code="LLM_OBS_13",
    title="A Prometheus that is there is in a cluster that is there",
    severity=Severity.ERROR,
    looks_at="plan",
    why="In a cluster that llminfra makes there is no Prometheus operator: ServiceMonitors and rules would be objects "
    "of a kind that the cluster does not know, and the apply stops at the first.",
    fix="declare cluster=ExistingCluster(…), or observability=Observability()",
    source=("prometheus-operator/prometheus-operator Documentation/getting-started/installation.md",),
    seen=('no matches for kind "ServiceMonitor" in version "monitoring.coreos.com/v1"',),
)
def prometheus_in_existing_cluster(plan: Plan) -> Iterator[Hit]:
    """``ExistingPrometheus`` beside a cluster to make."""
    named = isinstance(plan.platform.observability, ExistingPrometheus)
    if named and plan.cluster is not None and not plan.cluster.existing:
        yield Hit(
            path="observability",
            message="the cluster is made anew, and nothing runs in it yet",
            found="a Prometheus that is there, in a cluster that llminfra makes",
            expected="a cluster that is there, or a Prometheus that llminfra installs",
        )


@rule(
    code="LLM_OBS_14",
    title="A kube-prometheus-stack that is there is used, and no second one installed",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Two releases of the stack in one cluster fight: both bring the operator's definitions, its webhooks and a "
    "node exporter on the same port of each node. And without an address and labels the one that is there cannot be "
    "used: it would scrape nothing of the platform, and the autoscaler would ask nobody.",
    fix="declare observability=ExistingPrometheus(namespace=…, match_labels=…, url=…)",
    source=(
        f"{_STACK}: serviceMonitorSelectorNilUsesHelmValues",
        "prometheus-community/helm-charts#1631",
        "prometheus-community/helm-charts charts/prometheus-node-exporter/values.yaml: hostNetwork",
    ),
    seen=("didn't have free ports for the requested pod ports",),
)
def one_stack(plan: Plan) -> Iterator[Hit]:
    """The chart among ``installed`` beside an ``Observability`` that installs it, too."""
    own = plan.platform.own_observability is not None
    if plan.cluster is not None and MONITORING_RELEASE in plan.cluster.installed and own:
        yield Hit(
            path="cluster.installed",
            message=f"{MONITORING_RELEASE} is there, and observability would install another one beside it",
            found=f"{MONITORING_RELEASE} among installed, and Observability()",
            expected="ExistingPrometheus(…), which says where it answers and what its selectors match",
            fix="set observability=ExistingPrometheus(namespace='monitoring', "
            f"match_labels={{'release': '{MONITORING_RELEASE}'}}, "
            "url='http://prometheus-operated.monitoring.svc:9090'), with what the cluster has",
        )


@rule(
    code="LLM_OBS_15",
    title="The autoscaler knows where to ask",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Replicas follow the engine's queue, which KEDA reads from Prometheus. Without an address it cannot: the "
    "endpoint would stay at its fewest replicas, whatever waits.",
    fix="set ExistingPrometheus(url=…), or a fixed number of replicas",
    source=("kedacore/keda-docs content/docs/2.20/scalers/prometheus.md: serverAddress",),
)
def autoscaler_has_address(plan: Plan) -> Iterator[Hit]:
    """``Autoscaling`` of endpoints that would scale by metrics, beside an ``ExistingPrometheus`` without ``url``."""
    declared = plan.platform.observability
    if not isinstance(declared, ExistingPrometheus) or declared.url is not None or "url" in declared.doubtful:
        return
    for endpoint in plan.endpoints:
        replicas, metrics = endpoint.spec.replicas, endpoint.invocation.metrics
        # What rests at zero is told by LLM_SRV_69, and an engine without such a metric is not scaled anyway.
        moves = 0 < endpoint.min_replicas < endpoint.max_replicas
        if not isinstance(replicas, Autoscaling) or not moves or metrics is None or metrics.waiting is None:
            continue
        yield Hit(
            path=endpoint_path(endpoint, "replicas"),
            message="replicas follow metrics, and observability names no address to ask for them",
            found=f"Autoscaling(min={replicas.min}, max={replicas.max}) without ExistingPrometheus(url=…)",
            expected="the address of its HTTP API, such as http://prometheus-operated.monitoring.svc:9090",
        )


@rule(
    code="LLM_OBS_16",
    title="The Prometheus that is there has what alerts and dashboards ask for",
    severity=Severity.WARNING,
    looks_at="plan",
    why="llminfra brings the metrics of engines and GPUs. Those of nodes and pods come from the stack that is there, "
    "whose defaults lack the labels of pools: alerts on nodes, the cost of pools and the dashboards of the fleet and "
    "of its GPUs stay empty, and nothing says so. Counters of EFA come from a sidecar of llminfra's own node exporter: "
    "without it there are no alerts on EFA.",
    fix="set what is expected in the stack's values, then accept the finding with a Waiver that says so",
    source=(
        "prometheus-community/helm-charts charts/kube-state-metrics/values.yaml: metricLabelsAllowlist: []",
        f"{_STACK}: serviceMonitorNamespaceSelector, ruleNamespaceSelector",
    ),
)
def has_what_rules_ask(plan: Plan) -> Iterator[Hit]:
    """What a stack that is there must have, wherever there are pools to watch."""
    scraping = scraping_of(plan)
    there = plan.cluster is not None and plan.cluster.existing and MONITORING_RELEASE not in plan.installed_by
    if scraping is None or scraping.own or not there or not plan.pools:
        return
    efa = "; and there are no alerts on EFA" if any(pool.efa_per_node for pool in plan.pools) else ""
    yield Hit(
        path="observability",
        message=f"whether kube-state-metrics shows the labels of nodes is not known here{efa}",
        found="ExistingPrometheus(…)",
        expected=f"kube-state-metrics with metricLabelsAllowlist=['{node_labels(plan)}'], and namespace selectors "
        f"that admit {', '.join(dict.fromkeys([*(item.namespace for item in plan.endpoints), scraping.namespace]))}",
    )


@rule(
    code="LLM_OBS_17",
    title="A DCGM exporter that is there shows what alerts and dashboards ask for",
    severity=Severity.WARNING,
    looks_at="plan",
    why="llminfra's exporter counts errors beside load, keeps the labels of the pod that holds a GPU, and is scraped "
    "with the node's name. Without the node no GPU is told from others' and every alert on GPUs is silent; without "
    "the pod nobody sees who wastes one; without the counters broken GPUs go unnoticed.",
    fix="set what is expected in the exporter's values, then accept the finding with a Waiver that says so; the "
    "exporter of a platform that llminfra compiles has it",
    source=(
        "NVIDIA/gpu-operator@a22dbf671 deployments/gpu-operator/values.yaml: dcgmExporter.serviceMonitor",
        "NVIDIA/gpu-operator@a22dbf671 assets/state-dcgm-exporter/0500_service_monitor.yaml",
        "NVIDIA/dcgm-exporter@d5e5f51 deployment/values.yaml: serviceMonitor.honorLabels: false",
    ),
)
def exporter_shows_what_rules_ask(plan: Plan) -> Iterator[Hit]:
    """GPU pools whose metrics come from an exporter of somebody else."""
    if plan.cluster is None or not plan.pools or not needs_of(plan).scraped or needs_of(plan).dcgm_exporter:
        return
    if _EXPORTER in plan.installed_by:
        return  # the exporter of a spec that is here, which is as expected
    operated = GPU_OPERATOR in plan.cluster.installed
    values = "dcgmExporter.serviceMonitor" if operated else "serviceMonitor"
    scraping = scraping_of(plan)
    labels = scraping.match_labels if scraping is not None else {}
    yield Hit(
        path="cluster.installed",
        message="whether the DCGM exporter that is there shows nodes, pods and errors is not known here",
        found=f"{GPU_OPERATOR if operated else _EXPORTER} among installed",
        expected=f"{values} with enabled=true, honorLabels=true"
        + (f", additionalLabels={labels}" if labels else "")
        + ", and relabelings that set node from __meta_kubernetes_pod_node_name and drop pod, namespace and "
        "container; counters of XID and ECC errors: docs/shared_cluster.md",
    )


RULES = (
    exporter_shows_what_rules_ask,
    prometheus_in_existing_cluster,
    one_stack,
    autoscaler_has_address,
    has_what_rules_ask,
)
