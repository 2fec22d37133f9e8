"""``llminfra fit`` with lists in its options: one row for each combination, the best instance type of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from llminfra.cli.fitting.asked import Asked, find_options, plain_options
from llminfra.cli.fitting.instance_types import figure, instance_text, notes_of, price_column, spread_text, text_ms
from llminfra.cli.fitting.machine import types_with
from llminfra.cli.fitting.starts import EMPTY_POOL, how_read, start_of
from llminfra.cli.terminal.words import duration
from llminfra.diagnostics import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType
    from rich.table import Table

    from llminfra.cli.fitting.wish import Wish
    from llminfra.planning.selection import Option

LISTS = ("engine", "quantization", "kv_cache_dtype", "gpu", "purchase")
"""Options that may name several values, in the order of the columns."""
_TITLES = {"engine": "engine", "quantization": "weights", "kv_cache_dtype": "cache", "purchase": "bought"}
_FLAGS = {name: f"--{name.replace('_', '-')}" for name in LISTS}
_WIDE = 96
_COLD = "cold start"


class Compared(Struct, frozen=True, kw_only=True):
    """One combination.

    Attributes:
        values: What was said in it of each option that has several values.
        asked: What the engine was asked for.
        option: The best instance type by the order asked for; one that does not hold the model where none does.
    """

    values: dict[str, str]
    asked: Asked
    option: Option


def several(given: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """The options that name several values, split at their commas.

    Raises:
        UsageError: A value is empty.
    """
    found = {}
    for name in LISTS:
        text = given.get(name)
        if isinstance(text, str) and "," in text:
            values = tuple(item.strip() for item in text.split(","))
            if not all(values):
                msg = f"{_FLAGS[name]} {text!r}: a value between commas is empty"
                raise UsageError(msg)
            found[name] = tuple(dict.fromkeys(values))
    return found


def compare(
    given: dict[str, object], lists: Mapping[str, tuple[str, ...]], wish: Wish, *, config: Path | None = None
) -> tuple[Compared, ...]:
    """The best instance type for every combination, those that hold the model first.

    Args:
        given: The case, where options with several values are replaced.
        lists: Options with several values.
        wish: What is best, and how instances are bought where ``lists`` do not say it.
        config: Where the model's config.json is, if it has one.

    Raises:
        UsageError: An option is wrong, or releases of several engines are named by one version.
    """
    if "engine" in lists and given.get("engine_version") is not None:
        msg = "--engine-version is a release of one engine, and --engine names several: leave it out"
        raise UsageError(msg)
    rows = []
    for values in product(*lists.values()):
        chosen = dict(zip(lists, values, strict=True))
        case = {**given, **chosen}
        bought, gpu = str(case.pop("purchase", wish.purchase)), case.pop("gpu", None)
        among = None if gpu is None else _types_of(str(gpu))
        asked, options = find_options(case, replace(wish, purchase=bought), config=config, among=among)
        best = options[0] if options[0].fits else max(options, key=lambda item: item.gpus)
        rows.append(Compared(values=chosen, asked=asked, option=best))
    return tuple(sorted(rows, key=lambda row: not row.option.fits))


def plain_rows(rows: tuple[Compared, ...]) -> list[dict[str, Any]]:
    """For JSON: the values of each combination beside its instance type, as in the list of those."""
    return [
        {**row.values, "engine": row.asked.engine.partition(" ")[0], "release": row.asked.engine.partition(" ")[2]}
        | plain_options(row.asked, (row.option,))[0]
        for row in rows
    ]


def compared_view(rows: tuple[Compared, ...], wish: Wish, width: int) -> RenderableType:
    """A row for each combination, what it does not fit for, and the notes of all."""
    from rich.console import Group  # rich only for people
    from rich.text import Text

    from llminfra.cli.terminal.fitted import Fitted, fewer

    asked = rows[0].asked
    named = [name for name in ("quantization", "kv_cache_dtype", "purchase") if name in rows[0].values]
    good = [row for row in rows if row.option.fits]
    titles = ["engine", *(_TITLES[name] for name in named), "instance", "TP"]
    speeds = _speeds(asked, width)
    lines_of = [
        [*_labels(row, named), instance_text(row.option), spread_text(row.option)]
        + [show(row.option) for _, show in speeds]
        for row in good
    ]
    columns = [*titles, *(title for title, _ in speeds)]
    starts = [start_of(row.asked, row.option) for row in good]
    times = [_COLD, *("?" if start is None else duration(start.startup.estimate_s) for start in starts)]
    with_start = _columns(columns, lines_of) + max(map(len, times)) < width
    if with_start:
        columns = [*columns, _COLD]
        lines_of = [[*cells, time] for cells, time in zip(lines_of, times[1:], strict=True)]
    table = Fitted(_table(columns, lines_of, len(titles), shown) for shown in fewer(columns, _LEAST))
    refused = [
        Text(f"  {', '.join((*_labels(row, named), _device(row)))}: {row.option.reason}")
        for row in rows
        if not row.option.fits
    ]
    length = f"inputs of up to {asked.length:,} tokens" if asked.cacheless else f"requests of {asked.length:,} tokens"
    lines: list[RenderableType] = [
        Text.assemble((asked.model, "bold"), f" in {wish.region}, the best instance type for each; {length}"),
        table if lines_of else Text("no combination fits", style="bold red"),
    ]
    if refused:
        lines += [Text("does not fit:", style="dim"), *refused]
    # Why the others do not fit stands above.
    notes = dict.fromkeys(note for row in good for note in notes_of(row.asked, (row.option,), wish))
    lines += [Text(text, style=style) for text, style in notes]
    if with_start and good:
        hows = dict.fromkeys(how_read(start) for start in starts if start is not None)
        lines.append(Text(f"{_COLD}: assumed are {EMPTY_POOL} and weights {', or '.join(hows)}", style="dim"))
    return Group(*lines)


def _labels(row: Compared, named: Sequence[str]) -> list[str]:
    return [row.asked.engine, *(row.values[name] for name in named)]


_LEAST = ("$/h", "first ms", "held", "text ms", "answer ms", "ms/token", "TP")
"""Columns that a narrow terminal does without, in this order: what a replica and its work cost are last."""


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], words: int, shown: Sequence[int]) -> Table:
    """Some of the columns, by their places; the first ``words`` of all are text."""
    from rich.table import Table  # rich only for people

    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim underline")
    for index in shown:
        table.add_column(titles[index], justify="left" if index < words else "right", no_wrap=True)
    for cells in rows:
        table.add_row(*(cells[index] for index in shown))
    return table


def _columns(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Columns of the terminal that a table takes, with a space behind each of its own."""
    return sum(max(len(cell) for cell in column) + 1 for column in zip(titles, *rows, strict=True))


