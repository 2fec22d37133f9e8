"""``Endpoint``: a model, served by an engine, somewhere."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from llminfra.spec.base.names import Namespace
from llminfra.spec.base.secret import Secret
from llminfra.spec.base.spec import Distinct, Many, Name, Spec
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.compute.target import Target
from llminfra.spec.compute.working_hours import WorkingHours
from llminfra.spec.engines.engine import Engine
from llminfra.spec.errors.expectations import refused
from llminfra.spec.models.lora import LoraAdapter
from llminfra.spec.models.model import Model
from llminfra.spec.models.storage import LocalNvme, Lustre, ModelBucket


class Parallelism(Spec):
    """How one replica is spread over GPUs."""

    tensor: Annotated[int, Field(ge=1)] = 1
    """GPUs that share every layer (``--tensor-parallel-size``)."""
    pipeline: Annotated[int, Field(ge=1)] = 1
    """Groups of layers, one after the other (``--pipeline-parallel-size``)."""
    data: Annotated[int, Field(ge=1)] = 1
    """Copies of attention that share experts (``--data-parallel-size``)."""
    expert: bool = False
    """Whether experts are spread over all GPUs of the replica (``--enable-expert-parallel``)."""

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.tensor * self.pipeline * self.data


class Scaled(Spec):
    """Between how many replicas, and by what, there are more or fewer."""

    min: Annotated[int, Field(ge=0)] = 1
    """Fewest replicas."""
    max: Annotated[int, Field(ge=1)]
    """Most replicas."""
    waiting_per_replica: Annotated[int, Field(ge=1)] = 5
    """Requests waiting per replica that start another one."""
    target_utilization: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of the KV cache, or of the requests that a replica may run at once, in use at which another replica is
    started; replicas are given up only while the others stay below it. With ``slo``, a replica may run no more requests
    than keep the targets by the estimate. The default is what endpoint pickers call saturated
    (``DefaultKVCacheUtilThreshold`` of kubernetes-sigs/gateway-api-inference-extension)."""
    cooldown_s: Annotated[int, Field(ge=60)] = 900
    """Seconds without load before a replica is given up; longer than a cold start."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise refused(
                f"min={self.min} is more than max={self.max}",
                "min",
                "max",
                expected=f"min of at most {self.max}, or max of at least {self.min}",
                fix=f"lower min to {self.max}, or raise max to {self.min}",
            )
        return self


class Autoscaling(Scaled):
    """Replicas that follow what waits and what runs, by the engine's own metrics."""

    working_hours: Many[WorkingHours] = ()
    """Hours in which there are more replicas than ``min`` (``GpuPool`` only), for example by day; with ``min=0`` none
    outside of them, once nobody calls."""

    @model_validator(mode="after")
    def _hours_are_between(self) -> Self:
        for hours in self.working_hours:
            if not hours.unchecked and not self.min < hours.min <= self.max:
                raise refused(
                    f"the hours keep {hours.min} replicas, and there are between {self.min} and {self.max} anyway",
                    "working_hours",
                    expected=f"WorkingHours(min=…) above min={self.min}, and at most max={self.max}",
                    fix="lower Autoscaling(min=…), which holds outside of the hours, or change WorkingHours(min=…)",
                )
        return self


class Role(Spec):
    """Half of a disaggregated endpoint: the pods that read prompts, or those that write answers."""

    replicas: Annotated[int, Field(ge=1)] | Autoscaling = 1
    """Copies of the model in this role, fixed or scaled on the role's own queue."""
    parallelism: Parallelism | None = None
    """How a replica of the role is spread over GPUs; ``None``: chosen by the planner."""
    max_num_seqs: Annotated[int, Field(ge=1)] | None = None
    """Most sequences in one batch of the role; ``None``: as the engine says."""
    max_num_batched_tokens: Annotated[int, Field(ge=1)] | None = None
    """Most tokens in one scheduler step of the role; ``None``: as the engine says."""


class Disaggregation(Spec):
    """Prompts and answers on separate pods, with the cache sent from one to the other by NIXL over EFA.

    A long prompt no longer stops the answers of others, and each role has GPUs and replicas of its own. It becomes two
    workloads (Deployments, or LeaderWorkerSets where larger than a node) and a router in front that sends a prompt to
    one and then asks the other for the answer. Both run on the endpoint's pool: one instance type, one zone.
    """

    prefill: Role = Role()
    """The pods that read prompts and fill the cache."""
    decode: Role = Role()
    """The pods that write answers from it."""
    remote_from_tokens: Annotated[int, Field(ge=1)] = 16
    """Prompts with more tokens than this that are not cached yet go to the prefill role; shorter ones are read where
    they are answered."""


class Overflow(Scaled):
    """Replicas beyond an endpoint's own, on another pool: they come when requests wait, and go when the others do.

    The endpoint's own replicas stand on capacity that is sure, such as on demand or a reservation; these may be spot,
    of another instance type and spread. They are a Deployment (or a LeaderWorkerSet) of their own behind the same
    Service, under the same model name and with the same context length.
    """

    on: GpuPool
    """Where they run: another pool than the endpoint's."""
    min: Annotated[int, Field(ge=0)] = 0
    """Fewest replicas beyond the endpoint's own."""
    max: Annotated[int, Field(ge=1)]
    """Most replicas beyond the endpoint's own."""
    waiting_per_replica: Annotated[int, Field(ge=1)] = 5
    """Requests waiting per replica, the endpoint's own included, that start another one; nothing else starts any."""
    target_utilization: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of the own replicas' KV cache, or of the requests that they may run at once, that would have to be in use
    for replicas of the overflow to stay: while what runs on both would fill the own ones further, they do."""
    parallelism: Parallelism | None = None
    """How each of them is spread over GPUs; ``None``: chosen by the planner for this pool."""
    weights: ModelBucket | Lustre | LocalNvme | None = None
    """Where they read the weights from; ``None``: from where the endpoint's own replicas do."""


