"""What the catalog says of an engine as a whole: how it listens, its images, how it is kept."""

from typing import Literal

from pydantic import Field

from llminfra.catalog.datafile import Fact

EngineName = Literal["djl-lmi", "mii", "sglang", "tgi", "trtllm", "vllm"]
Platform = Literal["kubernetes", "sagemaker"]


class EngineServer(Fact):
    """How an engine listens.

    Attributes:
        port: Port it listens on unless told otherwise.
        default_host: Address it binds to unless told otherwise; ``127.0.0.1`` is out of reach for a Service.
        health_path: Answers 200 while the engine lives.
        ready_path: Answers 200 when it takes requests; often the same.
        probe_timeout_s: Seconds a probe must wait at least for an answer.
        metrics_path: Path of the Prometheus metrics, or ``None`` where the engine has none.
        metrics_port: Port of the metrics where it is another one.
        metrics_flag: Flag without which there are no metrics, or ``None``.
        model_label: Label that carries the served model's name, or ``None``.
    """

    port: int
    default_host: str
    health_path: str
    ready_path: str
    probe_timeout_s: int = 1
    metrics_path: str | None
    metrics_port: int | None = None
    metrics_flag: str | None = None
    model_label: str | None = None


class EngineImage(Fact):
    """One container image.

    Attributes:
        repository: Registry and repository.
        tag: Tag of one release, never a floating one.
        digest: ``sha256:…`` where it could be verified; a deployment should add it.
        engine_version: The engine release inside.
        cuda: CUDA version, such as ``13.0``; its major must not be above the node driver's.
        efa: Whether libfabric and the NCCL plug-in for EFA are inside. Without them NCCL falls back to TCP, silently.
        platform: Where the image's entry point is meant to run.
        source: Where this was read.
    """

    repository: str
    tag: str
    digest: str | None = None
    engine_version: str
    cuda: str
    efa: bool
    platform: Platform = "kubernetes"
    source: str

    @property
    def cuda_major(self) -> int:
        """First number of ``cuda``."""
        return int(self.cuda.partition(".")[0])

    @property
    def reference(self) -> str:
        """What a pod spec names: by tag, and by digest too where it is known."""
        return f"{self.repository}:{self.tag}" + (f"@{self.digest}" if self.digest else "")


class EngineInfo(Fact):
    """An engine as a whole.

    Attributes:
        name: Key of the engine.
        status: ``maintained``, ``maintenance`` (fixes only) or ``dormant`` (no release for a year).
        status_note: What the status means for a user; empty where all is well.
        server: Ports and paths.
        default_version: The release a spec gets that names none.
        note: What to know about the data.
        sources: Where each part of the file was read.
    """

    name: EngineName
    status: Literal["maintained", "maintenance", "dormant"]
    status_note: str = ""
    server: EngineServer
    default_version: str
    note: str = ""
    sources: dict[str, str] = Field(min_length=1)
