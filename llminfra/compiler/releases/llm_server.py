"""One endpoint as values of the chart ``llm-server``."""

from __future__ import annotations

import hashlib

from llminfra.charts.kubernetes import Image, tolerate
from llminfra.charts.llm_server import (
    Cache,
    Disruption,
    Drain,
    EgressRule,
    ExternalSecret,
    ExternalSecretItem,
    Group,
    LlmServerValues,
    LustreVolume,
    Metrics,
    NetworkPolicy,
    PodPeer,
    Probe,
    Probes,
    Resources,
    Rollout,
    S3Volume,
    Scheduling,
    SecretEnv,
    ServiceAccount,
    ServiceMonitor,
    TopologySpread,
    Volume,
)
from llminfra.compiler.contracts import StorageContract
from llminfra.compiler.releases.async_worker import worker_labels
from llminfra.compiler.releases.gateway import picker_labels, proxy_labels
from llminfra.compiler.releases.names import (
    GATEWAY,
    pool_nodes,
    secret_store,
    serving_priority,
)
from llminfra.compiler.releases.pd_router import front_of, peers_of, role_labels
from llminfra.compiler.releases.scaling import autoscaling_values
from llminfra.compiler.releases.security import pod_security
from llminfra.compiler.releases.short_start import kept_kernels, node_copy, node_volume
from llminfra.engines import invocation as engines
from llminfra.planning.controllers.needs import scales
from llminfra.planning.controllers.scraping import scraping_of
from llminfra.planning.endpoints.gateways import gateway_of, route_of
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.infrastructure import PoolPlan
from llminfra.planning.plan.labels import WAIVER
from llminfra.planning.plan.made_names import async_id
from llminfra.planning.served.adapters import adapter_path

_CACHE_PATH = "/var/cache/llm"
_ZONE = "topology.kubernetes.io/zone"
_HTTPS = EgressRule(cidrs=["0.0.0.0/0"], ports=[443])
# A rollout counts as failed only well after the slowest pod could have started on a new node.
_ROLLOUT_MARGIN_S = 900


def llm_server_values(
    endpoint: EndpointPlan,
    plan: Plan,
    storage: StorageContract | None,
    role_arn: str | None,
    account_id: str = "",
) -> LlmServerValues:
    """Values of one endpoint.

    Args:
        endpoint: The endpoint.
        plan: The plan it belongs to.
        storage: Outputs of the storage stack, where the plan has storage.
        role_arn: Role for IRSA; ``None`` with EKS Pod Identity.
        account_id: The account, where a queue in front of the endpoint is in it.
    """
    call = endpoint.invocation
    pool = plan.pool(endpoint.pool)
    scraping = scraping_of(plan)
    return LlmServerValues(
        name=endpoint.name,
        engine=endpoint.engine,
        engine_version=endpoint.engine_version,
        served_model_name=endpoint.served_name,
        overflow_of=endpoint.part_of if endpoint.overflow is not None else None,
        has_overflow=True if endpoint.spec.overflow is not None else None,
        labels=role_labels(endpoint),
        annotations={**_arithmetic(endpoint), **_unobserved(endpoint, scraping is not None)},
        image=Image(repository=call.image_repository, tag=call.image_tag, digest=call.image_digest),
        command=list(call.command),
        args=list(call.args),
        env=call.env,
        field_env=call.field_env,
        secret_env=[
            SecretEnv(name=item.name, secret_name=_secret_name(endpoint), secret_key=item.name)
            for item in call.secret_env
        ],
        port=call.port,
        metrics=Metrics(port=call.metrics.port, path=call.metrics.path) if call.metrics else None,
        replicas=endpoint.min_replicas,
        group=_group(endpoint, pool),
        front=front_of(endpoint),
        resources=_resources(endpoint),
        shm_mib=endpoint.resources.shm_mib,
        caches=_caches(endpoint),
        volumes=_volumes(endpoint, plan, storage),
        node_copy=node_copy(endpoint, plan),
        kept_kernels=kept_kernels(endpoint, plan, _CACHE_PATH),
        probes=Probes(startup=_probe(call.startup), readiness=_probe(call.readiness), liveness=_probe(call.liveness)),
        drain=Drain(
            pre_stop_sleep_seconds=endpoint.drain.pre_stop_s,
            engine_drain_seconds=endpoint.drain.engine_s,
            termination_grace_period_seconds=endpoint.drain.grace_s,
        ),
        rollout=_rollout(endpoint),
        scheduling=_scheduling(pool, endpoint, plan),
        security=pod_security(call),
        service_account=ServiceAccount(name=endpoint.service_account, role_arn=role_arn),
        network_policy=_network_policy(endpoint, plan),
        disruption=Disruption(max_unavailable=1),
        service_monitor=ServiceMonitor(labels=scraping.match_labels)
        if scraping is not None and call.metrics and endpoint.overflow is None
        else None,
        autoscaling=autoscaling_values(endpoint, plan, account_id) if scales(endpoint, plan) else None,
        external_secrets=_external_secrets(endpoint, plan),
    )


