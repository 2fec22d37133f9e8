"""What Kubernetes lets nobody change in an object that is there: an upgrade that tries fails halfway through a release.

Sources: kubernetes/kubernetes pkg/apis/core/validation/validation.go (``ValidatePersistentVolumeUpdate``,
``ValidatePersistentVolumeClaimUpdate``), plugin/pkg/admission/storage/persistentvolume/resize/admission.go,
pkg/apis/apps/validation (``spec.selector``), pkg/apis/batch/validation (``ValidateJobSpecUpdate``),
pkg/apis/storage/validation (``ValidateStorageClassUpdate``), pkg/apis/scheduling/validation
(``ValidatePriorityClassUpdate``), pkg/apis/rbac/validation (``roleRef``);
kubernetes-sigs/aws-load-balancer-controller webhooks/elbv2/targetgroupbinding_validator.go (``checkImmutableFields``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llminfra.rehearsal.provider.contract import Problem

_IMMUTABLE = "field is immutable"
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "ClusterRoleBinding": {"roleRef": "cannot change roleRef"},
    "Deployment": {"spec.selector": _IMMUTABLE},
    "Job": {
        "spec.completionMode": _IMMUTABLE,
        "spec.selector": _IMMUTABLE,
        "spec.template": _IMMUTABLE,
    },
    "PersistentVolume": {
        "spec.csi": "spec.persistentvolumesource is immutable after creation",
        "spec.hostPath": "spec.persistentvolumesource is immutable after creation",
        "spec.nodeAffinity": _IMMUTABLE,
        "spec.volumeMode": _IMMUTABLE,
    },
    "PersistentVolumeClaim": dict.fromkeys(
        ("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeMode", "spec.volumeName"),
        "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
    ),
    "PriorityClass": {
        "preemptionPolicy": "may not be changed in an update.",
        "value": "may not be changed in an update.",
    },
    "RoleBinding": {"roleRef": "cannot change roleRef"},
    "StatefulSet": {"spec.selector": _IMMUTABLE, "spec.volumeClaimTemplates": _IMMUTABLE},
    "StorageClass": {
        "parameters": "updates to parameters are forbidden.",
        "provisioner": "updates to provisioner are forbidden.",
        "reclaimPolicy": "updates to reclaimPolicy are forbidden.",
        "volumeBindingMode": _IMMUTABLE,
    },
    "TargetGroupBinding": {
        name: f"TargetGroupBinding update may not change these immutable fields: {name}"
        for name in ("spec.targetGroupARN", "spec.targetType")
    },
}
_REQUEST = "spec.resources.requests.storage"
_RESIZED = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)


def refused_changes(before: str, after: str) -> tuple[Problem, ...]:
    """What the API server refuses of an upgrade.

    Args:
        before: Manifest of the release as it is, Helm's YAML.
        after: Manifest that it shall have.
    """
    if before == after or not before.strip().startswith(("---", "#")):
        return ()
    from llminfra.helm.render import parse_manifests  # only where a release changes

    was = {_identity(item): item for item in parse_manifests(before)}
    return tuple(
        problem
        for item in parse_manifests(after)
        if (other := was.get(_identity(item))) is not None
        for problem in _refused(other, item)
    )


def _identity(item: Mapping[str, Any]) -> tuple[str, str, str, str]:
    meta = item.get("metadata") or {}
    group = str(item.get("apiVersion")).rpartition("/")[0]
    return group, str(item.get("kind")), str(meta.get("namespace") or ""), str(meta.get("name"))


def _refused(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Problem]:
    kind, name = str(after.get("kind")), str((after.get("metadata") or {}).get("name"))
    for path, reason in _FIELDS.get(kind, {}).items():
        if _at(before, path) != _at(after, path):
            yield _problem(kind, name, path, reason)
    of_no_class = kind == "PersistentVolumeClaim" and not _at(after, "spec.storageClassName")
    if of_no_class and _at(before, _REQUEST) != _at(after, _REQUEST):
        yield _problem(kind, name, _REQUEST, _RESIZED)


def _problem(kind: str, name: str, path: str, reason: str) -> Problem:
    return Problem(f'cannot patch "{name}" with kind {kind}: {path}: {reason}', "UPGRADE FAILED", ("values",))


def _at(item: Mapping[str, Any], path: str) -> object:
    found: object = item
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
