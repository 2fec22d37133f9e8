"""Rules on planned endpoints: what starts, what drains, what callers can do, and what leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.planning.gateways import route_of
from llminfra.planning.targets.queues import worked_queue
from llminfra.rules.rule import Hit, rule
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from llminfra.planning.endpoint_plan import EndpointPlan
    from llminfra.planning.plan import Plan

_SPOT_NOTICE_S = 120
_COMPUTE = "aws/aws-eks-best-practices latest/bpg/aiml/aiml_compute.adoc"


def argument(endpoint: EndpointPlan, flag: str) -> str | None:
    """Value of a flag in the engine's arguments: empty for a bare flag, ``None`` where it is not given.

    The last one counts, as with argparse.
    """
    found = None
    arguments = endpoint.invocation.args
    for index, item in enumerate(arguments):
        if item == flag:
            following = arguments[index + 1] if index + 1 < len(arguments) else ""
            found = "" if following.startswith("--") else following
        elif item.startswith(f"{flag}="):
            found = item.partition("=")[2]
    return found


def _path(endpoint: EndpointPlan, field: str = "") -> str:
    return f"endpoints.{endpoint.name}.{field}" if field else f"endpoints.{endpoint.name}"


@rule(
    code="LLM_SRV_3",
    title="A pod's request fits on a node of its pool",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A pod that asks for more GPUs, memory or CPU than a node can give stays Pending for ever, and Karpenter says "
    "so "
    "only in its log.",
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
                    path=_path(endpoint),
                    message=f"a pod asks for {wanted:,} {what}; {smallest.name} has {there:,}",
                    found=f"{wanted:,} {what}",
                    expected=f"at most {there:,}",
                    runtime_message="0/n nodes are available: n Insufficient nvidia.com/gpu (or memory, cpu)",
                )


@rule(
    code="LLM_SRV_6",
    title="Context length and batch are bounded on the command line",
    severity=Severity.ERROR,
    looks_at="plan",
    why="An engine without limits takes the model's full context and its own batch default; one caller can then occupy "
    "the whole KV cache and run up the bill.",
    fix="set VLLM(max_model_len=…, max_num_seqs=…)",
    source=("OWASP LLM10:2025 unbounded consumption, preventions 1, 3 and 5",),
)
def requests_bounded(plan: Plan) -> Iterator[Hit]:
    """The limits of every engine that has flags for them."""
    flags = {"vllm": ("--max-model-len", "--max-num-seqs"), "sglang": ("--context-length", "--max-running-requests")}
    for endpoint in plan.endpoints:
        missing = [flag for flag in flags.get(endpoint.engine, ()) if argument(endpoint, flag) is None]
        if missing:
            yield Hit(
                path=_path(endpoint, "engine"),
                message=f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not given to the engine",
                found="the engine's default",
                expected="explicit limits",
            )


@rule(
    code="LLM_SRV_8",
    title="The startup probe waits for the whole cold start",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A probe that gives up earlier kills a pod that is still loading weights, again and again.",
    fix="raise failure_threshold or period of the startup probe to the planned budget",
    source=("vllm-project/vllm#17386", "kserve/kserve#5062", "vllm-project/aibrix#1054"),
)
def startup_waits(plan: Plan) -> Iterator[Hit]:
    """Probe period × threshold against the budget and the estimate."""
    for endpoint in plan.endpoints:
        probe = endpoint.invocation.startup
        patience_s = probe.period_s * probe.failure_threshold
        needed_s = max(endpoint.startup.budget_s, 0)
        if patience_s < needed_s:
            yield Hit(
                path=_path(endpoint),
                message=f"the startup probe gives up after {patience_s} s; the cold start may take {needed_s} s",
                found=f"{probe.failure_threshold} × {probe.period_s} s",
                expected=f"at least {needed_s} s",
                runtime_message="Startup probe failed; Container ... failed startup probe, will be restarted",
            )


@rule(
    code="LLM_SRV_13",
    title="A pod has time to finish its requests before it is killed",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Requests run for minutes. With a grace period shorter than preStop and drain together, Kubernetes kills the "
    "engine in the middle of answers.",
    fix="raise the grace period above preStop plus drain",
    source=("vllm-project/vllm#24885", "kserve/kserve#5496", "llm-d/llm-d#927"),
)
def drain_fits_grace(plan: Plan) -> Iterator[Hit]:
    """Grace period against preStop and the engine's own drain."""
    for endpoint in plan.endpoints:
        drain = endpoint.drain
        needed_s = drain.pre_stop_s + max(drain.engine_s, endpoint.invocation.drain_flag_s)
        if drain.grace_s <= needed_s:
            yield Hit(
                path=_path(endpoint),
                message=f"pods are killed after {drain.grace_s} s; preStop and drain take {needed_s} s",
                found=f"grace {drain.grace_s} s",
                expected=f"more than {needed_s} s",
            )


