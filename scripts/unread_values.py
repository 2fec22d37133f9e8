"""Names values of upstream charts that no template reads: each is changed, and the chart rendered again.

Tests hold every key against the ``values.yaml`` of the pinned chart (``catalog/data/charts/keys``). That a key is
listed there does not say that it does anything, and what stands in a list or below an open key is not listed at all.
This asks the templates themselves, whenever a pin moves.

Run: ``python scripts/unread_values.py CHARTS STACK…``, with a folder of charts at their pinned versions, their
dependencies in place, and compiled stacks (``tests/golden/stacks/*.tf.json examples/*/expected/*.tf.json``). A value
that is only read beside another one (the size of a volume that is turned off) is named, too.
"""

from __future__ import annotations

import copy
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from llminfra.helm.binary import run_helm
from llminfra.helm.render import DEFAULT_KUBE_VERSION

_API_VERSIONS = ("monitoring.coreos.com/v1", "monitoring.coreos.com/v1/ServiceMonitor", "policy/v1/PodDisruptionBudget")
# Made anew by each rendering.
_RANDOM = re.compile(r"(admin-password|checksum/[\w-]+|caBundle|tls\.(crt|key)|ca\.crt)[^\n]*")
_REFUSED = "refused"
_OTHER_TEXTS = ("Always", "12Mi", "true")

Place = tuple[str | int, ...]


def main(charts: Path, stacks: list[Path]) -> int:
    """Print what is unread of the longest values of each chart; returns the exit code."""
    longest: dict[str, str] = {}
    for stack in stacks:
        for release in json.loads(stack.read_text()).get("resource", {}).get("helm_release", {}).values():
            for values in release.get("values", ()):
                if (charts / release["chart"]).is_dir() and len(values) > len(longest.get(release["chart"], "")):
                    longest[release["chart"]] = values
    found = False
    for chart, text in sorted(longest.items()):
        values = yaml.safe_load(text)
        names = [".".join(map(str, path)) for path in unread(charts / chart, values)]
        print(f"{chart}: {sum(1 for _ in leaves(values))} values, unread: {', '.join(names) or 'none'}")
        found = found or bool(names)
    return int(found)


def unread(chart: Path, values: dict[str, Any]) -> Iterator[Place]:
    """Places of values whose change changes nothing."""
    usual = render(chart, values)
    if usual == _REFUSED:
        msg = f"{chart.name} does not render: is it complete, with its dependencies?"
        raise SystemExit(msg)
    for path, value in leaves(values):
        if all(render(chart, changed(values, path, other)) == usual for other in others(value)):
            yield path


def leaves(values: Any, path: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value that holds no other, with its place."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(values, dict):
        inner = list(values.items())
    elif isinstance(values, list):
        inner = list(enumerate(values))
    if not inner:
        yield path, values
    for key, value in inner:
        yield from leaves(value, (*path, key))


def others(value: Any) -> list[Any]:
    """Values in its stead; several where templates may compare it with a word."""
    match value:
        case bool():
            return [not value]
        case int() | float():
            return [value + 1]
        case str():
            return [f"{value}x", *_OTHER_TEXTS]
        case dict():
            return [{"other": "value"}]
        case list():
            return [["other"], [{"key": "other", "name": "other"}]]
    return ["other"]


def changed(values: dict[str, Any], path: Place, value: Any) -> dict[str, Any]:
    """A copy with another value in one place."""
    copied: Any = copy.deepcopy(values)
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    result: dict[str, Any] = copied
    return result


def render(chart: Path, values: dict[str, Any]) -> str:
    """The chart's objects; a value that its schema or a template turns down was read."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        arguments = ["template", "r", str(chart), "--namespace", "n", "--values", file.name]
        arguments += ["--kube-version", DEFAULT_KUBE_VERSION]
        for version in _API_VERSIONS:
            arguments += ["--api-versions", version]
        answer = run_helm(arguments)
    return _RANDOM.sub("", answer.stdout) if answer.returncode == 0 else _REFUSED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [Path(item) for item in sys.argv[2:]]))
