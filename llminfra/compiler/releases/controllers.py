"""Small controllers: KEDA, External Secrets, LeaderWorkerSet, the Lustre CSI driver, the Cluster Autoscaler."""

from __future__ import annotations

from llminfra.catalog.charts import chart_pin
from llminfra.charts.cluster_secrets import ClusterSecretsValues
from llminfra.charts.upstream import (
    AutoDiscovery,
    AutoscalerRbac,
    ClusterAutoscalerValues,
    ControllerServiceAccount,
    ExternalSecretsValues,
    FsxController,
    FsxCsiDriverValues,
    KedaValues,
    LwsImage,
    LwsManagerImage,
    LwsValues,
    irsa,
)
from llminfra.charts.upstream.cluster_autoscaler import AutoscalerServiceMonitor
from llminfra.charts.upstream.keda import (
    KedaMetrics,
    KedaOperatorAccount,
    KedaPodAnnotations,
    KedaPrometheus,
    KedaServiceAccounts,
)
from llminfra.compiler.contracts import ClusterContract
from llminfra.compiler.releases.names import monitor_labels, monitors, secret_store
from llminfra.planning.controllers.needs import Needs, alert_receivers, credential
from llminfra.planning.controllers.scraping import MONITORING, scraping_of
from llminfra.planning.plan import Plan

EXTERNAL_SECRETS_ACCOUNT = "external-secrets"
FSX_ACCOUNT = "fsx-csi-controller-sa"
KEDA_ACCOUNT = "keda-operator"
AUTOSCALER_ACCOUNT = "cluster-autoscaler"


def keda_values(plan: Plan, needs: Needs, cluster: ClusterContract, role_arn: str | None = None) -> KedaValues:
    """KEDA needs an AWS role only for queues: anything else it asks Prometheus."""
    metrics = KedaMetrics(enabled=needs.scraped, service_monitor=monitors(plan))
    account = KedaOperatorAccount(name=KEDA_ACCOUNT, annotations=irsa(role_arn))
    # Credentials come with the start of a pod: one that is older than its role must start again.
    restart = KedaPodAnnotations(keda={"llminfra.io/role": "queues"}) if needs.keda_queues else None
    return KedaValues(
        cluster_name=cluster.name,
        prometheus=KedaPrometheus(operator=metrics, metric_server=metrics),
        service_account=KedaServiceAccounts(operator=account),
        pod_annotations=restart,
    )


def external_secrets_values(plan: Plan, role_arn: str | None) -> ExternalSecretsValues:
    """The controller that reads AWS Secrets Manager."""
    return ExternalSecretsValues(
        service_account=ControllerServiceAccount(name=EXTERNAL_SECRETS_ACCOUNT, annotations=irsa(role_arn)),
        service_monitor=monitors(plan),
    )


def cluster_secrets_values(plan: Plan) -> ClusterSecretsValues:
    """The store, open to the namespaces of endpoints, and to Alertmanager's where receivers need credentials."""
    alerting = {MONITORING} if any(credential(item) for item in alert_receivers(plan)) else set()
    return ClusterSecretsValues(
        name=secret_store(plan),
        region=plan.platform.region,
        namespaces=sorted({item.namespace for item in plan.endpoints} | alerting),
    )


def lws_values() -> LwsValues:
    """The controller of multi-node replicas."""
    return LwsValues(image=LwsImage(manager=LwsManagerImage(tag=chart_pin("lws").app_version)))


def fsx_csi_values(plan: Plan, role_arn: str | None) -> FsxCsiDriverValues:
    """Mounts Lustre; its node part tolerates every taint."""
    account = ControllerServiceAccount(name=FSX_ACCOUNT, annotations=irsa(role_arn))
    return FsxCsiDriverValues(controller=FsxController(region=plan.platform.region, service_account=account))


def cluster_autoscaler_values(plan: Plan, cluster: ClusterContract, role_arn: str | None) -> ClusterAutoscalerValues:
    """Finds the groups of this cluster by their tags."""
    scraping = scraping_of(plan)
    return ClusterAutoscalerValues(
        auto_discovery=AutoDiscovery(cluster_name=cluster.name),
        aws_region=plan.platform.region,
        rbac=AutoscalerRbac(
            service_account=ControllerServiceAccount(name=AUTOSCALER_ACCOUNT, annotations=irsa(role_arn))
        ),
        service_monitor=AutoscalerServiceMonitor(
            enabled=scraping is not None,
            namespace=scraping.namespace if scraping is not None else MONITORING,
            selector=monitor_labels(plan),
        ),
    )
