"""Values of the chart ``llm-gateway``: Envoy in front of endpoints, with its policies and an endpoint picker for each.

Fields of the custom resources: envoyproxy/gateway@94850d4323 (v1.8.3) api/v1alpha1, envoyproxy/ai-gateway@c217da8a5
(v1.1.0) api/v1beta1, kubernetes-sigs/gateway-api-inference-extension@992e5c29 (v1.6.0) api/v1; configuration and flags
of the picker: llm-d/llm-d-router@71f4f0999 (v0.10.0) apix/config/v1alpha1, pkg/epp/server/options.go.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from llminfra.charts.kubernetes import Image, ResourceRequirements, small_resources
from llminfra.charts.llm_server.storage import ExternalSecret
from llminfra.charts.values import ChartValues, Cidr, DnsLabel, LateStr, Port

# Headers by which the picker and Envoy AI Gateway are told what to do (llm-d/llm-d-router@71f4f0999
# pkg/epp/metadata/consts.go): which pod, which model instead, whose turn, how urgent. Not for callers to say.
_INTERNAL_HEADERS = [
    "x-gateway-destination-endpoint",
    "x-gateway-destination-endpoint-subset",
    "x-gateway-inference-fairness-id",
    "x-gateway-inference-objective",
    "x-gateway-model-name-rewrite",
    "x-llm-d-inference-fairness-id",
    "x-llm-d-inference-objective",
    "x-llm-d-model-name-rewrite",
    "x-llm-d-slo-tpot-ms",
    "x-llm-d-slo-ttft-ms",
    "x-slo-tpot-ms",
    "x-slo-ttft-ms",
]


class PickerMetrics(ChartValues):
    """Series of the engine that the picker reads at every replica, by the names of the engine's release."""

    path: Annotated[str, Field(pattern=r"^/")] = "/metrics"
    queued: str = Field(min_length=1)
    running: str | None = None
    kv_usage: str | None = None


class Picker(ChartValues):
    """The endpoint picker of one endpoint (llm-d router)."""

    name: DnsLabel
    metrics: PickerMetrics | None = None
    """``None``: the picker counts requests itself."""
    prefix: bool = True
    """Whether replicas that have the beginning of the prompt in their cache come first."""
    reads_bodies: bool = True
    """Whether requests are of an API that the picker reads; it passes on others as they are."""
    hold_seconds: Annotated[int, Field(ge=1, le=299)] | None = None
    """Seconds that requests wait for room or for a replica; ``None``: they go to a replica at once, or fail."""
    hold_mib: Annotated[int, Field(ge=16)] = 512
    """Memory for requests that wait; part of the container's."""
    resources: ResourceRequirements = small_resources("250m", "2Gi")

    @model_validator(mode="after")
    def _holds_by_metrics(self) -> Self:
        if self.hold_seconds is not None and self.metrics is None:
            msg = f"picker {self.name}: without metrics every replica counts as full: nothing held would go on"
            raise ValueError(msg)
        if self.prefix and not self.reads_bodies:
            msg = f"picker {self.name}: what is not read has no beginning to compare"
            raise ValueError(msg)
        return self


class Route(ChartValues):
    """One endpoint, and the model names or the paths that lead to it."""

    endpoint: DnsLabel
    models: list[Annotated[str, Field(min_length=1, max_length=4096)]] = Field(default=[], max_length=128)
    prefix: Annotated[str, Field(pattern=r"^/[a-z0-9/-]+[a-z0-9]$")] | None = None
    """What stands before the engine's paths at the gateway."""
    paths: list[Annotated[str, Field(pattern=r"^/[a-z0-9/_-]+$")]] = Field(default=[], max_length=16)
    """The engine's paths that are passed on; requests to them name no model that anything at the gateway reads."""
    pod_labels: dict[str, str] = Field(min_length=1)
    """Labels of the pods that take requests: of a multi-node replica the leader alone."""
    port: Port
    picker: Picker
    api_key_secret: DnsLabel | None = None
    """Secret with the engine's own key under ``apiKey``, which Envoy presents to it."""

    @model_validator(mode="after")
    def _has_one_way(self) -> Self:
        if bool(self.models) == bool(self.paths) or bool(self.paths) != (self.prefix is not None):
            msg = f"route to {self.endpoint}: name models, or paths with their prefix"
            raise ValueError(msg)
        if self.paths and self.api_key_secret is not None:
            msg = f"route to {self.endpoint}: Envoy presents keys along routes by model alone"
            raise ValueError(msg)
        return self


