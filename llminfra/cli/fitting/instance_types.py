"""``llminfra fit MODEL`` without a GPU: every instance type that could hold the model, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal

from llminfra.catalog.price_file import VARIABLE, Kind
from llminfra.cli.fitting.asked import PURCHASES, Asked, sound_usd
from llminfra.cli.fitting.starts import read_from, start_of
from llminfra.cli.terminal.start import start_line
from llminfra.cli.terminal.words import small

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from llminfra.cli.fitting.wish import Wish
    from llminfra.planning.selection import Option

_WIDE = 96
_PRICE_WIDTH = 10
_SHORT_PURCHASE: dict[Kind, str] = {
    "on-demand": "on demand",
    "reserved": "reserved",
    "savings-plan": "savings",
    "spot": "spot",
    "capacity-block": "block",
}


def options_view(asked: Asked, options: tuple[Option, ...], wish: Wish, width: int) -> RenderableType:
    """The table of those that fit, and a line about each kind of GPU that does not."""
    from rich.console import Group  # rich only for people
    from rich.text import Text

    from llminfra.cli.terminal.fitted import Fitted, fewer

    good = [option for option in options if option.fits]
    columns: list[tuple[str, bool, Callable[[Option], str]]] = [
        ("instance", True, instance_text),
        ("GPUs", True, lambda item: f"{item.gpus} × {_short(item.gpu)}"),
        ("TP", False, spread_text),
        *_middle(asked),
        ("$/h", False, lambda item: figure(item.usd_per_hour, 2)),
        ("replica", False, lambda item: figure(item.usd_per_replica_hour, 2)),
        price_column(asked),
    ]
    bought = options[0].purchase if options else "on-demand"
    if width >= _WIDE:
        # Every other way to buy that a price is known for stands beside the one that the list is sorted by.
        known = [kind for kind in PURCHASES if kind != bought and any(_price(item, kind) is not None for item in good)]
        room = (width - _WIDE) // _PRICE_WIDTH
        columns += [(_SHORT_PURCHASE[kind], False, partial(_shown_price, kind)) for kind in known[:room]]
        columns[4:4] = _wide(asked)
    table = Fitted(
        _table(good, [columns[place] for place in shown]) for shown in fewer((title for title, *_ in columns), _LEAST)
    )
    lines: list[RenderableType] = [
        Text.assemble(
            (asked.model, "bold"),
            f" on {asked.engine} in {wish.region}, {_wish(asked, wish.concurrency)}",
        ),
        table if good else Text("no instance type holds it", style="bold red"),
    ]
    reasons: dict[str, list[str]] = {}
    for option in (option for option in options if not option.fits):
        which = reasons.setdefault(option.reason, [])
        if (device := f"{option.gpus} × {_short(option.gpu)}") not in which:
            which.append(device)
    everywhere = len(reasons) == 1 and not good
    if reasons:
        told = ((reason if everywhere else f"{', '.join(which)}: {reason}") for reason, which in reasons.items())
        lines += [Text("does not fit:", style="dim"), *(Text(f"  {text}", style="dim") for text in told)]
    lines += [Text(text, style=style) for text, style in notes_of(asked, options, wish)]
    if good and (start := start_of(asked, good[0])) is not None:
        line = start_line(start.startup, machine="a node", on=f" on {good[0].instance_type}")
        lines.append(Text.assemble(line, f"; assumed: {read_from(start)}", style="dim"))
    return Group(*lines)


Column = tuple[str, bool, Callable[["Option"], str]]
_LEAST = ("$/h", "GPUs", "first ms", "held", "text ms", "answer ms", "ms/token")
"""Columns that a narrow terminal does without, in this order: what a replica and its work cost are last."""


def _table(options: list[Option], columns: list[Column]) -> Table:
    from rich.table import Table  # rich only for people

    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim underline")
    for title, text, _ in columns:
        table.add_column(title, justify="left" if text else "right", no_wrap=True)
    for option in options:
        table.add_row(*(show(option) for _, _, show in columns))
    return table


def _middle(asked: Asked) -> tuple[Column, ...]:
    """What a replica holds and how fast it writes; where it writes nothing, how soon its answer comes."""
    held: Column = ("held", False, lambda item: figure(item.replica_concurrency, 1))
    if asked.heard_s:
        return held, ("text ms", False, text_ms)
    if not asked.whole:
        return held, ("ms/token", False, lambda item: figure(item.tpot_ms, 0))
    answer: Column = ("answer ms", False, lambda item: figure(item.ttft_ms, 0))
    return (answer,) if asked.cacheless else (held, answer)


def _wide(asked: Asked) -> tuple[Column, ...]:
    """Further columns of a wide terminal."""
    spare: Column = ("spare GiB", False, lambda item: figure(item.headroom_gib, 1))
    first: Column = ("first ms", False, lambda item: figure(item.ttft_ms, 0))
    rate: Column = ("tokens/s", False, lambda item: figure(item.full_load_tokens_per_s, 0))
    if asked.heard_s:
        return (spare,)
    if not asked.whole:
        return spare, first
    return (rate,) if asked.cacheless else (spare, rate)


def price_column(asked: Asked) -> Column:
    """What work costs: a million tokens, or an hour of sound."""
    if asked.heard_s:
        return "$/h sound", False, lambda item: _unsigned(sound_usd(item))
    return "$/M tokens", False, lambda item: _unsigned(item.usd_per_million_tokens)


def _unsigned(usd: float | None) -> str:
    return "?" if usd is None else small(usd).removeprefix("$")


def text_ms(option: Option) -> str:
    """Time to the text of a window of sound."""
    return figure(option.speed.answer_ms if option.speed else None, 0)


def _wish(asked: Asked, concurrency: int) -> str:
    if asked.cacheless:
        return f"inputs of up to {asked.length:,} tokens"
    return f"{concurrency} request{'s' if concurrency > 1 else ''} of {asked.length:,} tokens at once"


def notes_of(asked: Asked, options: tuple[Option, ...], wish: Wish) -> Iterator[tuple[str, Literal["dim", "yellow"]]]:
    """What was taken for what was asked, what the columns are, and where prices come from."""
    from llminfra.planning.selection import REGION_OF_ORDER  # when it runs
    from llminfra.planning.spread.parallelism import shape_of

    good = [option for option in options if option.fits]
    bought = options[0].purchase if options else "on-demand"
    if good:
        many = f"{wish.concurrency} request{'s' if wish.concurrency > 1 else ''}"
        shape = f"{asked.prompt:,} tokens in and {asked.output:,} out"
        if asked.whole:
            yield (
                f"answer ms: with {many} at once; $/M tokens: of inputs, at full load; both: {asked.prompt:,} tokens",
                "dim",
            )
        elif asked.heard_s:
            of = f"of {asked.heard_s:g} s of sound, with {many} at once"
            yield f"text ms: {of}; $/h sound: of an hour of it, at full load", "dim"
        else:
            yield (
                f"first ms and ms/token: with {many} at once; $/M tokens: of answers, at full load; both: {shape}",
                "dim",
            )
        yield error_note(whole=asked.whole), "dim"
    over = next((option for option in good if option.nodes > 1), None)
    if over is not None and over.parallelism is not None:
        joined = f"one replica over {over.nodes} instances joined by EFA"
        spread = shape_of(over.parallelism)
        yield f"{over.nodes} × {over.instance_type}: {joined}, {spread}; $/h is of one instance", "dim"
    if any(option.tight for option in good):
        yield "! fits by less than the estimate may be wrong", "dim"
    if not good and options:
        several = "two to four instances joined by EFA do not hold it either"
        yield several if asked.spans else f"{asked.engine} does not span instances; vllm and sglang do", "dim"
    dates = sorted({option.price_date for option in good if option.price_date})
    if dates:
        yield f"{bought} prices of {' to '.join(dict.fromkeys((dates[0], dates[-1])))}", "dim"
    if good and not dates:
        yield (
            f"no {bought} price is known: `llminfra catalog refresh` writes them; name its file in {VARIABLE}",
            "yellow",
        )
    if any(option.order_usd_per_hour is not None for option in good):
        yield f"types without a price are in the order of on-demand prices in {REGION_OF_ORDER}", "yellow"
    yield from ((f"note: {item}", "yellow") for item in asked.notes)
    if any(option.offered is False for option in good):
        yield f"* not offered in {wish.region}", "dim"


def error_note(*, whole: bool) -> str:
    """How far estimates of speed were off, where that is known."""
    from llminfra.planning.performance.factors import factors  # when it runs

    if whole:
        return "estimates by the shares of the device that decoders reach when they read prompts; docs/pooling.md"
    known = factors()
    spreads = f"{known.spread_ttft:g} (first token), {known.spread_tpot:g} (each token), {known.spread_throughput:g}"
    within = f"estimates: of published figures four of five lie within a factor of {spreads} (tokens/s, their price)"
    return f"{within}; docs/performance.md"


def instance_text(option: Option) -> str:
    """The type, with how many of it, and marks that the notes explain."""
    several = f"{option.nodes} × " if option.nodes > 1 else ""
    marks = f"{' !' if option.tight else ''}{' *' if option.offered is False else ''}"
    return f"{several}{option.instance_type}{marks}"


def _short(gpu: str) -> str:
    """``l40s`` of ``l40s-48gb``; the size stays where a device comes in two."""
    name, _, size = gpu.rpartition("-")
    name = name.replace("-blackwell", "").replace("rtx-pro-", "rtx-")
    return f"{name} {size}" if name in {"a100", "v100"} else name


def spread_text(option: Option) -> str:
    """``2 × 2 PP``: tensor size first."""
    spread = option.parallelism
    if spread is None:
        return ""
    stages = f" × {spread.pipeline} PP" if spread.pipeline > 1 else ""
    copies = f" × {spread.data} DP" if spread.data > 1 else ""
    return f"{spread.tensor}{stages}{copies}{' EP' if spread.expert else ''}"


def _price(option: Option, kind: Kind) -> float | None:
    return option.usd_per_hour_by_purchase.get(kind)


def _shown_price(kind: Kind, option: Option) -> str:
    return figure(_price(option, kind), 2)


def figure(value: float | None, digits: int) -> str:
    """A number for people; ``?`` where none is known."""
    return "?" if value is None else f"{value:,.{digits}f}"
