"""Rules on rendered GPU pods: what lets them start, run, and stay isolated."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llminfra.diagnostics import Severity
from llminfra.planning.plan.labels import GPU_RESOURCE, ROLE_LABEL, WAIVER
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.kubernetes_view import (
    EFA_RESOURCE,
    Container,
    KubernetesObjects,
    dig,
    mappings,
)

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_SHM = "/dev/shm"  # noqa: S108  # the mount point in the container, not a file that we write
_HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")


def _pinned(image: str) -> bool:
    if _DIGEST.search(image):
        return True
    tag = image.rpartition("/")[2].partition(":")[2]
    return bool(tag) and tag not in ("latest", "main", "master", "nightly", "stable", "edge", "dev")


def sends_cache(container: Container) -> bool:
    """Whether NIXL sends or fetches caches for this engine."""
    return any("NixlConnector" in item for item in container.arguments)


@rule(
    code="LLM_SRV_1",
    title="Every image is pinned by tag or digest",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="A moving tag gives every restarted replica another engine: flags disappear, metrics are renamed, and the pods "
    "of one Deployment differ.",
    fix="name a version tag, better a digest",
    source=("aws/aws-eks-best-practices latest/bpg/security/image.adoc", "CKV_K8S_14 and CKV_K8S_43"),
)
def images_pinned(objects: KubernetesObjects) -> Iterator[Hit]:
    """Tags of all containers."""
    for item, pod in objects.workloads:
        for container in pod.containers:
            if not _pinned(container.image):
                yield Hit(
                    on=item,
                    message=f"container {container.name} runs whatever {container.image or 'an unnamed image'} is "
                    f"today",
                    found=container.image,
                    expected="repository:version or repository@sha256:…",
                )


@rule(
    code="LLM_SRV_4",
    title="Pods with several GPUs have shared memory of a stated size",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="NCCL and the engine's workers talk through /dev/shm; the container default of 64 MiB ends in a bus error or a "
    "hang in the first collective.",
    fix="mount an emptyDir with medium Memory and a sizeLimit at /dev/shm",
    source=("vllm-project/vllm#1710", "vllm-project/vllm#6574", "vllm-project/production-stack#276"),
)
def shared_memory(objects: KubernetesObjects) -> Iterator[Hit]:
    """``/dev/shm`` of containers with more than one GPU."""
    for item, pod in objects.gpu_workloads:
        for container in pod.gpu_containers:
            if container.limit(GPU_RESOURCE) < 2:
                continue
            names = [m.get("name") for m in mappings(container.body.get("volumeMounts")) if m.get("mountPath") == _SHM]
            volumes = [dig(pod.volumes.get(str(name)), "emptyDir") for name in names]
            if not any(dig(v, "medium") == "Memory" and dig(v, "sizeLimit") for v in volumes):
                yield Hit(
                    on=item,
                    message=f"container {container.name} has {container.limit(GPU_RESOURCE)} GPUs and too little "
                    "shared memory",
                    found="no memory volume with sizeLimit at /dev/shm",
                    expected="emptyDir: {medium: Memory, sizeLimit: …}",
                    runtime_message="Bus error (core dumped); unhandled system error, NCCL",
                )


@rule(
    code="LLM_SRV_16",
    title="GPU pods get no service links",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="A Service named vllm puts VLLM_PORT=tcp://… into every pod of the namespace; the engine reads it as its own "
    "setting and does not start.",
    fix="set enableServiceLinks: false",
    source=("vllm-project/vllm#34199", "defilantech/LLMKube#361"),
)
def no_service_links(objects: KubernetesObjects) -> Iterator[Hit]:
    """``enableServiceLinks`` of GPU pods."""
    for item, pod in objects.gpu_workloads:
        if pod.spec.get("enableServiceLinks") is not False:
            yield Hit(
                on=item,
                message="names of Services become environment variables of the engine",
                found=f"enableServiceLinks: {pod.spec.get('enableServiceLinks', 'true by default')}",
                expected="false",
                runtime_message="ValueError: VLLM_PORT 'tcp://...' appears to be a URI",
            )


@rule(
    code="LLM_SRV_17",
    title="GPU containers have startup, readiness and liveness probes",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="Without a startup probe the liveness probe kills a loading engine; without a readiness probe callers reach it "
    "too early; without liveness a dead rank sits Running for hours.",
    fix="keep the three probes of the chart",
    source=("vllm-project/vllm#17386", "defilantech/LLMKube#1782"),
)
def probes(objects: KubernetesObjects) -> Iterator[Hit]:
    """The three probes of servers; jobs end by themselves."""
    for item, pod in objects.gpu_workloads:
        if item.kind in ("Job", "CronJob", "Pod"):
            continue
        for container in pod.gpu_containers:
            missing = [name for name in ("startupProbe", "livenessProbe") if name not in container.body]
            # Workers of a replica over several nodes answer nobody: their leader does.
            worker = "--headless" in container.arguments or pod.labels.get(ROLE_LABEL) == "worker"
            if not worker and "readinessProbe" not in container.body:
                missing.append("readinessProbe")
            if missing:
                yield Hit(
                    on=item,
                    message=f"container {container.name} has no {' and no '.join(missing)}",
                    found="missing",
                    expected="startupProbe, readinessProbe, livenessProbe",
                )


@rule(
    code="LLM_SRV_61",
    title="Containers stay inside their sandbox",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="A privileged container, or one in the host's namespaces, owns the node and every model on it. NIXL alone "
    "needs it, to register GPU memory with EFA: there, a reason stands on the workload.",
    fix="drop privileged and the host namespaces; NCCL over EFA needs neither",
    source=(
        "Kubernetes Pod Security Standards: baseline",
        "CKV_K8S_16, CKV_K8S_17, CKV_K8S_19",
        "ai-dynamo/dynamo docs/kubernetes/cloud-providers/eks/efa.md: privileged",
    ),
)
def sandboxed(objects: KubernetesObjects) -> Iterator[Hit]:
    """Privileged containers and host namespaces of GPU workloads; NIXL over EFA with a reason is let through."""
    for item, pod in objects.gpu_workloads:
        host = [name for name in _HOST_NAMESPACES if pod.spec.get(name) is True]
        reason = dig(item.body, "metadata", "annotations", f"{WAIVER}.privileged")
        loud = [
            c.name
            for c in pod.containers
            if dig(c.body, "securityContext", "privileged") is True
            if not (reason and c.limit(EFA_RESOURCE) and sends_cache(c))
        ]
        if host or loud:
            yield Hit(
                on=item,
                message="the pod can reach the whole node",
                found=", ".join([*host, *(f"privileged {name}" for name in loud)]),
                expected="neither privileged nor host namespaces",
            )


@rule(
    code="LLM_SRV_62",
    title="EFA devices come from the device plugin, not from a host path",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="A hostPath of /dev/infiniband hides the devices that the plugin injects: EFA is silently off.",
    fix="request vpc.amazonaws.com/efa and drop the volume",
    source=("aws-samples/aws-do-eks#63",),
)
def no_device_paths(objects: KubernetesObjects) -> Iterator[Hit]:
    """Host paths of devices in GPU pods."""
    for item, pod in objects.gpu_workloads:
        for name, volume in pod.volumes.items():
            path = str(dig(volume, "hostPath", "path") or "")
            if path.startswith(("/dev/infiniband", "/dev/nvidia")):
                yield Hit(
                    on=item,
                    message=f"volume {name} mounts {path} of the node",
                    found=path,
                    expected="an extended resource",
                )


@rule(
    code="LLM_SRV_63",
    title="Scratch space is bounded",
    severity=Severity.WARNING,
    looks_at="kubernetes",
    why="An emptyDir without sizeLimit grows until the kubelet evicts pods of the node, not necessarily the one that "
    "wrote.",
    fix="give every emptyDir a sizeLimit",
    source=("GoogleCloudPlatform/kubernetes-engine-samples#1581", "LMCache/LMCache#1399"),
)
def scratch_bounded(objects: KubernetesObjects) -> Iterator[Hit]:
    """``sizeLimit`` of emptyDir volumes of GPU pods."""
    for item, pod in objects.gpu_workloads:
        free = [
            name
            for name, volume in pod.volumes.items()
            if isinstance(volume.get("emptyDir"), dict | type(None)) and "emptyDir" in volume
            if not dig(volume, "emptyDir", "sizeLimit")
        ]
        if free:
            yield Hit(
                on=item,
                message=f"volumes {', '.join(free)} may fill the node's disk",
                found="emptyDir without sizeLimit",
                expected="a sizeLimit",
                runtime_message="Usage of EmptyDir volume exceeds the limit; node was low on resource: "
                "ephemeral-storage",
            )


@rule(
    code="LLM_CAP_11",
    title="GPU pods take whole GPUs with equal request and limit",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="Extended resources cannot be overcommitted: a request that differs from its limit is refused, and memory that "
    "is limited above its request gets the pod killed first when the node runs short.",
    fix="set requests equal to limits for GPUs and memory",
    source=("Kubernetes documentation: schedule GPUs", "Kubernetes documentation: node-pressure eviction"),
)
def whole_gpus(objects: KubernetesObjects) -> Iterator[Hit]:
    """Requests against limits of GPU containers."""
    for item, pod in objects.gpu_workloads:
        for container in pod.gpu_containers:
            for resource in (GPU_RESOURCE, "memory"):
                limit = dig(container.body, "resources", "limits", resource)
                request = dig(container.body, "resources", "requests", resource)
                if limit is None or (request is not None and str(request) != str(limit)):
                    yield Hit(
                        on=item,
                        message=f"container {container.name} requests {request} of {resource} and is limited to "
                        f"{limit}",
                        found=f"{request} / {limit}",
                        expected="equal",
                    )


@rule(
    code="LLM_SRV_15",
    title="An engine without root writes its caches to a volume",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="Engines and their compilers write below HOME; the home of an image belongs to root, and the container stops "
    "at its first cache.",
    fix="point HOME, or the cache variables, to a mounted volume",
    source=("llm-d/llm-d#1430", "vllm-project/vllm#9118", "vllm-project/vllm#38552"),
)
def caches_writable(objects: KubernetesObjects) -> Iterator[Hit]:
    """``HOME`` or ``XDG_CACHE_HOME`` of GPU containers that do not run as root."""
    for item, pod in objects.gpu_workloads:
        for container in pod.gpu_containers:
            own = dig(container.body, "securityContext", "runAsNonRoot")
            unprivileged = own if own is not None else dig(pod.spec, "securityContext", "runAsNonRoot")
            mounts = [str(m.get("mountPath")).rstrip("/") for m in mappings(container.body.get("volumeMounts"))]
            homes = [str(dig(container.environment.get(name), "value") or "") for name in ("HOME", "XDG_CACHE_HOME")]
            if unprivileged is True and not any(_below(home, mounts) for home in homes):
                yield Hit(
                    on=item,
                    message=f"container {container.name} has no cache that its user may write",
                    found=f"HOME {homes[0] or 'unset'}, mounts {', '.join(mounts) or 'none'}",
                    expected="HOME below a mounted volume",
                    runtime_message="PermissionError: [Errno 13] Permission denied: '/.cache'",
                )


def _below(path: str, mounts: list[str]) -> bool:
    return any(path == mount or path.startswith(f"{mount}/") for mount in mounts if mount)


RULES = (
    caches_writable,
    images_pinned,
    shared_memory,
    no_service_links,
    probes,
    sandboxed,
    no_device_paths,
    scratch_bounded,
    whole_gpus,
)
