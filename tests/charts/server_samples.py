"""Complete values of the serving chart that the chart tests share: realistic endpoints, written out."""

from __future__ import annotations

from collections.abc import Callable

from llminfra.charts.kubernetes import Image, tolerate
from llminfra.charts.llm_server import (
    Autoscaling,
    Cache,
    CronTrigger,
    Disruption,
    Drain,
    EgressRule,
    ExternalSecret,
    ExternalSecretItem,
    Fallback,
    Front,
    Group,
    KeptKernels,
    LlmServerValues,
    LustreVolume,
    Metrics,
    NetworkPolicy,
    NodeCopy,
    NodeVolume,
    Probe,
    Probes,
    PrometheusTrigger,
    Resources,
    Rollout,
    S3Volume,
    Scheduling,
    SecretEnv,
    Security,
    ServiceAccount,
    ServiceMonitor,
    SmallResources,
    TopologySpread,
)
from llminfra.charts.values import ChartValues

VPC_CIDR = "10.20.0.0/16"
ROLE_ARN = "arn:aws:iam::111122223333:role/acme-chat"

HTTP_PROBES = Probes(
    startup=Probe(path="/health", period_seconds=10, timeout_seconds=5, failure_threshold=90),
    readiness=Probe(path="/health", period_seconds=5, timeout_seconds=5, failure_threshold=3),
    liveness=Probe(path="/health", period_seconds=10, timeout_seconds=5, failure_threshold=6),
)
CACHE = Cache(
    name="cache",
    mount_path="/var/cache/llm",
    size_gib=40,
    env={
        "FLASHINFER_WORKSPACE_BASE": "flashinfer",
        "HF_HOME": "huggingface",
        "HOME": "",
        "TORCHINDUCTOR_CACHE_DIR": "inductor",
        "TRITON_CACHE_DIR": "triton",
        "VLLM_CACHE_ROOT": "vllm",
        "XDG_CACHE_HOME": "xdg",
    },
)
TMP = Cache(name="tmp", mount_path="/tmp", size_gib=10)
ARITHMETIC = {"llminfra.io/startup-budget": "900 s = 2 x (70 GiB / 1.2 GiB/s + 180 s compile) + margin"}


def single_node() -> LlmServerValues:
    """An 8B model on one L4, weights streamed from S3."""
    return LlmServerValues(
        name="chat",
        engine="vllm",
        engine_version="0.33.0",
        served_model_name="chat",
        labels={"team": "search"},
        annotations=ARITHMETIC,
        image=Image(repository="vllm/vllm-openai", tag="v0.33.0"),
        command=["vllm", "serve", "s3://acme-llm-weights/qwen3-8b/"],
        args=["--host", "0.0.0.0", "--port", "8000", "--load-format", "runai_streamer", "--shutdown-timeout", "60"],
        env={"VLLM_NO_USAGE_STATS": "1", "AWS_DEFAULT_REGION": "us-east-1"},
        port=8000,
        metrics=Metrics(port=8000),
        resources=Resources(cpu_millis=6000, memory_mib=24576, ephemeral_storage_gib=80, gpus=1),
        shm_mib=1024,
        caches=[CACHE, TMP],
        probes=HTTP_PROBES,
        drain=Drain(pre_stop_sleep_seconds=15, engine_drain_seconds=60, termination_grace_period_seconds=90),
        rollout=Rollout(progress_deadline_seconds=1200),
        scheduling=Scheduling(
            node_selector={"llminfra.io/pool": "l4"},
            tolerations=[tolerate("nvidia.com/gpu", "true", "NoSchedule")],
        ),
        service_account=ServiceAccount(name="chat"),
        network_policy=NetworkPolicy(
            metrics_from_namespaces=["monitoring"], egress=[EgressRule(cidrs=[VPC_CIDR], ports=[443])]
        ),
    )


