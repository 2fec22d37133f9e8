"""VPC endpoints: private nodes reach AWS without the internet, and weights from S3 cost no NAT traffic."""

from __future__ import annotations

from collections.abc import Mapping

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.basis.security_group import Rule, add_rule, security_group
from llminfra.constructs.network.vpc import Vpc
from llminfra.planning.plan.infrastructure import NetworkPlan


def vpc_endpoints(make: Maker, plan: NetworkPlan, network: Vpc) -> None:
    """Gateway endpoints on the private route tables, and interface endpoints that answer HTTPS from inside the VPC.

    A service may be absent from a zone, in one account's us-east-1c for example, and CreateVpcEndpoint refuses a subnet
    there. So an endpoint is in the zones that have its service; the others reach it over the network.
    """
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
        name = f"com.amazonaws.{scope.region}.{service}"
        make(aws.DataAwsVpcEndpointService, id_, service_name=name, service_type="Interface")
        make(
            aws.VpcEndpoint,
            id_,
            vpc_id=network.id,
            service_name=name,
            vpc_endpoint_type="Interface",
            subnet_ids=core.Token.as_list(_where_served(id_, network.private_subnet_ids)),
            security_group_ids=[group],
            private_dns_enabled=True,
            tags={"Name": scope.name(service)},
        )


def _where_served(id_: str, subnet_ids: Mapping[str, str]) -> str:
    """Subnets of the zones that have the service, which only the account knows by their names."""
    zones = ", ".join(f'"{zone}" = "{subnet_id}"' for zone, subnet_id in subnet_ids.items())
    served = f"data.aws_vpc_endpoint_service.{id_}.availability_zones"
    return f"${{[for zone, id in {{{zones}}} : id if contains({served}, zone)]}}"
