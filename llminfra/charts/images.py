"""Values that make a chart take its images from elsewhere, and by their digests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llminfra.catalog.chart_images import ChartImage, chart_images

Rewrite = Callable[[str], str]
"""From host and name of an image, with or without tag, to what is pulled."""
Digest = Callable[[str], str | None]
"""From host, name and tag of an image to its digest; ``None``: it has its own, or none is known."""


def moved(
    chart: str, values: Mapping[str, Any], rewrite: Rewrite, digest: Digest, *, without: Iterable[str] = ()
) -> dict[str, Any]:
    """Values of an upstream chart with every image where it is pulled from, by its digest where one is known.

    Args:
        chart: Name of the chart.
        values: Values as Helm takes them; what they say of an image themselves is moved, too.
        rewrite: What is pulled for an image.
        digest: Digest of an image.
        without: Parts of the chart that are off: their images are moved, and have no digest.
    """
    result: dict[str, Any] = moved_declared(values, rewrite)
    off = frozenset(without)
    for item in chart_images(chart):
        _move(result, values, item, rewrite)
        if item.whole is None and item.part not in off:
            _pin(result, values, item, digest)
    return result


def moved_declared(values: Any, rewrite: Rewrite, digest: Digest | None = None) -> Any:
    """Values with every image moved that they name themselves.

    That is ``image`` as one text, and the mappings of :class:`~llminfra.charts.kubernetes.Image`, which nothing else
    has the keys of; a digest is only added to those.
    """
    if isinstance(values, list):
        return [moved_declared(item, rewrite, digest) for item in values]
    if not isinstance(values, Mapping):
        return values
    result = {key: moved_declared(item, rewrite, digest) for key, item in values.items()}
    if isinstance(image := values.get("image"), str):
        result["image"] = rewrite(image)
    if {"repository", "pullPolicy"} <= values.keys():
        result["repository"] = rewrite(values["repository"])
        found = digest(f"{values['repository']}:{values['tag']}") if digest and values.get("tag") else None
        if found is not None and not values.get("digest"):
            result["digest"] = found
    return result


def _move(result: dict[str, Any], values: Mapping[str, Any], item: ChartImage, rewrite: Rewrite) -> None:
    name = _name(values, item)
    if item.whole is not None:
        there, key = f"{name}:{item.tag}", item.whole
        found = rewrite(there)
    elif item.registry is not None:
        there, _, path = name.partition("/")
        key, found = item.registry, rewrite(name).removesuffix(f"/{path}")
    else:
        there, key, found = name, item.repository or "", rewrite(name)
    if found != there:
        _put(result, key, found)


def _pin(result: dict[str, Any], values: Mapping[str, Any], item: ChartImage, digest: Digest) -> None:
    found = None if item.digest else digest(f"{_name(values, item)}:{item.tag}")
    if found is None:
        return
    if item.digest_value is not None:
        _put(result, item.digest_value, found)
    elif item.sha_value is not None:
        _put(result, item.sha_value, found.removeprefix("sha256:"))
    elif item.tag_value is not None:
        _put(result, item.tag_value, f"{item.tag}@{found}")


def _name(values: Mapping[str, Any], item: ChartImage) -> str:
    """Host and name: a chart's own choice of a registry (EFA's of the region) is in the values already."""
    return (item.repository and _get(values, item.repository)) or item.image


def _get(values: Mapping[str, Any], key: str) -> str | None:
    found: Any = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


def _put(values: dict[str, Any], key: str, value: str) -> None:
    *above, last = key.split(".")
    for part in above:
        values = values.setdefault(part, {})
    values[last] = value
