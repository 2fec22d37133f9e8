"""Values of ``aws-load-balancer-controller`` 3.5.

Source: kubernetes-sigs/aws-load-balancer-controller:helm/aws-load-balancer-controller/values.yaml. Pods cannot reach
the instance metadata with hop limit 1, so region and VPC are given (aws/eks-charts#1127).
"""

from typing import Literal

from pydantic import Field

from llminfra.charts.kubernetes import ResourceRequirements, Toleration, small_resources
from llminfra.charts.upstream._shared import ControllerServiceAccount, ServiceMonitorToggle
from llminfra.charts.values import ChartValues, LateStr


class FeatureGates(ChartValues):
    """``controllerConfig.featureGates``: Gateways belong to Envoy Gateway, whose definitions would switch these on."""

    nlb_gateway_api: bool = Field(default=False, alias="NLBGatewayAPI")
    alb_gateway_api: bool = Field(default=False, alias="ALBGatewayAPI")


class ControllerConfig(ChartValues):
    """``controllerConfig``."""

    feature_gates: FeatureGates = FeatureGates()


class PodWebhook(ChartValues):
    """``podMutatorWebhookConfig``: gives pods behind a target group a readiness gate."""

    failure_policy: Literal["Ignore", "Fail"] = "Ignore"
    """``Fail`` would keep every pod of such a namespace from starting while the controller is away."""


class LoadBalancerControllerValues(ChartValues):
    """Internal load balancers unless a Service or Ingress says otherwise."""

    cluster_name: LateStr
    region: LateStr
    vpc_id: LateStr
    service_account: ControllerServiceAccount = ControllerServiceAccount(name="aws-load-balancer-controller")
    replica_count: int = Field(default=2, ge=1)
    default_load_balancer_scheme: Literal["internal", "internet-facing"] = "internal"
    default_target_type: Literal["ip", "instance"] = "ip"
    enable_service_mutator_webhook: bool = False
    """Off: otherwise no Service can be created while the controller is down."""
    default_tags: dict[str, str] = {}
    create_ingress_class_resource: bool = True
    controller_config: ControllerConfig | None = None
    pod_mutator_webhook_config: PodWebhook | None = None
    resources: ResourceRequirements = small_resources("100m", "256Mi")
    tolerations: list[Toleration] = []
    node_selector: dict[str, str] = {}
    service_monitor: ServiceMonitorToggle = ServiceMonitorToggle()
