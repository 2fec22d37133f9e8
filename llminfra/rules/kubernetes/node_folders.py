"""Rules on what pods see of the disks of their node, in rendered objects."""

from __future__ import annotations

from collections.abc import Iterator

from llminfra.diagnostics import Severity
from llminfra.planning.storage.node_cache import NODE_CACHE_DIR
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.kubernetes_view import KubernetesObject, KubernetesObjects, PodTemplate, dig, mappings


@rule(
    code="LLM_STO_12",
    title="Volumes on a node's disks are the folder of models, and engines only read them",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="Pod Security looks at pods, not at the volumes behind their claims: a hostPath PersistentVolume of any other "
    "folder gives a pod the node. Of the folder of models, all pods of the node read: an engine that may write there "
    "changes the model of every other.",
    fix=f"keep {NODE_CACHE_DIR} with type Directory, and readOnly on the mounts of engines",
    source=("Kubernetes documentation: Pod Security Standards, hostPath volumes", "CIS Kubernetes Benchmark 5.2.12"),
)
def only_models_of_the_node(objects: KubernetesObjects) -> Iterator[Hit]:
    """``hostPath`` and ``local`` of PersistentVolumes, and the mounts of their claims."""
    claims: set[tuple[str, str]] = set()
    for volume in objects.of_kind("PersistentVolume"):
        path = dig(volume.spec, "hostPath", "path") or dig(volume.spec, "local", "path")
        if path is None:
            continue
        claim = (str(dig(volume.spec, "claimRef", "namespace")), str(dig(volume.spec, "claimRef", "name")))
        claims.add(claim)
        kind = dig(volume.spec, "hostPath", "type")
        if path != NODE_CACHE_DIR or kind != "Directory":
            yield Hit(
                on=volume,
                message="the volume shows a folder of the node that was not made for models",
                found=f"{path}, type {kind or 'unchecked'}",
                expected=f"{NODE_CACHE_DIR}, type Directory",
            )
    for item, pod in objects.workloads:
        yield from _written(item, pod, claims)


def _written(item: KubernetesObject, pod: PodTemplate, claims: set[tuple[str, str]]) -> Iterator[Hit]:
    shared = {
        name
        for name, volume in pod.volumes.items()
        if (item.namespace, str(dig(volume, "persistentVolumeClaim", "claimName"))) in claims
    }
    for container in pod.containers:
        for mount in mappings(container.body.get("volumeMounts")):
            # What copies runs before the engine; what serves requests must not.
            if mount.get("name") in shared and mount.get("readOnly") is not True and not container.init:
                yield Hit(
                    on=item,
                    message=f"container {container.name} may change what other pods of the node read",
                    found=f"{mount.get('mountPath')} without readOnly",
                    expected="readOnly: true",
                )


RULES = (only_models_of_the_node,)