def autoscaled() -> LlmServerValues:
    """A 70B model on eight H100: everything that a single-node endpoint can have."""
    return single_node().replace(
        image=Image(repository="vllm/vllm-openai", tag="v0.33.0", digest=f"sha256:{'ab' * 32}"),
        image_pull_secrets=["registry"],
        secret_env=[SecretEnv(name="HF_TOKEN", secret_name="hf-token", secret_key="token")],
        field_env={"VLLM_HOST_IP": "status.podIP"},
        metrics=Metrics(port=9090),
        resources=Resources(cpu_millis=180_500, memory_mib=1_900_000, ephemeral_storage_gib=400, gpus=8),
        shm_mib=1_048_576,
        volumes=[
            LustreVolume(
                name="weights",
                mount_path="/models",
                file_system_id="fs-0123456789abcdef0",
                dns_name="fs-0123456789abcdef0.fsx.us-east-1.amazonaws.com",
                mount_name="abcdefgh",
                capacity_gib=4800,
            ),
            S3Volume(
                name="adapters",
                mount_path="/adapters",
                bucket="acme-llm-weights",
                region="us-east-1",
                prefix="adapters/",
                cache_gib=20,
            ),
        ],
        scheduling=Scheduling(
            node_selector={"llminfra.io/pool": "h100"},
            tolerations=[tolerate("nvidia.com/gpu", "true", "NoSchedule")],
            topology_spread=[TopologySpread(topology_key="kubernetes.io/hostname")],
            priority_class_name="llm-serving",
        ),
        security=Security(fs_group=1000),
        service_account=ServiceAccount(name="chat", role_arn=ROLE_ARN),
        disruption=Disruption(max_unavailable=1),
        service_monitor=ServiceMonitor(labels={"release": "monitoring"}),
        autoscaling=Autoscaling(
            min_replicas=1,
            max_replicas=4,
            fallback=Fallback(replicas=2, behavior="currentReplicasIfHigher"),
            triggers=[
                PrometheusTrigger(
                    name="queue",
                    server_address="http://prometheus-operated.monitoring.svc:9090",
                    query='sum(vllm:num_requests_waiting{namespace="llm",model_name="chat"})',
                    threshold=8,
                )
            ],
            cron_triggers=[
                CronTrigger(
                    name="hours-0",
                    timezone="Europe/Berlin",
                    start="0 8 * * 1,2,3,4,5",
                    end="30 19 * * 1,2,3,4,5",
                    desired_replicas=3,
                )
            ],
        ),
        external_secrets=[
            ExternalSecret(
                name="hf-token",
                store_name="aws-secrets-manager",
                data=[ExternalSecretItem(secret_key="token", remote_key="acme/hf-token", remote_property="token")],
            ),
        ],
    )


def short_start() -> LlmServerValues:
    """A model on the node's NVMe, and kernels that are kept."""
    return single_node().replace(
        volumes=[
            NodeVolume(
                name="weights",
                mount_path="/mnt/weights",
                host_path="/mnt/k8s-disks/0/llminfra",
                sub_path="models/acme-llm-weights/models/acme/tiny/0123456",
                capacity_gib=16,
            )
        ],
        node_copy=NodeCopy(
            bucket="acme-llm-weights",
            prefix="models/acme/tiny/0123456/",
            region="us-east-1",
            requests=32,
            image=Image(repository="registry.acme.example/copier", tag="1.0"),
            user=10001,
            resources=SmallResources(cpu_millis=2000, memory_mib=8192),
        ),
        kept_kernels=KeptKernels(
            bucket="acme-llm-weights",
            key="compile-cache/vllm-0.33.0/acme/tiny/l4-amd64/0011.tar",
            region="us-east-1",
            cache=CACHE.mount_path,
            folders=["vllm/torch_compile_cache", "triton"],
            ready_path="/health",
            resources=SmallResources(cpu_millis=100, memory_mib=256),
        ),
    )