@rule(
    code="LLM_SRV_14",
    title="On spot, a replica can leave within the two minutes that EC2 gives",
    severity=Severity.WARNING,
    looks_at="plan",
    why="EC2 takes a spot instance two minutes after its notice, whatever the grace period says; answers that take "
    "longer are cut off.",
    fix="keep more than one replica, or accept cut-off answers with a waiver",
    source=("AWS EC2 User Guide, spot-instance-termination-notices.html", f"{_COMPUTE}: Spot"),
)
def spot_drain(plan: Plan) -> Iterator[Hit]:
    """A single replica on spot nodes whose drain is longer than the notice."""
    for endpoint in plan.endpoints:
        pool = plan.pool(endpoint.pool)
        drain_s = endpoint.drain.pre_stop_s + endpoint.drain.engine_s
        if "spot" in pool.capacity_types and drain_s > _SPOT_NOTICE_S and endpoint.max_replicas == 1:
            yield Hit(
                path=_path(endpoint, "replicas"),
                message=f"the only replica needs {drain_s} s to leave a spot node that is gone after {_SPOT_NOTICE_S} "
                f"s",
                found=f"1 replica, {drain_s} s drain",
                expected="two replicas, or on-demand capacity",
            )


@rule(
    code="LLM_SRV_60",
    title="A rollout does not wait for GPUs that the pool does not have",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A surge starts the new pod before the old one leaves. In a full pool the new pod stays Pending and the "
    "rollout "
    "never ends.",
    fix="replace replicas one by one (maxSurge 0), or give the pool room for one more",
    source=("ai-runway/airunway#400", "defilantech/LLMKube#192", "kserve/kserve#5452"),
)
def rollout_has_room(plan: Plan) -> Iterator[Hit]:
    """Surge against the GPUs of the pool at its most."""
    for endpoint in plan.endpoints:
        pool = plan.pool(endpoint.pool)
        gpus = endpoint.parallelism.gpus
        others = sum(
            other.min_replicas * other.parallelism.gpus
            for other in plan.endpoints
            if other.pool == endpoint.pool and other.name != endpoint.name
        )
        room = pool.max_nodes * pool.gpus_per_node
        needed = others + gpus * (endpoint.min_replicas + 1)
        if endpoint.rollout == "surge" and needed > room:
            yield Hit(
                path=_path(endpoint, "replicas"),
                message=f"a rollout needs {needed} GPUs of pool {pool.name}, which has {room} at its most",
                found=f"{room} GPUs",
                expected=f"{needed} GPUs, or maxSurge 0",
                runtime_message="Insufficient nvidia.com/gpu; progress deadline exceeded",
            )


@rule(
    code="LLM_SRV_64",
    title="An endpoint on EFA uses an image that has the EFA userspace",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Without libfabric and the NCCL plug-in in the container, NCCL falls back to TCP without an error, at a tenth "
    "of "
    "the speed.",
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
                path=_path(endpoint, "engine.image"),
                message=f"{endpoint.invocation.image_repository} has no EFA userspace",
                found=endpoint.invocation.image_repository,
                expected="an AWS deep learning container, or an own image with efa=True",
                runtime_message="NCCL INFO NET/Plugin: Could not find: libnccl-net.so. Using internal network plugin.",
            )


@rule(
    code="LLM_SRV_69",
    title="An endpoint that scales to zero can be woken",
    severity=Severity.ERROR,
    looks_at="plan",
    why="The scaler reads the engine's own queue. With no replica there is no engine, no metric, and no way back from "
    "zero. Behind a gateway the endpoint picker holds requests while no replica runs, and the scaler reads its queue; "
    "behind an AsyncEndpoint the queue itself is there.",
    fix="set Autoscaling(min=1, …), or put the endpoint behind a Gateway or an AsyncEndpoint",
    source=(
        "vllm-project/production-stack#679",
        "volcano-sh/kthena pull request 868",
        "llm-d/llm-d-router v0.10.0 pkg/epp/flowcontrol/README.md: scale-from-zero waiting room",
    ),
)
def zero_can_wake(plan: Plan) -> Iterator[Hit]:
    """``min=0`` of endpoints without a gateway that holds requests, and sees when there are some."""
    for endpoint in plan.endpoints:
        replicas = endpoint.spec.replicas
        if not isinstance(replicas, Autoscaling) or replicas.min:
            continue
        route = route_of(plan, endpoint.name)
        if (route is not None and route.hold_s is not None) or worked_queue(plan, endpoint.name):
            continue
        message = "the endpoint may scale to zero and nothing would start it again"
        fix = ""
        if route is not None and plan.platform.observability is None:
            message += ": no Prometheus sees the requests that the gateway holds"
            fix = "set observability=Observability(), or Autoscaling(min=1, …)"
        elif route is not None:
            message += ": the gateway cannot see this engine's queue, and so holds no requests for it"
            fix = "set Autoscaling(min=1, …), or name the engine's metrics"
        elif endpoint.role is not None:
            fix = "set Autoscaling(min=1, …): no gateway stands in front of roles"
        yield Hit(path=_path(endpoint, "replicas"), message=message, found="min=0", expected="min=1", fix=fix)


