"""The engine's container: command, environment, ports, probes, resources, caches."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from llminfra.catalog.container_env import ENV_NAME_PATTERN, PROTECTED_ENV_PATTERN
from llminfra.charts.kubernetes import Image
from llminfra.charts.values import AbsolutePath, ChartValues, DnsLabel, EnvName, LateStr, Port

PlainEnv = Annotated[
    dict[EnvName, str],
    Field(
        json_schema_extra={"propertyNames": {"pattern": ENV_NAME_PATTERN, "not": {"pattern": PROTECTED_ENV_PATTERN}}}
    ),
]
"""Environment in plain text; names that belong to secrets are refused, by the chart's schema too."""


class SecretEnv(ChartValues):
    """An environment variable whose value is read from a Secret when the container starts."""

    name: EnvName
    secret_name: LateStr
    secret_key: LateStr
    optional: bool = False


class Probe(ChartValues):
    """A probe; exactly one of ``path`` (HTTP GET) and ``command`` (exec, no shell)."""

    path: Annotated[str, Field(pattern=r"^/")] | None = None
    port: Port | None = None
    """Defaults to the serving port."""
    command: list[str] = []
    initial_delay_seconds: int = Field(default=0, ge=0)
    period_seconds: int = Field(ge=1)
    timeout_seconds: int = Field(ge=1)
    failure_threshold: int = Field(ge=1)

    @model_validator(mode="after")
    def _one_handler(self) -> Self:
        if (self.path is None) == (not self.command):
            msg = "a probe has either a path (HTTP GET) or a command (exec)"
            raise ValueError(msg)
        return self

    @property
    def budget_seconds(self) -> int:
        """How long the probed thing may fail before Kubernetes acts."""
        return self.initial_delay_seconds + self.period_seconds * self.failure_threshold


class Probes(ChartValues):
    """The three probes of a container; the startup probe holds the other two back while the model loads."""

    startup: Probe
    readiness: Probe | None = None
    """``None`` for headless workers, whose readiness nobody asks for."""
    liveness: Probe


class Resources(ChartValues):
    """What one pod gets. Memory, GPUs, EFA and huge pages: limit equals request; CPU has no limit (no throttling)."""

    cpu_millis: int = Field(ge=1)
    memory_mib: int = Field(ge=1)
    ephemeral_storage_gib: int = Field(ge=1)
    gpus: int = Field(default=0, ge=0)
    gpu_resource: Annotated[str, Field(pattern=r"^nvidia\.com/(gpu|gpu\.shared|mig-[0-9]+g\.[0-9]+gb(\.me)?)$")] = (
        "nvidia.com/gpu"
    )
    """Extended resource of a GPU or of a MIG slice."""
    efa_interfaces: int = Field(default=0, ge=0)
    huge_pages_mib: int = Field(default=0, ge=0, multiple_of=2)
    """Of 2 MiB each; EFA's own allocations take them unless ``FI_EFA_USE_HUGE_PAGE=0``."""


class Front(ChartValues):
    """A sidecar that has the serving port and passes requests on to the engine behind it (leader only).

    It runs restricted, whatever the engine may; its memory and CPU come on top of the engine's.
    """

    name: DnsLabel = "front"
    image: Image
    args: list[str] = []
    ready_path: Annotated[str, Field(pattern=r"^/")] = "/health"
    run_as_user: int = Field(ge=1)
    cpu_millis: int = Field(default=200, ge=1)
    memory_mib: int = Field(default=256, ge=32)


class Cache(ChartValues):
    """A writable directory with a size limit, and the environment variables that point into it.

    An ``emptyDir`` on the node's disk; on nodes with RAID0 that is local NVMe.
    """

    name: DnsLabel
    mount_path: AbsolutePath
    size_gib: int = Field(ge=1)
    env: dict[EnvName, str] = {}
    """Variable to directory below ``mount_path``; an empty string means ``mount_path`` itself."""


class Metrics(ChartValues):
    """Where the engine serves Prometheus metrics."""

    port: Port
    path: Annotated[str, Field(pattern=r"^/")] = "/metrics"
