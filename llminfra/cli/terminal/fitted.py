"""Tables for terminals of any width: cells that are cut off say nothing, and fewer columns do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.measure import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

_UNBOUND = 1000
"""Columns of a terminal that no table needs."""


class Fitted:
    """The first of several tables that the terminal has room for; the last where it has for none."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = tuple(tables)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Measure one after the other."""
        free = options.update_width(_UNBOUND)
        fitting = (
            table
            for table in self._tables
            if Measurement.get(console, free, table).maximum <= options.max_width or table is self._tables[-1]
        )
        yield next(fitting)


def fewer(titles: Iterable[str], least: Iterable[str]) -> Iterator[tuple[int, ...]]:
    """Places of all columns, then of fewer and fewer.

    Args:
        titles: Of the columns.
        least: Titles of those that go, in this order.
    """
    left = dict(enumerate(titles))
    yield tuple(left)
    for title in least:
        if title in left.values():
            left = {place: each for place, each in left.items() if each != title}
            yield tuple(left)
