"""Kubernetes objects of the synthesized Helm releases, rendered from the charts that lie beside the stacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.diagnostics import ToolError
from llminfra.rules.views.helm_values import release_values
from llminfra.rules.views.kubernetes_view import KubernetesObject, KubernetesObjects

if TYPE_CHECKING:
    from llminfra.rules.views.terraform_view import Block, Stacks

_RENDERERS = 4
# Definitions are upstream's, hold no workloads, and are larger than everything else together.
_POOL_KINDS = frozenset({"NodePool", "EC2NodeClass"})
_CLUSTER_WIDE = _POOL_KINDS | {
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterSecretStore",
    "CSIDriver",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingWebhookConfiguration",
}
_SKIPPED_KINDS = frozenset({"CustomResourceDefinition"})


@dataclass(frozen=True, slots=True)
class Rendered:
    """Objects of all releases whose charts are there.

    Attributes:
        objects: What the charts render to.
        refused: Releases whose values the chart does not take, with Helm's message.
        not_run: One sentence for what could not be rendered.
    """

    objects: KubernetesObjects
    refused: tuple[tuple[Block, str], ...]
    not_run: tuple[str, ...]


def render_releases(stacks: Stacks, synth_dir: Path) -> Rendered:
    """Render every release of a chart in the synthesized folder.

    Upstream charts are fetched at apply time; their values are checked in the Terraform, their objects are not.
    """
    local: list[tuple[Block, Path]] = []
    upstream: list[str] = []
    for release in stacks.resources("helm_release"):
        folder = (synth_dir / release.file).parent / str(release.get("chart") or "")
        if not release.get("repository") and (folder / "Chart.yaml").is_file():
            local.append((release, folder))
        else:
            upstream.append(str(release.get("name") or release.name))
    not_run = []
    if upstream:
        names = ", ".join(sorted(set(upstream)))
        not_run.append(f"Kubernetes objects of upstream charts ({names}): the charts are fetched at apply time")
    try:
        from llminfra.helm.binary import find_helm  # noqa: PLC0415  # the Helm extra may be missing

        if local:
            find_helm()
    except ToolError as error:
        return Rendered(KubernetesObjects(()), (), (*not_run, f"Kubernetes rules: {error}"))
    found: list[KubernetesObject] = []
    refused: list[tuple[Block, str]] = []
    with ThreadPoolExecutor(_RENDERERS) as pool:
        # The longest first, so that none of them starts when all others are done.
        tasks = {id(pair): pool.submit(_try_render, *pair) for pair in sorted(local, key=_size, reverse=True)}
        for pair in local:
            release, result = pair[0], tasks[id(pair)].result()
            if isinstance(result, ToolError):
                refused.append((release, str(result)))
            else:
                found += result
    return Rendered(KubernetesObjects(tuple(found)), tuple(refused), tuple(not_run))


def write_objects(objects: KubernetesObjects, folder: Path) -> dict[str, KubernetesObject]:
    """Write each object to a file of its own, for checkov; the result tells which file is which object."""
    written = {}
    for index, item in enumerate(objects):
        path = folder / f"{index:04}.json"
        path.write_text(json.dumps(item.body), encoding="utf-8")
        written[str(path)] = item
    return written


def _size(pair: tuple[Block, Path]) -> int:
    return len(str(pair[0].get("values")))


def _try_render(release: Block, chart: Path) -> list[KubernetesObject] | ToolError:
    try:
        return list(_render(release, chart))
    except ToolError as error:
        return error


def _render(release: Block, chart: Path) -> Iterator[KubernetesObject]:
    from llminfra.helm.render import render  # noqa: PLC0415  # the Helm extra may be missing

    namespace = str(release.get("namespace") or "default")
    name = str(release.get("name") or release.name)
    for body in render(chart, release_values(release), release=name, namespace=namespace):
        if body.get("kind") in _SKIPPED_KINDS:
            continue
        kind, metadata = body.get("kind"), body.setdefault("metadata", {})
        if isinstance(metadata, dict) and kind not in _CLUSTER_WIDE:
            metadata.setdefault("namespace", namespace)
        own = release.spec_path == "pools" and kind in _POOL_KINDS
        yield KubernetesObject(
            body=body,
            spec_path=f"pools.{metadata.get('name')}" if own else release.spec_path,
            stack=release.stack,
            release=name,
            file=release.file,
        )
