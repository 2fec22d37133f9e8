"""The platform stack: everything that is installed once per cluster, in the order in which it can work."""

from __future__ import annotations

from llminfra.bindings import core
from llminfra.charts.upstream import MountpointCsiDriverValues
from llminfra.compiler.contracts import ClusterContract, NetworkContract
from llminfra.compiler.releases.alerting import ALERTMANAGER_ACCOUNT, topics
from llminfra.compiler.releases.cluster_base import cluster_base_values
from llminfra.compiler.releases.controllers import (
    AUTOSCALER_ACCOUNT,
    EXTERNAL_SECRETS_ACCOUNT,
    FSX_ACCOUNT,
    KEDA_ACCOUNT,
    cluster_autoscaler_values,
    cluster_secrets_values,
    external_secrets_values,
    fsx_csi_values,
    keda_values,
    lws_values,
)
from llminfra.compiler.releases.gateway import (
    LOAD_BALANCER_ACCOUNT,
    ai_gateway_values,
    envoy_gateway_values,
    gateway_base_values,
    load_balancer_controller_values,
)
from llminfra.compiler.releases.gpu_agents import (
    dcgm_exporter_values,
    efa_device_plugin_values,
    nvidia_device_plugin_values,
)
from llminfra.compiler.releases.karpenter import karpenter_pools_values, karpenter_values
from llminfra.compiler.releases.monitoring import PROMETHEUS_ACCOUNT, monitoring_values, observability_values
from llminfra.compiler.releases.names import (
    GATEWAY,
    KUBE_SYSTEM,
)
from llminfra.compiler.stacks.common import Built, open_stack, pod_identity, read
from llminfra.compiler.stacks.platform_releases import Releases
from llminfra.constructs.basis.iam import Role, Statement
from llminfra.constructs.basis.providers import helm_provider
from llminfra.constructs.basis.secrets import reads_secrets, secret_arn
from llminfra.constructs.basis.state import write_outputs
from llminfra.constructs.cluster.cluster_autoscaler_policy import cluster_autoscaler_policies
from llminfra.constructs.cluster.fsx_csi_policy import looks_up_file_systems
from llminfra.constructs.cluster.target_registration_policy import registers_targets
from llminfra.constructs.observability.grafana_workspace import grafana_workspace
from llminfra.constructs.observability.prometheus_workspace import prometheus_workspace, writes_metrics
from llminfra.planning.controllers.namespaces import EXTERNAL_SECRETS, KEDA, LWS
from llminfra.planning.controllers.needs import GATEWAY as SHARED_GATEWAY
from llminfra.planning.controllers.needs import Needs, needs_of, secret_names
from llminfra.planning.controllers.scraping import MONITORING, MONITORING_RELEASE, scraping_of
from llminfra.planning.images.used import parts_off
from llminfra.planning.plan import Plan
from llminfra.planning.plan.made_names import async_id

_MONITORING_TIMEOUT_S = 1200  # pulls a dozen images and waits for volumes


def platform_stack(app: core.App, plan: Plan) -> Built:
    """Compile the cluster-wide Helm releases of a plan."""
    scope = open_stack(app, plan, "platform", with_helm=True)
    network = NetworkContract.read(read(scope, plan, "network"), plan)
    cluster = ClusterContract.read(read(scope, plan, "cluster"), plan)
    helm_provider(
        scope.stack,
        region=plan.platform.region,
        cluster_name=cluster.name,
        endpoint=cluster.endpoint,
        ca_certificate=cluster.ca_certificate,
    )
    needs = needs_of(plan)
    releases = Releases(scope, pod_identity(plan, cluster), plan, parts_off(plan))
    volume_key = cluster.key_arn if plan.platform.encryption else None
    base = releases.install("cluster", "cluster-base", KUBE_SYSTEM, cluster_base_values(plan, volume_key))
    monitoring = _monitoring(releases, plan, needs, cluster, base)
    _autoscaler(releases, plan, needs, network, cluster, base, monitoring)
    _gpu_agents(releases, plan, needs, base, monitoring)
    store = _controllers(releases, plan, needs, cluster, base, monitoring)
    envoy = _gateways(releases, base) if needs.gateway else None
    if needs.load_balancer:
        _load_balancer(releases, plan, network, cluster, base, monitoring, envoy)
    _rules(releases, plan, base, monitoring, store)
    scope.finish()
    return Built("platform", scope.stack, frozenset(releases.charts))


