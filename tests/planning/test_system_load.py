"""What the cluster's own parts request, against what is emitted, and against the nodes that they run on."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, Literal

import pytest

from llminfra import (
    VLLM,
    AsyncEndpoint,
    Cluster,
    Endpoint,
    Gateway,
    GpuPool,
    Model,
    ModelBucket,
    Observability,
    Platform,
    SystemNodes,
)
from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.controllers.load import system_load, system_room
from llminfra.planning.facts import numbers
from llminfra.planning.plan import Plan
from llminfra.planning.storage.weights_copies import weights_copies
from llminfra.rules.run import run_plan

DAY = dt.date(2026, 11, 23)
FOLDERS = sorted(spec.parent for spec in (Path(__file__).parents[2] / "examples").glob("*/spec.*"))
L4 = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 2))
BUCKET = ModelBucket(name="acme-weights")
# Where releases have the requests that the data states: release, and the way to its resources and number of pods.
EMITTED = {
    "Prometheus": ("kube-prometheus-stack", "prometheus.prometheusSpec", "replicas"),
    "Grafana": ("kube-prometheus-stack", "grafana", None),
    "Prometheus operator": ("kube-prometheus-stack", "prometheusOperator", None),
    "kube-state-metrics": ("kube-prometheus-stack", "kube-state-metrics", None),
    "Karpenter": ("karpenter", "controller", None),
    "Cluster Autoscaler": ("cluster-autoscaler", "", None),
    "External Secrets": ("external-secrets", "", "replicaCount"),
    "webhook and certificates of External Secrets": ("external-secrets", "webhook", None),
    "LeaderWorkerSet": ("lws", "", "replicaCount"),
    "Load Balancer Controller": ("aws-load-balancer-controller", "", "replicaCount"),
    "Envoy AI Gateway": ("ai-gateway-helm", "controller", None),
    "endpoint pickers of gateways": ("llm-gateway", "routes.0.picker", None),
}
# Charts whose pods are counted, by what of them is.
COUNTED = {
    "kube-prometheus-stack": "Prometheus",
    "karpenter": "Karpenter",
    "cluster-autoscaler": "Cluster Autoscaler",
    "keda": "KEDA",
    "external-secrets": "External Secrets",
    "lws": "LeaderWorkerSet",
    "aws-load-balancer-controller": "Load Balancer Controller",
    "aws-fsx-csi-driver": "FSx CSI controller",
    "aws-mountpoint-s3-csi-driver": "S3 CSI node on every node",
    "gateway-base": "counters of rate limits",
    "gateway-helm": "Envoy Gateway",
    "ai-gateway-helm": "Envoy AI Gateway",
    "llm-gateway": "Envoy of gateways",
    "pd-router": "routers of disaggregated endpoints",
    "async-worker": "workers of queues, at most",
    "weights-copy": "copies of weights",
}
# Charts without pods, and those whose pods run on GPU nodes alone.
NO_PODS = {"ai-gateway-crds-helm", "cluster-base", "cluster-secrets", "karpenter-crd", "karpenter-pools"} | {
    "llm-observability"
}
ON_GPU_NODES = {"llm-server", "nvidia-device-plugin", "aws-efa-k8s-device-plugin", "dcgm-exporter", "nccl-preflight"}


def planned(nodes: SystemNodes, **options: Any) -> Plan:
    endpoint = Endpoint(
        name="chat",
        model=Model(id="Qwen/Qwen3-8B", revision="b968826d9c46dd6066d109eabc6255188de91218", quantization="fp8"),
        engine=VLLM(max_model_len=8_192),
        on=L4,
    )
    cluster = Cluster(system_nodes=nodes, **options)
    return plan_platform(
        Platform(
            name="p", region="us-east-1", cluster=cluster, pools=[L4], storage=[BUCKET], endpoints=[endpoint], tags={}
        )
    )


def codes(plan: Plan) -> list[str]:
    return [item.code for item in run_plan(plan) if item.code == "LLM_CAP_48"]


def charts_of(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Chart and values of every release of an example."""
    return [
        (release["chart"].rpartition("/")[2], json.loads(values))
        for stack in sorted((folder / "expected").glob("*.tf.json"))
        for release in json.loads(stack.read_text(encoding="utf-8"))
        .get("resource", {})
        .get("helm_release", {})
        .values()
        for values in release.get("values", ["{}"])
    ]


