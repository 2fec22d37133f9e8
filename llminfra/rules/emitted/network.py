"""Pages of the findings that planning makes about networks."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN
_VPC = "Amazon VPC User Guide: VPC and subnet CIDR blocks"
_EKS = "AWS EKS User Guide: network requirements"

RULES = (
    emitted(
        "LLM_NET_20",
        "Zones belong to the region and to the network",
        looks_at=_PLAN,
        why="A subnet in a zone of another region cannot be made, and a pool in a zone without subnet has no place.",
        fix="use one of the zones that the finding lists",
        source=("AWS EC2 User Guide: regions and zones",),
    ),
    emitted(
        "LLM_NET_21",
        "Subnets lie inside the VPC and do not overlap",
        looks_at=_PLAN,
        why="AWS refuses them after the VPC already stands.",
        fix="move one of the blocks",
        source=(_VPC,),
    ),
    emitted(
        "LLM_NET_22",
        "The region exists",
        looks_at=_PLAN,
        why="Every endpoint, price and zone follows from the region.",
        fix="name a region such as us-east-1",
        source=("AWS General Reference: regional endpoints",),
    ),
    emitted(
        "LLM_NET_23",
        "A cluster has subnets in two zones or more, and so has a load balancer",
        looks_at=_PLAN,
        why="EKS puts its control plane into two zones and refuses fewer, and an Application Load Balancer, which "
        "stands before endpoints on EC2, does likewise. A network for SageMaker and AWS Batch alone may be in one.",
        fix="add a zone",
        source=(_EKS, "Elastic Load Balancing: Application Load Balancers, Availability Zone subnets"),
    ),
    emitted(
        "LLM_NET_24",
        "The VPC's block has room for the subnets",
        looks_at=_PLAN,
        why="A block outside /16 to /24 is refused by AWS or too small for nodes and pods.",
        fix="use a /16",
        source=(_VPC,),
    ),
    emitted(
        "LLM_NET_25",
        "Given subnets are one per zone",
        looks_at=_PLAN,
        why="A zone without subnet, or a subnet without zone, cannot be placed.",
        fix="give one block per zone, or none",
        source=(_VPC,),
    ),
    emitted(
        "LLM_NET_26",
        "The certificate of an endpoint on EC2 is in the platform's region",
        looks_at=_PLAN,
        why="Load balancers take certificates of their own region only; the apply would fail after the VPC stands.",
        fix="request or import the certificate in the platform's region",
        source=("Elastic Load Balancing: SSL certificates for your Application Load Balancer",),
    ),
    emitted(
        "LLM_NET_27",
        "The VPC's addresses are private ones",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Addresses of others on the internet become unreachable from the VPC: their traffic stays inside.",
        fix="use a block of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, or 100.64.0.0/10",
        source=(f"{_VPC}: RFC 1918 is recommended", "RFC 6598 (100.64.0.0/10)"),
    ),
    emitted(
        "LLM_NET_28",
        "A closed network reaches the images and weights of what it serves",
        looks_at=_PLAN,
        why="Without NAT there are endpoints for ECR and S3 of the region alone. Docker Hub, public.ecr.aws, PyPI and "
        "the Hugging Face Hub have none: containers wait for their image for ever.",
        fix="copy the image to ECR of the region and name it with Image(…), and the weights to a bucket",
        source=(
            "Amazon EKS User Guide: deploy private clusters with limited internet access",
            "Amazon ECR User Guide: interface VPC endpoints: public repositories are not supported",
        ),
    ),
    emitted(
        "LLM_NET_29",
        "A closed network reaches the images of the cluster's controllers",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Karpenter, Prometheus, device plugins and operators come from public registries. A mirror that only "
        "containerd is told of does not help with ECR: the kubelet looks up credentials by the name of the image, "
        "which stays that of its publisher. So names change, by ImageMirror(…), or there is a route made elsewhere. "
        "Cache rules alone do not help: through an endpoint of the VPC, ECR fetches nothing that it lacks.",
        fix="declare Platform(images=ImageMirror(…)) and copy what `llminfra images` lists, or set nat='single'; waive "
        "it where a route is made elsewhere",
        source=(
            "Amazon EKS User Guide: deploy private clusters with limited internet access",
            "Amazon ECR User Guide: interface VPC endpoints, considerations",
        ),
    ),
    emitted(
        "LLM_NET_30",
        "A mirror of images lies where nodes and ECR reach it",
        looks_at=_PLAN,
        why="Endpoints of a VPC lead to ECR of their own region; the stack of images makes repositories in the account "
        "that it is applied to; and a cache rule reads a secret of its own account and region alone.",
        fix="name a registry of the platform's region and account, or set create=False for another account's",
        source=(
            "Amazon ECR User Guide: interface VPC endpoints",
            "Amazon ECR User Guide: creating a pull through cache rule, prerequisites",
        ),
    ),
    emitted(
        "LLM_NET_31",
        "A closed network reaches those that it tells and asks",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Slack, PagerDuty and most issuers of tokens are on the internet. Alerts would be lost without a word, and "
        "every caller with a token would be turned away.",
        fix="let alerts go to SNS, and have the issuer's keys where the VPC reaches them; waive it where a proxy or a "
        "connected network leads there",
        source=(
            "Amazon SNS Developer Guide: creating an Amazon VPC endpoint for Amazon SNS",
            "Envoy documentation: JWT authentication, remote JWKS",
        ),
    ),
)
