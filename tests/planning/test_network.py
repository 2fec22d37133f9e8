from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra import (
    VLLM,
    Diagnostic,
    Ec2,
    Endpoint,
    ExistingNetwork,
    GpuPool,
    Lustre,
    Model,
    Network,
    Platform,
    S3State,
    SageMaker,
    SpecError,
    plan_specs,
)
from llminfra.planning.findings import Findings
from llminfra.planning.network.vpc import plan_network
from llminfra.planning.platform import plan_platform


def codes(platform: Platform) -> list[str]:
    findings = Findings()
    plan_network(platform, findings)
    return [item.code for item in findings.items]


@given(
    prefix=st.integers(min_value=16, max_value=24),
    zones=st.integers(min_value=2, max_value=6),
    nat=st.sampled_from(["per-zone", "single", "none"]),
)
def test_any_vpc_is_cut_into_disjoint_subnets_inside_it(prefix: int, zones: int, nat: str) -> None:
    letters = [f"us-east-1{letter}" for letter in "abcdef"[:zones]]
    network = Network(cidr=f"10.64.0.0/{prefix}", zones=letters, nat=nat)
    findings = Findings()
    plan = plan_network(Platform(name="p", region="us-east-1", network=network), findings)
    if prefix == 24 and zones == 6 and nat != "none":
        assert [item.code for item in findings.items] == ["LLM_NET_24"]
        return
    assert findings.items == []
    blocks = [IPv4Network(item.cidr) for item in plan.subnets]
    assert len(blocks) == zones * (1 if nat == "none" else 2)
    assert all(block.subnet_of(IPv4Network(network.cidr)) and block.prefixlen <= 28 for block in blocks)
    assert not any(one.overlaps(other) for one, other in combinations(blocks, 2))
    assert {item.zone for item in plan.subnets} == set(letters)


def test_default_is_the_first_three_zones() -> None:
    plan = plan_network(Platform(name="p", region="eu-central-1"), Findings())
    assert plan.zones == ("eu-central-1a", "eu-central-1b", "eu-central-1c")


def test_unknown_region_names_near_ones() -> None:
    findings = Findings()
    plan_network(Platform(name="p", region="us-esat-1"), findings)
    assert [item.code for item in findings.items] == ["LLM_NET_22"]
    assert "us-east-1" in findings.items[0].expected


def test_a_zone_of_the_region_that_the_network_leaves_out_may_be_given_to_it() -> None:
    pool = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 1), zones=["us-east-1d"])
    with pytest.raises(SpecError) as raised:
        plan_platform(Platform(name="p", region="us-east-1", pools=[pool]))
    (found,) = [item for item in raised.value.diagnostics if item.code == "LLM_NET_20"]
    assert found.fix.endswith("Network(zones=['us-east-1a', 'us-east-1b', 'us-east-1c', 'us-east-1d'])")


def test_the_bucket_of_the_state_is_in_a_region_that_there_is() -> None:
    findings = Findings()
    state = S3State(bucket="acme-state", region="us-esat-1")
    plan_network(Platform(name="p", region="us-east-1", state=state), findings)
    assert [(item.code, item.path, item.fix) for item in findings.items] == [
        ("LLM_NET_22", "state.region", "write us-east-1")
    ]


@pytest.mark.parametrize(
    ("region", "fix"),
    [
        ("us-east1", "write us-east-1"),
        ("US-EAST-1", "write us-east-1"),
        ("us-east-1a", "write us-east-1"),
        ("Frankfurt", "write eu-central-1"),
        ("N. Virginia", "write us-east-1"),
        ("us-esat-1", "write us-east-1"),
        ("moon", "name a region such as us-east-1"),
    ],
)
def test_a_region_in_other_words_is_known(region: str, fix: str) -> None:
    findings = Findings()
    plan_network(Platform(name="p", region=region), findings)
    assert [item.fix for item in findings.items] == [fix]


def test_zone_of_another_region() -> None:
    network = Network(zones=["us-east-1a", "eu-west-1a"])
    assert codes(Platform(name="p", region="us-east-1", network=network)) == ["LLM_NET_20"]


def test_one_zone_is_not_enough_for_eks() -> None:
    assert codes(Platform(name="p", region="us-east-1", network=Network(zones=["us-east-1a"]))) == ["LLM_NET_23"]


def _one_zone(on: Any, network: Network | ExistingNetwork) -> list[Diagnostic]:
    endpoint = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-4B"), engine=VLLM(max_model_len=4096), on=on)
    findings = Findings()
    platform = Platform(name="p", region="us-east-1", network=network, endpoints=[endpoint])
    assert plan_network(platform, findings).zones
    return list(findings.items)


