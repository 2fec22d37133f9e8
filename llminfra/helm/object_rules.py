"""What the API server checks beyond the schemas: names, labels, and references inside a pod."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# kubernetes/apimachinery pkg/util/validation: label values, qualified names, RFC 1123 labels and subdomains.
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_QUALIFIED_NAME = re.compile(
    r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_QUANTITY = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?")
_NAMES_WITH_COLON = frozenset({"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"})


def broken_rules(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path and message of everything in the object that the API server would refuse although the schema allows it."""
    name = item["metadata"]["name"]
    pattern = _DNS_LABEL if item["kind"] in {"Service", "Namespace"} else _SUBDOMAIN
    if item["kind"] not in _NAMES_WITH_COLON and (not pattern.fullmatch(name) or len(name) > 253):
        yield "metadata.name", f"{name!r} is not a DNS name"
    yield from _metadata(item["metadata"], "metadata")
    for path, template in pod_templates(item):
        yield from _metadata(_mapping(template.get("metadata")), f"{path}.metadata")
        yield from _pod(_mapping(template.get("spec")), f"{path}.spec")
    spec = _mapping(item.get("spec"))
    selector = _mapping(_mapping(spec.get("selector")).get("matchLabels"))
    if item["kind"] in {"Deployment", "StatefulSet", "DaemonSet"}:
        labels = _mapping(_mapping(_mapping(spec.get("template")).get("metadata")).get("labels"))
        if lacking := sorted(key for key, value in selector.items() if labels.get(key) != value):
            yield "spec.selector", f"the pod template lacks the selected labels {', '.join(lacking)}"


def pod_templates(item: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Path and pod template of every pod that the object makes."""
    spec = _mapping(item.get("spec"))
    if item.get("kind") == "LeaderWorkerSet":
        group = _mapping(spec.get("leaderWorkerTemplate"))
        return [
            (f"spec.leaderWorkerTemplate.{key}", group[key])
            for key in ("leaderTemplate", "workerTemplate")
            if isinstance(group.get(key), Mapping)
        ]
    if item.get("kind") == "CronJob":
        template = _mapping(_mapping(spec.get("jobTemplate")).get("spec")).get("template")
        return [("spec.jobTemplate.spec.template", template)] if isinstance(template, Mapping) else []
    if item.get("kind") == "Pod":
        return [("", item)]
    template = spec.get("template")
    is_pod = isinstance(template, Mapping) and "containers" in _mapping(template.get("spec"))
    return [("spec.template", template)] if isinstance(template, Mapping) and is_pod else []


def _metadata(metadata: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for kind in ("labels", "annotations"):
        for key, value in _mapping(metadata.get(kind)).items():
            if not _QUALIFIED_NAME.fullmatch(str(key)):
                yield f"{path}.{kind}", f"{key!r} is not a valid key"
            if kind == "labels" and not _LABEL_VALUE.fullmatch(str(value)):
                yield f"{path}.labels.{key}", f"{value!r} is not a valid label value (63 letters, digits, -, _, .)"


def _pod(spec: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    volumes = [volume.get("name") for volume in _mappings(spec.get("volumes"))]
    for name in sorted({str(name) for name in volumes if volumes.count(name) > 1}):
        yield f"{path}.volumes", f"volume {name!r} is there more than once"
    for group in ("initContainers", "containers"):
        for index, container in enumerate(_mappings(spec.get(group))):
            yield from _container(container, f"{path}.{group}[{index}]", volumes)


def _container(container: Mapping[str, Any], path: str, volumes: list[Any]) -> Iterator[tuple[str, str]]:
    mounts = _mappings(container.get("volumeMounts"))
    for mount in mounts:
        if mount.get("name") not in volumes:
            yield f"{path}.volumeMounts", f"the pod has no volume {mount.get('name')!r}"
    paths = [mount.get("mountPath") for mount in mounts]
    for twice in sorted({str(item) for item in paths if paths.count(item) > 1}):
        yield f"{path}.volumeMounts", f"{twice!r} is mounted more than once"
    ports = {port.get("name") for port in _mappings(container.get("ports"))}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        port = _mapping(_mapping(container.get(probe)).get("httpGet")).get("port")
        if isinstance(port, str) and port not in ports:
            yield f"{path}.{probe}.httpGet.port", f"the container has no port named {port!r}"
    resources = _mapping(container.get("resources"))
    requests, limits = _mapping(resources.get("requests")), _mapping(resources.get("limits"))
    for kind, amounts in (("requests", requests), ("limits", limits)):
        for name, amount in amounts.items():
            if not _QUANTITY.fullmatch(str(amount)):
                yield f"{path}.resources.{kind}.{name}", f"{amount!r} is not a quantity"
    for name in sorted({*requests, *limits}):
        extended = "/" in name or name.startswith("hugepages-")
        if extended and limits.get(name) is None:
            yield f"{path}.resources.limits", f"{name} needs a limit: it cannot be overcommitted"
        elif extended and name in requests and requests[name] != limits[name]:
            yield f"{path}.resources", f"request and limit of {name} differ: it cannot be overcommitted"
    if any(name.startswith("hugepages-") for name in limits) and not {"cpu", "memory"} & {*requests, *limits}:
        yield f"{path}.resources", "huge pages need a request of CPU or memory beside them"
    context = _mapping(container.get("securityContext"))
    if context.get("privileged") is True and context.get("allowPrivilegeEscalation") is False:
        yield f"{path}.securityContext", "a privileged container cannot refuse privilege escalation"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """The list as the schema wants it: what is not a mapping has its own message from there."""
    return [_mapping(entry) for entry in value] if isinstance(value, list) else []
