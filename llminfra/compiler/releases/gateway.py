"""Gateways: the controllers behind them, once per cluster, and each gateway as values of ``llm-gateway``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog.chart_images import chart_images
from llminfra.catalog.charts import image_pin
from llminfra.charts.gateway_base import COUNTERS_PORT, GatewayBaseValues
from llminfra.charts.kubernetes import Image
from llminfra.charts.llm_gateway import LlmGatewayValues, Picker, PickerMetrics, Route, TenantLimits, TokenIssuer
from llminfra.charts.llm_server import ExternalSecret, ExternalSecretItem
from llminfra.charts.upstream import (
    AiController,
    AiGatewayValues,
    ControllerConfig,
    ControllerServiceAccount,
    EnvoyGatewayConfig,
    EnvoyGatewayPlace,
    EnvoyGatewayValues,
    ExtensionAddress,
    ExtensionManager,
    ExtensionService,
    GatewayConfig,
    LoadBalancerControllerValues,
    PodWebhook,
    RateLimitBackend,
    RateLimitService,
    RedisAddress,
    irsa,
)
from llminfra.compiler.releases.names import GATEWAY, monitor_labels, monitors, secret_store
from llminfra.planning.controllers.scraping import scraping_of
from llminfra.planning.endpoints.gateways import PROXY_PORT, picks_by_metrics, tenant_claim
from llminfra.planning.network.mirror import image_names
from llminfra.planning.plan.gateways import GatewayPlan, GatewayRoute
from llminfra.planning.plan.labels import ROLE_LABEL

if TYPE_CHECKING:
    from llminfra.compiler.contracts import ClusterContract, NetworkContract
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.spec.base.secret import Secret
    from llminfra.spec.services.gateway import Tenant

READINESS_LABEL = {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}
"""On a namespace: a pod behind a target group is ready once the balancer has found it healthy
(kubernetes-sigs/aws-load-balancer-controller@11eb202c9 docs/deploy/pod_readiness_gate.md)."""
LOAD_BALANCER_ACCOUNT = "aws-load-balancer-controller"
HEALTH_PATH = "/healthz"
"""What the load balancer asks Envoy."""
TENANT_HEADER = "x-llm-d-inference-fairness-id"
"""Header by which llm-d's endpoint picker lets callers take turns; Envoy writes the tenant there."""
_AI_SERVICE = f"ai-gateway-controller.{GATEWAY}.svc.cluster.local"


def gateway_base_values() -> GatewayBaseValues:
    """The definition of InferencePool, and counters."""
    return GatewayBaseValues(counters_image=_image("limit-counters"))


def envoy_gateway_values() -> EnvoyGatewayValues:
    """Envoy Gateway, with Envoy AI Gateway as its extension."""
    counters = gateway_base_values().counters_name
    redis = RedisAddress(url=f"{counters}.{GATEWAY}.svc.cluster.local:{COUNTERS_PORT}")
    extension = ExtensionManager(service=ExtensionService(fqdn=ExtensionAddress(hostname=_AI_SERVICE)))
    limits = RateLimitService(backend=RateLimitBackend(redis=redis))
    config = EnvoyGatewayConfig(extension_manager=extension, rate_limit=limits)
    return EnvoyGatewayValues(config=GatewayConfig(envoy_gateway=config))


def ai_gateway_values() -> AiGatewayValues:
    """Envoy AI Gateway, which counts tokens by tenant."""
    # OpenTelemetry's names have dots; Prometheus turns them into underscores.
    controller = AiController(metrics_request_header_attributes=f"{TENANT_HEADER}:llminfra.tenant")
    return AiGatewayValues(controller=controller, envoy_gateway=EnvoyGatewayPlace(namespace=GATEWAY))


def load_balancer_controller_values(
    plan: Plan, network: NetworkContract, cluster: ClusterContract, role_arn: str | None
) -> LoadBalancerControllerValues:
    """The controller that makes Envoy's pods targets; load balancers themselves are made by Terraform."""
    return LoadBalancerControllerValues(
        cluster_name=cluster.name,
        region=plan.platform.region,
        vpc_id=network.vpc_id,
        service_account=ControllerServiceAccount(name=LOAD_BALANCER_ACCOUNT, annotations=irsa(role_arn)),
        create_ingress_class_resource=False,
        controller_config=ControllerConfig(),
        pod_mutator_webhook_config=PodWebhook(),
        service_monitor=monitors(plan),
    )


