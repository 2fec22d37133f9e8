"""Pages of the findings that planning makes about queues, batch jobs and Bedrock."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN
_CRIS = "Amazon Bedrock User Guide: Increase throughput with cross-Region inference"

RULES = (
    emitted(
        "LLM_ASY_1",
        "A queue stands in front of an endpoint of the same platform",
        looks_at=_PLAN,
        why="Its consumer needs the endpoint's address and the right to call it, which only the platform knows.",
        fix="add the endpoint to the platform",
        source=("AWS IAM User Guide: grant least privilege",),
    ),
    emitted(
        "LLM_ASY_3",
        "A queue does not stand in front of another queue",
        looks_at=_PLAN,
        why="SageMaker's asynchronous endpoints queue requests themselves; the consumer would be done before the "
        "answer is there.",
        fix="call the endpoint by InvokeEndpointAsync",
        source=("Amazon SageMaker AI Developer Guide: Asynchronous inference",),
    ),
    emitted(
        "LLM_ASY_4",
        "Only endpoints of the cluster are given an address",
        looks_at=_PLAN,
        why="An address beside the endpoint's own would let requests go somewhere else than the plan says.",
        fix="remove address=…",
        source=("llminfra: AsyncEndpoint.address",),
    ),
    emitted(
        "LLM_ASY_5",
        "A queue allows an answer no more time than its endpoint does",
        looks_at=_PLAN,
        why="SageMaker ends a real-time invocation after 60 seconds: longer answers would be tried again and again.",
        fix="lower request_timeout_s, or use SageMakerAsync or Ec2",
        source=("Amazon SageMaker AI API Reference: InvokeEndpoint",),
    ),
    emitted(
        "LLM_ASY_6",
        "API keys of consumers travel under TLS",
        looks_at=_PLAN,
        why="Whoever reads traffic of the VPC could call the endpoint.",
        fix="terminate TLS at the load balancer, and use https://",
        source=("AWS Well-Architected Framework: SEC09-BP02 Enforce encryption in transit",),
    ),
    emitted(
        "LLM_ASY_7",
        "The API key lies where the consumer looks for it",
        looks_at=_PLAN,
        why="The consumer takes a secret as a whole, or the key api_key of a JSON secret; any other text would be "
        "refused by the endpoint, request after request.",
        fix="store the API key under api_key",
        source=("AWS Secrets Manager User Guide: secret values",),
    ),
    emitted(
        "LLM_ASY_8",
        "Workers of a closed network bring their packages",
        looks_at=_PLAN,
        why="The official Python image has no boto3. Pods install it, pinned and hashed, from PyPI; without NAT they "
        "never start, and requests wait until they are lost.",
        fix="set worker_image=Image(…) to an image with Python and boto3 that the network reaches",
        source=("llminfra: modules/workloads/async_consumer",),
    ),
    emitted(
        "LLM_ASY_9",
        "Requests outlast the start of an endpoint that goes to zero",
        looks_at=_PLAN,
        why="The first call of an endpoint at zero fails and starts it. Each failure counts as an attempt, and after "
        "the last one a request lies in the dead-letter queue, although nothing is wrong with it.",
        fix="raise attempts as the finding says, or set Autoscaling(min=1, …)",
        source=("Amazon SQS Developer Guide: dead-letter queues", "llminfra: modules/workloads/async_consumer"),
    ),
    emitted(
        "LLM_BAT_1",
        "All instance types of a batch have the same GPUs",
        looks_at=_PLAN,
        why="One job definition asks for one number of GPUs and one spread of the model.",
        fix="declare a BatchInference for each kind of GPU",
        source=("AWS Batch User Guide: job definition parameters, resourceRequirements",),
    ),
    emitted(
        "LLM_BAT_2",
        "A batch has no more instances than jobs",
        looks_at=_PLAN,
        severity=Severity.WARNING,
        why="A job has an instance to itself; instances without a job are never started, and the plan would count "
        "them.",
        fix="lower max_instances or raise jobs",
        source=("AWS Batch User Guide: array jobs",),
    ),
    emitted(
        "LLM_BAT_3",
        "Batches run on an engine that the runner knows",
        looks_at=_PLAN,
        why="The runner starts the engine, waits for it and drains it; vLLM's and SGLang's behaviour is known to it.",
        fix="use VLLM(…) or SGLang(…)",
        source=("vLLM and SGLang documentation: OpenAI-compatible server",),
    ),
    emitted(
        "LLM_BAT_4",
        "Jobs over several instances do not run on spot",
        looks_at=_PLAN,
        why="AWS Batch leaves such a job in RUNNABLE for ever on a queue of spot instances.",
        fix="set spot=False, with a reservation or a capacity block where there is one",
        source=("AWS Batch User Guide: compute environment considerations for MNP",),
    ),
    emitted(
        "LLM_BAT_5",
        "Jobs over several instances are no arrays",
        looks_at=_PLAN,
        why="AWS Batch knows array jobs and multi-node parallel jobs, and none that is both.",
        fix="set jobs=1, or declare another BatchInference over other files",
        source=("AWS Batch API Reference: SubmitJob arrayProperties, nodeOverrides",),
    ),
    emitted(
        "LLM_BAT_6",
        "The image of a job over several instances has no entry point",
        looks_at=_PLAN,
        why="Each node must start another rank, whose number and leader are known only when the job runs. AWS Batch "
        "passes words to the image's entry point and cannot replace it; a server that starts by itself has no rank.",
        fix="build an image from the engine's with ENTRYPOINT [], and name it with image=Image(…, efa=True)",
        source=(
            "AWS Batch API Reference: ContainerProperties",
            "aws/deep-learning-containers: dockerd_entrypoint.sh of vLLM",
        ),
    ),
    emitted(
        "LLM_BED_2",
        "The catalog knows the Bedrock model",
        looks_at=_PLAN,
        why="A role must name the model in every region that may answer, and a guess would be too narrow or too wide.",
        fix="use a model of the catalog",
        source=(_CRIS,),
    ),
    emitted(
        "LLM_BED_3",
        "The Bedrock model can be called from the region in the declared way",
        looks_at=_PLAN,
        why="Many models are called through inference profiles only, and a profile belongs to a geography.",
        fix="choose a routing that the finding lists, or another region",
        source=(_CRIS,),
    ),
    emitted(
        "LLM_BED_4",
        "Service accounts with access to Bedrock have a cluster",
        looks_at=_PLAN,
        why="IRSA and Pod Identity trust a cluster; without one the role could be assumed by nobody.",
        fix="give the platform a cluster, or name existing roles by RoleAccess",
        source=("Amazon EKS User Guide: EKS Pod Identity",),
    ),
    emitted(
        "LLM_BED_5",
        "Provisioned throughput belongs to a model in one region",
        looks_at=_PLAN,
        why="Inference profiles do not support it: the model units would be paid for and never used.",
        fix="set routing='region'",
        source=(_CRIS,),
    ),
    emitted(
        "LLM_BED_6",
        "Model units are of a kind that AWS sells in the region",
        looks_at=_PLAN,
        why="Units are sold for few models, in few regions, and for each context length under an id of its own: the "
        "model's own id is refused.",
        fix="set context to a length that the finding lists, or use another model",
        source=("Amazon Bedrock User Guide: Supported Region and models for Provisioned Throughput",),
    ),
)