def _types_of(gpu: str) -> tuple[str, ...]:
    """Instance types that ``--gpu`` means: the one that it names, or all with that device."""
    found = types_with(gpu)
    if not found:
        msg = f"--gpu {gpu!r}: no EC2 instance type has it, and a comparison is of instance types"
        raise UsageError(msg)
    return found


def _device(row: Compared) -> str:
    return row.values.get("gpu") or f"{row.option.gpus} × {row.option.gpu}"


def _speeds(asked: Asked, width: int) -> list[tuple[str, Any]]:
    held = ("held", lambda item: figure(item.replica_concurrency, 1))
    first = ("answer ms" if asked.whole else "first ms", lambda item: figure(item.ttft_ms, 0))
    each = ("ms/token", lambda item: figure(item.tpot_ms, 0))
    work, _, price = price_column(asked)
    prices = [("replica", lambda item: figure(item.usd_per_replica_hour, 2)), (work, price)]
    hour = [("$/h", lambda item: figure(item.usd_per_hour, 2))] if width >= _WIDE else []
    if asked.cacheless:
        return [first, *hour, *prices]
    if asked.whole:
        return [held, first, *hour, *prices]
    if asked.heard_s:
        return [held, ("text ms", text_ms), *hour, *prices]
    return [held, *([first] if width >= _WIDE else []), each, *hour, *prices]
