"""Rendering a chart with given values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from llminfra.diagnostics import ToolError
from llminfra.helm.binary import run_helm

KubernetesObject = dict[str, Any]
"""One manifest, parsed."""

DEFAULT_KUBE_VERSION = "1.34"
_NOT_PLAIN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def render(
    chart_dir: Path,
    values: Mapping[str, Any],
    *,
    release: str,
    namespace: str,
    kube_version: str = DEFAULT_KUBE_VERSION,
    api_versions: Iterable[str] = (),
) -> list[KubernetesObject]:
    """Every object of the chart, in the order in which Helm installs them. One Helm process, no network.

    Raises:
        ToolError: Helm is missing, or refuses the values; the message is Helm's own.
    """
    return parse_manifests(
        render_text(
            chart_dir,
            values,
            release=release,
            namespace=namespace,
            kube_version=kube_version,
            api_versions=api_versions,
        )
    )


def render_text(
    chart_dir: Path,
    values: Mapping[str, Any],
    *,
    release: str,
    namespace: str,
    kube_version: str = DEFAULT_KUBE_VERSION,
    api_versions: Iterable[str] = (),
) -> str:
    """Like ``render``, as the YAML text that Helm prints."""
    arguments = ["template", release, str(chart_dir), "--namespace", namespace, "--kube-version", kube_version]
    arguments += [f"--api-versions={item}" for item in api_versions]
    done = run_helm([*arguments, "--include-crds", "--values", "-"], stdin=values_text(values))
    if done.returncode:
        msg = f"helm cannot render {chart_dir.name} as {namespace}/{release}: {_reason(done.stderr, chart_dir)}"
        raise ToolError(msg)
    return done.stdout


def values_text(values: Mapping[str, Any]) -> str:
    """Values as JSON that is YAML too.

    JSON's surrogate pairs are no YAML, so letters stay as they are; what YAML takes for a line break or a control
    character is escaped.
    """
    return _NOT_PLAIN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(values, ensure_ascii=False))


def parse_manifests(text: str) -> list[KubernetesObject]:
    """The objects of a YAML stream; empty documents are left out, ``List`` objects are opened.

    Raises:
        ToolError: the text is not YAML, or holds something that is not a Kubernetes object.
    """
    import yaml  # noqa: PLC0415  # only needed where something is rendered

    try:
        documents = list(yaml.load_all(text, Loader=_loader()))  # a safe loader, see there
    except yaml.YAMLError as error:
        msg = f"the rendered manifests are not YAML: {error}"
        raise ToolError(msg) from error
    found: list[KubernetesObject] = []
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
            msg = f"a rendered document is not a Kubernetes object: {str(document)[:80]}"
            raise ToolError(msg)
        found.extend(document["items"] if document["kind"] == "List" else [document])
    return found


@cache
def _loader() -> Any:
    """A safe loader that reads YAML as Kubernetes does: dates and a lone ``=`` are text."""
    import yaml  # noqa: PLC0415  # only needed where something is rendered

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = type("KubernetesLoader", (base,), {})
    for tag in ("value", "timestamp"):
        loader.add_constructor(f"tag:yaml.org,2002:{tag}", base.construct_yaml_str)  # type: ignore[attr-defined]  # of a type made above
    return loader


def _reason(stderr: str, chart_dir: Path) -> str:
    """Helm's message without the path of this machine and without noise."""
    text = stderr.replace(str(chart_dir), chart_dir.name)
    lines = [line for line in text.splitlines() if line and not re.match(r"(Use --debug|WARNING)", line)]
    return "\n".join(lines).removeprefix("Error: ") or "no message"
