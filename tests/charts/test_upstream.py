"""Upstream charts: every key that we set exists in the pinned version, and the defaults that bite are overridden."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
from pydantic import ValidationError

from llminfra.catalog.charts import chart_pin, known_keys, pinned_charts, unknown_keys
from llminfra.catalog.datafile import read_data
from llminfra.charts import upstream as up
from llminfra.charts.kubernetes import Image, Toleration, tolerate
from llminfra.charts.values import ChartValues

TAINTS = [tolerate("nvidia.com/gpu", "true", "NoSchedule"), tolerate("vpc.amazonaws.com/efa", None, "NoSchedule")]
GPU_NODES = {"nvidia.com/gpu.present": "true"}
SYSTEM_NODES = {"node_selector": {"llminfra.io/pool": "system"}, "tolerations": [Toleration(key="CriticalAddonsOnly")]}


def _monitoring() -> up.KubePrometheusStackValues:
    return up.KubePrometheusStackValues(
        prometheus=up.Prometheus(
            prometheus_spec=up.PrometheusSpec(
                storage_spec=up.claim(100, "gp3"),
                retention_size="90GB",
                external_labels={"cluster": "acme"},
                remote_write=[
                    up.RemoteWrite(url="https://aps/api/v1/remote_write", sigv4=up.Sigv4(region="us-east-1"))
                ],
                **SYSTEM_NODES,
            ),
            service_account=up.PrometheusServiceAccount(annotations=up.irsa("arn:aws:iam::1:role/p")),
        ),
        alertmanager=up.Alertmanager(alertmanager_spec=up.AlertmanagerSpec(storage=up.claim(10, None), **SYSTEM_NODES)),
        grafana=up.Grafana(admin=up.GrafanaAdmin(existing_secret="grafana-admin"), **SYSTEM_NODES),
        kube_state_metrics=up.KubeStateMetrics(metric_labels_allowlist=["nodes=[llminfra.io/pool]"]),
        prometheus_operator=up.PrometheusOperator(**SYSTEM_NODES),
    )


FULL: dict[str, Callable[[], ChartValues]] = {
    "kube-prometheus-stack": _monitoring,
    "dcgm-exporter": lambda: up.DcgmExporterValues(tolerations=TAINTS, node_selector=GPU_NODES),
    "nvidia-device-plugin": lambda: up.NvidiaDevicePluginValues(
        tolerations=TAINTS,
        node_selector=GPU_NODES,
        device_list_strategy="cdi-cri",
        config=up.DevicePluginConfig(map={"default": "version: v1"}, default="default"),
    ),
    "aws-efa-k8s-device-plugin": lambda: up.EfaDevicePluginValues(
        tolerations=TAINTS,
        node_selector={"vpc.amazonaws.com/efa.present": "true"},
        image=up.EfaImage(repository="602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/x", tag="v0.5.20"),
    ),
    "karpenter": lambda: up.KarpenterValues(
        settings=up.KarpenterSettings(
            cluster_name="acme",
            cluster_endpoint="https://eks",
            interruption_queue="acme-karpenter",
            isolated_vpc=True,
            feature_gates=up.KarpenterFeatureGates(node_repair=True),
        )
    ),
    "keda": lambda: up.KedaValues(cluster_name="acme", operator=up.KedaComponent(**SYSTEM_NODES)),
    "external-secrets": lambda: up.ExternalSecretsValues(webhook=up.SecretsPart(**SYSTEM_NODES), **SYSTEM_NODES),
    "aws-load-balancer-controller": lambda: up.LoadBalancerControllerValues(
        cluster_name="acme",
        region="us-east-1",
        vpc_id="vpc-1",
        default_tags={"a": "b"},
        controller_config=up.ControllerConfig(),
        pod_mutator_webhook_config=up.PodWebhook(),
        **SYSTEM_NODES,
    ),
    "gateway-helm": lambda: up.EnvoyGatewayValues(
        config=up.GatewayConfig(
            envoy_gateway=up.EnvoyGatewayConfig(
                extension_manager=up.ExtensionManager(
                    service=up.ExtensionService(fqdn=up.ExtensionAddress(hostname="ai.gateway.svc.cluster.local"))
                ),
                rate_limit=up.RateLimitService(
                    backend=up.RateLimitBackend(redis=up.RedisAddress(url="counters.gateway.svc:6379"))
                ),
            )
        )
    ),
    "ai-gateway-helm": lambda: up.AiGatewayValues(envoy_gateway=up.EnvoyGatewayPlace(namespace="gateway")),
    "lws": lambda: up.LwsValues(image=up.LwsImage(manager=up.LwsManagerImage(tag="v0.10.0")), **SYSTEM_NODES),
    "metrics-server": lambda: up.MetricsServerValues(**SYSTEM_NODES),
    "cluster-autoscaler": lambda: up.ClusterAutoscalerValues(
        auto_discovery=up.AutoDiscovery(cluster_name="acme"), aws_region="us-east-1", **SYSTEM_NODES
    ),
    "aws-fsx-csi-driver": lambda: up.FsxCsiDriverValues(
        controller=up.FsxController(region="us-east-1", node_selector={"a": "b"})
    ),
    "aws-mountpoint-s3-csi-driver": up.MountpointCsiDriverValues,
}


@pytest.mark.parametrize("chart", sorted(FULL))
def test_every_key_exists_in_the_pinned_chart(chart: str) -> None:
    assert unknown_keys(chart, FULL[chart]().to_values()) == ()


def test_every_pinned_chart_is_covered() -> None:
    without_values = {"karpenter-crd", "ai-gateway-crds-helm"}
    assert set(pinned_charts()) == {*FULL, *without_values}


@pytest.mark.parametrize("chart", [*sorted(FULL), "ai-gateway-crds-helm", "karpenter-crd"])
def test_keys_are_those_of_the_pinned_version(chart: str) -> None:
    stored = read_data(f"charts/keys/{chart}.json")
    pin = chart_pin(chart)
    assert stored["_source"]
    assert stored["app_version"] in {pin.app_version, ""}
    assert stored["version"] == pin.version


def test_pins_name_their_source() -> None:
    for name in pinned_charts():
        pin = chart_pin(name)
        assert "@" in pin.source
        assert pin.repository.startswith(("https://", "oci://"))
    with pytest.raises(KeyError):
        chart_pin("no-such-chart")


@pytest.mark.parametrize(
    ("values", "unknown"),
    [
        ({"tolerations": [], "tolerationz": []}, ("tolerationz",)),
        ({"serviceMonitor": {"enabled": True, "labels": {}}}, ("serviceMonitor.labels",)),
        ({"priorityClassName": {"name": "x"}}, ("priorityClassName",)),
        ({"nodeSelector": {"any": "label"}}, ()),
    ],
)
def test_unknown_keys_are_found(values: dict[str, object], unknown: tuple[str, ...]) -> None:
    assert unknown_keys("dcgm-exporter", values) == unknown


def test_subcharts_are_known_under_their_name() -> None:
    keys = known_keys("kube-prometheus-stack")
    assert "persistence" in keys["grafana"]
    assert "metricLabelsAllowlist" in keys["kube-state-metrics"]
    bad = {"grafana": {"sidecar": {"dashboards": {"lable": "x"}}}}
    assert unknown_keys("kube-prometheus-stack", bad) == ("grafana.sidecar.dashboards.lable",)


def test_prometheus_selects_everything_and_keeps_its_data() -> None:
    spec = _monitoring().to_values()["prometheus"]["prometheusSpec"]
    selectors = {key: value for key, value in spec.items() if key.endswith("SelectorNilUsesHelmValues")}
    assert len(selectors) == 5
    assert not any(selectors.values())
    claim = spec["storageSpec"]["volumeClaimTemplate"]["spec"]
    assert claim == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "gp3",
        "resources": {"requests": {"storage": "100Gi"}},
    }


def test_the_node_exporter_is_on_every_node() -> None:
    exporter = _monitoring().to_values()["prometheus-node-exporter"]
    assert exporter["tolerations"] == [
        {"operator": "Exists", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoExecute"},
    ]


def test_no_targets_that_eks_hides() -> None:
    values = _monitoring().to_values()
    for part in ("kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy"):
        assert values[part] == {"enabled": False}
    assert not any(values["defaultRules"]["rules"].values())


def test_grafanas_password_comes_from_a_secret() -> None:
    grafana = _monitoring().to_values()["grafana"]
    assert grafana["admin"]["existingSecret"] == "grafana-admin"
    assert "adminPassword" not in grafana


@pytest.mark.parametrize("chart", ["dcgm-exporter", "nvidia-device-plugin", "aws-efa-k8s-device-plugin"])
def test_gpu_daemon_sets_tolerate_every_taint_of_the_pools(chart: str) -> None:
    values = FULL[chart]().to_values()
    assert [item["key"] for item in values["tolerations"]] == [
        "nvidia.com/gpu",
        "vpc.amazonaws.com/efa",
    ]
    assert values["nodeSelector"]
    with pytest.raises(ValidationError, match="tolerations"):
        type(FULL[chart]()).model_validate({"nodeSelector": GPU_NODES})


def test_the_device_plugin_leaves_efa_its_devices() -> None:
    assert FULL["nvidia-device-plugin"]().to_values()["mofedEnabled"] is False


def test_dcgm_has_memory_for_eight_gpus_and_one_privilege() -> None:
    values = FULL["dcgm-exporter"]().to_values()
    assert values["resources"]["limits"]["memory"] == "1Gi"
    context = values["securityContext"]
    assert context["capabilities"] == {"add": ["SYS_ADMIN"], "drop": ["ALL"]}
    assert context["allowPrivilegeEscalation"] is False
    assert values["serviceMonitor"]["honorLabels"] is True


def test_lws_runs_in_a_restricted_namespace() -> None:
    context = FULL["lws"]().to_values()["podSecurityContext"]
    assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_lws_is_not_the_branch_main() -> None:
    with pytest.raises(ValidationError, match="tag"):
        up.LwsManagerImage(tag="main")
    assert up.LwsManagerImage(tag=chart_pin("lws").app_version).tag == "v0.10.0"


@pytest.mark.parametrize("image", [{}, {"tag": "latest"}, {"digest": "sha256:abc"}, {"tag": "a b"}])
def test_images_are_pinned(image: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Image.model_validate({"repository": "vllm/vllm-openai", **image})


def test_a_toleration_is_consistent() -> None:
    with pytest.raises(ValidationError, match="Equal"):
        Toleration(key="a", operator="Equal")
    with pytest.raises(ValidationError, match="Equal"):
        Toleration(key="a", operator="Exists", value="b")


def test_an_optional_field_is_absent_by_default() -> None:
    """``to_values`` leaves ``None`` out, so a default other than ``None`` would come back on reading."""
    wrong = [
        f"{item.__qualname__}.{name}"
        for item in _all_values_types()
        for name, field in item.model_fields.items()
        if type(None) in get_args(field.annotation) and not field.is_required() and field.default is not None
    ]
    assert wrong == []


def _all_values_types() -> set[type[ChartValues]]:
    def below(base: type[ChartValues]) -> set[type[ChartValues]]:
        return {item for child in base.__subclasses__() for item in (child, *below(child))}

    return below(ChartValues)
