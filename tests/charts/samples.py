"""Complete values of the other charts that the chart tests share, and the table of all samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llminfra.charts.async_worker import AsyncWorkerValues, WorkedEndpoint, WorkerScaling
from llminfra.charts.cluster_base import ClusterBaseValues, ExistingNamespace, Gp3StorageClass, Namespace, PriorityClass
from llminfra.charts.cluster_secrets import ClusterSecretsValues
from llminfra.charts.gateway_base import GatewayBaseValues
from llminfra.charts.karpenter_pools import (
    BlockDevice,
    DisruptionBudget,
    KarpenterPool,
    KarpenterPoolsValues,
    NodeNetworkInterface,
    PoolDisruption,
    PoolTaint,
)
from llminfra.charts.kubernetes import Image, tolerate
from llminfra.charts.llm_gateway import LlmGatewayValues, Picker, PickerMetrics, Route, TenantLimits, TokenIssuer
from llminfra.charts.llm_observability import AlertRule, LlmObservabilityValues, RecordingRule, RuleGroup
from llminfra.charts.llm_server import (
    ExternalSecret,
    ExternalSecretItem,
    Resources,
    Security,
    ServiceAccount,
    ServiceMonitor,
)
from llminfra.charts.nccl_preflight import NcclPreflightValues
from llminfra.charts.pd_router import PdRouterValues, RouterPart
from llminfra.charts.values import ChartValues
from llminfra.charts.weights_copy import CopyResources, HubToken, WeightsCopyValues
from tests.charts.server_samples import LLM_SERVER

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def karpenter_pools() -> KarpenterPoolsValues:
    """A spot-first L40S pool, and p5 on a capacity block with every EFA card."""
    common: dict[str, Any] = {
        "instance_profile": "acme-nodes",
        "security_group_ids": ["sg-0123456789abcdef0"],
        "ami_alias": "al2023@v20260801",
        "block_devices": [BlockDevice(size_gib=200, iops=6000, throughput_mib_per_second=500, root_volume=True)],
        "raid0": True,
    }
    p5_cards = [NodeNetworkInterface(network_card_index=0, device_index=0, interface_type="interface")]
    p5_cards += [NodeNetworkInterface(network_card_index=0, device_index=1, interface_type="efa-only")]
    p5_cards += [
        NodeNetworkInterface(network_card_index=card, device_index=0, interface_type="efa-only")
        for card in range(1, 32)
    ]
    return KarpenterPoolsValues(
        pools=[
            KarpenterPool(
                name="l40s",
                labels={"llminfra.io/pool": "l40s", "nvidia.com/gpu.present": "true"},
                taints=[PoolTaint(key="nvidia.com/gpu", value="true", effect="NoSchedule")],
                instance_types=["g6e.12xlarge", "g6e.24xlarge"],
                zones=["us-east-1a", "us-east-1b"],
                capacity_types=["spot", "on-demand"],
                limits={"nodes": 8, "nvidia.com/gpu": 32},
                subnet_ids=["subnet-0a", "subnet-0b"],
                disruption=PoolDisruption(
                    budgets=[
                        DisruptionBudget(nodes="1"),
                        DisruptionBudget(nodes="0", reasons=["Drifted"], schedule="0 8 * * mon-fri", duration="10h"),
                    ]
                ),
                **common,
            ),
            KarpenterPool(
                name="h100",
                labels={"llminfra.io/pool": "h100", "nvidia.com/gpu.present": "true"},
                taints=[PoolTaint(key="nvidia.com/gpu", value="true", effect="NoSchedule")],
                startup_taints=[PoolTaint(key="fsx.csi.aws.com/agent-not-ready", effect="NoExecute")],
                instance_types=["p5.48xlarge"],
                zones=["us-east-1a"],
                capacity_types=["reserved"],
                capacity_reservation_ids=["cr-0123456789abcdef0"],
                limits={"nodes": 4},
                weight=50,
                subnet_ids=["subnet-0a"],
                network_interfaces=p5_cards,
                max_pods=100,
                tags={"team": "search"},
                **common,
            ),
        ]
    )


def cluster_base() -> ClusterBaseValues:
    """Namespaces of every level, priorities, storage."""
    return ClusterBaseValues(
        namespaces=[
            Namespace(name="llm", default_deny_ingress=True),
            Namespace(name="llm-efa", pod_security="privileged", reason="NCCL over EFA needs IPC_LOCK"),
            Namespace(name="gpu-system", pod_security="privileged", reason="device plugins need host devices"),
        ],
        priority_classes=[
            PriorityClass(name="llm-serving", value=100_000, description="Endpoints that people wait for")
        ],
        storage_classes=[Gp3StorageClass(kms_key_id="arn:aws:kms:us-east-1:111122223333:key/abc")],
    )


def cluster_base_shared() -> ClusterBaseValues:
    """In a cluster that is there: one namespace is made, two are looked for."""
    return ClusterBaseValues(
        namespaces=[Namespace(name="llm", default_deny_ingress=True)],
        existing_namespaces=[
            ExistingNamespace(name="monitoring", pod_security="privileged"),
            ExistingNamespace(name="keda", labels={"team": "platform"}),
        ],
    )


def cluster_secrets() -> ClusterSecretsValues:
    """The store, for one namespace."""
    return ClusterSecretsValues(region="us-east-1", namespaces=["llm"])


def llm_observability() -> LlmObservabilityValues:
    """A rule group with a recording rule and an alert whose text Helm must leave alone, and a dashboard."""
    return LlmObservabilityValues(
        rule_groups=[
            RuleGroup(
                name="llm-endpoints",
                interval_seconds=30,
                recording=[
                    RecordingRule(record="llm:queue:sum", expr="sum by (model_name) (vllm:num_requests_waiting)")
                ],
                alerts=[
                    AlertRule(
                        alert="LlmQueueGrows",
                        expr='llm:queue:sum{model_name="chat"} > 10',
                        for_seconds=300,
                        severity="warning",
                        summary="Requests wait for {{ $labels.model_name }}",
                        description='{{ $value | humanize }} requests wait; "why": see the runbook',
                        runbook_url="https://example.com/runbooks/queue",
                    )
                ],
            )
        ],
        dashboards=["llm-efa"],
        dashboard_folder="LLM",
        external_secrets=[
            ExternalSecret(
                name="alert-receiver-slack",
                store_name="aws-secrets-manager",
                data=[ExternalSecretItem(secret_key="value", remote_key="acme/slack", remote_property="url")],
            )
        ],
    )


def weights_copy() -> WeightsCopyValues:
    """A gated model."""
    return WeightsCopyValues(
        name="llama-70b",
        image=Image(repository="vllm/vllm-openai", tag="v0.33.0"),
        model_id="meta-llama/Llama-3.3-70B-Instruct",
        revision="6f6073b423013f6a7d4d9f39144961bfbfbc386b",
        bucket="acme-llm-weights",
        prefix="llama-3.3-70b/",
        region="us-east-1",
        token=HubToken(secret_name="hf-token", secret_key="token"),
        resources=CopyResources(scratch_gib=30),
        service_account=ServiceAccount(name="weights-copy"),
    )


def gateway_base() -> GatewayBaseValues:
    """Counters."""
    return GatewayBaseValues(
        counters_image=Image(repository="docker.io/library/redis", tag="8.2.9-alpine", digest=DIGEST)
    )


def _route(name: str, *, paths: tuple[str, ...] = (), **picker: object) -> Route:
    return Route(
        endpoint=name,
        models=[] if paths else [f"acme/{name}"],
        prefix=f"/endpoints/{name}" if paths else None,
        paths=list(paths),
        pod_labels={"app.kubernetes.io/instance": name, "llminfra.io/role": "leader"},
        port=8000,
        picker=Picker(name=f"{name}-picker", **picker),
    )


def llm_observability_labelled() -> LlmObservabilityValues:
    """For a Prometheus and a Grafana that look for labels of their own."""
    return llm_observability().replace(
        rule_labels={"release": "kube-prometheus-stack"}, dashboard_label="acme_dashboard", dashboard_label_value="yes"
    )


def llm_gateway() -> LlmGatewayValues:
    """Two tenants with keys, endpoints that sleep, one of which is told by its paths, and an engine with a key."""
    metrics = PickerMetrics(
        queued="vllm:num_requests_waiting", running="vllm:num_requests_running", kv_usage="vllm:kv_cache_usage_perc"
    )
    keys = [ExternalSecretItem(secret_key=name, remote_key=f"acme/{name}-key") for name in ("search", "batch")]
    engine = [ExternalSecretItem(secret_key="apiKey", remote_key="acme/code", remote_property="api_key")]
    return LlmGatewayValues(
        name="llm",
        proxy_namespace="envoy-gateway-system",
        service_name="gateway-llm",
        port=8080,
        request_timeout_seconds=900,
        routes=[
            _route("chat", metrics=metrics, hold_seconds=285),
            _route("code", metrics=metrics).replace(api_key_secret="gateway-llm-code"),
            _route("own", prefix=False),
            _route(
                "rank",
                paths=("/v1/rerank", "/v1/score"),
                prefix=False,
                reads_bodies=False,
                metrics=metrics,
                hold_seconds=285,
            ),
        ],
        tenants=[
            TenantLimits(id="search", requests_per_minute=600, tokens_per_minute=2_000_000),
            TenantLimits(id="batch", tokens_per_minute=100_000),
        ],
        api_keys=ExternalSecret(name="gateway-llm-keys", store_name="aws-secrets-manager", data=keys),
        engine_keys=[ExternalSecret(name="gateway-llm-code", store_name="aws-secrets-manager", data=engine)],
        target_group_arn="arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/llm/0123456789abcdef",
        callers=["10.20.0.0/16"],
        picker_image=Image(repository="ghcr.io/llm-d/llm-d-router-endpoint-picker", tag="v0.10.0", digest=DIGEST),
        metrics_namespace="monitoring",
        monitor_labels={"release": "kube-prometheus-stack"},
    )


def llm_gateway_tokens() -> LlmGatewayValues:
    """Callers with tokens, inside the cluster, nobody scrapes."""
    return LlmGatewayValues(
        name="inside",
        proxy_namespace="envoy-gateway-system",
        service_name="gateway-inside",
        port=8080,
        replicas=1,
        request_timeout_seconds=300,
        routes=[_route("chat")],
        tenants=[TenantLimits(id="search", requests_per_minute=60), TenantLimits(id="free")],
        token_issuer=TokenIssuer(
            issuer="https://login.example.com",
            audiences=["llm"],
            jwks_uri="https://login.example.com/jwks.json",
            tenant_claim="org.team",
        ),
        picker_image=Image(repository="ghcr.io/llm-d/llm-d-router-endpoint-picker", tag="v0.10.0"),
    )


def nccl_preflight() -> NcclPreflightValues:
    """Two nodes of a p5."""
    return NcclPreflightValues(
        name="r1-nccl",
        image=Image(repository="public.ecr.aws/deep-learning-containers/vllm", tag="0.27-gpu-py312-ec2"),
        nodes=2,
        env={"FI_PROVIDER": "efa", "NCCL_SOCKET_IFNAME": "eth0"},
        resources=Resources(
            cpu_millis=8000, memory_mib=40_960, ephemeral_storage_gib=2, gpus=8, efa_interfaces=32, huge_pages_mib=5120
        ),
        shm_mib=8192,
        node_selector={"llminfra.io/pool": "h100"},
        tolerations=[tolerate("nvidia.com/gpu", "true", "NoSchedule")],
        security=Security(
            run_as_user=10001,
            run_as_group=10001,
            fs_group=10001,
            capabilities={"IPC_LOCK": "RDMA over EFA pins the memory that it registers with the adapter"},
        ),
    )


def async_worker() -> AsyncWorkerValues:
    """Workers of a queue before an endpoint of the cluster."""
    return AsyncWorkerValues(
        name="documents",
        image=Image(repository="public.ecr.aws/docker/library/python", tag="3.13.15-slim"),
        command=["python3", "-m", "async_consumer"],
        env={"ASYNC_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/111122223333/acme-async-documents"},
        alive_file="/tmp/alive",  # in the container
        termination_grace_period_seconds=340,
        endpoint=WorkedEndpoint(name="chat", port=8000),
        scaling=WorkerScaling(
            queue_url="https://sqs.us-east-1.amazonaws.com/111122223333/acme-async-documents",
            region="us-east-1",
            queue_length=8,
            max_replicas=2,
        ),
        service_account=ServiceAccount(name="async-documents"),
        node_selector={"llminfra.io/pool": "system"},
    )


def pd_router() -> PdRouterValues:
    """In front of two roles, with monitoring."""
    return PdRouterValues(
        name="chat",
        version="0.9.0",
        proxy=RouterPart(image=Image(repository="docker.io/envoyproxy/envoy", tag="distroless-v1.33.2")),
        picker=RouterPart(image=Image(repository="ghcr.io/llm-d/llm-d-router-endpoint-picker", tag="v0.9.0")),
        run_as_user=65532,
        port=8000,
        engines=["chat-prefill", "chat-decode"],
        engine_labels={"llminfra.io/endpoint": "chat", "llminfra.io/role": "leader"},
        engine_port=8000,
        remote_from_tokens=16,
        protected_headers=["x-gateway-destination-endpoint", "x-prefiller-host-port"],
        drain_seconds=150,
        node_selector={"llminfra.io/pool": "system"},
        from_namespaces=["apps"],
        metrics_from_namespaces=["monitoring"],
        service_monitor=ServiceMonitor(),
    )


IN_REPO: dict[str, dict[str, Callable[[], ChartValues]]] = {
    "async-worker": {"full": async_worker},
    "cluster-base": {"full": cluster_base, "shared": cluster_base_shared},
    "cluster-secrets": {"full": cluster_secrets},
    "gateway-base": {"full": gateway_base},
    "karpenter-pools": {"full": karpenter_pools},
    "llm-gateway": {"keys": llm_gateway, "tokens": llm_gateway_tokens},
    "llm-observability": {"full": llm_observability, "labelled": llm_observability_labelled},
    "llm-server": LLM_SERVER,
    "nccl-preflight": {"full": nccl_preflight},
    "pd-router": {"full": pd_router},
    "weights-copy": {"full": weights_copy},
}
CASES = [(chart, name) for chart, samples in IN_REPO.items() for name in samples]