@rule(
    code="LLM_SRV_70",
    title="A replica is not given up sooner than a new one could start",
    severity=Severity.WARNING,
    looks_at="plan",
    why="With a cooldown below the cold start, the replica that would have served the next wave is gone, and the wave "
    "waits for a new one.",
    fix="raise Autoscaling(cooldown_s=…) above the cold start",
    source=("KEDA documentation: cooldownPeriod", "modelplaneai/modelplane#204"),
)
def cooldown_above_start(plan: Plan) -> Iterator[Hit]:
    """Cooldown against the planned cold start."""
    for endpoint in plan.endpoints:
        replicas = endpoint.spec.replicas
        start_s = endpoint.startup.estimate_s
        if isinstance(replicas, Autoscaling) and replicas.min < replicas.max and replicas.cooldown_s < start_s:
            yield Hit(
                path=_path(endpoint, "replicas"),
                message=f"replicas are given up after {replicas.cooldown_s} s; a new one takes {start_s:.0f} s",
                found=f"cooldown_s={replicas.cooldown_s}",
                expected=f"more than {start_s:.0f}",
            )


@rule(
    code="LLM_SRV_71",
    title="Two endpoints do not answer to one model name",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Dashboards and clients choose by model_name, and show or ask for both. llminfra's own alerts and scaling "
    "select by Service, so two versions of a model side by side work; behind one gateway they are refused (LLM_GW_4), "
    "and an adapter named as its base model is, too (LLM_FIT_40).",
    fix="set Endpoint(served_name=…) on one of them",
    source=("vllm metrics: label model_name", "llminfra: observability/endpoint_series.py"),
)
def served_names_differ(plan: Plan) -> Iterator[Hit]:
    """Served names that repeat."""
    # Two roles of one endpoint answer to one name, and are told apart by their Services.
    public = [item for item in plan.endpoints if item.role != "prefill"]
    counted = Counter(endpoint.served_name for endpoint in public)
    for endpoint in public:
        if counted[endpoint.served_name] > 1:
            yield Hit(
                path=_path(endpoint, "served_name"),
                message=f"{counted[endpoint.served_name]} endpoints answer to {endpoint.served_name!r}",
                found=endpoint.served_name,
                expected="one endpoint for each name",
            )


@rule(
    code="LLM_SRV_72",
    title="An endpoint that other namespaces may call wants an API key",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A network policy knows namespaces, not callers: without a key every pod that is let in uses the model "
    "unattributed and unlimited.",
    fix="set Endpoint(api_key=Secret(name=…))",
    source=("vllm-project/vllm#18892", "vllm-project/production-stack#150", "OWASP LLM10:2025"),
)
def callers_present_a_key(plan: Plan) -> Iterator[Hit]:
    """``allow_from_namespaces`` without ``api_key``."""
    for endpoint in plan.endpoints:
        if endpoint.spec.allow_from_namespaces and endpoint.spec.api_key is None:
            yield Hit(
                path=_path(endpoint, "api_key"),
                message="pods of other namespaces may call the endpoint without a key",
                found=", ".join(endpoint.spec.allow_from_namespaces),
                expected="an API key",
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
                path=_path(endpoint),
                message=f"{asked.memory_mib:,} MiB do not hold {asked.shm_mib:,} MiB of /dev/shm and {buffer_mib:,} "
                f"MiB "
                "of buffer beside the engine",
                found=f"{asked.memory_mib:,} MiB",
                expected=f"more than {asked.shm_mib + buffer_mib:,} MiB",
                runtime_message="OOMKilled, exit code 137",
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
                path=_path(endpoint, "engine.extra_args"),
                message="the replica is started by Ray",
                found="--distributed-executor-backend=ray",
                expected="mp, the default",
                runtime_message="No available node types can fulfill resource request",
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
                path=_path(endpoint, f"engine.env.{given[0]}"),
                message=f"{', '.join(given)} keeps the loader from S3",
                found=f"{given[0]}={endpoint.invocation.env[given[0]]}",
                expected="not set",
            )


RULES = (
    memory_holds_buffers,
    no_ray,
    loader_finds_credentials,
    pod_fits_node,
    requests_bounded,
    startup_waits,
    drain_fits_grace,
    spot_drain,
    rollout_has_room,
    efa_image,
    zero_can_wake,
    cooldown_above_start,
    served_names_differ,
    callers_present_a_key,
)
