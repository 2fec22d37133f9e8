"""Values of the chart ``llm-server``: one model endpoint on Kubernetes."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from llminfra.charts.kubernetes import Image, PodSecurityLevel
from llminfra.charts.llm_server.container import Cache, Front, Metrics, PlainEnv, Probes, Resources, SecretEnv
from llminfra.charts.llm_server.network import NetworkPolicy, ServiceMonitor
from llminfra.charts.llm_server.pod import Disruption, Drain, Rollout, Scheduling, Security, ServiceAccount
from llminfra.charts.llm_server.scaling import Autoscaling
from llminfra.charts.llm_server.start import KeptKernels, NodeCopy
from llminfra.charts.llm_server.storage import ExternalSecret, Volume
from llminfra.charts.secrets_guard import literal_secrets
from llminfra.charts.values import ChartValues, DnsLabel, EnvName, Port

_SHM_PATH = "/dev/shm"  # noqa: S108  # a mount point in the container, not a file that we write


class Group(ChartValues):
    """Several nodes per replica: a LeaderWorkerSet of one leader and ``size - 1`` headless workers.

    Image, environment, resources, EFA, volumes and security are those of the endpoint, on leader and workers alike.
    """

    size: int = Field(ge=2)
    worker_command: list[str] = []
    worker_args: list[str] = []
    worker_probes: Probes
    """Workers have no HTTP server: exec probes that reach the leader."""
    startup_policy: Literal["LeaderCreated", "LeaderReady"] = "LeaderCreated"
    """``LeaderReady`` deadlocks where the leader is ready only after the workers have joined."""
    restart_policy: Literal["RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None"] = (
        "RecreateGroupOnPodRestart"
    )
    exclusive_topology_key: str | None = None
    """``leaderworkerset.sigs.k8s.io/exclusive-topology``: one group per domain of this node label."""


class LlmServerValues(ChartValues):
    """One model endpoint: Deployment (or LeaderWorkerSet), Service, identity, network policy, scaling, monitoring."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=45)]
    """Name of the Service, and stem of every other name; 45 characters leave room for suffixes."""
    engine: str = Field(pattern=r"^[a-z0-9][-a-z0-9.]*$")
    engine_version: str = Field(pattern=r"^[A-Za-z0-9][-A-Za-z0-9._]*$", max_length=63)
    served_model_name: str = Field(min_length=1)
    overflow_of: DnsLabel | None = None
    """The release that has the Service of these pods, and its monitoring: this one has further replicas for it."""
    has_overflow: Literal[True] | None = None
    """Whether another release has further replicas for the Service of this one; ``None``: none has."""
    labels: dict[str, str] = {}
    """On every object and pod (team, cost centre)."""
    annotations: dict[str, str] = {}
    """On the workload, not on pods: the arithmetic behind probes and sizes. A reworded note restarts nothing."""
    pod_annotations: dict[str, str] = {}
    image: Image
    image_pull_secrets: list[str] = []
    command: list[str] = []
    args: list[str] = []
    env: PlainEnv = {}
    secret_env: list[SecretEnv] = []
    field_env: dict[EnvName, str] = {}
    """Variable to pod field, for example ``VLLM_HOST_IP`` to ``status.podIP``."""
    port: Port
    metrics: Metrics | None = None
    replicas: int = Field(default=1, ge=0)
    """Ignored where ``autoscaling`` is set: a release must not undo what the autoscaler did."""
    group: Group | None = None
    front: Front | None = None
    """What callers reach instead of the engine, which then listens on another port."""
    resources: Resources
    shm_mib: int = Field(ge=64)
    """``/dev/shm``; counts against the pod's memory."""
    caches: list[Cache] = []
    volumes: list[Volume] = []
    node_copy: NodeCopy | None = None
    kept_kernels: KeptKernels | None = None
    probes: Probes
    drain: Drain
    rollout: Rollout
    scheduling: Scheduling = Scheduling()
    security: Security = Security()
    service_account: ServiceAccount
    network_policy: NetworkPolicy = NetworkPolicy()
    disruption: Disruption | None = None
    service_monitor: ServiceMonitor | None = None
    autoscaling: Autoscaling | None = None
    external_secrets: list[ExternalSecret] = []

    @model_validator(mode="after")
    def _no_literal_secrets(self) -> Self:
        worker = (*self.group.worker_command, *self.group.worker_args) if self.group else ()
        if found := literal_secrets(self.env, (*self.command, *self.args, *worker)):
            raise ValueError("; ".join(found))
        return self

    @model_validator(mode="after")
    def _fits_in_the_pod(self) -> Self:
        if self.shm_mib >= self.resources.memory_mib:
            msg = f"shm_mib {self.shm_mib} is not less than the pod's memory of {self.resources.memory_mib} MiB"
            raise ValueError(msg)
        cached = sum(cache.size_gib for cache in self.caches)
        if cached > self.resources.ephemeral_storage_gib:
            msg = (
                f"caches of {cached} GiB do not fit in {self.resources.ephemeral_storage_gib} GiB of ephemeral "
                "storage: the pod would be evicted before they are full"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _rollout_outlasts_startup(self) -> Self:
        budget = self.probes.startup.budget_seconds
        if self.rollout.progress_deadline_seconds <= budget:
            msg = (
                f"progress_deadline_seconds {self.rollout.progress_deadline_seconds} is not longer than the startup "
                f"budget of {budget} s: a rollout would be reported as failed while the model still loads"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _one_service(self) -> Self:
        if self.overflow_of is not None and (self.has_overflow or self.service_monitor is not None):
            msg = f"the Service of {self.overflow_of} is in its own release: this one monitors and extends none"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _starts_short(self) -> Self:
        on_node = [item for item in self.volumes if item.kind == "node"]
        if (self.node_copy is None) != (len(on_node) != 1):
            msg = "node_copy goes with exactly one volume of kind node"
            raise ValueError(msg)
        kernels = self.kept_kernels
        if kernels is not None and kernels.cache not in {cache.mount_path for cache in self.caches}:
            msg = f"kept_kernels.cache {kernels.cache} is the mount path of no cache"
            raise ValueError(msg)
        if kernels is not None and self.group is not None:
            msg = "kernels of a group are those of many ranks on many nodes: they cannot be kept as one"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        volumes = [item.name for item in (*self.caches, *self.volumes)]
        paths = [item.mount_path for item in (*self.caches, *self.volumes)]
        variables = [*self.env, *self.field_env, *(item.name for item in self.secret_env)]
        variables += [name for cache in self.caches for name in cache.env]
        for what, names in (
            ("volume name", [*volumes, "shm"]),
            ("mount path", [*paths, _SHM_PATH]),
            ("environment variable", variables),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                msg = f"{what} used more than once: {', '.join(twice)}"
                raise ValueError(msg)
        return self

    @property
    def pod_security_level(self) -> PodSecurityLevel:
        """What the namespace must admit."""
        return self.security.pod_security_level
