"""Pages of the findings that planning makes about networks, pools, storage and cost."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN
_EFA = "AWS EC2 User Guide, efa.html and efa-acc-inst-types.html"
_VPC = "Amazon VPC User Guide: VPC and subnet CIDR blocks"
_EKS = "AWS EKS User Guide: network requirements"

RULES = (
    emitted(
        "LLM_REF_7",
        "Working hours are by the clock of a time zone that there is",
        looks_at=_PLAN,
        why="KEDA looks the zone up each time it asks. One that it does not know is an error of that trigger alone: "
        "the hours never come, and an endpoint that sleeps outside of them never wakes.",
        fix="name a zone of the IANA time zone database, such as Europe/Berlin",
        source=("kedacore/keda@8b4f083c pkg/scalers/cron_scaler.go: LoadLocation", "IANA time zone database"),
        seen=("unable to load timezone: unknown time zone",),
    ),
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
    emitted(
        "LLM_STO_20",
        "FSx for Lustre comes in this size",
        looks_at=_PLAN,
        why="FSx refuses other sizes.",
        fix="use one of the two sizes that the finding names",
        source=("aws_fsx_lustre_file_system provider documentation: storage_capacity",),
    ),
    emitted(
        "LLM_STO_21",
        "A file system lies in the zone of the pools that read it",
        looks_at=_PLAN,
        why="Reading from another zone is slower, billed by the GB, and ends when either zone does.",
        fix="set the zone of the file system or of the pool",
        source=("aws/aws-eks-best-practices latest/bpg/aiml/aiml_storage.adoc", "vllm-project/ci-infra#493"),
    ),
    emitted(
        "LLM_COST_1",
        "At full size the platform stays within its budget",
        looks_at=_PLAN,
        why="Autoscaling goes to the maximum of every pool under load or attack.",
        fix="lower the maximum of the pool that the finding names, or raise the budget",
        source=("OWASP LLM10:2025 unbounded consumption: denial of wallet",),
    ),
    emitted(
        "LLM_COST_2",
        "The budget can be proved",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="A sum that leaves out what has no price stays below any budget. Packaged prices are those that public "
        "records state: nearly all of us-east-1, few of other regions.",
        fix="run `llminfra catalog refresh --region …` and set LLMINFRA_PRICES: it asks AWS for instances and for all "
        "services that a plan counts; for what AWS's price list does not tell, such as model units of Bedrock, leave "
        "room in the budget and waive this rule with the reason",
        source=("llminfra: _note in catalog/data/prices.json",),
    ),
)
