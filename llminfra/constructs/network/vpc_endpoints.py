"""VPC endpoints: private nodes reach AWS without the internet, and weights from S3 cost no NAT traffic."""

from __future__ import annotations

from llminfra.bindings import aws
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.basis.security_group import Rule, add_rule, security_group
from llminfra.constructs.network.vpc import Vpc
from llminfra.planning.plan.infrastructure import NetworkPlan


def vpc_endpoints(make: Maker, plan: NetworkPlan, network: Vpc) -> None:
    """Gateway endpoints on the private route tables, and interface endpoints that answer HTTPS from inside the VPC."""
    scope = make.scope
    for service in plan.gateway_endpoints:
        make(
            aws.VpcEndpoint,
            f"gateway-{service}",
            vpc_id=network.id,
            service_name=f"com.amazonaws.{scope.region}.{service}",
            vpc_endpoint_type="Gateway",
            route_table_ids=list(network.private_route_table_ids),
            tags={"Name": scope.name(service)},
        )
    if not plan.interface_endpoints:
        return
    group = security_group(make, "endpoints", vpc_id=network.id, why="VPC endpoints of AWS services")
    add_rule(
        make,
        group,
        Rule(id="endpoints-https", direction="in", why="HTTPS from the VPC", ports=(443, 443), cidr=plan.cidr),
    )
    for service in plan.interface_endpoints:
        id_ = f"interface-{service.replace('.', '-')}"
        make(
            aws.VpcEndpoint,
            id_,
            vpc_id=network.id,
            service_name=f"com.amazonaws.{scope.region}.{service}",
            vpc_endpoint_type="Interface",
            subnet_ids=list(network.private_subnet_ids.values()),
            security_group_ids=[group],
            private_dns_enabled=True,
            tags={"Name": scope.name(service)},
        )
