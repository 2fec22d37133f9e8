"""Images and charts as lines for people, and as data for the pipeline that copies them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from msgspec.structs import asdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.planning.images.used import ChartUse, ImageUse

_WIDTH = 12


def images_json(platform: str, images: Sequence[ImageUse], charts: Sequence[ChartUse]) -> dict[str, object]:
    """One platform; ``repository`` is the name of the mirror's repository, and null where nothing is mirrored.

    ``pinned_by`` is ``digest`` where an image is declared with one, ``lock``, or ``tag`` where nothing pins it.
    """
    return {
        "platform": platform,
        "images": [asdict(item) for item in images],
        "charts": [asdict(item) for item in charts],
    }


def print_images(platform: str, images: Sequence[ImageUse], charts: Sequence[ChartUse]) -> None:
    """Two lines each where it is mirrored: whose it is, and what is pulled."""
    locked = sum(item.pinned_by == "lock" for item in images)
    typer.echo(f"{platform}: {len(images)} images, {f'{locked} locked, ' if locked else ''}{len(charts)} charts")
    for image in images:
        _print(image.way, f"{image.source}  ({', '.join(image.used_by)})", image.source, image.pulled)
    for chart in charts:
        _print("chart", f"{chart.name} {chart.version}  {chart.source}", chart.source, chart.pulled)


def print_unused(images: Sequence[str]) -> None:
    """Entries of locks that none of the platforms runs."""
    for image in images:
        typer.echo(f"{'unused':<{_WIDTH}}{image}  (in the lock; none of these platforms runs it)")


def _print(kind: str, text: str, source: str, pulled: str) -> None:
    typer.echo(f"{kind:<{_WIDTH}}{text}")
    if pulled != source:
        typer.echo(f"{'':<{_WIDTH}}→ {pulled}")
