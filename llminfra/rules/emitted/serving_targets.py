"""Pages of the findings that planning makes about endpoints on EC2 and SageMaker, and platforms without a cluster."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN
_SAGEMAKER = "SageMaker AI Developer Guide"
_SCALING = "Amazon EC2 Auto Scaling User Guide"

RULES = (
    emitted(
        "LLM_REF_5",
        "GPU pools belong to a platform with a cluster",
        looks_at=_PLAN,
        why="A pool is nodes of an EKS cluster; with cluster=None there is nothing that they could join.",
        fix="leave cluster out of the platform, or run the endpoints on Ec2(…) or SageMaker(…)",
        source=("llminfra: GpuPool",),
    ),
    emitted(
        "LLM_REF_6",
        "Lustre file systems belong to a platform with a cluster",
        looks_at=_PLAN,
        why="Pods mount the file system through its CSI driver; endpoints outside the cluster copy weights from S3.",
        fix="remove the file system, or add a GpuPool",
        source=("kubernetes-sigs/aws-fsx-csi-driver docs/README.md",),
    ),
    emitted(
        "LLM_CAP_40",
        "An endpoint's instance type exists and has NVIDIA GPUs",
        looks_at=_PLAN,
        why="An unknown type fails after the network already stands, and an engine without GPU never answers.",
        fix="use a GPU instance type that exists",
        source=("EC2 DescribeInstanceTypes, as in moto's data",),
    ),
    emitted(
        "LLM_CAP_41",
        "A replica larger than an instance has EFA",
        looks_at=_PLAN,
        why="Ranks on several instances must find each other, start together and share a fast network. On EC2 that is "
        "what efa=True makes; a SageMaker variant and a job with one container have nothing like it.",
        fix="on Ec2 set efa=True; elsewhere use a larger instance type, quantize, or a GpuPool with efa=True",
        source=(f"{_SAGEMAKER}: production variants", "Amazon EC2 User Guide: Elastic Fabric Adapter"),
    ),
    emitted(
        "LLM_CAP_42",
        "A replica uses all GPUs of an instance of its own",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Outside the cluster nothing else runs on the instance: GPUs that the replica leaves are paid for idle.",
        fix="use a smaller type of the same GPU, or spread the replica over all of them",
        source=("Amazon EC2 pricing is by the instance",),
    ),
    emitted(
        "LLM_CAP_43",
        "There is a pinned machine image for the processor and the GPU",
        looks_at=_PLAN,
        why="An image found by 'latest' changes under a running fleet, so llminfra starts none that it does not pin. "
        "Its NVIDIA driver knows no GPU older than Turing: on a P3dn the engine would find none.",
        fix="use an x86_64 type with a GPU of compute capability 7.5 or newer, or name an image with ami_id=…",
        source=(
            "AWS Deep Learning AMIs developer guide: release notes",
            "awslabs/amazon-eks-ami doc/usage/g7-ami.md: driver 595 and P3dn",
        ),
    ),
    emitted(
        "LLM_CAP_44",
        "SageMaker hosts on the instance family",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="SageMaker offers fewer families than EC2, and each region fewer still.",
        fix="check SageMaker's instance types in the region, or use another family",
        source=("SageMaker API Reference: ProductionVariant InstanceType",),
    ),
    emitted(
        "LLM_SRV_42",
        "The engine has an image for SageMaker",
        looks_at=_PLAN,
        why="SageMaker calls /ping and /invocations on port 8080; an engine's plain image answers neither.",
        fix="use VLLM(…), SGLang(…), DJLServing(…) or TGI(…), or an image of your own in ECR",
        source=(f"{_SAGEMAKER}: custom inference code with hosting services", "aws/deep-learning-containers docs"),
    ),
    emitted(
        "LLM_SRV_43",
        "An EC2 endpoint that goes to zero waits for longer than a start",
        looks_at=_PLAN,
        why="The last instance goes when nobody has called for cooldown_s. A shorter time than a start takes ends an "
        "instance before it has answered the call that woke it, and the next call starts it again, for ever.",
        fix="raise cooldown_s above the cold start that the plan shows, or set min=1",
        source=(
            f"{_SCALING}: step and simple scaling policies",
            "Elastic Load Balancing: RequestCount, HTTPCode_ELB_503",
        ),
    ),
    emitted(
        "LLM_SRV_44",
        "An EC2 endpoint that scales has an engine that reports its queue",
        looks_at=_PLAN,
        why="GPU use says busy long before requests wait; the queue is the honest sign, and not all engines show it.",
        fix="use VLLM(…), SGLang(…) or TGI(…), or a fixed number of replicas",
        source=(f"{_SCALING}: target tracking with custom metrics",),
    ),
    emitted(
        "LLM_SRV_45",
        "SageMaker's image lies in ECR of the region",
        looks_at=_PLAN,
        why="SageMaker pulls from private ECR only, in the endpoint's region; CreateModel refuses anything else.",
        fix="copy the image to ECR in the region",
        source=("SageMaker API Reference: ContainerDefinition Image",),
    ),
    emitted(
        "LLM_SRV_46",
        "Replicas that span EC2 instances are a fixed number",
        looks_at=_PLAN,
        why="The instances of such a replica start and end together, so each replica is an Auto Scaling group; scaling "
        "policies change the size of a group and start none.",
        fix="set replicas=N, or use a GpuPool, where KEDA scales whole groups",
        source=(f"{_SCALING}: scaling policies",),
    ),
    emitted(
        "LLM_SRV_47",
        "Reserved instances do not go to zero",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="A reservation is billed whether instances run in it or not: going to zero saves nothing and makes callers "
        "wait for a cold start.",
        fix="set min to what is reserved",
        source=("Amazon EC2 User Guide: On-Demand Capacity Reservations, pricing and billing",),
    ),
    emitted(
        "LLM_SRV_48",
        "Replicas that span EC2 instances start without Ray",
        looks_at=_PLAN,
        why="Instances of a replica agree on a round and start one engine process each. A Ray cluster is started by "
        "scripts of a pod, which they do not have.",
        fix='leave distributed_executor_backend="ray" out, or use a GpuPool',
        source=("vllm-project/vllm examples/online_serving/multi-node-serving.sh",),
    ),
    emitted(
        "LLM_SRV_49",
        "Namespaces are named for endpoints of the cluster",
        looks_at=_PLAN,
        why="A network policy admits pods of namespaces. A load balancer of EC2 admits addresses, and SageMaker roles: "
        "the list would read like a door that is not there.",
        fix="use Ec2(allow_from_cidrs=…), or grant sagemaker:InvokeEndpoint to callers",
        source=("Kubernetes documentation: network policies",),
    ),
    emitted(
        "LLM_SRV_50",
        "An own image on SageMaker is told its settings",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="SageMaker runs an image with the argument `serve` and variables, and takes no command. Length, sequences "
        "and ranks that the fit was proved with reach only images that read them from variables.",
        fix="build the settings into the image, or use an engine whose images for SageMaker read variables",
        source=(f"{_SAGEMAKER}: custom inference code with hosting services",),
    ),
    emitted(
        "LLM_SEC_40",
        "No Hub token in a SageMaker model",
        looks_at=_PLAN,
        why="A SageMaker container has plain variables only: a token would stand in the state and in DescribeModel.",
        fix="copy the gated model into a ModelBucket once",
        source=("SageMaker API Reference: ContainerDefinition Environment",),
    ),
    emitted(
        "LLM_SEC_41",
        "API keys are for targets that check them",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="SageMaker lets callers in by IAM; a key beside it suggests a protection that is not there.",
        fix="leave api_key out and grant sagemaker:InvokeEndpoint to callers",
        source=(f"{_SAGEMAKER}: identity-based policies",),
    ),
    emitted(
        "LLM_STO_22",
        "Endpoints outside the cluster read weights from a bucket",
        looks_at=_PLAN,
        why="Instances and SageMaker copy from S3 to their own disk before the engine starts; neither mounts "
        "Lustre, and neither shares a copy between pods.",
        fix="name a ModelBucket, for example the one that the file system is linked to",
        source=(f"{_SAGEMAKER}: deploy uncompressed models",),
    ),
)