class Slo(Spec):
    """What callers were promised; the planner chooses hardware that keeps it by its estimate."""

    time_to_first_token_ms: Annotated[float, Field(gt=0)] | None = None
    """Time from request to first token for a prompt of ``prompt_tokens``, in milliseconds."""
    time_per_output_token_ms: Annotated[float, Field(gt=0)] | None = None
    """Time between output tokens at ``concurrency``, in milliseconds."""
    prompt_tokens: Annotated[int, Field(ge=1)] = 1024
    """Typical prompt length in tokens."""
    output_tokens: Annotated[int, Field(ge=1)] = 256
    """Typical answer length in tokens."""


Task = Literal["generate", "embed", "rerank", "classify", "reward", "transcribe"]
"""What callers ask of a model: texts, vectors, scores of pairs of texts, classes, rewards, or the words of a
recording."""


class Endpoint(Spec):
    """An OpenAI-compatible address for one model.

    On a ``GpuPool`` it becomes a Helm release with a Deployment (or a LeaderWorkerSet when larger than a node); on
    ``Ec2`` an Auto Scaling group behind a load balancer; on ``SageMaker`` and ``SageMakerAsync`` a SageMaker endpoint.
    """

    spec_section: ClassVar[str] = "endpoints"

    name: Name
    """Name of the endpoint: its service, its parameters in SSM, and its part of the contract for applications."""
    model: Model
    """What is served."""
    engine: Engine
    """What serves it."""
    on: Target
    """Where it runs; moving a model is a change of this field alone."""
    task: Task | None = None
    """What it does; ``None``: what the model was made for, by its architecture (an encoder embeds, one with a head of
    one label reranks, Whisper transcribes) and, for decoders, by its name (``Qwen3-Embedding``, ``Qwen3-Reranker``)."""
    replicas: Annotated[int, Field(ge=1)] | Autoscaling = 1
    """Copies of the model, fixed or scaled."""
    parallelism: Parallelism | None = None
    """How a replica is spread over GPUs; ``None``: chosen by the planner."""
    weights: ModelBucket | Lustre | LocalNvme | None = None
    """Where the weights are read from; ``None``: a declared file system in the pool's only zone, else a bucket, else
    the Hub."""
    compile_cache: ModelBucket | None = None
    """Bucket in which the first pod leaves its compiled kernels for later ones (vLLM and SGLang on a ``GpuPool``)."""
    concurrency: Annotated[int, Field(ge=1)] | None = None
    """Requests of full context length that one replica must hold at once; ``None``: one."""
    slo: Slo | None = None
    """Latency targets."""
    served_name: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Model name in the API (``--served-model-name``); ``None``: the model's id."""
    api_key: Secret | None = None
    """Reference to the API key that callers present."""
    overflow: Overflow | None = None
    """Further replicas on another pool while requests wait, for example on spot (``GpuPool`` only); ``None``: none."""
    disaggregation: Disaggregation | None = None
    """Separate pods for prompts and for answers (vLLM on an EFA pool); ``None``: every pod does both."""
    adapters: Many[LoraAdapter] = ()
    """LoRA adapters of the model, each served under its own name (``--enable-lora``, ``--lora-modules``)."""
    adapters_on_gpu: Annotated[int, Field(ge=1)] | None = None
    """Adapters that have a place on the GPU at once (``--max-loras``, SGLang's ``--max-loras-per-batch``); requests for
    another one wait until it came from host memory. ``None``: all of them."""
    preflight: bool = False
    """Whether a job, run on demand, can show which network NCCL uses (replicas that span nodes over EFA)."""
    allow_from_namespaces: Distinct[Namespace] = ()
    """Kubernetes namespaces whose pods may call it, for example ``web``; its own namespace always may."""

    @model_validator(mode="after")
    def _roles_have_their_own(self) -> Self:
        if self.disaggregation is None:
            return self
        for name, default in (("replicas", 1), ("parallelism", None)):
            if getattr(self, name) != default:
                raise refused(
                    f"with disaggregation, {name} belongs to each role",
                    name,
                    expected=f"Disaggregation(prefill=Role({name}=…), decode=Role({name}=…))",
                    fix=f"move {name} to the roles of disaggregation",
                )
        return self

    @model_validator(mode="after")
    def _overflow_stands_on_a_base(self) -> Self:
        if self.overflow is None:
            return self
        if self.disaggregation is not None:
            raise refused(
                "an overflow adds whole replicas, and with disaggregation a replica is a pod of each role",
                "overflow",
                "disaggregation",
                expected="overflow or disaggregation",
                fix="leave overflow out, and scale the roles with Role(replicas=Autoscaling(…))",
            )
        if isinstance(self.replicas, Autoscaling):
            raise refused(
                "with overflow, the endpoint's own replicas are a fixed number: both would start on the same queue",
                "replicas",
                expected=f"replicas={max(1, self.replicas.min)}, and Overflow(max=…) for what comes beyond",
                fix=f"set replicas={max(1, self.replicas.min)}, or leave overflow out",
            )
        return self