def _monitoring(
    releases: Releases, plan: Plan, needs: Needs, cluster: ClusterContract, base: core.TerraformElement
) -> core.TerraformElement | None:
    observability = plan.platform.own_observability
    if observability is None:
        return None
    make = releases.scope.under("observability")
    ready: list[core.TerraformElement] = []
    prometheus_role = alertmanager_role = url = None
    if observability.prometheus == "managed":
        workspace = prometheus_workspace(make, key_arn=cluster.key_arn, days=observability.retention_days)
        writer = releases.role(
            make, "prometheus", MONITORING, PROMETHEUS_ACCOUNT, {"write": [writes_metrics(workspace)]}
        )
        outputs = {"prometheus_endpoint": workspace.endpoint}
        if observability.grafana == "managed":
            outputs["grafana_endpoint"] = grafana_workspace(
                make, prometheus=workspace, admin_groups=observability.grafana_admin_groups
            )
        write_outputs(releases.scope.stack, outputs)
        url, prometheus_role = workspace.remote_write_url, releases.irsa(writer)
        ready += [*workspace.ready, *writer.ready]
    if published := topics(observability.receivers):
        publishing = Statement(sid="PublishAlerts", actions=["sns:Publish"], resources=published)
        publisher = releases.role(make, "alertmanager", MONITORING, ALERTMANAGER_ACCOUNT, {"publish": [publishing]})
        alertmanager_role = releases.irsa(publisher)
        ready += publisher.ready
    values = monitoring_values(
        plan,
        observability,
        needs,
        remote_write_url=url,
        prometheus_role=prometheus_role,
        alertmanager_role=alertmanager_role,
    )
    return releases.install(
        "observability", MONITORING_RELEASE, MONITORING, values, base, *ready, timeout_s=_MONITORING_TIMEOUT_S
    )


def _rules(
    releases: Releases,
    plan: Plan,
    base: core.TerraformElement,
    monitoring: core.TerraformElement | None,
    store: core.TerraformElement | None,
) -> None:
    """After the operator, whose CRDs the rules are, and the store that the receivers' credentials come from."""
    scraping = scraping_of(plan)
    if scraping is None:
        return
    values = observability_values(plan, scraping)
    if values.rule_groups or values.dashboards or values.external_secrets:
        after = store if values.external_secrets else None
        first = monitoring or base
        releases.install("observability", "llm-observability", scraping.namespace, values, first, after)


def _autoscaler(
    releases: Releases,
    plan: Plan,
    needs: Needs,
    network: NetworkContract,
    cluster: ClusterContract,
    base: core.TerraformElement,
    monitoring: core.TerraformElement | None,
) -> None:
    path = "cluster.autoscaler" if not plan.eks.existing else "cluster"
    controller = base
    if needs.karpenter:
        crds = releases.install(path, "karpenter-crd", KUBE_SYSTEM, None, base)
        values = karpenter_values(plan, cluster)
        controller = releases.install(path, "karpenter", KUBE_SYSTEM, values, crds, monitoring)
    if needs.karpenter_pools:
        pools = karpenter_pools_values(plan, needs, network, cluster)
        releases.install("pools", "karpenter-pools", KUBE_SYSTEM, pools, controller)
    if needs.cluster_autoscaler:
        role = releases.role(
            releases.scope.under(path),
            "cluster-autoscaler",
            KUBE_SYSTEM,
            AUTOSCALER_ACCOUNT,
            cluster_autoscaler_policies(releases.scope, cluster_name=plan.eks.name),
        )
        autoscaler = cluster_autoscaler_values(plan, cluster, releases.irsa(role))
        releases.install(path, "cluster-autoscaler", KUBE_SYSTEM, autoscaler, base, monitoring, *role.ready)


def _gpu_agents(
    releases: Releases,
    plan: Plan,
    needs: Needs,
    base: core.TerraformElement,
    monitoring: core.TerraformElement | None,
) -> None:
    if needs.device_plugin:
        releases.install("pools", "nvidia-device-plugin", KUBE_SYSTEM, nvidia_device_plugin_values(plan), base)
    if needs.efa_plugin:
        values = efa_device_plugin_values(plan, needs)
        releases.install("pools", "aws-efa-k8s-device-plugin", KUBE_SYSTEM, values, base)
    if needs.dcgm_exporter and (scraping := scraping_of(plan)) is not None:
        exporter = dcgm_exporter_values(plan)
        releases.install("observability", "dcgm-exporter", scraping.namespace, exporter, base, monitoring)