class TenantLimits(ChartValues):
    """Budgets of one tenant; ``id`` is the value of the tenant header."""

    id: str = Field(min_length=1, max_length=253)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)


class TokenIssuer(ChartValues):
    """The identity provider whose tokens callers bring."""

    issuer: str = Field(min_length=1)
    audiences: list[str] = Field(min_length=1, max_length=8)
    jwks_uri: Annotated[str, Field(pattern=r"^https://", max_length=253)]
    tenant_claim: str = Field(min_length=1)


class LlmGatewayValues(ChartValues):
    """One gateway; its objects stand in the release's namespace, Envoy's pods in ``proxy_namespace``."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=45)]
    labels: dict[str, str] = {}
    proxy_namespace: DnsLabel
    """Where Envoy Gateway runs Envoy: its own namespace."""
    service_name: DnsLabel
    port: Annotated[int, Field(ge=1024, le=65535)]
    """Port of Envoy and of its Service: below 1024 Envoy Gateway would shift it."""
    replicas: int = Field(default=2, ge=1)
    proxy_image: str | None = None
    """Image of Envoy; ``None``: the one that Envoy Gateway brings. Envoy Gateway's own setting does not count here: a
    gateway's parameters replace it (envoyproxy/gateway v1.8.3 api/v1alpha1/envoygateway_types.go, ``envoyProxy``)."""
    proxy_resources: ResourceRequirements = small_resources("250m", "1Gi")
    filter_resources: ResourceRequirements = small_resources("100m", "512Mi")
    """Of the container beside Envoy that reads models and tokens from requests and answers."""
    request_timeout_seconds: int = Field(ge=1)
    buffer_mib: int = Field(default=50, ge=1)
    """Longest request or chunk that Envoy holds; its default of 32 KiB is less than a prompt."""
    health_path: Annotated[str, Field(pattern=r"^/")] = "/healthz"
    """What the load balancer asks; answered by Envoy itself, without a key."""
    tenant_header: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = "x-llm-d-inference-fairness-id"
    """Header in which Envoy writes who calls: pickers let tenants take turns by it, and label metrics with it."""
    internal_headers: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]] = _INTERNAL_HEADERS
    """Headers that are dropped when callers send them."""
    routes: list[Route] = Field(min_length=1, max_length=15)
    tenants: list[TenantLimits] = Field(default=[], max_length=100)
    api_keys: ExternalSecret | None = None
    """Keys by tenant."""
    engine_keys: list[ExternalSecret] = []
    token_issuer: TokenIssuer | None = None
    target_group_arn: LateStr | None = None
    """Target group of the load balancer; ``None`` without one."""
    callers: list[Cidr] = []
    """Addresses that may reach Envoy: those of the load balancer. Empty: every pod of the cluster."""
    picker_image: Image
    metrics_namespace: DnsLabel | None = None
    """Namespace of the Prometheus that scrapes Envoy and the pickers; ``None``: nobody does."""
    monitor_labels: dict[str, str] | None = None
    """What that Prometheus selects monitors by; ``None`` where it selects all."""

    @model_validator(mode="after")
    def _one_kind_of_credential(self) -> Self:
        if self.api_keys is not None and self.token_issuer is not None:
            msg = "Envoy would ask for an API key and a token: name one of api_keys and token_issuer"
            raise ValueError(msg)
        if self.tenant_header not in self.internal_headers:
            msg = f"callers could say in {self.tenant_header} who they are: add it to internal_headers"
            raise ValueError(msg)
        if self.tenants and self.api_keys is None and self.token_issuer is None:
            msg = "tenants need api_keys or token_issuer: otherwise nobody is one of them"
            raise ValueError(msg)
        return self
