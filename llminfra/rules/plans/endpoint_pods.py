"""Rules on the pods of planned endpoints: what they ask of a node, what their image and their arguments must bring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.rules.plans.planned import argument, endpoint_path
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_COMPUTE = "aws/aws-eks-best-practices latest/bpg/aiml/aiml_compute.adoc"


@rule(
    code="LLM_SRV_3",
    title="A pod's request fits on a node of its pool",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A pod that asks for more GPUs, memory or CPU than a node can give stays Pending for ever, and Karpenter says "
    "so only in its log.",
    fix="lower the tensor parallelism, or use a larger instance type",
    source=("aws-samples/deepseek-using-vllm-on-eks#3", _COMPUTE),
)
def pod_fits_node(plan: Plan) -> Iterator[Hit]:
    """GPUs, EFA, CPU and memory of the pod against the smallest type of the pool."""
    for endpoint in plan.endpoints:
        pool = plan.pool(endpoint.pool)
        smallest = min(pool.instance_types, key=lambda item: (item.memory_mib, item.vcpu))
        asked = endpoint.resources
        per_pod = (
            ("GPUs", asked.gpus, smallest.gpu.count if smallest.gpu else 0),
            ("EFA interfaces", asked.efa, smallest.efa_interfaces),
            ("millicores", asked.cpu_millis, smallest.vcpu * 1000),
            ("MiB of memory", asked.memory_mib + asked.huge_pages_mib, smallest.memory_mib),
        )
        for what, wanted, there in per_pod:
            if wanted > there:
                yield Hit(
                    path=endpoint_path(endpoint),
                    message=f"a pod asks for {wanted:,} {what}; {smallest.name} has {there:,}",
                    found=f"{wanted:,} {what}",
                    expected=f"at most {there:,}",
                    runtime_message="0/n nodes are available: n Insufficient nvidia.com/gpu (or memory, cpu)",
                )


@rule(
    code="LLM_SRV_75",
    title="A pod's memory holds its shared memory and the loader's buffer",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Shared memory and the loader's buffer count against the pod's memory: what does not fit ends the pod "
    "while it loads, and the next one too.",
    fix="lower RUNAI_STREAMER_MEMORY_LIMIT, or use a type with more memory per GPU",
    source=("run-ai/runai-model-streamer#34", "vllm-project/vllm#28923"),
)
def memory_holds_buffers(plan: Plan) -> Iterator[Hit]:
    """Memory against /dev/shm and the streamer's limit."""
    for endpoint in plan.endpoints:
        limit = endpoint.invocation.env.get("RUNAI_STREAMER_MEMORY_LIMIT", "")
        buffer_mib = int(limit) // 2**20 if limit.isdigit() else 0
        asked = endpoint.resources
        if asked.shm_mib + buffer_mib >= asked.memory_mib:
            yield Hit(
                path=endpoint_path(endpoint),
                message=f"{asked.memory_mib:,} MiB do not hold {asked.shm_mib:,} MiB of /dev/shm and {buffer_mib:,} "
                "MiB of buffer beside the engine",
                found=f"{asked.memory_mib:,} MiB",
                expected=f"more than {asked.shm_mib + buffer_mib:,} MiB",
                runtime_message="OOMKilled, exit code 137",
            )


@rule(
    code="LLM_SRV_64",
    title="An endpoint on EFA uses an image that has the EFA userspace",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Without libfabric and the NCCL plug-in in the container, NCCL falls back to TCP without an error, at a tenth "
    "of the speed.",
    fix="drop the image, or use one with the EFA userspace and say so: Image(…, efa=True)",
    source=("vllm-project/vllm#55635", "NVIDIA-NeMo/RL#2410", "aws/aws-ofi-nccl#1063"),
)
def efa_image(plan: Plan) -> Iterator[Hit]:
    """Pods that get EFA devices but whose image cannot use them."""
    for endpoint in plan.endpoints:
        image = endpoint.spec.engine.image
        if not endpoint.resources.efa:
            continue
        plain = endpoint.invocation.image_repository.endswith(("vllm/vllm-openai", "lmsysorg/sglang"))
        if (image is not None and not image.efa) or (image is None and plain):
            yield Hit(
                path=endpoint_path(endpoint, "engine.image"),
                message=f"{endpoint.invocation.image_repository} has no EFA userspace",
                found=endpoint.invocation.image_repository,
                expected="an AWS deep learning container, or an own image with efa=True",
                runtime_message="NCCL INFO NET/Plugin: Could not find: libnccl-net.so. Using internal network plugin.",
            )


