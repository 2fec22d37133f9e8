"""Rendering the Helm releases of a synthesized folder, each for the Kubernetes version it will meet."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.cli.extras import need

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.rules.views.terraform_view import Block

_AT_ONCE = 4


class Release(Struct, frozen=True):
    """One rendered release."""

    stack: str
    name: str
    text: str


class RenderedReleases(Struct, frozen=True):
    """Rendered releases in the order of the stacks, and the names of upstream releases."""

    releases: tuple[Release, ...]
    upstream: tuple[str, ...]


def render_releases(folder: Path, plans: Sequence[Plan]) -> RenderedReleases:
    """Render every release whose chart lies in the folder.

    Raises:
        ToolError: Helm is missing or refuses the values of a release.
    """
    helm = need("llminfra.helm.render", "render", "helm")
    values = need("llminfra.rules.views.helm_values", "render")
    stacks = need("llminfra.rules.views.terraform_view", "render").read_synth_dir(folder)
    versions = {plan.platform.name: plan.eks.version for plan in plans if plan.cluster is not None}
    local, upstream = [], []
    for release in stacks.resources("helm_release"):
        chart = (folder / release.file).parent / str(release.get("chart") or "")
        name = str(release.get("name") or release.name)
        if release.get("repository") or not (chart / "Chart.yaml").is_file():
            upstream.append(name)
        else:
            local.append((release, chart, name))
    names = sorted(versions, key=len, reverse=True)

    def one(item: tuple[Block, Path, str]) -> str:
        release, chart, name = item
        stack = release.stack
        platform = next(each for each in names if stack.startswith(f"{each}-"))
        namespace = str(release.get("namespace") or "default")
        return str(
            helm.render_text(
                chart,
                values.release_values(release),
                release=name,
                namespace=namespace,
                kube_version=versions[platform],
            )
        )

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        texts = list(pool.map(one, local))
    releases = tuple(Release(item[0].stack, item[2], text) for item, text in zip(local, texts, strict=True))
    return RenderedReleases(releases, tuple(sorted(set(upstream))))
