"""Gateways in front of endpoints: what each routes to, under which address, and whether it can work."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from llminfra.diagnostics import entry_path
from llminfra.engines.vllm_tasks import PATHS
from llminfra.planning.findings import Findings
from llminfra.planning.plan.gateways import GatewayPlan, GatewayRoute
from llminfra.planning.plan.made_names import gateway_service, picker_name
from llminfra.planning.served.task import by_path
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import NetworkPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform
    from llminfra.spec.services.gateway import Gateway, Tenant

PROXY_NAMESPACE = "envoy-gateway-system"
"""Where Envoy Gateway runs Envoy (envoyproxy/gateway: deploy mode ControllerNamespace, the default)."""
PROXY_PORT = 8080
"""Port of Envoy's listener and Service; from 1024 on, Envoy Gateway keeps a listener's port for the container."""
# envoyproxy/ai-gateway@c217da8a5 internal/extensionserver/inferencepool.go: Envoy gives an endpoint picker 300 s to
# answer; a request that waits for a replica must be answered before.
_LONGEST_HOLD_S = 285
_PREFIX = "/endpoints"
"""Before the name of an endpoint that requests reach by their path: no path of a model's API begins so."""


def tenant_claim(tenant: Tenant) -> str:
    """What the tenant claim of its callers' tokens says."""
    return tenant.claim or tenant.name


def gateway_of(plan: Plan, endpoint: str) -> GatewayPlan | None:
    """The gateway in front of an endpoint, if there is one."""
    return next((item for item in plan.gateways if any(route.endpoint == endpoint for route in item.routes)), None)


def route_of(plan: Plan, endpoint: str) -> GatewayRoute | None:
    """The route to an endpoint, if there is a gateway in front of it."""
    return next((route for item in plan.gateways for route in item.routes if route.endpoint == endpoint), None)


def picks_by_metrics(endpoint: EndpointPlan) -> bool:
    """Whether the picker sees the queue: it reads the metrics of the port that it sends requests to."""
    metrics = endpoint.invocation.metrics
    return metrics is not None and metrics.waiting is not None and metrics.port == endpoint.invocation.port


def plan_gateways(
    platform: Platform, network: NetworkPlan, endpoints: Sequence[EndpointPlan], findings: Findings
) -> tuple[GatewayPlan, ...]:
    """Plan every gateway that can be planned; the others leave findings."""
    by_name = {item.name: item for item in endpoints}
    taken: dict[str, str] = {}
    planned = []
    for gateway in platform.gateways:
        if gateway.broken:
            _check_broken(gateway, platform, network, taken, findings)
            continue
        _check_address(gateway, platform, network, findings)
        _check_tenants(gateway, findings)
        routes = []
        for index, endpoint in enumerate(gateway.endpoints):
            path = entry_path(f"gateways.{gateway.name}.endpoints", index, endpoint.name)
            if not _is_free(gateway, endpoint, path, taken, findings):
                continue
            if not _belongs(gateway, endpoint, path, platform, findings):
                continue
            _check_callers(gateway, endpoint, path, findings)
            if endpoint.name in by_name:  # else it has findings of its own
                if not _is_routed(gateway, by_name[endpoint.name], path, findings):
                    continue
                routes.append(_route(gateway, by_name[endpoint.name], platform))
        _check_models(gateway, routes, findings)
        planned.append(_plan(gateway, platform, network, tuple(routes)))
    return tuple(planned)


def _check_broken(
    gateway: Gateway, platform: Platform, network: NetworkPlan, taken: dict[str, str], findings: Findings
) -> None:
    """What is sure of a gateway of which something was refused: what its other fields say."""
    said = Findings()
    if "exposure" not in gateway.doubtful:
        _check_address(gateway, platform, network, said)
    if not gateway.doubtful & {"tenants", "oidc"}:
        _check_tenants(gateway, said)
    if "endpoints" not in gateway.doubtful:
        for index, endpoint in enumerate(gateway.endpoints):
            path = entry_path(f"gateways.{gateway.name}.endpoints", index, endpoint.name)
            if _is_free(gateway, endpoint, path, taken, said):
                _belongs(gateway, endpoint, path, platform, said)
    open_fields = tuple(f"gateways.{gateway.name}.{field}" for field in gateway.doubtful)
    findings.items += [item for item in said.items if not item.path.startswith(open_fields)]


def _plan(gateway: Gateway, platform: Platform, network: NetworkPlan, routes: tuple[GatewayRoute, ...]) -> GatewayPlan:
    service = gateway_service(gateway.name)
    own = {"cluster": (), "internal": (network.cidr,), "public": ("0.0.0.0/0",)}[gateway.exposure]
    proxy = f"{platform.cluster_prefix}{service}"
    inside = f"http://{proxy}.{PROXY_NAMESPACE}.svc.cluster.local:{PROXY_PORT}"
    return GatewayPlan(
        name=gateway.name,
        spec=gateway,
        namespace=platform.serving_namespace,
        service=service,
        proxy_service=proxy,
        url=inside if gateway.exposure == "cluster" else f"https://{gateway.hostname}",
        allow_from_cidrs=tuple(gateway.allow_from_cidrs) or own,
        routes=routes,
    )


