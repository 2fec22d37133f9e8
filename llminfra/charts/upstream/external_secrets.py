"""Values of ``external-secrets`` 2.9.

Source: external-secrets/external-secrets:deploy/charts/external-secrets/values.yaml.
"""

from pydantic import Field

from llminfra.charts.kubernetes import ResourceRequirements, Toleration, small_resources
from llminfra.charts.upstream._shared import ControllerServiceAccount, ServiceMonitorToggle
from llminfra.charts.values import ChartValues


class SecretsCrds(ChartValues):
    """``crds``: without the kinds that push or generate secrets."""

    create_cluster_external_secret: bool = False
    create_cluster_generator: bool = False
    create_cluster_push_secret: bool = False
    create_push_secret: bool = False


class SecretsPart(ChartValues):
    """``webhook`` and ``certController``."""

    replica_count: int = Field(default=1, ge=1)
    resources: ResourceRequirements = small_resources("25m", "128Mi")
    tolerations: list[Toleration] = []
    node_selector: dict[str, str] = {}


class ExternalSecretsValues(ChartValues):
    """Reads AWS Secrets Manager with the identity of its own service account."""

    install_crds: bool = Field(default=True, alias="installCRDs")
    crds: SecretsCrds = SecretsCrds()
    process_cluster_external_secret: bool = False
    process_cluster_generator: bool = False
    process_cluster_push_secret: bool = False
    process_push_secret: bool = False
    replica_count: int = Field(default=2, ge=1)
    leader_elect: bool = True
    service_account: ControllerServiceAccount = ControllerServiceAccount(name="external-secrets")
    resources: ResourceRequirements = small_resources("50m", "256Mi")
    tolerations: list[Toleration] = []
    node_selector: dict[str, str] = {}
    service_monitor: ServiceMonitorToggle = ServiceMonitorToggle()
    webhook: SecretsPart = SecretsPart()
    cert_controller: SecretsPart = SecretsPart()
