"""Broken stacks: each mistake fails with the right words, at the right place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llminfra.rehearsal import rehearse
from tests.rehearsal.synthesis import Stacks, write_synthesis

pytestmark = pytest.mark.terraform


@dataclass(frozen=True, slots=True)
class Broken:
    """A mistake.

    Attributes:
        name: What it is.
        edit: How it is made.
        message: Pattern of the summary or detail.
        step: Where it comes up.
        address: Terraform address of the culprit.
        spec_path: Its place in the spec.
    """

    name: str
    edit: Callable[[Stacks], None]
    message: str
    step: str
    address: str = ""
    spec_path: str | None = None


def resource(stack: str, kind: str, block_name: str, /, **values: Any) -> Callable[[Stacks], None]:
    """Set arguments of a resource; ``None`` removes one."""

    def edit(stacks: Stacks) -> None:
        block = stacks[stack]["resource"].setdefault(kind, {}).setdefault(block_name, {})
        for key, value in values.items():
            if value is None:
                block.pop(key, None)
            else:
                block[key] = value

    return edit


def backend(**values: Any) -> Callable[[Stacks], None]:
    """Change the backend of the network stack."""

    def edit(stacks: Stacks) -> None:
        block = stacks["network"]["terraform"]["backend"]["s3"]
        for key, value in values.items():
            if value is None:
                del block[key]
            else:
                block[key] = value

    return edit


def required_version(stacks: Stacks) -> None:
    stacks["network"]["terraform"]["required_providers"]["aws"]["version"] = "5.0.0"


def remote_key(stacks: Stacks) -> None:
    stacks["cluster"]["data"]["terraform_remote_state"]["network"]["config"]["key"] = "demo/netwrok.tfstate"


def remote_output(stacks: Stacks) -> None:
    del stacks["network"]["output"]["group"]


def bad_statement(stacks: Stacks) -> None:
    stacks["cluster"]["data"]["aws_iam_policy_document"]["weights"]["statement"][0]["actions"] = ["GetObject"]


def no_principal(stacks: Stacks) -> None:
    del stacks["cluster"]["data"]["aws_iam_policy_document"]["node"]["statement"][0]["principals"]


def big_policy(stacks: Stacks) -> None:
    resources = [f"arn:aws:s3:::a-bucket-with-a-rather-long-name-{index:04d}/*" for index in range(300)]
    stacks["cluster"]["data"]["aws_iam_policy_document"]["weights"]["statement"][0]["resources"] = resources


def foreign_subnet(stacks: Stacks) -> None:
    network = stacks["network"]["resource"]
    network["aws_vpc"]["other"] = {"cidr_block": "10.9.0.0/16"}
    network["aws_subnet"]["foreign"] = {"vpc_id": "${aws_vpc.other.id}", "cidr_block": "10.9.0.0/20"}
    stacks["network"]["output"]["subnets"]["value"][1] = "${aws_subnet.foreign.id}"


def one_zone(stacks: Stacks) -> None:
    stacks["network"]["resource"]["aws_subnet"]["b"]["availability_zone"] = "us-east-1a"


def two_roles_of_one_name(stacks: Stacks) -> None:
    stacks["cluster"]["resource"]["aws_iam_role"]["node"]["name"] = "demo-cluster"


def host(stacks: Stacks) -> None:
    kubernetes = stacks["serving"]["provider"]["helm"][0]["kubernetes"]
    kubernetes["host"] = "https://elsewhere.gr7.us-east-1.eks.amazonaws.com"


def region(stacks: Stacks) -> None:
    stacks["network"]["provider"] = {"aws": [{"region": "us-east-9"}]}


def circle(stacks: Stacks) -> None:
    groups = stacks["network"]["resource"]["aws_security_group"]
    groups["one"] = {"vpc_id": "${aws_vpc.main.id}", "name": "${aws_security_group.two.name}1"}
    groups["two"] = {"vpc_id": "${aws_vpc.main.id}", "name": "${aws_security_group.one.name}2"}


SUBNET, LUSTRE = "aws_subnet.b", "aws_fsx_lustre_file_system.weights"
CASES = (
    Broken(
        "wrong type",
        resource("network", "aws_vpc", "main", enable_dns_hostnames="perhaps"),
        r"a bool is required",
        "validate",
        "aws_vpc.main",
        "network",
    ),
    Broken(
        "missing argument",
        resource("network", "aws_subnet", "b", vpc_id=None),
        r'argument "vpc_id" is required',
        "validate",
        SUBNET,
        "network/subnet-b",
    ),
    Broken(
        "unknown argument",
        resource("network", "aws_vpc", "main", cidr="10.0.0.0/16"),
        r'named "cidr"',
        "validate",
        "aws_vpc.main",
    ),
    Broken(
        "unknown resource type",
        resource("network", "aws_s3_buckets", "x", bucket="acme-more"),
        r'does not support resource type\s+"aws_s3_buckets".*Did you mean "aws_s3_bucket',
        "validate",
    ),
    Broken(
        "unknown block",
        resource("cluster", "aws_eks_node_group", "gpu", scaling={"min_size": 1}),
        r'named "scaling"',
        "validate",
        "aws_eks_node_group.gpu",
        "pools.gpu",
    ),
    Broken(
        "two of a single block",
        resource("cluster", "aws_eks_cluster", "main", vpc_config=[{"subnet_ids": []}, {"subnet_ids": []}]),
        r"No more than 1 \"vpc_config\" blocks are allowed",
        "validate",
        "aws_eks_cluster.main",
        "cluster",
    ),
    Broken(
        "setting a computed attribute",
        resource("network", "aws_s3_bucket", "weights", arn="arn:aws:s3:::x"),
        r'Can\'t configure a value for "arn"|its value will be decided automatically',
        "validate",
        "aws_s3_bucket.weights",
    ),
    Broken(
        "reference to nothing",
        resource("network", "aws_subnet", "b", vpc_id="${aws_vpc.mian.id}"),
        r'"aws_vpc" "mian" has not been declared',
        "validate",
        SUBNET,
    ),
    Broken(
        "reference to no attribute",
        resource("network", "aws_subnet", "b", vpc_id="${aws_vpc.main.vpc_id}"),
        r'no argument, nested block, or exported attribute named "vpc_id"',
        "validate",
        SUBNET,
    ),
    Broken("circle", circle, r"Cycle: aws_security_group", "validate"),
    Broken(
        "bad enumeration",
        resource("cluster", "aws_eks_node_group", "gpu", ami_type="AL2023_x86_64_CUDA"),
        r"expected ami_type to be one of",
        "validate",
        "aws_eks_node_group.gpu",
        "pools.gpu",
    ),
    Broken(
        "number out of range",
        resource("cluster", "aws_launch_template", "gpu", metadata_options={"http_put_response_hop_limit": 65}),
        r"in the range \(1 - 64\), got 65",
        "validate",
        "aws_launch_template.gpu",
    ),
    Broken(
        "capacity that FSx does not have",
        resource("cluster", "aws_fsx_lustre_file_system", "weights", storage_capacity=3000),
        r"Storage capacity 3000 GiB is not valid.*multiple of 2400",
        "validate",
        LUSTRE,
        "storage.weights",
    ),
    Broken(
        "throughput that FSx does not have",
        resource("cluster", "aws_fsx_lustre_file_system", "weights", per_unit_storage_throughput=200),
        r"PerUnitStorageThroughput 200 is not valid",
        "validate",
        LUSTRE,
    ),
    Broken(
        "Kubernetes version that EKS does not have",
        resource("cluster", "aws_eks_cluster", "main", version="1.19"),
        r"unsupported Kubernetes version 1.19",
        "validate",
        "aws_eks_cluster.main",
        "cluster",
    ),
    Broken(
        "role name too long",
        resource("cluster", "aws_iam_role", "node", name="n" * 65),
        r"expected length of name to be in the range \(1 - 64\), got 65",
        "validate",
        "aws_iam_role.node",
    ),
    Broken(
        "not a subnet id",
        resource("cluster", "aws_eks_node_group", "gpu", subnet_ids=["subnet-private"]),
        r"invalid value for subnet_ids\[0\]",
        "validate",
        "aws_eks_node_group.gpu",
    ),
    Broken(
        "not a role ARN",
        resource("cluster", "aws_eks_cluster", "main", role_arn="demo-cluster"),
        r"invalid value for role_arn",
        "validate",
        "aws_eks_cluster.main",
    ),
    Broken(
        "desired above maximum",
        resource(
            "cluster", "aws_eks_node_group", "gpu", scaling_config={"min_size": 0, "max_size": 2, "desired_size": 3}
        ),
        r"desired capacity 3 can't be greater than max size 2",
        "validate",
        "aws_eks_node_group.gpu",
    ),
    Broken(
        "CIDR with host bits",
        resource("network", "aws_vpc", "main", cidr_block="10.0.0.1/16"),
        r"is not a valid CIDR block",
        "validate",
        "aws_vpc.main",
    ),
    Broken("no such region", region, r"invalid AWS Region: us-east-9", "validate"),
    Broken("provider version that is not there", required_version, r"5\.0\.0", "init"),
    Broken(
        "subnet outside the VPC",
        resource("network", "aws_subnet", "b", cidr_block="10.1.0.0/20"),
        r"InvalidSubnet.Range",
        "apply",
        SUBNET,
    ),
    Broken(
        "overlapping subnets",
        resource("network", "aws_subnet", "b", cidr_block="10.0.0.0/21"),
        r"InvalidSubnet.Conflict",
        "apply",
    ),
    Broken(
        "duplicate name",
        two_roles_of_one_name,
        r"EntityAlreadyExists: Role with name demo-cluster already exists",
        "apply",
    ),
    Broken(
        "subnet of another VPC",
        foreign_subnet,
        r"Subnets must be in the same VPC",
        "apply",
        "aws_eks_cluster.main",
        "cluster",
    ),
    Broken("control plane in one zone", one_zone, r"at least two different AZs", "apply", "aws_eks_cluster.main"),
    Broken(
        "dangling id",
        resource("cluster", "aws_eks_node_group", "gpu", subnet_ids=["subnet-00000000deadbeef0"]),
        r"InvalidSubnetID.NotFound",
        "apply",
        "aws_eks_node_group.gpu",
        "pools.gpu",
    ),
    Broken(
        "role of another account",
        resource("cluster", "aws_eks_cluster", "main", role_arn="arn:aws:iam::123456789012:role/elsewhere"),
        r"role/elsewhere cannot be found",
        "apply",
        "aws_eks_cluster.main",
    ),
    Broken(
        "interfaces that the type does not have",
        resource("cluster", "aws_eks_node_group", "gpu", instance_types=["g6e.4xlarge"]),
        r"network interfaces do not fit g6e.4xlarge",
        "apply",
        "aws_eks_node_group.gpu",
        "pools.gpu",
    ),
    Broken(
        "IAM action without a service",
        bad_statement,
        r"MalformedPolicyDocument.*must be prefaced by a vendor",
        "plan",
        "aws_iam_role_policy.weights",
    ),
    Broken("trust without a principal", no_principal, r"Missing required field Principal", "plan", "aws_iam_role.node"),
    Broken(
        "policy too big",
        big_policy,
        r"Maximum policy size of 10240 bytes exceeded",
        "plan",
        "aws_iam_role_policy.weights",
    ),
    Broken(
        "remote state of no stack",
        remote_key,
        r"remote state of no stack",
        "prepare",
        "data.terraform_remote_state.network",
    ),
    Broken(
        "output that is gone",
        remote_output,
        r'does not have an attribute named "group"',
        "plan",
        "aws_launch_template.gpu",
        "pools.gpu",
    ),
    Broken(
        "release name",
        resource("serving", "helm_release", "web", name="Web_Server"),
        r"invalid release name",
        "validate",
        "helm_release.web",
        "endpoints.web",
    ),
    Broken(
        "values that are not YAML",
        resource("serving", "helm_release", "web", values=["a: [1"]),
        r"values are not YAML",
        "validate",
        "helm_release.web",
    ),
    Broken(
        "value that an upstream chart lacks",
        resource("serving", "helm_release", "keda", values=["operatr: {}\n"]),
        r"has no value 'operatr'",
        "apply",
        "helm_release.keda",
    ),
    Broken(
        "object that Kubernetes refuses",
        resource("serving", "helm_release", "web", values=["replicas: many\n"]),
        r"Deployment 'web/web' is invalid: spec.replicas",
        "apply",
        "helm_release.web",
        "endpoints.web",
    ),
    Broken(
        "namespace that is not there",
        resource("serving", "helm_release", "web", create_namespace=False),
        r'namespaces "web" not found',
        "apply",
        "helm_release.web",
    ),
    Broken(
        "chart that is not there",
        resource("serving", "helm_release", "web", chart="./charts/wbe"),
        r"could not download chart",
        "plan",
        "helm_release.web",
    ),
    Broken("cluster that is not there", host, r"Kubernetes cluster unreachable", "apply"),
    Broken("backend without a key", backend(key=None), r"needs 'key'", "prepare", "terraform.backend"),
    Broken(
        "backend with a misspelt argument",
        backend(use_lock_file=True),
        r"has no 'use_lock_file'",
        "prepare",
        "terraform.backend",
    ),
    Broken(
        "backend with a variable",
        backend(bucket="${var.bucket}"),
        r"Variables not allowed",
        "prepare",
        "terraform.backend",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_mistake_fails_with_the_right_message(tmp_path: Path, case: Broken) -> None:
    early = case.step in ("init", "validate", "prepare")
    report = rehearse(write_synthesis(tmp_path / "synth", case.edit), validate_only=early)
    assert not report.ok
    fitting = [
        item
        for item in report.errors
        if re.search(case.message, f"{item.summary}\n{item.detail}", re.DOTALL | re.IGNORECASE)
    ]
    assert fitting, "\n".join(map(str, report.errors))
    found = fitting[0]
    assert found.step == case.step
    if case.address:
        assert found.address == case.address
    if case.spec_path is not None:
        assert found.spec_path == case.spec_path


def test_unlocked_state_is_a_warning(tmp_path: Path) -> None:
    report = rehearse(write_synthesis(tmp_path / "synth", backend(use_lockfile=None)), validate_only=True)
    assert report.ok
    assert [item.summary for item in report.warnings] == ["the state is not locked"]


def test_an_error_in_one_stack_leaves_the_later_ones_unapplied(tmp_path: Path) -> None:
    edit = resource("network", "aws_subnet", "b", cidr_block="10.1.0.0/20")
    report = rehearse(write_synthesis(tmp_path / "synth", edit))
    steps = {stack.name: [step.name for step in stack.steps] for stack in report.stacks}
    assert steps["network"][-1] == "destroy"
    assert steps["cluster"] == ["init", "validate"]
    assert "stack cluster was not applied because a stack before it failed" in report.not_proved
