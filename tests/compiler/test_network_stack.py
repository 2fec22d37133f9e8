"""The VPC and its variants."""

import pytest
from msgspec.structs import replace

from llminfra.planning.plan.infrastructure import SubnetPlan
from tests.compiler import plans


@pytest.fixture(scope="module")
def network(stacks):
    return stacks["network"]["resource"]


def _synth_network(synth, **changes):
    return synth(plans.plan(network=plans.network_plan(**changes), buckets=(), lustre=()))["network"]


def test_subnets_give_no_public_addresses(network):
    assert len(network["aws_subnet"]) == 4
    assert not [item for item in network["aws_subnet"].values() if item["map_public_ip_on_launch"]]


def test_each_zone_leaves_by_its_own_nat_gateway(network):
    for zone in plans.ZONES:
        route = network["aws_route"][f"private-{zone}-nat"]
        assert route["nat_gateway_id"] == f"${{aws_nat_gateway.nat-{zone}.id}}"
        assert route["route_table_id"] == f"${{aws_route_table.private-{zone}.id}}"


def test_one_nat_gateway_serves_all_zones_when_single(synth):
    network = _synth_network(synth, nat="single")["resource"]
    assert list(network["aws_nat_gateway"]) == ["nat-us-east-1a"]
    targets = {item["nat_gateway_id"] for key, item in network["aws_route"].items() if key.startswith("private-")}
    assert targets == {"${aws_nat_gateway.nat-us-east-1a.id}"}


def test_a_closed_network_has_no_way_out(synth):
    private = tuple(item for item in plans.network_plan().subnets if item.kind == "private")
    network = _synth_network(synth, nat="none", subnets=private)["resource"]
    assert not {"aws_internet_gateway", "aws_nat_gateway", "aws_eip", "aws_route"} & set(network)


def test_s3_is_reached_by_a_gateway_on_every_private_route_table(network):
    endpoint = network["aws_vpc_endpoint"]["gateway-s3"]
    assert endpoint["vpc_endpoint_type"] == "Gateway"
    assert endpoint["route_table_ids"] == [f"${{aws_route_table.private-{zone}.id}}" for zone in plans.ZONES]


def test_interface_endpoints_answer_https_from_the_vpc_only(network):
    endpoint = network["aws_vpc_endpoint"]["interface-ecr-api"]
    assert endpoint["service_name"] == "com.amazonaws.us-east-1.ecr.api"
    assert endpoint["private_dns_enabled"] is True
    assert endpoint["security_group_ids"] == ["${aws_security_group.endpoints.id}"]
    # Zones without the service are left out: CreateVpcEndpoint refuses their subnets.
    assert all(f'"{zone}" = "${{aws_subnet.private-{zone}.id}}"' in endpoint["subnet_ids"] for zone in plans.ZONES)
    assert (
        "contains(data.aws_vpc_endpoint_service.interface-ecr-api.availability_zones, zone)" in endpoint["subnet_ids"]
    )
    rule = network["aws_vpc_security_group_ingress_rule"]["endpoints-https"]
    assert (rule["from_port"], rule["to_port"], rule["cidr_ipv4"]) == (443, 443, "10.0.0.0/16")


def test_the_default_security_group_has_no_rules(network):
    group = network["aws_default_security_group"]["default"]
    assert not {"ingress", "egress"} & set(group)


def test_flow_logs_go_to_an_encrypted_log_group(network):
    assert network["aws_flow_log"]["vpc"]["traffic_type"] == "ALL"
    group = network["aws_cloudwatch_log_group"]["flow-logs"]
    assert group["kms_key_id"] == "${aws_kms_key.network.arn}"
    assert group["depends_on"] == ["aws_kms_key_policy.network"]


def test_no_flow_logs_no_key(synth):
    network = _synth_network(synth, flow_logs_days=0)["resource"]
    assert not {"aws_flow_log", "aws_kms_key", "aws_cloudwatch_log_group", "aws_iam_role"} & set(network)


def test_an_existing_vpc_is_only_read(synth):
    subnets = tuple(
        SubnetPlan(zone=zone, kind="private", cidr="", existing_id=f"subnet-0000000{index}")
        for index, zone in enumerate(plans.ZONES)
    )
    stack = _synth_network(
        synth,
        subnets=subnets,
        nat="none",
        existing_vpc_id="vpc-00000001",
        gateway_endpoints=(),
        interface_endpoints=(),
        flow_logs_days=0,
    )
    assert "resource" not in stack
    assert stack["data"]["aws_vpc"]["vpc"]["id"] == "vpc-00000001"
    assert stack["data"]["aws_subnet"]["private-us-east-1a"]["availability_zone"] == "us-east-1a"
    assert set(stack["output"]) == {"vpc_id", "private_subnet_us-east-1a", "private_subnet_us-east-1b"}


def test_retention_is_one_that_cloudwatch_knows(synth):
    network = _synth_network(synth, flow_logs_days=45)["resource"]
    assert network["aws_cloudwatch_log_group"]["flow-logs"]["retention_in_days"] == 60


def test_private_subnets_are_marked_for_internal_load_balancers(network):
    for zone in plans.ZONES:
        assert network["aws_subnet"][f"private-{zone}"]["tags"]["kubernetes.io/role/internal-elb"] == "1"


def test_plans_differ_only_where_they_differ():
    assert replace(plans.network_plan(), nat="single") == plans.network_plan(nat="single")


def test_zones_are_asked_for_before_anything_is_built(stacks, synth):
    """EKS refuses some of them by ids, which are the same in every account; without a cluster it has no say."""
    (first, refused) = stacks["network"]["data"]["aws_availability_zones"]["zones"]["lifecycle"]["postcondition"]
    assert "setsubtract" in first["condition"]
    assert "use1-az3" in refused["condition"]
    existing = _synth_network(synth, existing_vpc_id="vpc-0123456789abcdef0", subnets=_existing_subnets())
    assert len(existing["data"]["aws_availability_zones"]["zones"]["lifecycle"]["postcondition"]) == 2


def _existing_subnets():
    return tuple(
        SubnetPlan(zone=zone, kind="private", cidr="", existing_id=f"subnet-0123456789abcdef{number}")
        for number, zone in enumerate(plans.ZONES)
    )