@pytest.mark.parametrize(
    "network",
    [
        Network(zones=["us-east-1a"]),
        ExistingNetwork(
            vpc_id="vpc-0123456789abcdef0",
            private_subnet_ids={"us-east-1a": "subnet-0123456789abcdef0"},
            cidr="10.0.0.0/16",
        ),
    ],
    ids=["made", "there"],
)
def test_one_zone_is_enough_where_nothing_needs_two(network: Network | ExistingNetwork) -> None:
    assert not _one_zone(SageMaker(instance_type="ml.g6e.2xlarge"), network)
    certificate = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    (found,) = _one_zone(
        Ec2(instance_type="g6e.2xlarge", domain_name="chat.example.com", certificate_arn=certificate), network
    )
    assert found.code == "LLM_NET_23"
    assert found.message == "an Application Load Balancer needs subnets in at least two zones"
    assert "Availability Zones must be specified" in (found.runtime_message or "")


def test_overlapping_subnets() -> None:
    network = Network(
        cidr="10.0.0.0/16",
        zones=["us-east-1a", "us-east-1b"],
        private_subnets=["10.0.0.0/17", "10.0.64.0/18"],
    )
    assert codes(Platform(name="p", region="us-east-1", network=network)) == ["LLM_NET_21"]


def test_subnet_outside_the_vpc_and_wrong_count() -> None:
    network = Network(cidr="10.0.0.0/16", zones=["us-east-1a", "us-east-1b"], private_subnets=["10.9.0.0/20"])
    assert codes(Platform(name="p", region="us-east-1", network=network)) == ["LLM_NET_25", "LLM_NET_21"]


def test_vpc_too_large_for_aws() -> None:
    assert codes(Platform(name="p", region="us-east-1", network=Network(cidr="10.0.0.0/8"))) == ["LLM_NET_24"]


def test_endpoints_follow_what_is_declared() -> None:
    without = plan_network(Platform(name="p", region="us-east-1"), Findings())
    with_lustre = plan_network(Platform(name="p", region="us-east-1", storage=[Lustre(name="w")]), Findings())
    assert set(with_lustre.interface_endpoints) - set(without.interface_endpoints) == {"fsx"}
    assert without.gateway_endpoints == ("s3",)
    assert {"ecr.api", "ecr.dkr", "sts", "eks-auth"} <= set(without.interface_endpoints)


def test_existing_network_is_read_not_cut() -> None:
    network = ExistingNetwork(
        vpc_id="vpc-0123456789abcdef0",
        cidr="10.0.0.0/16",
        private_subnet_ids={"us-east-1a": "subnet-0123456789abcdef0", "us-east-1b": "subnet-0123456789abcdef1"},
    )
    plan = plan_network(Platform(name="p", region="us-east-1", network=network), Findings())
    assert plan.existing_vpc_id == "vpc-0123456789abcdef0"
    assert [item.existing_id for item in plan.subnets] == ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]


def test_addresses_of_others_are_a_warning() -> None:
    def told(cidr: str) -> list[str]:
        return codes(Platform(name="p", region="us-east-1", network=Network(cidr=cidr)))

    assert told("8.8.0.0/16") == ["LLM_NET_27"]
    assert told("172.31.0.0/16") == told("192.168.0.0/16") == told("100.64.0.0/16") == []


def test_a_subnet_is_of_one_zone() -> None:
    once = "subnet-0123456789abcdef0"
    there = ExistingNetwork(
        vpc_id="vpc-0123456789abcdef0", private_subnet_ids={"us-east-1a": once, "us-east-1b": once}, cidr="10.0.0.0/16"
    )
    assert codes(Platform(name="p", region="us-east-1", network=there)) == ["LLM_NET_23"]


@pytest.mark.parametrize(
    ("target", "typo"),
    [
        ('SageMaker(instance_type="ml.g6e.xlarge")', "engine=VLLM(max_model_len=8192, maximum=1)"),
        ('Ec2(instance_type="g6e.xlarge")', "engine=VLLM(max_model_len=8192)"),
    ],
)
def test_an_endpoint_with_a_mistake_does_not_make_its_zone_one_of_eks(target: str, typo: str, tmp_path: Path) -> None:
    spec = tmp_path / "spec.py"
    spec.write_text(
        "from llminfra import *\n"
        'p = Platform(name="p", region="us-east-1", network=Network(zones=["us-east-1a"]))\n'
        f'p.add(Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), {typo}, on={target}))\n',
        encoding="utf-8",
    )
    with pytest.raises(SpecError) as raised:
        plan_specs([spec])
    assert "LLM_NET_23" not in {item.code for item in raised.value.diagnostics}


@pytest.mark.parametrize("prefix", range(16, 25))
@pytest.mark.parametrize(("zones", "more"), [(2, 3), (4, 5), (4, 6)])
def test_another_zone_moves_no_subnet_of_those_that_are_there(prefix: int, zones: int, more: int) -> None:
    names = ("us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1e", "us-east-1f")
    cidr = f"10.20.0.0/{prefix}"
    platforms = [
        Platform(name="p", region="us-east-1", network=Network(cidr=cidr, zones=names[:count]))
        for count in (zones, more)
    ]
    small, large = (plan_network(platform, Findings()) for platform in platforms)
    if not large.cidr:  # a /24 is too small for six
        assert (prefix, more) == (24, 6)
        return
    assert set(small.subnets) < set(large.subnets)
