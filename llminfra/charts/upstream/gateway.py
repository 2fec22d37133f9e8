"""Values of ``gateway-helm`` 1.8 and ``ai-gateway-helm`` 1.1: Envoy Gateway, and Envoy AI Gateway beside it.

Sources: envoyproxy/gateway@94850d4323:charts/gateway-helm/values.tmpl.yaml and api/v1alpha1/envoygateway_types.go;
envoyproxy/ai-gateway@c217da8a5:manifests/charts/ai-gateway-helm/values.yaml, manifests/envoy-gateway-values.yaml (what
Envoy Gateway must be told), examples/inference-pool/envoy-gateway-values-addon.yaml and
examples/token_ratelimit/envoy-gateway-values-addon.yaml.
"""

from typing import Literal

from pydantic import Field

from llminfra.charts.kubernetes import ResourceRequirements, small_resources
from llminfra.charts.values import ChartValues, DnsLabel, Port


class IncludeAll(ChartValues):
    """Whether the extension sees all resources of a kind."""

    include_all: bool = True


class XdsTranslation(ChartValues):
    """What the extension sees of a translation."""

    listener: IncludeAll = IncludeAll()
    route: IncludeAll = IncludeAll()
    cluster: IncludeAll = IncludeAll()
    secret: IncludeAll = IncludeAll()


class XdsTranslator(ChartValues):
    """When the extension is asked."""

    translation: XdsTranslation = XdsTranslation()
    post: list[Literal["Translation", "Cluster", "Route"]] = ["Translation", "Cluster", "Route"]


class ExtensionHooks(ChartValues):
    """``hooks``."""

    xds_translator: XdsTranslator = XdsTranslator()


class ExtensionAddress(ChartValues):
    """Name and port of the extension."""

    hostname: str
    port: Port = 1063


class ExtensionService(ChartValues):
    """``service``."""

    fqdn: ExtensionAddress


class BackendResource(ChartValues):
    """A kind that routes may name as their backend."""

    group: str
    kind: str
    version: str


class ExtensionManager(ChartValues):
    """Envoy AI Gateway as the extension of Envoy Gateway, and the kinds that it knows."""

    hooks: ExtensionHooks = ExtensionHooks()
    service: ExtensionService
    backend_resources: list[BackendResource] = [
        BackendResource(group="inference.networking.k8s.io", kind="InferencePool", version="v1")
    ]


class ExtensionApis(ChartValues):
    """``extensionApis``."""

    enable_envoy_patch_policy: bool = True
    enable_backend: bool = True


class RedisAddress(ChartValues):
    """``redis``."""

    url: str = Field(pattern=r"^[a-z0-9.-]+:[0-9]+$")


class RateLimitBackend(ChartValues):
    """Where counters are kept."""

    type: Literal["Redis"] = "Redis"
    redis: RedisAddress


class RateLimitService(ChartValues):
    """The rate-limit service, which Envoy Gateway deploys itself."""

    backend: RateLimitBackend
    fail_closed: bool = True
    """Whether requests fail while it is away; otherwise every limit would be off for as long."""


class RateLimitDeployment(ChartValues):
    """``provider.kubernetes.rateLimitDeployment``."""

    replicas: int = Field(default=2, ge=1)


class KubernetesProvider(ChartValues):
    """``provider.kubernetes``."""

    rate_limit_deployment: RateLimitDeployment = RateLimitDeployment()


class Provider(ChartValues):
    """``provider``."""

    type: Literal["Kubernetes"] = "Kubernetes"
    kubernetes: KubernetesProvider = KubernetesProvider()


class EnvoyGatewayConfig(ChartValues):
    """``config.envoyGateway``."""

    provider: Provider = Provider()
    extension_apis: ExtensionApis = ExtensionApis()
    extension_manager: ExtensionManager
    rate_limit: RateLimitService


class GatewayConfig(ChartValues):
    """``config``."""

    envoy_gateway: EnvoyGatewayConfig


class GatewayDisruption(ChartValues):
    """``podDisruptionBudget``."""

    min_available: int = Field(default=1, ge=0)


class GatewayDeployment(ChartValues):
    """``deployment``."""

    replicas: int = Field(default=2, ge=1)


class EnvoyGatewayValues(ChartValues):
    """Envoy Gateway with the definitions of Gateway API and of its own."""

    deployment: GatewayDeployment = GatewayDeployment()
    pod_disruption_budget: GatewayDisruption = GatewayDisruption()
    config: GatewayConfig


class AiController(ChartValues):
    """``controller``."""

    fullname_override: DnsLabel = "ai-gateway-controller"
    """Name of its Service, which Envoy Gateway is told."""
    replica_count: int = Field(default=2, ge=1)
    resources: ResourceRequirements = small_resources("100m", "256Mi")
    log_format: Literal["text", "json"] = "json"
    metrics_request_header_attributes: str = ""
    """Header and attribute, as ``header:attribute``: a label of its metrics."""


class AiFilter(ChartValues):
    """``extProc``: the container beside Envoy."""

    log_format: Literal["text", "json"] = "json"


class EnvoyGatewayPlace(ChartValues):
    """``envoyGateway``."""

    namespace: DnsLabel


class AiGatewayValues(ChartValues):
    """Envoy AI Gateway, in the namespace of Envoy Gateway."""

    controller: AiController = AiController()
    ext_proc: AiFilter = AiFilter()
    envoy_gateway: EnvoyGatewayPlace
