"""Helm releases: a pinned chart, typed values, and a wait that fits what is installed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import JsonValue

from llminfra.assets import files_of
from llminfra.bindings import core, helm
from llminfra.catalog.charts import ChartPin
from llminfra.charts.images import moved, moved_declared
from llminfra.charts.values import ChartValues
from llminfra.constructs.basis.names import literal
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.planning.network.mirror import chart_registry

# What Terraform fills in: a CDKTF token, an attribute of a resource of this stack, or an output of another one. Any
# other "${" is text of a chart (Grafana variables, shell) or of a user, and must reach Helm as it is.
_LATE = re.compile(
    r"\$\{(?:TfToken\[[^\]]+\]|data\.terraform_remote_state\.\w+\.outputs\.[\w-]+"
    r"|(?P<address>(?:data\.)?aws_\w+\.[\w-]+)\.\w+)\}"
)
_HISTORY = 5


class LocalChart(Struct, frozen=True):
    """A chart that travels in the stack's folder, under ``charts/<name>``; ``digest`` is that of its files."""

    name: str
    digest: str


class HelmRelease(Struct, frozen=True, kw_only=True):
    """What is installed.

    Attributes:
        id: Name of the resource, and of the release.
        name: Name of the release, where that differs.
        namespace: Namespace, which exists already.
        chart: An upstream chart at its pin, or one of ours.
        values: Typed values; ``None`` takes the chart's defaults.
        timeout_s: How long Helm waits.
        wait: Whether Helm waits until everything is ready.
        wait_for_jobs: Whether it waits for Jobs to finish too.
        after: What must exist before.
        parts_off: Parts of an upstream chart that are off, as ``chart_images.json`` calls them.
    """

    id: str
    namespace: str
    chart: ChartPin | LocalChart
    values: ChartValues | None
    timeout_s: int = 900
    wait: bool = True
    wait_for_jobs: bool = False
    after: Sequence[core.TerraformElement] = ()
    parts_off: Sequence[str] = ()
    name: str | None = None


def helm_release(make: Maker, release: HelmRelease) -> helm.Release:
    """Install a chart; a failed install is taken back, so that the next apply can start anew."""
    chart = release.chart
    local = isinstance(chart, LocalChart)
    mirror = make.scope.images.mirror
    return make(
        helm.Release,
        release.id,
        name=release.name or release.id,
        namespace=release.namespace,
        create_namespace=False,
        chart=f"./charts/{chart.name}" if local else chart.name,
        repository=None if isinstance(chart, LocalChart) else chart_registry(mirror) or chart.repository,
        version=None if isinstance(chart, LocalChart) else chart.version,
        # Helm does not look into a local chart whose version stayed: a changed description makes it upgrade.
        description=f"{chart.name} {chart.digest}" if isinstance(chart, LocalChart) else None,
        values=_values(release, make.scope),
        wait=release.wait,
        wait_for_jobs=release.wait_for_jobs,
        timeout=release.timeout_s,
        atomic=False,
        cleanup_on_fail=True,
        max_history=_HISTORY,
        depends_on=list(release.after) or None,
    )


def _values(release: HelmRelease, scope: Scope) -> list[str] | None:
    """Values with every image as it is pulled; ``None`` where the chart's defaults are right."""
    values = {} if release.values is None else release.values.to_values()
    names = scope.images
    if not names.as_declared:
        if isinstance(release.chart, LocalChart):
            values = moved_declared(values, names.pulled, names.digest)
        else:
            values = moved(release.chart.name, values, names.pulled, names.digest, without=release.parts_off)
    return [dump_values(values, scope)] if values or release.values is not None else None


def dump_values(values: Mapping[str, JsonValue], scope: Scope) -> str:
    """Values as JSON, which Helm reads as YAML; several lines, so that a plan shows what changes."""
    return json.dumps(_escaped(values, scope), indent=2, sort_keys=True, ensure_ascii=False)


def chart_digest(folder: Path) -> str:
    """First 12 hexadecimal digits of the SHA-256 of a chart's file names and contents."""
    digest = hashlib.sha256()
    for file in files_of(folder):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _escaped(value: Any, scope: Scope) -> Any:
    if isinstance(value, dict):
        return {_escaped_text(key, scope): _escaped(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item, scope) for item in value]
    return _escaped_text(value, scope) if isinstance(value, str) else value


def _escaped_text(text: str, scope: Scope) -> str:
    parts = []
    end = 0
    for match in _LATE.finditer(text):
        if (address := match["address"]) and not scope.has(address):
            continue
        parts += [literal(text[end : match.start()]), match.group()]
        end = match.end()
    return "".join([*parts, literal(text[end:])])
