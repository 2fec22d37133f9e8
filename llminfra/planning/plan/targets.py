"""What is decided about queues, batch jobs and Bedrock, frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.planning.hardware.nics import Nic
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.plan.serving import ServingPlan
    from llminfra.spec.engines.base import Image
    from llminfra.spec.services.async_endpoint import AsyncEndpoint
    from llminfra.spec.services.batch import BatchInference
    from llminfra.spec.services.bedrock import Bedrock, BedrockModel, PodAccess, ProvisionedThroughput, RoleAccess


class WorkersPlan(Struct, frozen=True, kw_only=True):
    """Pods that empty a queue, beside the endpoint that they call.

    Attributes:
        namespace: The endpoint's namespace.
        image: Image with Python.
        most: Most pods.
        concurrency: Requests at once in one pod.
        port: Port of the endpoint's Service.
        health_path: Where the endpoint says that it answers.
        drain_s: Seconds that a pod may finish what it has taken.
    """

    namespace: str
    image: Image
    most: int
    concurrency: int
    port: int
    health_path: str
    drain_s: int


class AsyncPlan(Struct, frozen=True, kw_only=True):
    """A queue in front of an endpoint.

    Attributes:
        name: Name of the queue.
        spec: The declaration.
        behind: Name of the endpoint that answers.
        served_name: Model name in the API.
        calls: How the consumer reaches it: by HTTP, or through SageMaker's runtime.
        url: Address of an HTTP endpoint, without a path.
        port: TCP port of the address.
        api_key_secret: Name of the secret with the API key.
        function_timeout_s: Seconds of one invocation; above the request's, for the result and a slow start.
        visibility_s: Seconds that a message stays hidden once it is taken.
        memory_mib: Memory of the function.
        workers: The pods that are the consumer in the place of the function.
        backoff_s: First pause after an attempt that failed, doubled each time.
        max_body_mib: Limit of a body or a recording in S3; ``None``: the consumer's own.
    """

    name: str
    spec: AsyncEndpoint
    behind: str
    served_name: str
    calls: Literal["http", "sagemaker"]
    url: str | None
    port: int
    api_key_secret: str | None
    function_timeout_s: int
    visibility_s: int
    memory_mib: int
    workers: WorkersPlan | None = None
    backoff_s: int = 15
    max_body_mib: int | None = None


class BatchPlan(Struct, frozen=True, kw_only=True):
    """Offline inference on AWS Batch; one job has its instances to itself.

    Attributes:
        name: Name of the job.
        spec: The declaration.
        serving: Model, engine and container, as for an endpoint.
        machine: The instance types as a pool without Kubernetes.
        zones: Where instances may start.
        root_volume_gib: Volume in GiB.
        vcpus: vCPUs that a job asks for.
        memory_mib: Memory that a job asks for.
        gpus: GPUs that a job asks for: all of the instance.
        max_vcpus: Bound of a compute environment.
        start_timeout_s: Seconds that the engine may take until it answers.
        drain_s: Seconds from the notice of an interruption until requests in flight are given up.
        nics: Interfaces of the instances of a job that spans several; none means one ordinary interface.
    """

    name: str
    spec: BatchInference
    serving: ServingPlan
    machine: PoolPlan
    zones: tuple[str, ...]
    root_volume_gib: int
    vcpus: int
    memory_mib: int
    gpus: int
    max_vcpus: int
    start_timeout_s: int
    drain_s: int
    nics: tuple[Nic, ...] = ()


class BedrockModelPlan(Struct, frozen=True, kw_only=True):
    """One model and everywhere that a request for it may be answered.

    Attributes:
        name: Short name.
        spec: The declaration.
        profile: Id of the system-defined profile; ``None``: the model in its own region.
        regions: Regions whose foundation model callers must be allowed to use, the platform's own first.
        tokens: What tokens cost; ``None``: no price is at hand.
    """

    name: str
    spec: BedrockModel
    profile: str | None
    regions: tuple[str, ...]
    tokens: TokenPricePlan | None = None


class TokenPricePlan(Struct, frozen=True, kw_only=True):
    """US dollars per million tokens of prompts and of answers, on demand; ``note`` says that a price is second-hand."""

    usd_input: float
    usd_output: float
    date: str
    note: str = ""


class ModelUnitsPlan(Struct, frozen=True, kw_only=True):
    """Model units, and the id under which AWS sells them: that of the model and a context length."""

    spec: ProvisionedThroughput
    model_id: str


class BedrockPlan(Struct, frozen=True, kw_only=True):
    """Models that Bedrock hosts, what is bought of them, and who may call them."""

    spec: Bedrock
    models: tuple[BedrockModelPlan, ...]
    units: tuple[ModelUnitsPlan, ...] = ()
    pods: tuple[PodAccess, ...]
    roles: tuple[RoleAccess, ...]

    def of(self, access: PodAccess | RoleAccess) -> tuple[BedrockModelPlan, ...]:
        """The models that an access names; all where it names none."""
        return tuple(item for item in self.models if not access.models or item.spec in access.models)
