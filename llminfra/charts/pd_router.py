"""Values of the chart ``pd-router``: Envoy and the endpoint picker in front of prefill and decode pods."""

from typing import Annotated

from pydantic import Field

from llminfra.charts.kubernetes import Image
from llminfra.charts.llm_server.network import ServiceMonitor
from llminfra.charts.values import ChartValues, DnsLabel, Port


class RouterPart(ChartValues):
    """One of the router's two containers."""

    image: Image
    cpu_millis: int = Field(default=500, ge=1)
    memory_mib: int = Field(default=512, ge=64)


class PdRouterValues(ChartValues):
    """The router of one endpoint; its Service has the endpoint's name."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=45)]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][-A-Za-z0-9._]*$", max_length=63)]
    labels: dict[str, str] = {}
    proxy: RouterPart
    """Envoy."""
    picker: RouterPart
    """llm-d's endpoint picker."""
    run_as_user: int = Field(ge=1)
    replicas: int = Field(default=1, ge=1)
    """One picker knows which pod has cached what; a second one learns it by itself."""
    port: Port
    ready_port: Port = 19001
    engines: list[DnsLabel] = Field(min_length=2)
    """The releases that serve: prefill and decode."""
    engine_labels: Annotated[dict[str, str], Field(min_length=1)]
    """Labels of the pods that the picker chooses among."""
    engine_port: Port
    remote_from_tokens: int = Field(ge=1)
    """Prompts with more tokens than this that are not cached go to a prefill pod."""
    protected_headers: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]] = Field(min_length=1)
    """Headers that callers must not set: they steer requests."""
    request_timeout_seconds: int = Field(default=3600, ge=1)
    most_requests: int = Field(default=4096, ge=1)
    """Requests under way at once; Envoy answers 503 to more."""
    drain_seconds: int = Field(ge=0)
    """How long requests that run may take when the router leaves."""
    priority_class_name: str | None = None
    node_selector: dict[str, str] = {}
    from_namespaces: list[DnsLabel] = []
    """Namespaces that may call, besides its own."""
    metrics_from_namespaces: list[DnsLabel] = []
    service_monitor: ServiceMonitor | None = None