def _route(gateway: Gateway, endpoint: EndpointPlan, platform: Platform) -> GatewayRoute:
    replicas = endpoint.spec.replicas
    sleeps = isinstance(replicas, Autoscaling) and replicas.min == 0
    # Prometheus must see the picker's queue: it is what starts the endpoint again.
    held = sleeps and picks_by_metrics(endpoint) and platform.scales_by_metrics
    told_by_path = by_path(endpoint.task)
    models = (endpoint.served_name, *(item.name for item in endpoint.adapters))
    return GatewayRoute(
        endpoint=endpoint.name,
        models=() if told_by_path else models,
        prefix=f"{_PREFIX}/{endpoint.name}" if told_by_path else "",
        paths=PATHS[endpoint.task] if told_by_path else (),
        picker=picker_name(endpoint.name),
        hold_s=min(gateway.request_timeout_s, _LONGEST_HOLD_S) if held else None,
    )


def _belongs(
    gateway: Gateway,
    endpoint: Endpoint,
    path: str,
    platform: Platform,
    findings: Findings,
) -> bool:
    if endpoint.broken or endpoint.on.broken:
        return False
    if not any(endpoint is other or endpoint == other for other in platform.workloads):
        names = ", ".join(other.name for other in platform.workloads)
        findings.error(
            "LLM_GW_1",
            gateway,
            path,
            "the gateway stands in front of an endpoint that is not part of this platform",
            found=f"endpoint {endpoint.name!r}",
            expected=f"one of: {names}" if names else "an endpoint of the same platform",
            fix=f"add the endpoint to Platform(endpoints=[…]) of {platform.name!r}",
        )
        return False
    if not isinstance(endpoint.on, GpuPool):
        findings.error(
            "LLM_GW_2",
            gateway,
            path,
            "a gateway routes to pods of the cluster; this endpoint runs elsewhere and has an address of its own",
            found=f"endpoint {endpoint.name!r} on {endpoint.on.kind}",
            expected="an endpoint on a GpuPool",
            fix="take the endpoint out of the gateway, or run it on a GpuPool",
        )
        return False
    if endpoint.disaggregation is not None:
        findings.error(
            "LLM_DIST_16",
            gateway,
            path,
            "the gateway's picker sends a request to one pod, and this endpoint wants two for it",
            found=f"endpoint {endpoint.name!r} with disaggregation",
            expected="an endpoint whose pods do both",
            fix="take the endpoint out of the gateway: its own router chooses both pods; or leave disaggregation out",
        )
        return False
    return True


def _is_free(gateway: Gateway, endpoint: Endpoint, path: str, taken: dict[str, str], findings: Findings) -> bool:
    """Whether the endpoint is behind no other gateway, and from now on it is behind this one."""
    if "name" in endpoint.doubtful:
        return True
    if endpoint.name in taken:
        other = taken[endpoint.name]
        findings.error(
            "LLM_GW_3",
            gateway,
            path,
            "an endpoint has one endpoint picker, and so stands behind one gateway, once",
            found=f"endpoint {endpoint.name!r} is behind {other!r} already",
            expected="each endpoint once",
            fix="remove it here, or give both groups of callers one gateway with a tenant each",
        )
        return False
    taken[endpoint.name] = gateway.name
    return True


def _is_routed(gateway: Gateway, endpoint: EndpointPlan, path: str, findings: Findings) -> bool:
    if endpoint.task == "transcribe":
        findings.error(
            "LLM_TASK_16",
            gateway,
            path,
            "the gateway passes JSON on; recordings are forms, whose way through it was not checked",
            found=f"endpoint {endpoint.name!r}, which is for {', '.join(PATHS[endpoint.task])}",
            expected="endpoints that answer JSON",
            fix="take the endpoint out of the gateway, and name its callers with allow_from_namespaces",
        )
        return False
    if by_path(endpoint.task) and endpoint.spec.api_key is not None:
        findings.error(
            "LLM_TASK_16",
            gateway,
            path,
            "the gateway presents an engine's key along routes by model alone, and this endpoint is reached by path",
            found=f"endpoint {endpoint.name!r} with api_key, for {', '.join(PATHS[endpoint.task])}",
            expected="an endpoint without a key of its own, which the gateway's tenants protect",
            fix="leave Endpoint(api_key=…) out: callers show the gateway who they are",
            runtime_message='{"error":"Unauthorized"}',
        )
        return False
    return True


def _check_callers(gateway: Gateway, endpoint: Endpoint, path: str, findings: Findings) -> None:
    if gateway.only_way_in and endpoint.allow_from_namespaces:
        findings.error(
            "LLM_GW_14",
            gateway,
            path,
            "the gateway is the only way in, and the endpoint admits namespaces beside it",
            found=f"allow_from_namespaces={list(endpoint.allow_from_namespaces)} of {endpoint.name!r}",
            expected="one of the two",
            fix="remove allow_from_namespaces, or set Gateway(only_way_in=False)",
        )