def _arithmetic(endpoint: EndpointPlan) -> dict[str, str]:
    """Why the numbers are what they are, for whoever looks at the object in the cluster."""
    startup = endpoint.startup
    before = startup.estimate_s - startup.container_s
    return {
        "llminfra.io/parallelism": endpoint.parallelism_why,
        "llminfra.io/startup-budget": f"{startup.budget_s} s for a container that is estimated to take "
        f"{startup.container_s:.0f} s; on a new node {before:.0f} s come before it, for which no probe waits",
    }


def _unobserved(endpoint: EndpointPlan, observed: bool) -> dict[str, str]:
    """Why Prometheus does not read the server, where it does not: rules on objects cannot know."""
    if observed and endpoint.invocation.metrics:
        return {}
    why = f"{endpoint.engine} shows no metrics" if observed else "the platform has no observability"
    return {f"{WAIVER}.metrics": why}


def _secret_name(endpoint: EndpointPlan) -> str:
    return f"{endpoint.name}-secrets"


def _external_secrets(endpoint: EndpointPlan, plan: Plan) -> list[ExternalSecret]:
    if not endpoint.invocation.secret_env:
        return []
    data = [
        ExternalSecretItem(secret_key=item.name, remote_key=item.secret_name, remote_property=item.secret_key)
        for item in endpoint.invocation.secret_env
    ]
    return [ExternalSecret(name=_secret_name(endpoint), store_name=secret_store(plan), data=data)]


def _probe(probe: engines.Probe) -> Probe:
    return Probe(
        path=probe.path,
        port=probe.port if probe.path else None,
        command=list(probe.command),
        period_seconds=probe.period_s,
        timeout_seconds=probe.timeout_s,
        failure_threshold=probe.failure_threshold,
    )


