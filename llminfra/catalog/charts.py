"""Upstream charts and images: which version of each, from where; and which value keys a chart knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from llminfra.catalog.datafile import Fact, read_data


class ChartPin(Fact):
    """One upstream chart at one version; ``helm_release`` takes repository, name and version as they are.

    Attributes:
        definitions_once: Folder ``crds/`` of the chart, which Helm installs once and never changes; ``None``: none.
    """

    name: str
    repository: str = Field(pattern=r"^(https|oci)://")
    version: str = Field(pattern=r"^v?[0-9]+\.[0-9]+\.[0-9]+$")
    app_version: str
    source: str
    definitions_once: str | None = None


def chart_pin(name: str) -> ChartPin:
    """The pin of an upstream chart.

    Raises:
        KeyError: no chart of that name is pinned.
    """
    row = read_data("charts/pins.json")["charts"][name]
    return ChartPin(
        name=name,
        repository=row["repository"],
        version=row["version"],
        app_version=row["app_version"],
        source=row["_source"],
        definitions_once=row.get("definitions_once"),
    )


class ImagePin(Fact):
    """One image that our own charts run."""

    name: str
    repository: str
    tag: str
    source: str


def image_pin(name: str) -> ImagePin:
    """The pin of an image.

    Raises:
        KeyError: no image of that name is pinned.
    """
    row = read_data("charts/images.json")["images"][name]
    return ImagePin(name=name, repository=row["repository"], tag=row["tag"], source=row["_source"])


def pinned_charts() -> tuple[str, ...]:
    """Names of all pinned upstream charts, sorted."""
    return tuple(sorted(read_data("charts/pins.json")["charts"]))


def known_keys(name: str) -> Mapping[str, Any]:
    """The tree of value keys of a chart; see ``scripts/catalog_chart_keys.py`` for its form.

    Raises:
        FileNotFoundError: the chart's keys are not in the catalog.
    """
    keys: Mapping[str, Any] = read_data(f"charts/keys/{name}.json")["keys"]
    return keys


def unknown_keys(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Dotted paths in ``values`` that the chart does not know; Helm would ignore them without a word."""
    return tuple(_unknown(known_keys(name), values, ""))


def _unknown(known: Any, values: Any, path: str) -> Iterator[str]:
    if not isinstance(values, Mapping) or known == 1:
        return
    if not isinstance(known, Mapping):
        yield path
        return
    for key, value in values.items():
        here = f"{path}.{key}".removeprefix(".")
        if key in known:
            yield from _unknown(known[key], value, here)
        else:
            yield here