def llm_gateway_values(gateway: GatewayPlan, plan: Plan, target_group_arn: str | None) -> LlmGatewayValues:
    """Values of one gateway.

    Args:
        gateway: The gateway.
        plan: The plan it belongs to.
        target_group_arn: Target group of its load balancer, where it has one.
    """
    by_name = {item.name: item for item in plan.endpoints}
    routes = [(route, by_name[route.endpoint]) for route in gateway.routes]
    spec, oidc = gateway.spec, gateway.spec.oidc
    scraping = scraping_of(plan)
    return LlmGatewayValues(
        name=gateway.name,
        proxy_namespace=GATEWAY,
        service_name=gateway.proxy_service,
        port=PROXY_PORT,
        replicas=spec.replicas,
        proxy_image=_proxy_image(plan),
        request_timeout_seconds=spec.request_timeout_s,
        health_path=HEALTH_PATH,
        tenant_header=TENANT_HEADER,
        routes=[_route(gateway, route, endpoint) for route, endpoint in routes],
        tenants=[_limits(item, by_claim=oidc is not None) for item in spec.tenants],
        api_keys=_api_keys(gateway, plan),
        engine_keys=[
            _secret(_engine_key(endpoint), {"apiKey": endpoint.spec.api_key}, plan)
            for _, endpoint in routes
            if endpoint.spec.api_key is not None
        ],
        token_issuer=None
        if oidc is None
        else TokenIssuer(
            issuer=oidc.issuer,
            audiences=list(oidc.audiences),
            jwks_uri=oidc.jwks_uri,
            tenant_claim=oidc.tenant_claim,
        ),
        target_group_arn=target_group_arn,
        # The load balancer's own addresses, whoever calls it.
        callers=[plan.network.cidr] if gateway.balanced else [],
        picker_image=_image("endpoint-picker"),
        metrics_namespace=scraping.scraper_namespace if scraping is not None else None,
        monitor_labels=monitor_labels(plan) or None,
    )


def _proxy_image(plan: Plan) -> str | None:
    """Where the mirror has Envoy, and its digest; without both, Envoy Gateway knows its own image best."""
    names = image_names(plan)
    if names.as_declared:
        return None
    envoy = next(item for item in chart_images("gateway-helm") if item.whole == "global.images.envoyProxy.image")
    return names.pulled(envoy.reference)


def _route(gateway: GatewayPlan, route: GatewayRoute, endpoint: EndpointPlan) -> Route:
    metrics = endpoint.invocation.metrics
    read = None
    if picks_by_metrics(endpoint) and metrics is not None and metrics.waiting is not None:
        read = PickerMetrics(
            path=metrics.path, queued=metrics.waiting, running=metrics.running, kv_usage=metrics.kv_usage
        )
    return Route(
        endpoint=route.endpoint,
        models=list(route.models),
        prefix=route.prefix or None,
        paths=list(route.paths),
        pod_labels=serving_labels(endpoint),
        port=endpoint.invocation.port,
        picker=Picker(
            name=route.picker,
            metrics=read,
            prefix=gateway.spec.routing == "prefix" and not route.paths,
            reads_bodies=not route.paths,
            hold_seconds=route.hold_s,
        ),
        api_key_secret=_engine_key(endpoint) if endpoint.spec.api_key is not None else None,
    )


def serving_labels(endpoint: EndpointPlan) -> dict[str, str]:
    """Labels of the pods of an endpoint that take requests (chart ``llm-server``), those of its overflow included."""
    own = {} if endpoint.spec.overflow is not None else {"app.kubernetes.io/name": "llm-server"}
    return {**own, "app.kubernetes.io/instance": endpoint.name, ROLE_LABEL: "leader"}


def proxy_labels(gateway: GatewayPlan) -> dict[str, str]:
    """Labels of Envoy's pods (envoyproxy/gateway@94850d4323 internal/gatewayapi/translator.go)."""
    return {
        "gateway.envoyproxy.io/owning-gateway-name": gateway.name,
        "gateway.envoyproxy.io/owning-gateway-namespace": gateway.namespace,
    }


def picker_labels(route: GatewayRoute) -> dict[str, str]:
    """Labels of the pods of an endpoint picker (chart ``llm-gateway``)."""
    return {"app.kubernetes.io/name": "endpoint-picker", "app.kubernetes.io/instance": route.picker}


def _limits(tenant: Tenant, *, by_claim: bool) -> TenantLimits:
    return TenantLimits(
        id=tenant_claim(tenant) if by_claim else tenant.name,
        requests_per_minute=tenant.requests_per_minute,
        tokens_per_minute=tenant.tokens_per_minute,
    )


def _api_keys(gateway: GatewayPlan, plan: Plan) -> ExternalSecret | None:
    keys = {item.name: item.api_key for item in gateway.spec.tenants if item.api_key is not None}
    return _secret(f"{gateway.service}-keys", keys, plan) if keys else None


def _secret(name: str, data: dict[str, Secret], plan: Plan) -> ExternalSecret:
    items = [
        ExternalSecretItem(secret_key=key, remote_key=item.name, remote_property=item.key) for key, item in data.items()
    ]
    return ExternalSecret(name=name, store_name=secret_store(plan), data=items)


def _engine_key(endpoint: EndpointPlan) -> str:
    """Name of the Secret with which Envoy presents itself to an engine."""
    return f"{endpoint.name}-gateway-key"


def _image(name: str) -> Image:
    pin = image_pin(name)
    return Image(repository=pin.repository, tag=pin.tag)
