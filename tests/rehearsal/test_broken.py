"""Broken stacks: each mistake that is seen before a plan fails with the right words, at the right place."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra.rehearsal import rehearse
from tests.rehearsal.mistakes import Broken, assert_told, backend, resource
from tests.rehearsal.synthesis import Stacks, write_synthesis

pytestmark = pytest.mark.terraform


def required_version(stacks: Stacks) -> None:
    stacks["network"]["terraform"]["required_providers"]["aws"]["version"] = "5.0.0"


def remote_key(stacks: Stacks) -> None:
    stacks["cluster"]["data"]["terraform_remote_state"]["network"]["config"]["key"] = "demo/netwrok.tfstate"


def region(stacks: Stacks) -> None:
    stacks["network"]["provider"] = {"aws": [{"region": "us-east-9"}]}


def circle(stacks: Stacks) -> None:
    groups = stacks["network"]["resource"]["aws_security_group"]
    groups["one"] = {"vpc_id": "${aws_vpc.main.id}", "name": "${aws_security_group.two.name}1"}
    groups["two"] = {"vpc_id": "${aws_vpc.main.id}", "name": "${aws_security_group.one.name}2"}


SUBNET = "aws_subnet.b"
LUSTRE = "aws_fsx_lustre_file_system.weights"
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
        "remote state of no stack",
        remote_key,
        r"remote state of no stack",
        "prepare",
        "data.terraform_remote_state.network",
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
    assert_told(case, tmp_path / "synth", validate_only=True)


def test_unlocked_state_is_a_warning(tmp_path: Path) -> None:
    report = rehearse(write_synthesis(tmp_path / "synth", backend(use_lockfile=None)), validate_only=True)
    assert report.ok
    assert [item.summary for item in report.warnings] == ["the state is not locked"]
