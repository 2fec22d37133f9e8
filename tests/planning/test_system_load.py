"""What the cluster's own parts request, against what is emitted, and against the nodes that they run on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from llminfra import VLLM, Cluster, Endpoint, GpuPool, Model, ModelBucket, Platform, SystemNodes
from llminfra.compiler.releases.weights_copy import weights_copies
from llminfra.planning import plan_platform
from llminfra.planning.controllers.load import system_load, system_room
from llminfra.planning.facts import numbers
from llminfra.planning.plan import Plan
from llminfra.rules.run import run_plan

EXAMPLES = Path(__file__).parents[2] / "examples"
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
}


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


def releases() -> dict[str, dict[str, Any]]:
    """Values of every release of the examples, by chart."""
    found: dict[str, dict[str, Any]] = {}
    for stack in sorted(EXAMPLES.glob("*/expected/*-platform.tf.json")):
        for release in json.loads(stack.read_text(encoding="utf-8"))["resource"].get("helm_release", {}).values():
            for values in release.get("values", []):
                found.setdefault(release["chart"], json.loads(values))
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
            part = part[step]
        requests = part["resources"]["requests"]
        assert rows[name]["cpu_millis"] == millis(requests["cpu"]), name
        assert rows[name]["memory_mib"] == mebibytes(requests["memory"]), name
        if pods is not None:
            assert rows[name]["pods"] == part[pods], name
    assert rows["Karpenter"]["pods"] == emitted["karpenter"]["replicas"]
    keda = emitted["keda"]
    assert rows["KEDA"]["pods"] == sum(keda[part]["replicaCount"] for part in ("operator", "metricsServer", "webhooks"))


def test_too_small_nodes_are_refused_with_how_many_would_do() -> None:
    """Two t3.large leave 90 millicores beside Karpenter and Prometheus: a copy of weights waited until its deadline."""
    plan = planned(SystemNodes(instance_types=["t3.large"], nodes=(2, 3)))
    (found,) = [item for item in run_plan(plan) if item.code == "LLM_CAP_48"]
    assert found.expected.startswith("nodes=(3, 4)")
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
    assert "a copy of weights" in {part.name for part in system_load(plan, 2)}


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
