"""Rendered Kubernetes objects as rules read them: pod templates and containers of every kind of workload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from llminfra.planning.plan.labels import GPU_RESOURCE
from llminfra.rules.views.mappings import as_mapping

EFA_RESOURCE = "vpc.amazonaws.com/efa"

_TEMPLATES = {
    "Deployment": (("spec", "template"),),
    "StatefulSet": (("spec", "template"),),
    "DaemonSet": (("spec", "template"),),
    "ReplicaSet": (("spec", "template"),),
    "Job": (("spec", "template"),),
    "CronJob": (("spec", "jobTemplate", "spec", "template"),),
    "LeaderWorkerSet": (
        ("spec", "leaderWorkerTemplate", "leaderTemplate"),
        ("spec", "leaderWorkerTemplate", "workerTemplate"),
    ),
}


class Container(Struct, frozen=True):
    """A container of a pod template; ``init`` containers run before the others."""

    body: Mapping[str, Any]
    init: bool = False

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.body.get("name", ""))

    @property
    def image(self) -> str:
        """The image reference."""
        return str(self.body.get("image", ""))

    @property
    def arguments(self) -> tuple[str, ...]:
        """Command and arguments together."""
        return tuple(str(item) for key in ("command", "args") for item in self.body.get(key) or ())

    @property
    def environment(self) -> dict[str, Mapping[str, Any]]:
        """Environment entries by name."""
        return {str(item.get("name")): item for item in mappings(self.body.get("env"))}

    def limit(self, resource: str) -> int:
        """Whole units of an extended resource that the container is limited to."""
        limits = dig(self.body, "resources", "limits")
        value = limits.get(resource, 0) if isinstance(limits, Mapping) else 0
        try:
            return int(value)
        except (TypeError, ValueError):
            return 0


class PodTemplate(Struct, frozen=True):
    """A pod template of a workload."""

    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def containers(self) -> tuple[Container, ...]:
        """All containers, init containers first."""
        return (
            *(Container(item, init=True) for item in mappings(self.spec.get("initContainers"))),
            *(Container(item) for item in mappings(self.spec.get("containers"))),
        )

    @property
    def gpus(self) -> int:
        """GPUs that the pod asks for."""
        return sum(item.limit(GPU_RESOURCE) for item in self.containers)

    @property
    def gpu_containers(self) -> tuple[Container, ...]:
        """Containers that hold GPUs for the life of the pod."""
        return tuple(item for item in self.containers if not item.init and item.limit(GPU_RESOURCE))

    @property
    def volumes(self) -> dict[str, Mapping[str, Any]]:
        """Volumes by name."""
        return {str(item.get("name")): item for item in mappings(self.spec.get("volumes"))}


class KubernetesObject(Struct, frozen=True):
    """One rendered object.

    Attributes:
        body: The manifest.
        spec_path: Spec object that its release was made for.
        stack: Terraform stack that installs the release.
        release: Helm release, empty for plain manifests.
        file: Where the manifest was rendered to, if it was.
    """

    body: Mapping[str, Any]
    spec_path: str = ""
    stack: str = ""
    release: str = ""
    file: str = ""

    @property
    def kind(self) -> str:
        """Kubernetes kind."""
        return str(self.body.get("kind", ""))

    @property
    def name(self) -> str:
        """Name of the object."""
        return str(dig(self.body, "metadata", "name") or "")

    @property
    def namespace(self) -> str:
        """Namespace, ``default`` where the manifest has none."""
        return str(dig(self.body, "metadata", "namespace") or "default")

    @property
    def address(self) -> str:
        """``Kind.namespace.name``, as checkov names objects."""
        return f"{self.kind}.{self.namespace}.{self.name}"

    @property
    def spec(self) -> Mapping[str, Any]:
        """The object's ``spec``."""
        return as_mapping(self.body.get("spec"))

    @property
    def pods(self) -> tuple[PodTemplate, ...]:
        """Pod templates: one for a Deployment, two for a LeaderWorkerSet, none for a Service."""
        if self.kind == "Pod":
            return (PodTemplate(as_mapping(dig(self.body, "metadata", "labels")), self.spec),)
        found = []
        for route in _TEMPLATES.get(self.kind, ()):
            template = dig(self.body, *route)
            if isinstance(template, Mapping):
                labels = as_mapping(dig(template, "metadata", "labels"))
                found.append(PodTemplate(labels, as_mapping(template.get("spec"))))
        return tuple(found)


class KubernetesObjects(Struct, frozen=True, dict=True):
    """All objects that are checked together."""

    items: tuple[KubernetesObject, ...]

    def __iter__(self) -> Iterator[KubernetesObject]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def of_kind(self, *kinds: str) -> tuple[KubernetesObject, ...]:
        """Objects of these kinds, in their order."""
        if len(kinds) == 1:
            return self._by_kind.get(kinds[0], ())
        return tuple(item for item in self.items if item.kind in kinds)

    @cached_property
    def _by_kind(self) -> dict[str, tuple[KubernetesObject, ...]]:
        """What rules ask for once for each pod."""
        found: dict[str, list[KubernetesObject]] = {}
        for item in self.items:
            found.setdefault(item.kind, []).append(item)
        return {kind: tuple(items) for kind, items in found.items()}

    @cached_property
    def workloads(self) -> tuple[tuple[KubernetesObject, PodTemplate], ...]:
        """Every pod template with the object it is in."""
        return tuple((item, pod) for item in self.items for pod in item.pods)

    @cached_property
    def gpu_workloads(self) -> tuple[tuple[KubernetesObject, PodTemplate], ...]:
        """Pod templates that ask for GPUs."""
        return tuple((item, pod) for item, pod in self.workloads if pod.gpus)


def dig(value: object, *route: str) -> Any:
    """The value at a route of keys; ``None`` where it ends early."""
    for key in route:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def mappings(value: object) -> tuple[Mapping[str, Any], ...]:
    """The mappings in a list; anything else is left out."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(item for item in value if isinstance(item, Mapping))
    return ()


def selects(selector: object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (``matchLabels`` and ``matchExpressions``) selects these labels; empty selects all."""
    chosen = as_mapping(selector)
    for key, value in as_mapping(chosen.get("matchLabels")).items():
        if labels.get(key) != value:
            return False
    for item in mappings(chosen.get("matchExpressions")):
        key, operator, values = str(item.get("key")), item.get("operator"), item.get("values") or ()
        held = labels.get(key)
        if (
            (operator == "In" and held not in values)
            or (operator == "NotIn" and held in values)
            or (operator == "Exists" and key not in labels)
            or (operator == "DoesNotExist" and key in labels)
        ):
            return False
    return True
