"""A VPC: private subnets for nodes, small public ones for NAT gateways, and a default security group with no rules."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from llminfra.bindings import aws
from llminfra.constructs.basis.scope import Maker
from llminfra.planning.plan.infrastructure import NetworkPlan, SubnetPlan


class Vpc(Struct, frozen=True, kw_only=True):
    """What the rest of the stack needs of a VPC.

    Attributes:
        id: Expression of the VPC's id.
        private_subnet_ids: Expression of each private subnet's id, by availability zone.
        private_route_table_ids: Route tables of the private subnets; empty for a VPC that was there before.
        public_subnet_ids: Expression of each public subnet's id, by availability zone; empty likewise.
    """

    id: str
    private_subnet_ids: Mapping[str, str]
    private_route_table_ids: tuple[str, ...] = ()
    public_subnet_ids: Mapping[str, str] = field(default_factory=dict)


def vpc(make: Maker, plan: NetworkPlan) -> Vpc:
    """Create the VPC.

    A private subnet's default route leads to the NAT gateway of its zone, to the only one, or nowhere, as planned.
    """
    name = make.scope.platform
    created = make(
        aws.Vpc,
        "vpc",
        cidr_block=plan.cidr,
        enable_dns_support=True,
        enable_dns_hostnames=True,
        tags={"Name": name},
    )
    vpc_id = created.id
    make(aws.DefaultSecurityGroup, "default", vpc_id=vpc_id, tags={"Name": f"{name}-default-unused"})
    public_ids: dict[str, str] = {}
    gateways = _nat_gateways(make, plan, vpc_id, public_ids)
    private_ids: dict[str, str] = {}
    route_tables: list[str] = []
    for subnet in (item for item in plan.subnets if item.kind == "private"):
        id_ = f"private-{subnet.zone}"
        private_ids[subnet.zone] = _subnet(make, id_, subnet, vpc_id, {"kubernetes.io/role/internal-elb": "1"})
        table = make(aws.RouteTable, id_, vpc_id=vpc_id, tags={"Name": f"{name}-{id_}"})
        route_tables.append(table.id)
        make(aws.RouteTableAssociation, id_, subnet_id=private_ids[subnet.zone], route_table_id=table.id)
        gateway = gateways.get(subnet.zone) or next(iter(gateways.values()), None)
        if gateway:
            make(
                aws.Route,
                f"{id_}-nat",
                route_table_id=table.id,
                destination_cidr_block="0.0.0.0/0",
                nat_gateway_id=gateway,
            )
    return Vpc(
        id=vpc_id,
        private_subnet_ids=private_ids,
        private_route_table_ids=tuple(route_tables),
        public_subnet_ids=public_ids,
    )


def existing_vpc(make: Maker, plan: NetworkPlan) -> Vpc:
    """Look up a VPC and its private subnets; fails at plan time when one of them is not there or not in the VPC."""
    found = make(aws.DataAwsVpc, "vpc", id=plan.existing_vpc_id)
    vpc_id = found.id
    subnets = {
        subnet.zone: make(
            aws.DataAwsSubnet,
            f"private-{subnet.zone}",
            id=subnet.existing_id,
            vpc_id=vpc_id,
            availability_zone=subnet.zone,
        ).id
        for subnet in plan.subnets
        if subnet.kind == "private"
    }
    return Vpc(id=vpc_id, private_subnet_ids=subnets)


def _subnet(make: Maker, id_: str, subnet: SubnetPlan, vpc_id: str, tags: Mapping[str, str]) -> str:
    return make(
        aws.Subnet,
        id_,
        vpc_id=vpc_id,
        availability_zone=subnet.zone,
        cidr_block=subnet.cidr,
        map_public_ip_on_launch=False,
        tags={"Name": f"{make.scope.platform}-{id_}", **tags},
    ).id


def _nat_gateways(make: Maker, plan: NetworkPlan, vpc_id: str, public_ids: dict[str, str]) -> dict[str, str]:
    """NAT gateways by zone, in public subnets that hold nothing but public load balancers; fills ``public_ids``."""
    public = [item for item in plan.subnets if item.kind == "public"]
    if plan.nat == "none" or not public:
        return {}
    name = make.scope.platform
    internet = make(aws.InternetGateway, "internet", vpc_id=vpc_id, tags={"Name": name})
    table = make(aws.RouteTable, "public", vpc_id=vpc_id, tags={"Name": f"{name}-public"})
    make(
        aws.Route,
        "public-internet",
        route_table_id=table.id,
        destination_cidr_block="0.0.0.0/0",
        gateway_id=internet.id,
    )
    gateways: dict[str, str] = {}
    for subnet in public:
        id_ = f"public-{subnet.zone}"
        subnet_id = public_ids[subnet.zone] = _subnet(make, id_, subnet, vpc_id, {})
        make(aws.RouteTableAssociation, id_, subnet_id=subnet_id, route_table_id=table.id)
        if plan.nat == "single" and gateways:
            continue
        address = make(aws.Eip, f"nat-{subnet.zone}", domain="vpc", tags={"Name": f"{name}-nat-{subnet.zone}"})
        gateway = make(
            aws.NatGateway,
            f"nat-{subnet.zone}",
            allocation_id=address.id,
            subnet_id=subnet_id,
            tags={"Name": f"{name}-{subnet.zone}"},
            depends_on=[internet],
        )
        gateways[subnet.zone] = gateway.id
    return gateways