def _check_models(gateway: Gateway, routes: Sequence[GatewayRoute], findings: Findings) -> None:
    counted = Counter(model for route in routes for model in route.models)
    for model in (name for name, count in counted.items() if count > 1):
        owners = ", ".join(route.endpoint for route in routes if model in route.models)
        findings.error(
            "LLM_GW_4",
            gateway,
            f"gateways.{gateway.name}.endpoints",
            "the gateway chooses the endpoint by the model that a request names, and two answer to this one",
            found=f"{model!r} of {owners}",
            expected="a name for each endpoint",
            fix="set Endpoint(served_name=…) on one of them",
        )


def _check_address(gateway: Gateway, platform: Platform, network: NetworkPlan, findings: Findings) -> None:
    path = f"gateways.{gateway.name}"
    if gateway.exposure == "cluster":
        unused = [
            name
            for name in ("hostname", "certificate_arn", "hosted_zone_id", "web_acl_arn", "allow_from_cidrs")
            if getattr(gateway, name)
        ]
        if unused:
            findings.error(
                "LLM_GW_6",
                gateway,
                f"{path}.{unused[0]}",
                "a gateway for the cluster alone has no load balancer that this could be for",
                found=", ".join(unused),
                expected='exposure="internal", or nothing of these',
                fix=f"remove {' and '.join(unused)}",
            )
        return
    for name, what in (("hostname", "a name that callers use"), ("certificate_arn", "a certificate for its name")):
        if getattr(gateway, name) is None:
            findings.error(
                "LLM_GW_5",
                gateway,
                f"{path}.{name}",
                f"the load balancer needs {what}: API keys and prompts do not go over the network in plain text",
                found="nothing",
                expected="hostname and certificate_arn, both",
                fix='name a certificate of AWS Certificate Manager and the name it is for; or exposure="cluster"',
            )
    for name, what, fix, message in (
        (
            "certificate_arn",
            "certificates",
            "request or import the certificate",
            "CertificateNotFound: Certificate ARN is not valid",
        ),
        ("web_acl_arn", "web ACLs", "make the web ACL", None),
    ):
        arn = getattr(gateway, name)
        if arn and (region := arn.split(":")[3]) != platform.region:
            findings.error(
                "LLM_GW_7",
                gateway,
                f"{path}.{name}",
                f"a load balancer takes {what} of its own region only",
                found=region,
                expected=platform.region,
                fix=f"{fix} in {platform.region}",
                runtime_message=message,
            )
    known = bool(network.subnets) or network.existing_vpc_id is not None  # else the region is none, or the network
    if gateway.exposure == "public" and known and not any(item.kind == "public" for item in network.subnets):
        findings.error(
            "LLM_GW_11",
            gateway,
            f"{path}.exposure",
            "a public load balancer stands in public subnets, and llminfra knows of none in this network",
            found=f"existing VPC {network.existing_vpc_id}" if network.existing_vpc_id else "a network without NAT",
            expected='Network(nat="per-zone") or Network(nat="single")',
            fix='use exposure="internal", or a network with public subnets',
        )


def _check_tenants(gateway: Gateway, findings: Findings) -> None:
    path = f"gateways.{gateway.name}.tenants"
    tenants = [(index, item) for index, item in enumerate(gateway.tenants) if not item.broken]
    for index, item in tenants:
        if gateway.oidc is None and item.api_key is None and "api_key" not in item.doubtful:
            findings.error(
                "LLM_GW_10",
                item,
                f"{entry_path(path, index, item.name)}.api_key",
                "nothing tells this tenant's callers from others",
                found=f"tenant {item.name!r} without a key",
                expected="api_key=Secret(…), or oidc=Oidc(…) on the gateway",
                fix="name the secret of AWS Secrets Manager that holds its key",
            )
    for field in ("name", "api_key", "claim"):
        seen: dict[object, str] = {}
        for index, item in tenants:
            mark = _mark(gateway, item, field)
            if mark and mark in seen:
                findings.error(
                    "LLM_GW_15",
                    item,
                    # A name that two have does not say which of them.
                    f"{entry_path(path, index, None if field == 'name' else item.name)}.{field}",
                    "two tenants that cannot be told apart share one budget",
                    found=f"{field} of {item.name!r} is that of {seen[mark]!r}",
                    expected=f"{'an' if field == 'api_key' else 'a'} {field} of its own",
                    fix="give each tenant its own",
                )
            elif mark:
                seen[mark] = item.name


def _mark(gateway: Gateway, tenant: Tenant, field: str) -> object:
    """What tells a tenant's callers from others, by field; empty where the field does not."""
    match field:
        case "api_key":
            return (tenant.api_key.name, tenant.api_key.key) if tenant.api_key else None
        case "claim":
            return tenant_claim(tenant) if gateway.oidc else None
        case _:
            return tenant.name
