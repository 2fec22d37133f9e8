"""Values of ``lws`` (LeaderWorkerSet) 0.10.

Source: kubernetes-sigs/lws@2161f38 (tag v0.10.0):charts/lws/values.yaml; its own image tag is the branch ``main``.
"""

from typing import Literal

from pydantic import Field

from llminfra.charts.kubernetes import ResourceRequirements, Toleration, small_resources
from llminfra.charts.values import ChartValues


class LwsManagerImage(ChartValues):
    """``image.manager``."""

    repository: str = "registry.k8s.io/lws/lws"
    tag: str = Field(pattern=r"^v[0-9]+\.[0-9]+\.[0-9]+$")
    pull_policy: Literal["IfNotPresent", "Always"] = "IfNotPresent"


class LwsImage(ChartValues):
    """``image``."""

    manager: LwsManagerImage


class SeccompProfile(ChartValues):
    """``seccompProfile``."""

    type: Literal["RuntimeDefault"] = "RuntimeDefault"


class LwsPodSecurity(ChartValues):
    """``podSecurityContext``; without the seccomp profile a restricted namespace refuses the controller."""

    run_as_non_root: bool = True
    seccomp_profile: SeccompProfile = SeccompProfile()


class LwsValues(ChartValues):
    """The controller of LeaderWorkerSets, on the system nodes."""

    image: LwsImage
    replica_count: int = Field(default=2, ge=1)
    pod_security_context: LwsPodSecurity = LwsPodSecurity()
    resources: ResourceRequirements = small_resources("500m", "1Gi")
    tolerations: list[Toleration] = []
    node_selector: dict[str, str] = {}
