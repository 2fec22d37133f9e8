"""Who may talk to the endpoint, whom it may talk to, and who scrapes it."""

from typing import Self

from pydantic import Field, model_validator

from llminfra.charts.values import ChartValues, Cidr, DnsLabel, Port


class EgressRule(ChartValues):
    """Allowed destinations: address ranges and TCP ports."""

    cidrs: list[Cidr] = Field(min_length=1)
    ports: list[Port] = Field(min_length=1)


class PodPeer(ChartValues):
    """Pods by their labels; without a namespace those of the endpoint's own."""

    namespace: DnsLabel | None = None
    pod_labels: dict[str, str] = Field(min_length=1)


class NetworkPolicy(ChartValues):
    """Deny by default, both directions; what is listed is allowed.

    Pods of one endpoint always reach each other on every port (multi-node ranks choose theirs). The VPC CNI enforces
    it only with ``enableNetworkPolicy`` in its add-on configuration. EFA traffic bypasses it: that is the security
    group's job.
    """

    from_same_namespace: bool = True
    from_namespaces: list[DnsLabel] = []
    """Namespaces (gateways, applications) that may call the serving port."""
    from_pods: list[PodPeer] | None = None
    """Pods that may call the serving port: a gateway and its endpoint picker."""
    from_cidrs: list[Cidr] = []
    """Address ranges that may call the serving port: a load balancer that targets pods by address."""
    metrics_from_namespaces: list[DnsLabel] = []
    """Namespaces whose Prometheus may scrape the metrics port."""
    metrics_pod_labels: dict[str, str] = {"app.kubernetes.io/name": "prometheus"}
    """Pods of those namespaces that scrape: what the Prometheus operator labels its pods with."""
    peer_endpoints: list[DnsLabel] = []
    """Other endpoints of the namespace that exchange KV caches with this one, on every port, both directions."""
    egress_dns: bool = True
    egress_pod_identity: bool = True
    """The EKS Pod Identity agent at 169.254.170.23 (and fd00:ec2::23), port 80."""
    egress: list[EgressRule] = []


class ServiceMonitor(ChartValues):
    """Scraping by the Prometheus operator."""

    labels: dict[str, str] = {}
    """What the Prometheus selects by; empty where it selects every ServiceMonitor."""
    interval_seconds: int = Field(default=15, ge=1)
    scrape_timeout_seconds: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _timeout_fits(self) -> Self:
        if self.scrape_timeout_seconds > self.interval_seconds:
            msg = (
                f"scrape timeout of {self.scrape_timeout_seconds} s is longer than the interval of "
                f"{self.interval_seconds} s: Prometheus refuses the whole monitor"
            )
            raise ValueError(msg)
        return self
