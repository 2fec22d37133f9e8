"""Charts of releases: rendered where they are at hand, checked by known values keys where they are not."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from llminfra.diagnostics import ToolError
from llminfra.rehearsal.helm_release.yaml_text import parse
from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.provider.values import UNKNOWN, State


@dataclass(frozen=True, slots=True)
class Rendered:
    """What came out of a chart.

    Attributes:
        manifest: Helm's YAML; empty where the chart is not at hand.
        problems: Helm's refusals, invalid objects, unknown values keys.
        rendered: Whether Helm rendered it.
        version: The chart's version.
        app_version: Version of what it installs.
    """

    manifest: str = ""
    problems: tuple[Problem, ...] = ()
    rendered: bool = False
    version: str = ""
    app_version: str = ""


def local_chart(state: Mapping[str, Any], directory: Path) -> Path | None:
    """The chart's directory, where ``chart`` names one; relative paths start at the stack's directory."""
    chart = state.get("chart")
    if not isinstance(chart, str) or state.get("repository"):
        return None
    path = directory / chart
    return path if (path / "Chart.yaml").is_file() else None


def looks_local(chart: str) -> bool:
    """Whether a chart argument can only be a path."""
    return chart.startswith((".", "/")) or chart.endswith(".tgz")


def chart_info(path: Path) -> Mapping[str, Any]:
    """``Chart.yaml``."""
    import yaml  # only where a chart is read

    data = yaml.safe_load((path / "Chart.yaml").read_text(encoding="utf-8"))
    return data if isinstance(data, dict) else {}


def render(state: State, path: Path, kube_version: str) -> Rendered:
    """Render with Helm and check every object against Kubernetes and CRD schemas."""
    from llminfra.helm.binary import run_helm  # only where a chart is rendered
    from llminfra.helm.render import parse_manifests
    from llminfra.helm.validate import validate_objects

    info = chart_info(path)
    version, app = str(info.get("version", "")), str(info.get("appVersion", ""))
    try:
        with tempfile.TemporaryDirectory(prefix="llminfra-values-") as folder:
            arguments = _arguments(state, path, kube_version, Path(folder))
            done = run_helm(arguments)
        if done.returncode:
            reason = done.stderr.strip().removeprefix("Error: ")
            return Rendered("", (Problem(f"helm cannot render {path.name}", reason, ("chart",)),), True, version, app)
        manifest = done.stdout
        found = validate_objects(parse_manifests(manifest), kube_version)
    except ToolError as error:
        return Rendered("", (Problem(f"rendering {path.name} failed", str(error), ("chart",)),), False, version, app)
    problems = [
        Problem(f"{item.kind} {item.name!r} is invalid: {item.path or 'object'}: {item.message}", f"chart {path.name}")
        for item in found
    ]
    return Rendered(manifest, tuple(problems), True, version, app)


def check_known_keys(state: State) -> Rendered:
    """Values of an upstream chart against the keys that its pinned version knows."""
    chart = str(state.get("chart") or "").rpartition("/")[2]
    from llminfra.catalog.charts import unknown_keys  # pydantic, only where an upstream chart is checked

    keys = _keys(chart)
    if keys is None:
        note = Problem(
            f"chart {chart!r} is not at hand and its values are not known here",
            "nothing about this release was checked but its name and namespace",
            ("chart",),
            "warning",
        )
        return Rendered("", (note,), False, str(state.get("version") or ""))
    problems: list[Problem] = []
    pinned, wanted = str(keys.get("version", "")), str(state.get("version") or "")
    if wanted and wanted.removeprefix("v") != pinned.removeprefix("v"):
        problems.append(
            Problem(
                f"chart {chart} {wanted}: its values keys are known for {pinned} only",
                "keys are compared with that version",
                ("version",),
                "warning",
            )
        )
    problems.extend(
        Problem(
            f"chart {chart} {pinned} has no value {path!r}",
            "Helm would ignore it without a word; see the chart's values.yaml",
            ("values", index),
        )
        for index, document in enumerate(value_documents(state))
        for path in unknown_keys(chart, document)
    )
    return Rendered("", tuple(problems), False, wanted or pinned, str(keys.get("app_version", "")))


def value_documents(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parsed ``values`` documents that are known."""
    found: list[Mapping[str, Any]] = []
    for text in state.get("values") or []:
        if isinstance(text, str):
            parsed = parse(text)
            if isinstance(parsed, dict):
                found.append(parsed)
    return found


@cache
def _keys(chart: str) -> Mapping[str, Any] | None:
    source = files("llminfra.catalog").joinpath("data", "charts", "keys", f"{chart}.json")
    if not chart or "/" in chart or not source.is_file():
        return None
    data: Mapping[str, Any] = json.loads(source.read_bytes())
    return data


def _arguments(state: State, path: Path, kube_version: str, folder: Path) -> list[str]:
    name, namespace = str(state.get("name")), str(state.get("namespace") or "default")
    arguments = ["template", name, str(path), "--namespace", namespace, "--kube-version", kube_version]
    if not state.get("skip_crds"):
        arguments.append("--include-crds")
    for index, document in enumerate(state.get("values") or []):
        if isinstance(document, str):
            file = folder / f"values-{index}.yaml"
            file.write_text(document, encoding="utf-8")
            arguments += ["--values", str(file)]
    for item in [*(state.get("set") or []), *(state.get("set_sensitive") or [])]:
        if not isinstance(item, dict) or item.get("value") in (None, UNKNOWN):
            continue
        flag = "--set-string" if item.get("type") == "string" else "--set"
        arguments += [flag, f"{item['name']}={item['value']}"]
    for item in state.get("set_list") or []:
        values = ",".join(str(value) for value in item.get("value") or [])
        arguments += ["--set", f"{item['name']}={{{values}}}"]
    return arguments
