"""Broken stacks: each mistake that only a plan or AWS itself sees fails with the right words, at the right place."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra.rehearsal import rehearse
from tests.rehearsal.mistakes import Broken, assert_told, resource
from tests.rehearsal.synthesis import Stacks, write_synthesis

pytestmark = pytest.mark.terraform


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


SUBNET = "aws_subnet.b"
CASES = (
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
        "output that is gone",
        remote_output,
        r'does not have an attribute named "group"',
        "plan",
        "aws_launch_template.gpu",
        "pools.gpu",
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
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_mistake_fails_with_the_right_message(tmp_path: Path, case: Broken) -> None:
    assert_told(case, tmp_path / "synth", validate_only=False)


def test_an_error_in_one_stack_leaves_the_later_ones_unapplied(tmp_path: Path) -> None:
    edit = resource("network", "aws_subnet", "b", cidr_block="10.1.0.0/20")
    report = rehearse(write_synthesis(tmp_path / "synth", edit))
    steps = {stack.name: [step.name for step in stack.steps] for stack in report.stacks}
    assert steps["network"][-1] == "destroy"
    assert steps["cluster"] == ["init", "validate"]
    assert "stack cluster was not applied because a stack before it failed" in report.not_proved
