"""``ServingJob``: what the planner tells an engine adapter about one endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.invocation import Invocation
    from llminfra.spec.endpoint import Endpoint, Parallelism, Task


Role = Literal["prefill", "decode"]
"""Which half of a disaggregated endpoint a container is."""


class Adapter(Struct, frozen=True, kw_only=True):
    """A LoRA adapter as the engine sees it: its name in the API, its folder, its rank."""

    name: str
    path: str
    rank: int


class ServingJob(Struct, frozen=True, kw_only=True):
    """Everything an adapter needs, decided; lengths in tokens, times in seconds, memory in MiB.

    ``release`` is ``None`` for servers that the catalog cannot know; ``role`` is ``None`` where a container reads
    prompts and writes answers. ``from_local_disks`` is a local folder that the streaming loader reads. ``task`` is what
    callers ask, ``architecture`` the model's class, and ``cached`` whether the engine keeps a cache for it.
    ``quantization`` is the method of the checkpoint, or ``quantize_at_load``.
    """

    endpoint: Endpoint
    release: EngineRelease | None
    model_argument: str
    from_object_storage: bool
    served_name: str
    revision: str | None
    parallelism: Parallelism
    nodes: int
    max_model_len: int
    max_num_seqs: int
    gpu_memory_utilization: float
    quantize_at_load: str | None
    dtype: str
    efa: bool
    region: str
    startup_budget_s: int
    drain_s: int
    pod_memory_mib: int
    adapters: tuple[Adapter, ...] = ()
    adapters_on_gpu: int | None = None
    role: Role | None = None
    from_local_disks: bool = False
    task: Task = "generate"
    architecture: str = ""
    cached: bool = True
    quantization: str | None = None

    @property
    def from_hub(self) -> bool:
        """Whether the engine downloads the model from the Hugging Face Hub itself."""
        return not self.from_object_storage and not self.model_argument.startswith("/")


class UnknownOption(Struct, frozen=True, kw_only=True):
    """A flag or environment variable that the pinned version does not know; ``seen``: what it says of it."""

    path: str
    name: str
    message: str
    fix: str
    seen: str | None = None


class EngineAdapter(Protocol):
    """One inference engine."""

    def invoke(self, job: ServingJob) -> Invocation:
        """The container that serves the job."""
        ...

    def unknown_options(self, endpoint: Endpoint, release: EngineRelease | None) -> tuple[UnknownOption, ...]:
        """What the user asked for that the pinned version does not know."""
        ...
