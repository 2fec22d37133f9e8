"""Gateways in the serving stack: a load balancer, and the release that makes Envoy's pods its targets."""

from __future__ import annotations

from llminfra.compiler.contracts import ClusterContract, NetworkContract
from llminfra.compiler.releases.gateway import HEALTH_PATH, llm_gateway_values
from llminfra.compiler.stacks.local_charts import local_chart
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.constructs.cluster.helm_release import HelmRelease, helm_release
from llminfra.constructs.endpoint_contract import gateway_parameter
from llminfra.constructs.network.load_balancer import LoadBalancer, Pods, alias_record, pod_balancer
from llminfra.planning.endpoints.contract import gateway_contract
from llminfra.planning.endpoints.gateways import PROXY_PORT
from llminfra.planning.plan import Plan
from llminfra.planning.plan.gateways import GatewayPlan

# Helm waits for the endpoint pickers; Envoy's pods are made by Envoy Gateway, which it does not see.
_INSTALL_S = 600


def gateway_resources(
    scope: Scope,
    plan: Plan,
    gateway: GatewayPlan,
    network: NetworkContract,
    cluster: ClusterContract,
    charts: set[str],
) -> None:
    """Compile one gateway.

    Args:
        scope: The serving stack.
        plan: The plan.
        gateway: The gateway.
        network: Outputs of the network stack.
        cluster: Outputs of the cluster stack.
        charts: Charts that travel with the stack; the gateway's is added.
    """
    make = scope.under(f"gateways.{gateway.name}")
    balancer = _balancer(make, gateway, network, cluster) if gateway.balanced else None
    values = llm_gateway_values(gateway, plan, balancer.target_group_arn if balancer else None)
    helm_release(
        make,
        HelmRelease(
            id=gateway.service,
            namespace=gateway.namespace,
            chart=local_chart("llm-gateway", charts),
            values=values,
            timeout_s=_INSTALL_S,
            # A target group takes targets once a listener uses it.
            after=[balancer.listener] if balancer else [],
        ),
    )
    gateway_parameter(make, gateway.name, gateway_contract(gateway, plan))


def _balancer(make: Maker, gateway: GatewayPlan, network: NetworkContract, cluster: ClusterContract) -> LoadBalancer:
    spec = gateway.spec
    public = spec.exposure == "public"
    subnets = network.public_subnet_ids if public else network.private_subnet_ids
    balancer = pod_balancer(
        make,
        gateway.service,
        Pods(
            port=PROXY_PORT,
            health_path=HEALTH_PATH,
            timeout_s=spec.request_timeout_s,
            public=public,
            subnet_ids=list(subnets.values()),
            vpc_id=network.vpc_id,
            node_group_id=cluster.node_group_id,
            certificate_arn=spec.certificate_arn or "",
            allow_from_cidrs=gateway.allow_from_cidrs,
            web_acl_arn=spec.web_acl_arn,
        ),
    )
    if spec.hosted_zone_id and spec.hostname:
        alias_record(make, gateway.service, zone_id=spec.hosted_zone_id, domain_name=spec.hostname, balancer=balancer)
    return balancer
