"""Rules on the VPC and the cluster's edges in the synthesized Terraform: no public path, and private ones that work."""

from __future__ import annotations

import json
from collections.abc import Iterator

from llminfra.diagnostics import Severity
from llminfra.rules.rule import Hit, rule
from llminfra.rules.terraform.open_ways import public_gateway
from llminfra.rules.views.node_groups import node_groups
from llminfra.rules.views.terraform_view import Block, Stacks

_NEEDED_INTERFACES = ("ecr.api", "ecr.dkr", "sts", "ec2")


@rule(
    code="LLM_NET_7",
    title="Private GPU nodes reach S3 and ECR without leaving AWS's network",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Weights and images of tens of GB otherwise go through the NAT gateway, at 0.045 USD per GB and its bandwidth, "
    "or do not arrive at all where there is none.",
    fix="add the VPC endpoints s3 (gateway), ecr.api, ecr.dkr, sts and ec2",
    source=("aws/aws-eks-best-practices latest/bpg/security/image.adoc", "AWS EKS User Guide, private-clusters.html"),
)
def endpoints_for_private_nodes(stacks: Stacks) -> Iterator[Hit]:
    """VPC endpoints beside every VPC that the stacks create."""
    for vpc in stacks.resources("aws_vpc"):
        gateways: set[str] = set()
        interfaces: set[str] = set()
        for endpoint in stacks.resources("aws_vpc_endpoint"):
            if endpoint.stack == vpc.stack:
                kind = endpoint.get("vpc_endpoint_type") or "Gateway"
                (gateways if kind == "Gateway" else interfaces).add(_service(endpoint))
        missing = [] if "s3" in gateways else ["s3 (gateway)"]
        missing += [name for name in _NEEDED_INTERFACES if name not in interfaces]
        if missing:
            yield Hit(
                on=vpc,
                message=f"VPC endpoints are missing: {', '.join(missing)}",
                found=", ".join(sorted(gateways | interfaces)) or "no endpoint",
                expected=", ".join(("s3", *_NEEDED_INTERFACES)),
                runtime_message="failed to pull image ... i/o timeout",
            )


def _service(endpoint: Block) -> str:
    """The short name: ``ecr.api`` of ``com.amazonaws.us-east-1.ecr.api``."""
    parts = str(endpoint.get("service_name") or "").split(".")
    return ".".join(parts[3:]) if parts[:2] == ["com", "amazonaws"] else ".".join(parts)


@rule(
    code="LLM_NET_8",
    title="The VPC CNI of a GPU cluster hands out prefixes",
    severity=Severity.WARNING,
    looks_at="terraform",
    why="Without prefix delegation every pod costs an EC2 call and a secondary address; pods start slowly and large "
    "nodes run out of addresses.",
    fix="set ENABLE_PREFIX_DELEGATION in the configuration of the add-on vpc-cni",
    source=("aws/aws-eks-best-practices latest/bpg/aiml/aiml_networking.adoc",),
)
def prefix_delegation(stacks: Stacks) -> Iterator[Hit]:
    """``ENABLE_PREFIX_DELEGATION`` of the add-on."""
    for addon in stacks.resources("aws_eks_addon"):
        if addon.get("addon_name") != "vpc-cni":
            continue
        if _addon_env(addon).get("ENABLE_PREFIX_DELEGATION") != "true":
            yield Hit(
                on=addon,
                message="the VPC CNI assigns single addresses instead of prefixes",
                found=str(addon.get("configuration_values") or "no configuration_values")[:120],
                expected='{"env": {"ENABLE_PREFIX_DELEGATION": "true"}}',
            )


def _addon_env(addon: Block) -> dict[str, str]:
    try:
        values = json.loads(str(addon.get("configuration_values") or "{}"))
    except ValueError:
        return {}
    env = values.get("env") if isinstance(values, dict) else None
    return {str(key): str(value).lower() for key, value in env.items()} if isinstance(env, dict) else {}


@rule(
    code="LLM_NET_15",
    title="Load balancers are internal",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="An internet-facing load balancer in front of a model endpoint is a public path to the model.",
    fix='set internal = true; for callers outside declare Gateway(exposure="public", …), which knows its callers',
    source=("AWS Well-Architected Generative AI Lens, GENSEC01-BP01", "OWASP Top 10 for LLM applications 2025, LLM10"),
)
def load_balancers_internal(stacks: Stacks) -> Iterator[Hit]:
    """``internal`` of load balancers, but for those of gateways that are declared public (LLM_GW_8)."""
    for balancer in stacks.resources("aws_lb", "aws_alb", "aws_elb"):
        if balancer.get("internal") is not True and not public_gateway(balancer):
            yield Hit(
                on=balancer,
                message="the load balancer faces the internet",
                found=f"internal = {balancer.get('internal')}",
                expected="internal = true",
            )


@rule(
    code="LLM_NET_16",
    title="Nodes are in subnets that give no public addresses",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="A node group in a public subnet puts GPU nodes on the internet with only a security group between.",
    fix="use private subnets for node groups, and map_public_ip_on_launch = false everywhere",
    source=("terraform-aws-modules/terraform-aws-eks issue 3533", "CKV_AWS_130"),
)
def nodes_in_private_subnets(stacks: Stacks) -> Iterator[Hit]:
    """Subnets of node groups that map public addresses."""
    for item in node_groups(stacks):
        for text in item.group.strings("subnet_ids"):
            subnet = stacks.resolve(item.group, text)
            if subnet is not None and subnet.get("map_public_ip_on_launch") is True:
                yield Hit(
                    on=item.group,
                    message=f"the node group is in the public subnet {subnet.name}",
                    found=f"{subnet.address} maps public addresses",
                    expected="private subnets",
                )


@rule(
    code="LLM_NET_17",
    title="No security group of ours carries the cluster's ownership tag",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="EKS tags its own group. Controllers expect exactly one tagged group on a node and stop at the second, so that "
    "no load balancer is ever made.",
    fix="drop the tag kubernetes.io/cluster/<name> from the group",
    source=("kubernetes-sigs/aws-load-balancer-controller#2231", "terraform-aws-modules/terraform-aws-eks#3333"),
)
def one_owned_group(stacks: Stacks) -> Iterator[Hit]:
    """Ownership tags on security groups."""
    for group in stacks.resources("aws_security_group"):
        for tags in group.blocks("tags"):
            owned = [key for key in tags.body if str(key).startswith("kubernetes.io/cluster/")]
            if owned:
                yield Hit(
                    on=group,
                    message="nodes would carry two groups with the cluster's tag",
                    found=owned[0],
                    expected="no such tag",
                    runtime_message="expect exactly one securityGroup tagged with kubernetes.io/cluster/...",
                )


RULES = (
    one_owned_group,
    endpoints_for_private_nodes,
    prefix_delegation,
    load_balancers_internal,
    nodes_in_private_subnets,
)
