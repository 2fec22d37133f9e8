"""Rules on rendered pods that exchange caches: the way they go, the fabric on both sides, and who finds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from llminfra.diagnostics import Severity
from llminfra.planning.plan.labels import ENDPOINT_LABEL, GPU_RESOURCE
from llminfra.rules.kubernetes.pods import sends_cache
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.kubernetes_view import (
    EFA_RESOURCE,
    Container,
    KubernetesObject,
    KubernetesObjects,
    PodTemplate,
    dig,
)

_ROLE = "llm-d.ai/role"
_FABRIC = ("FI_", "VLLM_NIXL_")


@rule(
    code="LLM_DIST_13",
    title="Caches go over EFA",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="NIXL's default back end, UCX, has no EFA and falls back to TCP without a word: a first token after 98 s "
    "instead of 1 s. LIBFABRIC needs EFA devices in the container, and a privileged one to register GPU memory with "
    "them.",
    fix="let Endpoint(disaggregation=…) write the arguments, or name LIBFABRIC, request EFA and give the reason for "
    "privileged",
    source=(
        "ai-dynamo/dynamo docs/kubernetes/cloud-providers/eks/efa.md",
        "ai-dynamo/nixl#909",
        "aws/deep-learning-containers@e0ecedea6 test/efa/scripts/nixl_disagg_pd.sh",
    ),
)
def caches_over_efa(objects: KubernetesObjects) -> Iterator[Hit]:
    """Back end, EFA devices and privileges of containers with NIXL's connector."""
    for item, pod in objects.gpu_workloads:
        for container in pod.gpu_containers:
            if not sends_cache(container):
                continue
            missing = []
            if not any("LIBFABRIC" in argument for argument in container.arguments):
                missing.append("the LIBFABRIC back end")
            if not container.limit(EFA_RESOURCE):
                missing.append("EFA devices")
            if dig(container.body, "securityContext", "privileged") is not True:
                missing.append("a privileged security context")
            if missing:
                yield Hit(
                    on=item,
                    message=f"container {container.name} exchanges caches without {' and without '.join(missing)}",
                    found="NixlConnector",
                    expected="LIBFABRIC over EFA",
                    runtime_message="NIXL INFO Backend UCX was instantiated",
                )


@rule(
    code="LLM_DIST_14",
    title="Both roles have the same fabric, in the same place",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="A cache goes from one role's devices to the other's: EFA does not cross zones, and a side without devices, or "
    "with other settings, is never reached.",
    fix="let Endpoint(disaggregation=…) write both roles",
    source=(
        "AWS EC2 User Guide, efa.html: limitations",
        "vllm-project/vllm docs/features/nixl_connector_compatibility.md",
    ),
)
def same_fabric(objects: KubernetesObjects) -> Iterator[Hit]:
    """Node selector, EFA per GPU, image and fabric variables of the pods of one endpoint."""
    groups: dict[tuple[str, str], list[tuple[KubernetesObject, dict[str, Any]]]] = defaultdict(list)
    for item, pod in objects.gpu_workloads:
        name = pod.labels.get(ENDPOINT_LABEL)
        for container in pod.gpu_containers if name and pod.labels.get(_ROLE) else ():
            groups[item.namespace, str(name)].append((item, _fabric(pod, container)))
    for (_, name), members in groups.items():
        first, wanted = members[0]
        for item, held in members[1:]:
            differs = [key for key in wanted if wanted[key] != held[key]]
            if differs:
                yield Hit(
                    on=item,
                    message=f"the roles of {name} differ in {', '.join(differs)}",
                    found=", ".join(f"{held[key]}" for key in differs)[:160],
                    expected=f"as in {first.name}: " + ", ".join(f"{wanted[key]}" for key in differs)[:160],
                    runtime_message="NIXL handshake failed; compatibility hash mismatch",
                )


def _fabric(pod: PodTemplate, container: Container) -> dict[str, Any]:
    selector = pod.spec.get("nodeSelector")
    return {
        "place": dict(selector) if isinstance(selector, Mapping) else {},
        "EFA devices a GPU": container.limit(EFA_RESOURCE) / container.limit(GPU_RESOURCE),
        "image": container.image,
        "fabric variables": {
            key: entry.get("value", "field") for key, entry in container.environment.items() if key.startswith(_FABRIC)
        },
    }


@rule(
    code="LLM_DIST_15",
    title="A router finds pods of both roles",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="The picker chooses among the pods that its labels select. Without prefill pods every prompt is read where it "
    "is answered, and without decode pods there is no answer.",
    fix="let Endpoint(disaggregation=…) write router and roles",
    source=(
        "llm-d/llm-d-router@v0.9.0 docs/disaggregation.md",
        "llm-d/llm-d-router@v0.9.0 pkg/epp/server/options.go",
    ),
)
def router_finds_roles(objects: KubernetesObjects) -> Iterator[Hit]:
    """``--endpoint-selector`` against the labels of serving pods."""
    for item, pod in objects.workloads:
        for container in pod.containers:
            chosen = next(
                (a.partition("=")[2] for a in container.arguments if a.startswith("--endpoint-selector=")), None
            )
            if chosen is None or pod.labels.get("app.kubernetes.io/name") != "pd-router":
                continue
            wanted = dict(pair.split("=", 1) for pair in chosen.split(",") if "=" in pair)
            found = {
                str(served.labels.get(_ROLE))
                for other, served in objects.gpu_workloads
                if other.namespace == item.namespace
                and all(served.labels.get(key) == value for key, value in wanted.items())
            }
            lacking = [role for role in ("prefill", "decode") if role not in found]
            if lacking:
                yield Hit(
                    on=item,
                    message=f"the picker finds no pods for {' and '.join(lacking)}",
                    found=chosen,
                    expected=f"labels of pods with {_ROLE}=prefill and {_ROLE}=decode",
                    runtime_message="503 from the picker: no endpoints available",
                )


RULES = (caches_over_efa, same_fabric, router_finds_roles)
