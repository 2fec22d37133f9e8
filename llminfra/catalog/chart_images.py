"""Images that upstream charts run, and the keys of the values that name them."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from llminfra.catalog.datafile import Fact, read_data


class ChartImage(Fact):
    """An image that a chart runs.

    Exactly one of ``repository``, ``registry`` and ``whole`` is the key that names it; beside the first two,
    exactly one of ``digest_value``, ``sha_value`` and ``tag_value`` is the key that takes a digest.

    Attributes:
        image: Host and name.
        tag: The tag.
        digest: The digest that the chart asks for besides.
        repository: Key of the value that holds host and name.
        registry: Key of the value that holds the host; the name is in another one.
        whole: Key of the value that holds host, name and tag.
        digest_value: Key of the value that holds the digest.
        sha_value: Key of the value that holds the digest without ``sha256:``.
        tag_value: Key of the value that holds the tag, and may hold ``@`` and the digest behind it.
        part: What of the chart needs it, where that may be off.
    """

    image: str
    tag: str
    digest: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")
    repository: str | None = None
    registry: str | None = None
    whole: str | None = None
    digest_value: str | None = None
    sha_value: str | None = None
    tag_value: str | None = None
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