def _asks_queues(releases: Releases, needs: Needs) -> Role | None:
    """KEDA's role, where it scales workers on the length of queues; the queues come later, in a stack of their own."""
    scope, others = releases.scope, releases.plan.eks.shared_with
    names = [scope.name(async_id(name)) for name in needs.keda_queues]
    names += [f"{other.name}-{async_id('*')}" for other in others]
    if not names:
        return None
    asking = Statement(
        sid="AskQueues", actions=["sqs:GetQueueAttributes"], resources=[scope.arn("sqs", name) for name in names]
    )
    path = "async_endpoints" if needs.keda_queues else "cluster.shared_with"
    return releases.role(scope.under(path), "keda", KEDA, KEDA_ACCOUNT, {"ask": [asking]})


def _controllers(
    releases: Releases,
    plan: Plan,
    needs: Needs,
    cluster: ClusterContract,
    base: core.TerraformElement,
    monitoring: core.TerraformElement | None,
) -> core.TerraformElement | None:
    """Install what the plan needs; returns the secret store, if there is one."""
    scope = releases.scope
    if needs.keda:
        asks = _asks_queues(releases, needs)
        keda = keda_values(plan, needs, cluster, releases.irsa(asks) if asks else None)
        releases.install("endpoints", "keda", KEDA, keda, base, monitoring, *(asks.ready if asks else ()))
    if needs.lws:
        releases.install("endpoints", "lws", LWS, lws_values(), base)
    if needs.fsx_csi:
        describe = looks_up_file_systems(scope)
        role = releases.role(scope.under("storage"), "fsx-csi", KUBE_SYSTEM, FSX_ACCOUNT, {"describe": [describe]})
        values = fsx_csi_values(plan, releases.irsa(role))
        releases.install("storage", "aws-fsx-csi-driver", KUBE_SYSTEM, values, base, *role.ready)
    if needs.mountpoint_csi:
        releases.install("storage", "aws-mountpoint-s3-csi-driver", KUBE_SYSTEM, MountpointCsiDriverValues(), base)
    operator = base
    if needs.external_secrets:
        others = dict.fromkeys(name for other in plan.eks.shared_with for name in other.secrets)
        secrets = [secret_arn(scope, name) for name in dict.fromkeys([*secret_names(plan), *others])]
        reading = reads_secrets(scope, secrets, sid="ReadDeclaredSecrets", describe=True) if secrets else []
        role = releases.role(
            scope.under(releases.asked_by("external-secrets", "endpoints")),
            "external-secrets",
            EXTERNAL_SECRETS,
            EXTERNAL_SECRETS_ACCOUNT,
            {"read": reading} if reading else {},
        )
        operator = releases.install(
            "endpoints",
            "external-secrets",
            EXTERNAL_SECRETS,
            external_secrets_values(plan, releases.irsa(role)),
            base,
            monitoring,
            *role.ready,
        )
    if not needs.secret_store:
        return None
    return releases.install("endpoints", "cluster-secrets", KUBE_SYSTEM, cluster_secrets_values(plan), operator)


def _gateways(releases: Releases, base: core.TerraformElement) -> core.TerraformElement:
    """Definitions, then Envoy Gateway, which watches what they define, then its extension."""
    path = releases.asked_by(SHARED_GATEWAY, "gateways")
    first = releases.install(path, "gateway-base", GATEWAY, gateway_base_values(), base)
    crds = releases.install(path, "ai-gateway-crds-helm", GATEWAY, None, base)
    envoy = releases.install(path, "gateway-helm", GATEWAY, envoy_gateway_values(), first, crds)
    releases.install(path, "ai-gateway-helm", GATEWAY, ai_gateway_values(), envoy)
    return envoy


def _load_balancer(
    releases: Releases,
    plan: Plan,
    network: NetworkContract,
    cluster: ClusterContract,
    *after: core.TerraformElement | None,
) -> None:
    """The controller that keeps the targets of load balancers, which Terraform makes."""
    chart, scope = "aws-load-balancer-controller", releases.scope
    role = releases.role(
        scope.under(releases.asked_by(chart, "gateways")),
        "load-balancer-controller",
        KUBE_SYSTEM,
        LOAD_BALANCER_ACCOUNT,
        {"targets": registers_targets(scope, [item.name for item in plan.eks.shared_with])},
    )
    values = load_balancer_controller_values(plan, network, cluster, releases.irsa(role))
    releases.install("gateways", chart, KUBE_SYSTEM, values, *after, *role.ready)
