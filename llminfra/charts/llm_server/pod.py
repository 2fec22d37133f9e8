"""The pod around the container: scheduling, security, drain, rollout, disruption."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from llminfra.charts.kubernetes import PodSecurityLevel, Toleration
from llminfra.charts.values import ChartValues, DnsLabel

Reason = Annotated[str, Field(min_length=10)]
"""Why a privilege is needed: a sentence, not a word."""

# Kubernetes Pod Security Standards, "baseline" and "restricted" (kubernetes.io/docs/concepts/security).
_BASELINE_CAPABILITIES = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
_RESTRICTED_CAPABILITIES = frozenset({"NET_BIND_SERVICE"})


class Security(ChartValues):
    """Security context. Restricted unless a reason says why not; the reasons become annotations of the workload."""

    run_as_user: int = Field(default=1000, ge=0)
    run_as_group: int = Field(default=1000, ge=0)
    fs_group: int | None = Field(default=None, ge=0)
    """For volumes that belong to root, such as a fresh EBS volume; emptyDirs are writable without."""
    run_as_root_reason: Reason | None = None
    """Needed for user 0."""
    capabilities: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z_]+$")], Reason] = {}
    """Capabilities to add, with the reason; everything else is dropped."""
    privileged_reason: Reason | None = None
    """A privileged container (NIXL registering GPU memory over EFA needs one)."""
    read_only_root_filesystem: bool = False

    @model_validator(mode="after")
    def _root_has_a_reason(self) -> Self:
        if (self.run_as_user == 0) != (self.run_as_root_reason is not None):
            msg = "user 0 goes with run_as_root_reason, and any other user without one"
            raise ValueError(msg)
        return self

    @property
    def pod_security_level(self) -> PodSecurityLevel:
        """The strictest Pod Security level whose namespace admits this pod."""
        added = frozenset(self.capabilities)
        if self.privileged_reason or added - _BASELINE_CAPABILITIES:
            return "privileged"
        if self.run_as_user == 0 or added - _RESTRICTED_CAPABILITIES:
            return "baseline"
        return "restricted"


class TopologySpread(ChartValues):
    """Spreads the replicas of the endpoint over a topology."""

    topology_key: str
    max_skew: int = Field(default=1, ge=1)
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = "ScheduleAnyway"


class Scheduling(ChartValues):
    """Where pods may run, taken from the pool."""

    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []
    topology_spread: list[TopologySpread] = []
    priority_class_name: str | None = None
    runtime_class_name: str | None = None
    do_not_disrupt: bool = True
    """``karpenter.sh/do-not-disrupt``: Karpenter does not move the pod for consolidation, drift or expiry."""
    protected_seconds: int | None = Field(default=None, ge=1)
    """How long after its start; ``None``: as long as it runs. While it holds, Karpenter does not drain the pod either
    when EC2 takes its node back (Karpenter 1.14, "Disruption", pod-level controls): the pod would be cut off."""


class Drain(ChartValues):
    """How a pod leaves: the preStop sleep lets routes settle, then the engine finishes its requests."""

    pre_stop_sleep_seconds: int = Field(ge=0)
    engine_drain_seconds: int = Field(ge=0)
    """What the engine was told to take (vLLM ``--shutdown-timeout``); headless workers stay that much longer."""
    termination_grace_period_seconds: int = Field(ge=1)

    @model_validator(mode="after")
    def _grace_is_longer(self) -> Self:
        least = self.pre_stop_sleep_seconds + self.engine_drain_seconds
        if self.termination_grace_period_seconds <= least:
            msg = (
                f"termination grace of {self.termination_grace_period_seconds} s is not longer than the preStop sleep "
                f"and the engine's drain together ({least} s): running requests would be cut off"
            )
            raise ValueError(msg)
        return self


class Rollout(ChartValues):
    """How new pods replace old ones. Without spare GPUs: ``max_surge=0`` and ``max_unavailable=1``, or Recreate."""

    strategy: Literal["RollingUpdate", "Recreate"] = "RollingUpdate"
    max_surge: int = Field(default=0, ge=0)
    max_unavailable: int = Field(default=1, ge=0)
    progress_deadline_seconds: int = Field(ge=1)
    min_ready_seconds: int = Field(default=0, ge=0)
    revision_history_limit: int = Field(default=5, ge=0)

    @model_validator(mode="after")
    def _can_progress(self) -> Self:
        if self.strategy == "RollingUpdate" and not self.max_surge and not self.max_unavailable:
            msg = "max_surge and max_unavailable are both 0: a rollout could never start"
            raise ValueError(msg)
        return self


class Disruption(ChartValues):
    """PodDisruptionBudget: how many pods a drain may take at once."""

    max_unavailable: int = Field(ge=0)
    """0 blocks every voluntary eviction: node upgrades then need a person."""
    unhealthy_pod_eviction_policy: Literal["AlwaysAllow", "IfHealthyBudget"] = "AlwaysAllow"


class ServiceAccount(ChartValues):
    """Identity of the pods; ``role_arn`` for IRSA, ``None`` for EKS Pod Identity (bound outside the cluster)."""

    name: DnsLabel
    role_arn: str | None = Field(default=None, min_length=1)