def _group(endpoint: EndpointPlan, pool: PoolPlan) -> Group | None:
    call = endpoint.invocation
    if endpoint.nodes == 1:
        return None
    if call.worker_probe is None:
        msg = f"endpoint {endpoint.name}: the plan spans nodes but its workers have no probe"
        raise ValueError(msg)
    probe = _probe(call.worker_probe)
    # Workers may wait for the leader as long as it may take to start.
    startup = probe.model_copy(update={"failure_threshold": -(-endpoint.startup.budget_s // probe.period_seconds)})
    return Group(
        size=endpoint.nodes,
        worker_command=list(call.worker_command or call.command),
        worker_args=list(call.worker_args),
        worker_probes=Probes(startup=startup, liveness=probe),
        # Nodes of a pool with one zone are together anyway, and an exclusive zone would keep further replicas out.
        exclusive_topology_key=_ZONE if len(pool.zones) > 1 else None,
    )


def _resources(endpoint: EndpointPlan) -> Resources:
    pod = endpoint.resources
    return Resources(
        cpu_millis=pod.cpu_millis,
        memory_mib=pod.memory_mib,
        ephemeral_storage_gib=pod.ephemeral_gib,
        gpus=pod.gpus,
        efa_interfaces=pod.efa,
        huge_pages_mib=pod.huge_pages_mib,
    )


def _caches(endpoint: EndpointPlan) -> list[Cache]:
    call = endpoint.invocation
    if not call.cache_env:
        return []
    # What is left of the ephemeral storage is for logs and the container's own layer.
    size_gib = max(1, endpoint.resources.ephemeral_gib * 4 // 5)
    return [Cache(name="cache", mount_path=_CACHE_PATH, size_gib=size_gib, env=call.cache_env)]


def _volumes(endpoint: EndpointPlan, plan: Plan, storage: StorageContract | None) -> list[Volume]:
    return [*_weights_volumes(endpoint, plan, storage), *_adapter_volumes(endpoint, plan)]


def _adapter_volumes(endpoint: EndpointPlan, plan: Plan) -> list[Volume]:
    """One volume for all adapters under a prefix, named by it: what is mounted by a volume cannot change."""
    places = dict.fromkeys((item.bucket, item.mounted) for item in endpoint.adapters)
    return [
        S3Volume(
            name=f"adapters-{hashlib.sha256(f'{bucket}/{prefix}'.encode()).hexdigest()[:8]}",
            mount_path=adapter_path(bucket, prefix),
            bucket=bucket,
            region=plan.platform.region,
            prefix=f"{prefix}/",
        )
        for bucket, prefix in places
    ]


def _weights_volumes(endpoint: EndpointPlan, plan: Plan, storage: StorageContract | None) -> list[Volume]:
    weights = endpoint.weights
    if weights.kind == "nvme":
        return [node_volume(endpoint)]
    if weights.kind == "mountpoint" and weights.storage and weights.mount_path and weights.key:
        return [
            S3Volume(
                name="weights",
                mount_path=weights.mount_path,
                bucket=weights.storage,
                region=plan.platform.region,
                prefix=f"{weights.key}/",
            )
        ]
    if weights.kind != "lustre" or weights.storage is None or weights.mount_path is None or storage is None:
        return []
    system = storage.lustre[weights.storage]
    planned = next(item for item in plan.lustre if item.name == weights.storage)
    return [
        LustreVolume(
            name="weights",
            mount_path=weights.mount_path,
            file_system_id=system.id,
            dns_name=system.dns_name,
            mount_name=system.mount_name,
            capacity_gib=planned.capacity_gib,
        )
    ]


def _rollout(endpoint: EndpointPlan) -> Rollout:
    surge = endpoint.rollout == "surge"
    startup_s = endpoint.invocation.startup.period_s * endpoint.invocation.startup.failure_threshold
    return Rollout(
        max_surge=1 if surge else 0,
        max_unavailable=0 if surge else 1,
        progress_deadline_seconds=max(startup_s, endpoint.startup.budget_s)
        + endpoint.startup.copy_patience_s
        + _ROLLOUT_MARGIN_S,
    )


def _scheduling(pool: PoolPlan, endpoint: EndpointPlan, plan: Plan) -> Scheduling:
    """Where pods run; where EC2 may take nodes back, they are protected only until they serve, so that they drain."""
    taken_back = pool.provisioner == "karpenter" and pool.spec.capacity.kind != "on-demand"
    startup = endpoint.startup
    spread = [TopologySpread(topology_key=_ZONE)] if len(pool.zones) > 1 else []
    return Scheduling(
        node_selector=pool_nodes(pool),
        tolerations=[tolerate(taint.key, taint.value, taint.effect) for taint in pool.taints],
        topology_spread=spread,
        priority_class_name=serving_priority(plan),
        protected_seconds=startup.budget_s + startup.copy_patience_s if taken_back else None,
    )


def _network_policy(endpoint: EndpointPlan, plan: Plan) -> NetworkPolicy:
    """Callers that are declared, a gateway, Prometheus, and HTTPS out only where weights come over the network.

    Workers of a queue in front of the endpoint are callers that are declared: a gateway is the only way in for others.
    S3's addresses behind a gateway endpoint are public ones, which a NetworkPolicy can name only all together; Lustre
    is mounted by the node, not by the pod. Callers of a disaggregated endpoint reach its router, not its roles.
    """
    gateway, route = gateway_of(plan, endpoint.called), route_of(plan, endpoint.called)
    scraping = scraping_of(plan)
    peers = None
    if gateway is not None and route is not None:
        peers = [
            PodPeer(namespace=GATEWAY, pod_labels=proxy_labels(gateway)),
            PodPeer(pod_labels=picker_labels(route)),
            *(
                PodPeer(pod_labels=worker_labels(async_id(item.name)))
                for item in plan.async_endpoints
                if item.workers is not None and item.behind == endpoint.called
            ),
        ]
    return NetworkPolicy(
        from_same_namespace=gateway is None or not gateway.spec.only_way_in,
        from_pods=peers,
        from_namespaces=[] if endpoint.role else list(endpoint.spec.allow_from_namespaces),
        peer_endpoints=peers_of(endpoint, plan),
        metrics_from_namespaces=[scraping.scraper_namespace] if scraping is not None else [],
        egress=[] if endpoint.weights.kind == "lustre" and endpoint.compile_cache is None else [_HTTPS],
    )
