"""Images of upstream charts, and the values that make a chart take them from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import Field

from llminfra.catalog.datafile import Fact, read_data


class ChartImage(Fact):
    """An image that a chart runs; exactly one of ``repository``, ``registry`` and ``whole`` is the key that names it.

    Attributes:
        image: Host and name.
        tag: The tag.
        digest: The digest that the chart asks for besides.
        repository: Key of the value that holds host and name.
        registry: Key of the value that holds the host; the name is in another one.
        whole: Key of the value that holds host, name and tag.
        part: What of the chart needs it, where that may be off.
    """

    image: str
    tag: str
    digest: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")
    repository: str | None = None
    registry: str | None = None
    whole: str | None = None
    part: str | None = None

    @property
    def reference(self) -> str:
        """What a container runtime pulls."""
        return f"{self.image}:{self.tag}" + (f"@{self.digest}" if self.digest else "")


def chart_images(chart: str, *, without: Iterable[str] = ()) -> tuple[ChartImage, ...]:
    """Images of a pinned chart.

    Args:
        chart: Name of the chart.
        without: Parts that are off.

    Raises:
        KeyError: The images of that chart are not in the catalog.
    """
    off = set(without)
    rows = (ChartImage(**row) for row in read_data("charts/chart_images.json")["charts"][chart])
    return tuple(item for item in rows if item.part not in off or item.part is None)


def moved(chart: str, values: Mapping[str, Any], rewrite: Callable[[str], str]) -> dict[str, Any]:
    """Values of an upstream chart with every image elsewhere.

    Args:
        chart: Name of the chart.
        values: Values as Helm takes them; what they say of an image themselves is moved, too.
        rewrite: From host and name (and tag) of an image to where it is pulled from.
    """
    result: dict[str, Any] = moved_declared(values, rewrite)
    for item in chart_images(chart):
        if item.whole is not None:
            _put(result, item.whole, rewrite(f"{item.image}:{item.tag}"))
        elif item.registry is not None:
            name = item.image.partition("/")[2]
            _put(result, item.registry, rewrite(item.image).removesuffix(f"/{name}"))
        elif item.repository is not None:
            # A chart's own choice of a registry (EFA's of the region) is in the values already.
            _put(result, item.repository, rewrite(_get(values, item.repository) or item.image))
    return result


def moved_declared(values: Any, rewrite: Callable[[str], str]) -> Any:
    """Values with every image moved that they name themselves.

    That is ``image`` as one text, and the mappings of :class:`~llminfra.charts.kubernetes.Image`, which nothing else
    has the keys of.
    """
    if isinstance(values, list):
        return [moved_declared(item, rewrite) for item in values]
    if not isinstance(values, Mapping):
        return values
    result = {key: moved_declared(item, rewrite) for key, item in values.items()}
    if isinstance(image := values.get("image"), str):
        result["image"] = rewrite(image)
    if {"repository", "pullPolicy"} <= values.keys():
        result["repository"] = rewrite(values["repository"])
    return result


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
