"""A platform team's cluster, and teams on it whose pools, endpoints and gateways have the same names."""

from __future__ import annotations

from typing import Any

from llminfra import (
    VLLM,
    Autoscaling,
    Cluster,
    Endpoint,
    ExistingPrometheus,
    Gateway,
    GpuPool,
    Lustre,
    Model,
    ModelBucket,
    Network,
    Platform,
    Secret,
    SharedWith,
    Spot,
    Tenant,
)
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan
from tests.compiler.shared_cluster import VPC, existing

TEAMS = ("assistants", "search")
ONCE = (
    "keda",
    "external-secrets",
    "aws-load-balancer-controller",
    "nvidia-device-plugin",
    "dcgm-exporter",
    "aws-fsx-csi-driver",
    "aws-mountpoint-s3-csi-driver",
    "lws",
    "envoy-ai-gateway",
)
"""What the cluster has once."""
PROMETHEUS = ExistingPrometheus(
    namespace="monitoring", match_labels={}, url="http://kube-prometheus-stack-prometheus.monitoring.svc:9090"
)
_CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


def maker(**cluster: Any) -> Plan:
    """The platform whose cluster it is."""
    fields = {
        "install": ONCE,
        "shared_with": [SharedWith(name=name, secrets=[f"acme/{name}/*"]) for name in TEAMS],
        **cluster,
    }
    return plan_platform(
        Platform(
            name="shared",
            region="us-east-1",
            account_id="111122223333",
            network=Network(cidr="10.40.0.0/16"),
            cluster=Cluster(**fields),
        )
    )


def team(name: str, *, cluster: dict[str, Any] | None = None, **fields: Any) -> Plan:
    """A team's platform on it, with what makes objects of every kind."""
    l40s = GpuPool(name="l40s", instance_types=["g6e.xlarge", "g6e.2xlarge"], nodes=(0, 3), capacity=Spot())
    weights = ModelBucket(name=f"acme-{name}-weights")
    fast = Lustre(name="fast", zone="us-east-1a", capacity_gib=1200, source=weights)
    qwen = Model(id="Qwen/Qwen3-8B")
    chat = Endpoint(
        name="chat",
        model=qwen,
        engine=VLLM(max_model_len=8192),
        on=l40s,
        replicas=Autoscaling(min=1, max=2),
        api_key=Secret(name=f"acme/{name}/chat"),
    )
    fixed = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 1), zones=["us-east-1a"])
    code = chat.model_copy(update={"name": "code", "on": fixed, "weights": fast, "replicas": 1, "served_name": "code"})
    front = Gateway(
        name="llm",
        endpoints=[chat],
        tenants=[Tenant(name="a", api_key=Secret(name=f"acme/{name}/a"), requests_per_minute=9, tokens_per_minute=999)],
        hostname="l.example.com",
        certificate_arn=_CERTIFICATE,
    )
    said = {
        "installed": ["karpenter", "kube-prometheus-stack", *ONCE],
        "karpenter_node_role": "shared-karpenter-node-us-east-1",
        "node_security_group_id": "sg-0123456789abcdef0",
        "namespaces": [],
        **(cluster or {}),
    }
    plain = {
        "name": name,
        "region": "us-east-1",
        "account_id": "111122223333",
        "network": VPC,
        "cluster": existing(**said),
        "pools": [l40s, fixed],
        "storage": [weights, fast],
        "endpoints": [chat, code],
        "gateways": [front],
        "observability": PROMETHEUS,
    }
    return plan_platform(Platform(**{**plain, **fields}))