def multi_node() -> LlmServerValues:
    """DeepSeek-R1 on two p5.48xlarge over EFA, by vLLM's own multi-node."""
    dial_leader = [
        "python3",
        "-c",
        "import os,socket; socket.create_connection((os.environ['LWS_LEADER_ADDRESS'],29500),5).close()",
    ]
    return LlmServerValues(
        name="r1",
        engine="vllm",
        engine_version="0.27.1",
        served_model_name="r1",
        image=Image(repository="public.ecr.aws/deep-learning-containers/vllm", tag="0.27-gpu-py312-ec2"),
        command=["vllm", "serve", "/models/deepseek-r1"],
        args=[
            *("--tensor-parallel-size", "8", "--pipeline-parallel-size", "2", "--nnodes", "$(LWS_GROUP_SIZE)"),
            *("--node-rank", "0", "--master-addr", "$(LWS_LEADER_ADDRESS)"),
        ],
        env={"FI_PROVIDER": "efa", "NCCL_SOCKET_IFNAME": "eth0"},
        field_env={"VLLM_HOST_IP": "status.podIP"},
        port=8000,
        metrics=Metrics(port=8000),
        replicas=1,
        group=Group(
            size=2,
            worker_command=["vllm", "serve", "/models/deepseek-r1"],
            worker_args=[
                *("--tensor-parallel-size", "8", "--pipeline-parallel-size", "2", "--nnodes", "$(LWS_GROUP_SIZE)"),
                *("--node-rank", "$(LWS_WORKER_INDEX)", "--master-addr", "$(LWS_LEADER_ADDRESS)", "--headless"),
            ],
            worker_probes=Probes(
                startup=Probe(command=dial_leader, period_seconds=10, timeout_seconds=6, failure_threshold=180),
                liveness=Probe(command=dial_leader, period_seconds=10, timeout_seconds=6, failure_threshold=6),
            ),
            exclusive_topology_key="topology.kubernetes.io/zone",
        ),
        resources=Resources(
            cpu_millis=180_000,
            memory_mib=1_900_000,
            ephemeral_storage_gib=400,
            gpus=8,
            efa_interfaces=32,
            huge_pages_mib=5120,
        ),
        shm_mib=65_536,
        caches=[CACHE],
        volumes=[
            LustreVolume(
                name="weights",
                mount_path="/models",
                file_system_id="fs-0123456789abcdef0",
                dns_name="fs-0123456789abcdef0.fsx.us-east-1.amazonaws.com",
                mount_name="abcdefgh",
                capacity_gib=4800,
            )
        ],
        probes=Probes(
            startup=Probe(path="/health", period_seconds=10, timeout_seconds=5, failure_threshold=270),
            readiness=Probe(path="/health", period_seconds=5, timeout_seconds=5, failure_threshold=3),
            liveness=Probe(path="/health", period_seconds=10, timeout_seconds=5, failure_threshold=6),
        ),
        drain=Drain(pre_stop_sleep_seconds=15, engine_drain_seconds=60, termination_grace_period_seconds=120),
        rollout=Rollout(progress_deadline_seconds=3600),
        scheduling=Scheduling(
            node_selector={"llminfra.io/pool": "h100"},
            tolerations=[
                tolerate("nvidia.com/gpu", "true", "NoSchedule"),
                tolerate("vpc.amazonaws.com/efa", None, "NoSchedule"),
            ],
        ),
        security=Security(
            run_as_user=0,
            run_as_group=0,
            run_as_root_reason="a capability added to a non-root user has no effect without ambient capabilities",
            capabilities={"IPC_LOCK": "NCCL over EFA locks the memory that the network card reads"},
        ),
        service_account=ServiceAccount(name="r1"),
        network_policy=NetworkPolicy(metrics_from_namespaces=["monitoring"]),
        disruption=Disruption(max_unavailable=1),
        service_monitor=ServiceMonitor(),
    )


def decode_role() -> LlmServerValues:
    """The pods that write answers: the sidecar has the serving port, and NIXL needs a privileged engine."""
    base = single_node()
    front = Front(
        name="routing",
        image=Image(repository="ghcr.io/llm-d/llm-d-router-disagg-sidecar", tag="v0.9.0"),
        args=["--port=8000", "--vllm-port=8200", "--kv-connector=nixlv2", "--secure-proxy=false"],
        run_as_user=65532,
    )
    probes = Probes(**{name: getattr(base.probes, name).replace(port=8200) for name in type(base.probes).model_fields})
    return base.replace(
        name="chat-decode",
        labels={"llminfra.io/endpoint": "chat", "llm-d.ai/role": "decode"},
        front=front,
        probes=probes,
        metrics=Metrics(port=8200),
        resources=base.resources.replace(efa_interfaces=4),
        security=Security(privileged_reason="NIXL registers GPU memory with EFA devices of the host"),
        network_policy=NetworkPolicy(peer_endpoints=["chat-prefill"]),
    )


def with_overflow() -> LlmServerValues:
    """An endpoint whose Service has pods of another release, too."""
    return single_node().replace(has_overflow=True)


def overflow() -> LlmServerValues:
    """Those pods, which come when requests wait."""
    scaled = Autoscaling(
        min_replicas=0,
        max_replicas=6,
        fallback=Fallback(replicas=1, behavior="currentReplicasIfHigher"),
        triggers=[
            PrometheusTrigger(
                name="waiting",
                server_address="http://prometheus-operated.monitoring.svc:9090",
                query='clamp_min(sum(vllm:num_requests_waiting{namespace="llm",service="chat"}) - 10, 0)',
                threshold=5,
                wakes_from_zero=True,
            )
        ],
    )
    return single_node().replace(
        name="chat-overflow",
        overflow_of="chat",
        autoscaling=scaled,
        service_monitor=None,
        service_account=ServiceAccount(name="chat-overflow"),
        disruption=Disruption(max_unavailable=1),
    )


LLM_SERVER: dict[str, Callable[[], ChartValues]] = {
    "decode-role": decode_role,
    "single-node": single_node,
    "autoscaled": autoscaled,
    "short-start": short_start,
    "multi-node": multi_node,
    "overflow": overflow,
    "with-overflow": with_overflow,
}
