"""Pages of the findings that planning makes about pools, clusters and how their instances are bought."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN
_EFA = "AWS EC2 User Guide, efa.html and efa-acc-inst-types.html"
_EKS = "AWS EKS User Guide: network requirements"

RULES = (
    emitted(
        "LLM_CAP_20",
        "Instance types exist",
        looks_at=_PLAN,
        why="An unknown type fails the node group after the cluster stands.",
        fix="use one of the names that the finding suggests",
        source=("EC2 DescribeInstanceTypes, as in moto's data",),
    ),
    emitted(
        "LLM_CAP_21",
        "An EFA pool uses a type that has EFA",
        looks_at=_PLAN,
        why="EC2 refuses EFA interfaces on other types.",
        fix="use the type that the finding names, or drop efa=True",
        source=(_EFA,),
    ),
    emitted(
        "LLM_CAP_22",
        "An EFA pool has one instance type",
        looks_at=_PLAN,
        why="The interfaces of a launch template fit the network cards of one type only.",
        fix="split the pool",
        source=(_EFA,),
    ),
    emitted(
        "LLM_CAP_23",
        "The zone of a reservation is declared",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="A reservation lies in one zone; llminfra cannot ask AWS which, and the first zone may be the wrong one.",
        fix="set zones=[…] to what `aws ec2 describe-capacity-reservations` shows",
        source=("AWS EC2 User Guide: capacity reservations",),
    ),
    emitted(
        "LLM_CAP_24",
        "EFA pools and reserved pools are in one zone",
        looks_at=_PLAN,
        why="EFA traffic does not cross zones, and a reservation has only one.",
        fix="keep one zone",
        source=(_EFA, "pulumi/pulumi-eks#1593"),
    ),
    emitted(
        "LLM_CAP_25",
        "GPU pools use GPU types",
        looks_at=_PLAN,
        why="A model server without a GPU does not start.",
        fix="use a GPU type; CPU nodes are declared in Cluster(system_nodes=…)",
        source=("EC2 DescribeInstanceTypes, as in moto's data",),
    ),
    emitted(
        "LLM_CAP_26",
        "EKS offers the Kubernetes version",
        looks_at=_PLAN,
        why="EKS refuses versions it does not support, and add-ons, AMIs and Karpenter are pinned by version.",
        fix="use a version that the finding lists",
        source=("AWS EKS User Guide: Kubernetes versions",),
    ),
    emitted(
        "LLM_CAP_27",
        "System nodes fit the AMI of system nodes",
        looks_at=_PLAN,
        why="An arm64 instance does not boot the x86_64 AMI, which has no GPU drivers either.",
        fix="use an x86_64 type without GPUs",
        source=("AWS EKS User Guide: AMI types",),
    ),
    emitted(
        "LLM_CAP_28",
        "Karpenter gets a reservation by id",
        looks_at=_PLAN,
        why="EC2NodeClass selects reservations by id or tags, not by resource group.",
        fix="name the reservation, or set provisioner='managed'",
        source=("aws/karpenter-provider-aws website: tasks/odcrs.md",),
    ),
    emitted(
        "LLM_CAP_29",
        "The region offers the instance type",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="A type that a region does not have fails the node group; offers grow, so this is a warning.",
        fix="use another region or type, or waive it if the type has arrived",
        source=("EC2 DescribeInstanceTypeOfferings, as in moto's data",),
    ),
    emitted(
        "LLM_CAP_30",
        "Types of a pool have the same GPUs",
        looks_at=_PLAN,
        why="A replica is planned for one kind of GPU; on another it may not fit.",
        fix="declare a pool for each kind of GPU, or keep one: the finding names the cheapest that holds all endpoints",
        source=("llminfra: the plan proves fit for one GPU",),
    ),
    emitted(
        "LLM_CAP_31",
        "Types of a pool share a CPU architecture",
        looks_at=_PLAN,
        why="They share an AMI and images.",
        fix="split the pool by architecture",
        source=("AWS EKS User Guide: AMI types",),
    ),
    emitted(
        "LLM_CAP_32",
        "The Kubernetes version has standard support for a while",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="In extended support an hour of control plane costs six times as much, and an upgrade is due at once.",
        fix="use the version that the finding names",
        source=("Amazon EKS pricing; AWS EKS User Guide: Kubernetes release calendar",),
    ),
    emitted(
        "LLM_CAP_38",
        "AWS sells capacity blocks of the instance family",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Capacity blocks exist for families of EC2 UltraClusters; a launch template that asks for one of another "
        "family starts nothing. Families are added, so this is a warning.",
        fix="use another way to buy, or another family",
        source=("Amazon EC2 User Guide: Capacity Blocks for ML, supported instance types and Regions",),
    ),
    emitted(
        "LLM_CAP_62",
        "A capacity block lasts as long as AWS sells one",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Blocks are sold by the day up to 14 days and by the week up to 182 days, and all end at 11:30 UTC. A spec "
        "with other days has a typing error, and tells the wrong day on which the GPUs go; where a block was extended, "
        "the days that AWS shows are right, and the finding may be waived.",
        fix="take the days from `aws ec2 describe-capacity-reservations`",
        source=(
            "Amazon EC2 User Guide, capacity-blocks-purchase.html",
            "Amazon EC2 User Guide, capacity-blocks-extend.html",
        ),
    ),
    emitted(
        "LLM_CAP_63",
        "A capacity block is there when instances start in it",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Before its first day EC2 starts nothing in a block, and a node group that tries fails. On the last day it "
        "begins to take the instances at 11:00 UTC, half an hour before the end, and they do not come back: what runs "
        "there is gone, and pods wait for a node that nobody can start.",
        fix="extend the block, or buy the next and set its reservation_id; before a block begins, wait with the apply",
        source=(
            "Amazon EC2 User Guide, capacity-blocks-monitor.html",
            "Amazon EC2 User Guide, capacity-blocks-using.html",
            "Amazon EC2 User Guide, ec2-fleet-launch-instances-capacity-blocks-walkthrough.html: too early a launch",
            "AWS EKS User Guide, capacity-blocks.html",
        ),
        seen=("InsufficientInstanceCapacity",),
    ),
    emitted(
        "LLM_CAP_39",
        "Controllers have nodes",
        looks_at=_PLAN,
        why="CoreDNS, the autoscaler, Prometheus and all operators run on the system nodes; GPU nodes are tainted. "
        "Without any, nothing starts the first GPU node.",
        fix="set the minimum of system_nodes to 2",
        source=(
            "aws/karpenter-provider-aws website: getting-started: Karpenter runs on nodes that it does not manage",
        ),
    ),
    emitted(
        "LLM_CAP_50",
        "A cluster that is there is in a VPC that is there",
        looks_at=_PLAN,
        why="Nodes reach the control plane by interfaces that EKS made in the cluster's own VPC. In another VPC, which "
        "nothing connects, they start, cost money, and never join.",
        fix="declare the cluster's VPC and private subnets as ExistingNetwork",
        source=(_EKS,),
    ),
    emitted(
        "LLM_CAP_51",
        "A Karpenter that is there starts nodes with its own role",
        looks_at=_PLAN,
        why="Its controller may pass the role of its own nodes and no other, and that role alone has an access entry: "
        "with another role no node is launched, or none joins.",
        fix="name the role in karpenter_node_role; it is in the EC2NodeClass or the controller's policy",
        source=("aws/karpenter-provider-aws website: reference/cloudformation.md: AllowPassingInstanceRole",),
    ),
    emitted(
        "LLM_CAP_55",
        "Platforms on one cluster make nothing twice",
        looks_at=_PLAN,
        why="Helm takes over nothing that another release made, so the second apply stops. Where it does not, two "
        "exporters count each GPU twice, two controllers fight for one object, and a change of one platform moves the "
        "pods of another. Commands see it where they get the specs of both.",
        fix="let one platform install what a cluster has once, and name it in ExistingCluster(installed=…) of the "
        "others; give each platform namespaces of its own, which is the default",
        source=("helm/helm pkg/action/validate.go: checkOwnership",),
        seen=("invalid ownership metadata; annotation validation error", "cannot re-use a name that is still in use"),
    ),
    emitted(
        "LLM_CAP_56",
        "A platform says of its cluster what the platform says that makes it",
        looks_at=_PLAN,
        why="What one spec takes to be there, another one has to make. A controller that nobody installs leaves "
        "objects that nobody reads; one whose role does not know the platform leaves pods that wait for their secrets. "
        "Commands see it where they get the specs of both.",
        fix="let the platform that makes the cluster install it, and name this one in Cluster(shared_with=…)",
        source=("llminfra: planning/controllers/neighbours.py",),
    ),
    emitted(
        "LLM_CAP_45",
        "What starts a pool's nodes is in the cluster",
        looks_at=_PLAN,
        why="A NodePool without Karpenter is an object that nobody reads: its pods stay Pending.",
        fix="leave provisioner out, or choose Karpenter as the cluster's autoscaler",
        source=("aws/karpenter-provider-aws website: concepts/nodepools.md",),
    ),
    emitted(
        "LLM_CAP_46",
        "Volumes have a node in their zone",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="An EBS volume stays in the zone where it was made. System nodes lie in two zones; a single one, replaced "
        "in the other, leaves Prometheus pending, and with it autoscaling and alerts.",
        fix="set the minimum of system_nodes to 2",
        source=("Amazon EKS Best Practices Guide: EKS Data Plane, capacity in each zone with EBS volumes",),
    ),
    emitted(
        "LLM_CAP_47",
        "Somebody adds the nodes that replicas wait for",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Pools with EFA, a reservation or shared GPUs are managed node groups, which Karpenter does not resize. "
        "Their nodes at rest are all there are: further replicas stay Pending.",
        fix="have all nodes at rest by the pool's minimum, or let the Cluster Autoscaler resize node groups",
        source=(
            "aws/karpenter-provider-aws website: concepts: Karpenter starts nodes of NodePools, not of node groups",
            "Amazon EKS User Guide: Scale cluster compute with Karpenter and Cluster Autoscaler",
        ),
    ),
)