def releases() -> dict[str, dict[str, Any]]:
    """Values of every release of the examples, by chart."""
    found: dict[str, dict[str, Any]] = {}
    for folder in FOLDERS:
        for chart, values in charts_of(folder):
            found.setdefault(chart, values)
    return found


def millis(text: str) -> int:
    return int(text.removesuffix("m")) if text.endswith("m") else int(text) * 1000


def mebibytes(text: str) -> int:
    return int(text.removesuffix("Gi")) * 1024 if text.endswith("Gi") else int(text.removesuffix("Mi"))


def test_the_data_states_what_is_emitted() -> None:
    emitted = releases()
    rows = {row["name"]: row for row in numbers("system_load")["pods"]}
    for name, (chart, way, pods) in EMITTED.items():
        part: Any = emitted[chart]
        for step in way.split(".") if way else ():
            part = part[int(step) if step.isdecimal() else step]
        requests = part["resources"]["requests"]
        assert rows[name]["cpu_millis"] == millis(requests["cpu"]), name
        assert rows[name]["memory_mib"] == mebibytes(requests["memory"]), name
        if pods is not None:
            assert rows[name]["pods"] == part[pods], name
    assert rows["Karpenter"]["pods"] == emitted["karpenter"]["replicas"]
    assert rows["Envoy Gateway"]["pods"] == emitted["gateway-helm"]["deployment"]["replicas"]
    limits = emitted["gateway-helm"]["config"]["envoyGateway"]["provider"]["kubernetes"]["rateLimitDeployment"]
    assert rows["Envoy's rate limits"]["pods"] == limits["replicas"]
    assert rows["Envoy AI Gateway"]["pods"] == emitted["ai-gateway-helm"]["controller"]["replicaCount"]
    assert rows["counters of rate limits"]["memory_mib"] == emitted["gateway-base"]["countersMemoryMib"]
    keda = emitted["keda"]
    assert rows["KEDA"]["pods"] == sum(keda[part]["replicaCount"] for part in ("operator", "metricsServer", "webhooks"))


def test_pods_that_a_spec_asks_for_are_stated_as_they_are_emitted() -> None:
    emitted = releases()
    rows = {row["name"]: row for row in numbers("system_load")["pods"]}
    proxy, beside = (emitted["llm-gateway"][part]["requests"] for part in ("proxyResources", "filterResources"))
    envoy = rows["Envoy of gateways"]
    assert envoy["cpu_millis"] == millis(proxy["cpu"]) + millis(beside["cpu"]) + 10
    assert envoy["memory_mib"] == mebibytes(proxy["memory"]) + mebibytes(beside["memory"]) + 32
    router = emitted["pd-router"]
    assert router["replicas"] == 1
    parts = [router["proxy"], router["picker"]]
    for name, found in (
        ("routers of disaggregated endpoints", parts),
        ("workers of queues, at most", [emitted["async-worker"]["resources"]]),
        ("copies of weights", [emitted["weights-copy"]["resources"]]),
    ):
        assert rows[name]["cpu_millis"] == sum(part["cpuMillis"] for part in found), name
        assert rows[name]["memory_mib"] == sum(part["memoryMib"] for part in found), name
    for chart in ("pd-router", "async-worker", "weights-copy"):
        assert emitted[chart]["nodeSelector"] == {"llminfra.io/pool": "system"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_release_is_counted_as_often_as_it_is_emitted(folder: Path) -> None:
    emitted = charts_of(folder)
    plans = [plan_platform(item, today=DAY) for item in load(next(folder.glob("spec.*"))).platforms]
    (plan,) = plans
    if plan.cluster is None:
        assert not emitted
        return
    counted = {part.name: part for part in system_load(plan, 2)}
    rows = {row["name"]: row for row in numbers("system_load")["pods"]}
    charts = {chart for chart, _ in emitted}
    assert charts <= COUNTED.keys() | NO_PODS | ON_GPU_NODES, "a new chart: does it have pods on the system nodes?"
    for chart, name in COUNTED.items():
        assert (name in counted) == (chart in charts), (chart, name)
    for chart in ("weights-copy", "pd-router"):
        name = COUNTED[chart]
        pods = counted[name].cpu_millis // rows[name]["cpu_millis"] if name in counted else 0
        assert pods == sum(each == chart for each, _ in emitted), chart
    for chart, values in emitted:
        if chart == "llm-gateway":
            assert counted["Envoy of gateways"].cpu_millis == 360 * values["replicas"]
            assert counted["endpoint pickers of gateways"].cpu_millis == 250 * len(values["routes"])
        if chart == "async-worker":
            assert counted[COUNTED[chart]].cpu_millis == 100 * values["scaling"]["maxReplicas"]


def test_workers_and_gateways_may_be_what_is_too_much() -> None:
    chat = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=8_192), on=L4)
    queue = AsyncEndpoint(name="later", behind=chat, max_concurrency=1000)
    gateway = Gateway(name="edge", endpoints=[chat], exposure="cluster", replicas=6)
    cluster = Cluster(system_nodes=SystemNodes(instance_types=["m7i.large"], nodes=(3, 4)))
    given: dict[str, Any] = {"pools": [L4], "storage": [BUCKET], "endpoints": [chat], "cluster": cluster}
    for more in ({"async_endpoints": [queue]}, {"gateways": [gateway]}):
        spec = Platform(name="p", region="us-east-1", **given, **more)
        (found,) = [item for item in run_plan(plan_platform(spec)) if item.code == "LLM_CAP_48"]
        assert ("workers of queues" if "async_endpoints" in more else "Envoy of gateways") in found.message
        assert codes(plan_platform(spec.model_copy(update=dict.fromkeys(more, ())))) == []


