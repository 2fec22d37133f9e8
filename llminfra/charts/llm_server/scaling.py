"""Autoscaling by KEDA on Prometheus queries, and on queues in front of the endpoint."""

from typing import Literal, Self

from pydantic import Field, model_validator

from llminfra.charts.values import ChartValues, LateStr


class PrometheusTrigger(ChartValues):
    """One Prometheus query to scale on; it must yield one element, so wrap it in ``sum()``."""

    name: str
    server_address: LateStr
    query: str = Field(min_length=1)
    threshold: float = Field(gt=0)
    """Target value per replica."""
    activation_threshold: float | None = Field(default=None, ge=0)
    wakes_from_zero: bool = False
    """Whether the metric exists while no replica runs (a gateway's queue does, an engine's does not)."""
    authentication_ref: str | None = None
    """TriggerAuthentication for Amazon Managed Prometheus."""


class QueueTrigger(ChartValues):
    """Requests in an SQS queue that workers answer through the endpoint; KEDA asks the queue with its own role."""

    name: str
    queue_url: LateStr
    region: LateStr
    queue_length: int = Field(ge=1)
    """Target value per replica."""
    in_flight: bool
    """Whether requests count that a worker has taken."""


class CronTrigger(ChartValues):
    """Replicas in hours of the week, by the clock of a time zone."""

    name: str
    timezone: str = Field(min_length=1)
    """IANA name."""
    start: str = Field(pattern=r"^[0-9]+ [0-9]+ \* \* [0-6](,[0-6])*$")
    """Minute, hour, and days of the week from Sunday (0) on."""
    end: str = Field(pattern=r"^[0-9]+ [0-9]+ \* \* [0-6](,[0-6])*$")
    desired_replicas: int = Field(ge=1)


class Fallback(ChartValues):
    """What to do while a trigger gives no value."""

    failure_threshold: int = Field(default=3, ge=1)
    replicas: int = Field(ge=1)
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"] = "static"


class Autoscaling(ChartValues):
    """KEDA ScaledObject. ``ignoreNullValues`` is always ``"false"``: a dead metric is an error, not a zero."""

    min_replicas: int = Field(ge=0)
    max_replicas: int = Field(ge=1)
    polling_interval_seconds: int = Field(default=15, ge=1)
    cooldown_seconds: int = Field(default=300, ge=0)
    scale_down_stabilization_seconds: int = Field(default=300, ge=0, le=3600)
    scale_up_pods: int = Field(default=1, ge=1)
    """Replicas added at most in each ``scale_up_period_seconds``."""
    scale_up_period_seconds: int = Field(default=60, ge=1)
    fallback: Fallback
    triggers: list[PrometheusTrigger] = []
    queue_triggers: list[QueueTrigger] | None = None
    cron_triggers: list[CronTrigger] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_replicas > self.max_replicas:
            msg = f"min_replicas {self.min_replicas} is more than max_replicas {self.max_replicas}"
            raise ValueError(msg)
        if not self.triggers and not self.queue_triggers and not self.cron_triggers:
            msg = "there is nothing to scale on: neither a query nor a queue nor hours"
            raise ValueError(msg)
        waking = self.queue_triggers or self.cron_triggers or any(trigger.wakes_from_zero for trigger in self.triggers)
        if not self.min_replicas and not waking:
            msg = "min_replicas is 0 and no trigger exists at zero replicas: nothing could wake the endpoint"
            raise ValueError(msg)
        if not self.min_replicas <= self.fallback.replicas <= self.max_replicas:
            msg = f"fallback replicas {self.fallback.replicas} lie outside {self.min_replicas}..{self.max_replicas}"
            raise ValueError(msg)
        return self