@rule(
    code="LLM_SRV_77",
    title="The S3 loader finds the pod's credentials",
    severity=Severity.ERROR,
    looks_at="plan",
    why="AWS_EC2_METADATA_DISABLED or a custom endpoint, copied from a guide for MinIO, makes the loader fail against "
    "real S3 after the node has booted.",
    fix="remove the variable; Pod Identity needs no setting",
    source=("run-ai/runai-model-streamer#46", "vllm-project/vllm#12311"),
)
def loader_finds_credentials(plan: Plan) -> Iterator[Hit]:
    """Variables that keep the loader from real S3, on endpoints that read from a bucket."""
    for endpoint in plan.endpoints:
        names = ("AWS_EC2_METADATA_DISABLED", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "RUNAI_STREAMER_S3_ENDPOINT")
        given = [name for name in names if endpoint.invocation.env.get(name)]
        if endpoint.weights.kind == "bucket" and given:
            yield Hit(
                path=endpoint_path(endpoint, f"engine.env.{given[0]}"),
                message=f"{', '.join(given)} keeps the loader from S3",
                found=f"{given[0]}={endpoint.invocation.env[given[0]]}",
                expected="not set",
                runtime_message="File access error",
            )


@rule(
    code="LLM_SRV_76",
    title="Replicas over several nodes use vLLM's own launcher, not Ray",
    severity=Severity.WARNING,
    looks_at="plan",
    why="vLLM's images no longer bring Ray, and its placement groups wait for ever when a GPU is missing; the built-in "
    "launcher fails and is restarted.",
    fix="drop --distributed-executor-backend=ray, or choose Ray by VLLM(distributed_executor_backend='ray') with an "
    "image that has it",
    source=("vllm-project/vllm#13388", "vllm-project/vllm docs/serving/parallelism_scaling.md"),
)
def no_ray(plan: Plan) -> Iterator[Hit]:
    """``--distributed-executor-backend=ray`` among further arguments; the engine's own field is a choice."""
    for endpoint in plan.endpoints:
        chosen = getattr(endpoint.spec.engine, "distributed_executor_backend", "mp") == "ray"
        if not chosen and argument(endpoint, "--distributed-executor-backend") == "ray":
            yield Hit(
                path=endpoint_path(endpoint, "engine.extra_args"),
                message="the replica is started by Ray",
                found="--distributed-executor-backend=ray",
                expected="mp, the default",
                runtime_message="No available node types can fulfill resource request",
            )


@rule(
    code="LLM_OBS_12",
    title="A server of one's own says where its metrics are",
    severity=Severity.WARNING,
    looks_at="plan",
    why="llminfra knows where engines show their metrics, and nothing of a server that it does not know: Prometheus "
    "does not read it, and neither alerts nor an autoscaler see its queue.",
    fix="set CustomServer(metrics=CustomMetrics(path=…)) where it has any, or waive this where it has none",
    source=("aws/aws-eks-best-practices latest/bpg/aiml/aiml_observability.adoc",),
)
def own_server_observed(plan: Plan) -> Iterator[Hit]:
    """Custom servers of an observed platform without metrics."""
    if plan.platform.observability is None:
        return
    for endpoint in plan.endpoints:
        if endpoint.engine == "custom" and endpoint.invocation.metrics is None:
            yield Hit(
                path=endpoint_path(endpoint, "engine.metrics"),
                message="Prometheus does not know where the server's metrics are",
                found="metrics=None",
                expected="CustomMetrics(…)",
            )


RULES = (
    pod_fits_node,
    memory_holds_buffers,
    efa_image,
    loader_finds_credentials,
    no_ray,
    own_server_observed,
)
