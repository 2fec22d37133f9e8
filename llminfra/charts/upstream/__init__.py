"""Typed values of the upstream charts that a platform installs: only the keys that we set."""

from llminfra.charts.upstream._shared import ControllerServiceAccount, ServiceMonitorToggle, claim, irsa
from llminfra.charts.upstream.cluster_autoscaler import AutoDiscovery, AutoscalerRbac, ClusterAutoscalerValues
from llminfra.charts.upstream.csi import FsxController, FsxCsiDriverValues, MountpointCsiDriverValues
from llminfra.charts.upstream.dcgm_exporter import DcgmExporterValues, DcgmServiceMonitor
from llminfra.charts.upstream.efa_device_plugin import EfaDevicePluginValues, EfaImage
from llminfra.charts.upstream.external_secrets import ExternalSecretsValues, SecretsPart
from llminfra.charts.upstream.gateway import (
    AiController,
    AiGatewayValues,
    EnvoyGatewayConfig,
    EnvoyGatewayPlace,
    EnvoyGatewayValues,
    ExtensionAddress,
    ExtensionManager,
    ExtensionService,
    GatewayConfig,
    RateLimitBackend,
    RateLimitService,
    RedisAddress,
)
from llminfra.charts.upstream.karpenter import KarpenterFeatureGates, KarpenterSettings, KarpenterValues
from llminfra.charts.upstream.keda import KedaComponent, KedaValues
from llminfra.charts.upstream.kube_prometheus_stack import (
    Alertmanager,
    AlertmanagerSpec,
    Grafana,
    GrafanaAdmin,
    KubePrometheusStackValues,
    KubeStateMetrics,
    NodeExporter,
    Prometheus,
    PrometheusOperator,
    PrometheusServiceAccount,
    PrometheusSpec,
    RemoteWrite,
    Sigv4,
)
from llminfra.charts.upstream.load_balancer_controller import (
    ControllerConfig,
    FeatureGates,
    LoadBalancerControllerValues,
    PodWebhook,
)
from llminfra.charts.upstream.lws import LwsImage, LwsManagerImage, LwsValues
from llminfra.charts.upstream.metrics_server import MetricsServerValues
from llminfra.charts.upstream.nvidia_device_plugin import DevicePluginConfig, NvidiaDevicePluginValues

__all__ = [
    "AiController",
    "AiGatewayValues",
    "Alertmanager",
    "AlertmanagerSpec",
    "AutoDiscovery",
    "AutoscalerRbac",
    "ClusterAutoscalerValues",
    "ControllerConfig",
    "ControllerServiceAccount",
    "DcgmExporterValues",
    "DcgmServiceMonitor",
    "DevicePluginConfig",
    "EfaDevicePluginValues",
    "EfaImage",
    "EnvoyGatewayConfig",
    "EnvoyGatewayPlace",
    "EnvoyGatewayValues",
    "ExtensionAddress",
    "ExtensionManager",
    "ExtensionService",
    "ExternalSecretsValues",
    "FeatureGates",
    "FsxController",
    "FsxCsiDriverValues",
    "GatewayConfig",
    "Grafana",
    "GrafanaAdmin",
    "KarpenterFeatureGates",
    "KarpenterSettings",
    "KarpenterValues",
    "KedaComponent",
    "KedaValues",
    "KubePrometheusStackValues",
    "KubeStateMetrics",
    "LoadBalancerControllerValues",
    "LwsImage",
    "LwsManagerImage",
    "LwsValues",
    "MetricsServerValues",
    "MountpointCsiDriverValues",
    "NodeExporter",
    "NvidiaDevicePluginValues",
    "PodWebhook",
    "Prometheus",
    "PrometheusOperator",
    "PrometheusServiceAccount",
    "PrometheusSpec",
    "RateLimitBackend",
    "RateLimitService",
    "RedisAddress",
    "RemoteWrite",
    "SecretsPart",
    "ServiceMonitorToggle",
    "Sigv4",
    "claim",
    "irsa",
]
