"""Kubernetes notions that several charts take in the same form."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from llminfra.charts.values import ChartValues, LateStr

Effect = Literal["NoSchedule", "NoExecute", "PreferNoSchedule"]
PodSecurityLevel = Literal["restricted", "baseline", "privileged"]


class Toleration(ChartValues):
    """A toleration; without ``value`` it matches every value of the key."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Effect | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.operator == "Equal") != (self.value is not None):
            msg = "operator Equal goes with a value, and Exists without one"
            raise ValueError(msg)
        return self


def tolerate(key: str, value: str | None, effect: Effect) -> Toleration:
    """The toleration of exactly one taint."""
    if value:
        return Toleration(key=key, operator="Equal", value=value, effect=effect)
    return Toleration(key=key, operator="Exists", effect=effect)


class Image(ChartValues):
    """A container image, pinned: by digest, by tag, or both (the digest decides, the tag tells people the version)."""

    repository: LateStr
    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")] | None = None
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.tag is None and self.digest is None:
            msg = f"image {self.repository} has neither tag nor digest: every image is pinned"
            raise ValueError(msg)
        if self.tag == "latest" and self.digest is None:
            msg = f"image {self.repository}:latest is not a pin: name a version or a digest"
            raise ValueError(msg)
        return self


class ResourceList(ChartValues):
    """Requests or limits of a small controller, in Kubernetes' own quantities (``100m``, ``256Mi``)."""

    cpu: str | None = None
    memory: str | None = None


class ResourceRequirements(ChartValues):
    """Requests and limits of a small controller."""

    requests: ResourceList
    limits: ResourceList | None = None


def small_resources(cpu: str, memory: str) -> ResourceRequirements:
    """A CPU request without limit (no throttling), and memory requested and limited to the same size."""
    return ResourceRequirements(requests=ResourceList(cpu=cpu, memory=memory), limits=ResourceList(memory=memory))