def test_grafana_elsewhere_is_not_counted() -> None:
    spec = planned(SystemNodes()).platform
    for kind in ("none", "in-cluster"):
        plan = plan_platform(spec.model_copy(update={"observability": Observability(grafana=kind)}))
        assert ("Grafana" in {part.name for part in system_load(plan, 2)}) == (kind == "in-cluster")


def test_too_small_nodes_are_refused_with_how_many_would_do() -> None:
    """Two t3.large leave 90 millicores beside Karpenter and Prometheus: a copy of weights waited until its deadline."""
    plan = planned(SystemNodes(instance_types=["t3.large"], nodes=(2, 3)))
    (found,) = [item for item in run_plan(plan) if item.code == "LLM_CAP_48"]
    assert found.expected.startswith("nodes=(3, 4)")
    assert found.fix.startswith("set Cluster(system_nodes=SystemNodes(nodes=(3, 4))), or")
    assert "Karpenter 2,000m" in found.message
    assert codes(planned(SystemNodes(instance_types=["t3.large"], nodes=(3, 4)))) == []
    assert codes(planned(SystemNodes())) == []


def test_the_cluster_autoscaler_adds_system_nodes() -> None:
    small = SystemNodes(instance_types=["t3.medium"], nodes=(1, 8))
    autoscaler: Literal["cluster-autoscaler"] = "cluster-autoscaler"
    assert codes(planned(small, autoscaler=autoscaler)) == []
    assert codes(planned(small)) == ["LLM_CAP_48"]


def test_a_copy_is_counted_where_there_is_one() -> None:
    plan = planned(SystemNodes())
    assert weights_copies(plan)
    assert "copies of weights" in {part.name for part in system_load(plan, 2)}


def test_karpenters_pods_share_no_node() -> None:
    plan = planned(SystemNodes())
    parts = {nodes: {part.name: part for part in system_load(plan, nodes)} for nodes in (1, 2, 3)}
    assert [parts[nodes]["Karpenter"].cpu_millis for nodes in (1, 2, 3)] == [1000, 2000, 2000]
    assert parts[3]["kube-proxy on every node"].cpu_millis == 300


def test_room_grows_with_nodes_and_counts_the_smallest_type() -> None:
    plan = planned(SystemNodes(instance_types=["m7i.xlarge", "m7i.large"]))
    one, two = system_room(plan, 1), system_room(plan, 2)
    assert one.cpu_millis == 1930
    assert (two.cpu_millis, two.memory_mib) == (2 * one.cpu_millis, 2 * one.memory_mib)
    assert 7 * 1024 < one.memory_mib < 8 * 1024
