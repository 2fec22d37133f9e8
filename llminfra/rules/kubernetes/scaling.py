"""Rules on rendered autoscaling, node pools and metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llminfra.diagnostics import Severity
from llminfra.planning.plan.labels import GPU_RESOURCE, WAIVER
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.kubernetes_view import KubernetesObject, KubernetesObjects, dig, mappings, selects
from llminfra.rules.views.mappings import as_mapping
from llminfra.rules.views.terraform_view import walk_strings

# Names that vLLM no longer has, and what replaced them: vllm/v1/metrics/loggers.py across the releases named.
_DEAD_METRICS = {
    "vllm:gpu_cache_usage_perc": "vllm:kv_cache_usage_perc (renamed, last seen in 0.11.2)",
    "vllm:gpu_prefix_cache_hits": "vllm:prefix_cache_hits_total (renamed, last seen in 0.11.2)",
    "vllm:gpu_prefix_cache_queries": "vllm:prefix_cache_queries_total (renamed, last seen in 0.11.2)",
    "vllm:time_per_output_token_seconds": "vllm:inter_token_latency_seconds (renamed, last seen in 0.14.1)",
    "vllm:num_requests_swapped": "nothing: the V1 engine does not swap",
    "vllm:cpu_cache_usage_perc": "nothing: the V1 engine has no CPU cache of this kind",
}
_DEAD = re.compile("(?<![a-z_])(" + "|".join(map(re.escape, _DEAD_METRICS)) + ")(?![a-z_]*[a-z])")


@rule(
    code="LLM_SRV_9",
    title="Model servers scale on their queue, not on CPU or memory",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="An engine's CPU is idle while requests queue, and its memory is full from the first second: a scaler on "
    "either "
    "does nothing, or always.",
    fix="scale on vllm:num_requests_waiting",
    source=(
        "aws/aws-eks-best-practices latest/bpg/aiml/aiml_compute.adoc",
        "kubernetes-sigs/gateway-api-inference-extension",
    ),
)
def scale_on_queue(objects: KubernetesObjects) -> Iterator[Hit]:
    """Resource triggers of scalers whose target has GPUs."""
    for item, kinds in _scalers(objects):
        bad = sorted(kinds & {"cpu", "memory"})
        if bad:
            yield Hit(
                on=item,
                message=f"a model server is scaled on {' and '.join(bad)}",
                found=", ".join(bad),
                expected="a queue or token metric",
            )


def _scalers(objects: KubernetesObjects) -> Iterator[tuple[KubernetesObject, set[str]]]:
    gpu = {(item.namespace, item.name) for item, _ in objects.gpu_workloads}
    for item in objects.of_kind("ScaledObject", "HorizontalPodAutoscaler"):
        target = dig(item.spec, "scaleTargetRef", "name")
        if (item.namespace, target) not in gpu:
            continue
        triggers = {str(trigger.get("type")) for trigger in mappings(item.spec.get("triggers"))}
        metrics = {
            str(dig(m, "resource", "name")) for m in mappings(item.spec.get("metrics")) if m.get("type") == "Resource"
        }
        yield item, triggers | metrics


@rule(
    code="LLM_OBS_6",
    title="A scaler notices when its metric is gone",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="KEDA reads a query without result as 0 by default: a renamed metric looks like an idle service, and the "
    "replicas are taken away under full load.",
    fix='set ignoreNullValues: "false" on prometheus triggers',
    source=("KEDA documentation: prometheus scaler", "vllm-project/production-stack pull request 617"),
)
def missing_metric_noticed(objects: KubernetesObjects) -> Iterator[Hit]:
    """``ignoreNullValues`` of prometheus triggers."""
    for item in objects.of_kind("ScaledObject", "ScaledJob"):
        for trigger in mappings(item.spec.get("triggers")):
            value = dig(trigger, "metadata", "ignoreNullValues")
            if trigger.get("type") == "prometheus" and str(value).lower() != "false":
                yield Hit(
                    on=item,
                    message="a metric that does not exist counts as no load",
                    found=f"ignoreNullValues: {value if value is not None else 'true by default'}",
                    expected='"false"',
                )


@rule(
    code="LLM_OBS_5",
    title="Queries name metrics that the engine has",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="A renamed metric gives no error anywhere: the dashboard is empty, the alert never fires, the scaler sees "
    "nothing.",
    fix="use the new name",
    source=("vllm-project/vllm vllm/v1/metrics/loggers.py, releases 0.10.2 to 0.33.0", "Smana/cloud-native-ref#1574"),
)
def metrics_exist(objects: KubernetesObjects) -> Iterator[Hit]:
    """Dead vLLM metric names in any query of any object."""
    for item in objects:
        if item.kind not in ("PrometheusRule", "ScaledObject", "ScaledJob", "ConfigMap", "HorizontalPodAutoscaler"):
            continue
        dead = sorted({name for _, text in walk_strings(item.body) for name in _DEAD.findall(text)})
        for name in dead:
            yield Hit(on=item, message=f"{name} does not exist any more", found=name, expected=_DEAD_METRICS[name])


@rule(
    code="LLM_OBS_4",
    title="Prometheus scrapes every model server",
    severity=Severity.WARNING,
    looks_at="kubernetes",
    why="Queue length, KV-cache use and preemptions are known to the engine alone; without a scrape neither people nor "
    "the autoscaler see them.",
    fix="keep the ServiceMonitor or PodMonitor of the chart",
    source=("prometheus-community/helm-charts#1631", "aws-eks-best-practices aiml_observability"),
)
def engines_scraped(objects: KubernetesObjects) -> Iterator[Hit]:
    """A monitor that reaches each GPU workload, unless its plan says why there is none to reach it."""
    for item, pod in objects.gpu_workloads:
        if item.kind in ("Job", "CronJob") or item.pods.index(pod):
            continue
        if dig(item.body, "metadata", "annotations", f"{WAIVER}.metrics"):
            continue
        services = [
            service
            for service in objects.of_kind("Service")
            if service.namespace == item.namespace
            and as_mapping(service.spec.get("selector"))
            and selects({"matchLabels": service.spec.get("selector")}, pod.labels)
        ]
        by_service = any(
            selects(monitor.spec.get("selector"), as_mapping(dig(service.body, "metadata", "labels")))
            for monitor in objects.of_kind("ServiceMonitor")
            for service in services
        )
        by_pod = any(selects(monitor.spec.get("selector"), pod.labels) for monitor in objects.of_kind("PodMonitor"))
        if not by_service and not by_pod:
            yield Hit(
                on=item,
                message="no monitor selects the engine's metrics",
                found="neither ServiceMonitor nor PodMonitor",
                expected="one of them",
            )


@rule(
    code="LLM_CAP_8",
    title="Karpenter removes GPU nodes only when they are empty, and never buys without limit",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="Consolidation moves pods to save a few cents and costs a cold start of a 70B model; a NodePool without limits "
    "buys as many GPU nodes as pods ask for.",
    fix="set consolidationPolicy: WhenEmpty and limits on the NodePool",
    source=("aws/aws-eks-best-practices latest/bpg/aiml/aiml_compute.adoc", "defilantech/LLMKube#658"),
)
def karpenter_gentle(objects: KubernetesObjects) -> Iterator[Hit]:
    """Disruption and limits of NodePools with the GPU taint or GPU limits."""
    for item in _gpu_node_pools(objects):
        policy = dig(item.spec, "disruption", "consolidationPolicy")
        limits = as_mapping(item.spec.get("limits"))
        problems = [] if policy == "WhenEmpty" else [f"consolidates {policy or 'WhenEmptyOrUnderutilized by default'}"]
        problems += [] if limits else ["has no limits"]
        if problems:
            yield Hit(
                on=item,
                message=f"the NodePool {' and '.join(problems)}",
                found=f"{policy or 'unset'}, limits {dict(limits) or 'none'}",
                expected="WhenEmpty, limits on nvidia.com/gpu",
            )


def _gpu_node_pools(objects: KubernetesObjects) -> Iterator[KubernetesObject]:
    for item in objects.of_kind("NodePool"):
        text = str(item.spec)
        if GPU_RESOURCE in text or "instance-gpu" in text or "karpenter.k8s.aws/instance-family" in text:
            yield item


@rule(
    code="LLM_CAP_14",
    title="Karpenter's GPU nodes are tainted",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="Without the taint any CPU pod makes Karpenter buy a GPU node, or keeps one alive.",
    fix="keep the taint nvidia.com/gpu in the NodePool",
    source=("aws/aws-eks-best-practices latest/bpg/aiml/aiml_compute.adoc: taints and tolerations",),
)
def karpenter_tainted(objects: KubernetesObjects) -> Iterator[Hit]:
    """Taints of NodePools for GPU nodes."""
    for item in _gpu_node_pools(objects):
        keys = {taint.get("key") for taint in mappings(dig(item.spec, "template", "spec", "taints"))}
        if GPU_RESOURCE not in keys:
            yield Hit(
                on=item,
                message="pods without a GPU may land on the pool",
                found=", ".join(map(str, keys)) or "no taint",
                expected=GPU_RESOURCE,
            )


@rule(
    code="LLM_CAP_16",
    title="Karpenter's nodes come from a pinned AMI, with IMDSv2 and encrypted disks",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="@latest drifts the whole GPU fleet on the day AWS publishes an image, driver change included; open metadata "
    "and plain disks are as bad here as in a launch template.",
    fix="name alias al2023@vYYYYMMDD, httpTokens required with hop limit 1, and encrypted volumes",
    source=("aws/karpenter-provider-aws#6862", "awslabs/amazon-eks-ami#2417"),
)
def node_class_safe(objects: KubernetesObjects) -> Iterator[Hit]:
    """``amiSelectorTerms``, ``metadataOptions`` and ``blockDeviceMappings`` of EC2NodeClass."""
    for item in objects.of_kind("EC2NodeClass"):
        problems = []
        aliases = [str(term.get("alias") or "") for term in mappings(item.spec.get("amiSelectorTerms"))]
        if any(alias.endswith("@latest") for alias in aliases) or not mappings(item.spec.get("amiSelectorTerms")):
            problems.append("the AMI is not pinned")
        metadata = as_mapping(item.spec.get("metadataOptions"))
        if metadata.get("httpTokens", "required") != "required" or metadata.get("httpPutResponseHopLimit", 1) != 1:
            problems.append("pods can reach the node's credentials")
        disks = [as_mapping(m.get("ebs")) for m in mappings(item.spec.get("blockDeviceMappings"))]
        if not disks or any(disk.get("encrypted") is not True for disk in disks):
            problems.append("volumes are not all encrypted")
        if problems:
            yield Hit(
                on=item,
                message="; ".join(problems),
                found=f"alias {', '.join(aliases) or 'none'}, metadata {dict(metadata) or 'default'}, {len(disks)} "
                f"volumes",
                expected="alias with a date, httpTokens required, hop limit 1, encrypted: true",
            )


RULES = (
    scale_on_queue,
    missing_metric_noticed,
    metrics_exist,
    engines_scraped,
    karpenter_gentle,
    karpenter_tainted,
    node_class_safe,
)
