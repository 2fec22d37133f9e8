"""Rules on the values of upstream charts: what GPU nodes need from them, and what their defaults get wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llminfra.diagnostics import Severity
from llminfra.planning.plan.labels import GPU_RESOURCE
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.helm_values import release_values
from llminfra.rules.views.kubernetes_view import dig, mappings
from llminfra.rules.views.terraform_view import Block, Stacks

_EXPORTER_MIB = 1024
_QUANTITY = re.compile(r"^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T|)$")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
# Where each chart takes the tolerations of the pods that GPU nodes need (values.yaml of the charts).
_TOLERATIONS = {
    "dcgm-exporter": ("tolerations",),
    "nvidia-device-plugin": ("tolerations",),
    "aws-efa-k8s-device-plugin": ("tolerations",),
    "aws-fsx-csi-driver": ("node", "tolerations"),
    "aws-mountpoint-s3-csi-driver": ("node", "tolerations"),
}
# On by default in both charts.
_TOLERATES_ALL = {
    "aws-fsx-csi-driver": ("node", "tolerateAllTaints"),
    "aws-mountpoint-s3-csi-driver": ("node", "tolerateAllTaints"),
}


def _chart(release: Block) -> str:
    return str(release.get("chart") or "").rpartition("/")[2]


@rule(
    code="LLM_OBS_3",
    title="Agents of GPU nodes tolerate the taint of GPU nodes",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Kubernetes adds the toleration to pods that ask for GPUs, not to DaemonSets: without it there is no device "
    "plugin, no metric, no file system on the nodes that need them.",
    fix="tolerate nvidia.com/gpu in the values of the chart",
    source=("NVIDIA/dcgm-exporter#731", "aws-samples/aws-efa-eks pull request 3", "aws/containers-roadmap#2567"),
)
def agents_tolerate(stacks: Stacks) -> Iterator[Hit]:
    """Tolerations in the values of DaemonSets that GPU nodes need."""
    for release in stacks.resources("helm_release"):
        chart = _chart(release)
        if chart not in _TOLERATIONS:
            continue
        values = release_values(release)
        tolerated = any(
            item.get("key") == GPU_RESOURCE or (item.get("key") is None and item.get("operator") == "Exists")
            for item in mappings(dig(values, *_TOLERATIONS[chart]))
        )
        everything = chart in _TOLERATES_ALL and dig(values, *_TOLERATES_ALL[chart]) is not False
        if not tolerated and not everything:
            yield Hit(
                on=release,
                message=f"pods of {chart} do not land on tainted GPU nodes",
                found=f"no toleration of {GPU_RESOURCE}",
                expected=f"{'.'.join(_TOLERATIONS[chart])} with key {GPU_RESOURCE}",
                runtime_message="DESIRED 0",
            )


@rule(
    code="LLM_OBS_8",
    title="Prometheus keeps its data over a restart",
    severity=Severity.WARNING,
    looks_at="terraform",
    why="kube-prometheus-stack stores into an emptyDir by default: a node upgrade erases the history that one needs "
    "the "
    "day after.",
    fix="keep prometheus.prometheusSpec.storageSpec in the values",
    source=("prometheus-community/helm-charts kube-prometheus-stack values.yaml: prometheusSpec.storageSpec",),
)
def metrics_persist(stacks: Stacks) -> Iterator[Hit]:
    """``storageSpec`` of Prometheus."""
    for release in stacks.resources("helm_release"):
        if _chart(release) != "kube-prometheus-stack":
            continue
        storage = dig(release_values(release), "prometheus", "prometheusSpec", "storageSpec")
        if not dig(storage, "volumeClaimTemplate"):
            yield Hit(
                on=release,
                message="metrics are lost with the pod",
                found="no prometheus.prometheusSpec.storageSpec",
                expected="a volumeClaimTemplate",
            )


@rule(
    code="LLM_OBS_7",
    title="Prometheus reads every ServiceMonitor, not only those of its own release",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="By default the chart selects monitors with its own release label: those of the engines and the DCGM exporter "
    "are silently ignored.",
    fix="set prometheusSpec.serviceMonitorSelectorNilUsesHelmValues: false, and the same for pod monitors and rules",
    source=("prometheus-community/helm-charts#1631", "NVIDIA/gpu-operator#363"),
)
def monitors_selected(stacks: Stacks) -> Iterator[Hit]:
    """The three selectors of Prometheus."""
    keys = ("serviceMonitor", "podMonitor", "rule")
    for release in stacks.resources("helm_release"):
        if _chart(release) != "kube-prometheus-stack":
            continue
        spec = dig(release_values(release), "prometheus", "prometheusSpec") or {}
        closed = [
            key
            for key in keys
            if dig(spec, f"{key}SelectorNilUsesHelmValues") is not False and not dig(spec, f"{key}Selector")
        ]
        if closed:
            yield Hit(
                on=release,
                message=f"Prometheus ignores objects of other releases: {', '.join(closed)}",
                found=", ".join(f"{key}SelectorNilUsesHelmValues is true" for key in closed),
                expected="false",
            )


@rule(
    code="LLM_CAP_19",
    title="The NVIDIA device plugin leaves EFA devices alone",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="With its MOFED mount on, the plugin mounts the host's InfiniBand devices over those of EFA, and pods that "
    "asked "
    "for EFA run over TCP.",
    fix="set mofedEnabled: false",
    source=("NVIDIA/k8s-device-plugin#1692",),
)
def device_plugin_without_mofed(stacks: Stacks) -> Iterator[Hit]:
    """``mofedEnabled`` beside the EFA plugin."""
    releases = {_chart(item): item for item in stacks.resources("helm_release")}
    plugin = releases.get("nvidia-device-plugin")
    if plugin is None or "aws-efa-k8s-device-plugin" not in releases:
        return
    value = release_values(plugin).get("mofedEnabled")
    if value is not False:
        yield Hit(
            on=plugin,
            message="the NVIDIA device plugin may take the devices of EFA pods",
            found=f"mofedEnabled: {'unset' if value is None else value}",
            expected="false",
        )


@rule(
    code="LLM_OBS_9",
    title="The DCGM exporter has memory for nodes with eight GPUs",
    severity=Severity.WARNING,
    looks_at="terraform",
    why="With the chart's 512 MiB the exporter is killed on large nodes, and their GPUs vanish from dashboards and "
    "alerts.",
    fix="limit it to 1 GiB or more",
    source=("pytorch/ci-infra#799", "aws-observability/helm-charts#61"),
)
def exporter_has_memory(stacks: Stacks) -> Iterator[Hit]:
    """Memory limit of the exporter."""
    for release in stacks.resources("helm_release"):
        if _chart(release) != "dcgm-exporter":
            continue
        limit = dig(release_values(release), "resources", "limits", "memory")
        if quantity_mib(limit) < _EXPORTER_MIB:
            yield Hit(
                on=release,
                message="the DCGM exporter runs out of memory on nodes with eight GPUs",
                found=str(limit or "512Mi, the chart's default"),
                expected="1Gi or more",
                runtime_message="OOMKilled, exit code 137",
            )


def quantity_mib(value: object) -> float:
    """A Kubernetes memory quantity in MiB; 0 where it is none."""
    match = _QUANTITY.match(str(value or ""))
    return float(match[1]) * _UNITS[match[2]] / 2**20 if match else 0.0


RULES = (exporter_has_memory, agents_tolerate, metrics_persist, monitors_selected, device_plugin_without_mofed)
