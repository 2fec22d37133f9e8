"""``llminfra fit MODEL`` without a GPU: every instance type that could hold the model, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import asdict, replace

from llminfra.catalog.price_file import VARIABLE, Kind
from llminfra.cli.terminal.words import small
from llminfra.diagnostics import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from llminfra.catalog.models import ModelFacts
    from llminfra.cli.fitting.wish import Wish
    from llminfra.planning.memory import FitCase
    from llminfra.planning.selection import Option, SortBy

SORTS: tuple[SortBy, ...] = ("instance", "replica", "tokens")
PURCHASES: tuple[Kind, ...] = get_args(Kind)
_WIDE = 96
_PRICE_WIDTH = 10
_SHORT_PURCHASE: dict[Kind, str] = {
    "on-demand": "on demand",
    "reserved": "reserved",
    "savings-plan": "savings",
    "spot": "spot",
    "capacity-block": "block",
}


class Asked(Struct, frozen=True, kw_only=True):
    """What the list is for.

    Attributes:
        model: Its name.
        engine: Name and release.
        length: Tokens of a request of full length.
        prompt: Tokens of a typical prompt.
        output: Tokens of a typical answer.
        spans: The engine can spread a replica over instances.
        whole: Answers come whole: an embedding, scores.
        cacheless: No cache is kept, so that requests of full length are not counted.
        notes: What was not taken as it stands.
    """

    model: str
    engine: str
    length: int
    prompt: int
    output: int
    spans: bool
    whole: bool = False
    cacheless: bool = False
    notes: tuple[str, ...] = ()


def find_options(
    given: dict[str, object],
    wish: Wish,
    *,
    config: Path | None = None,
    among: tuple[str, ...] | None = None,
) -> tuple[Asked, tuple[Option, ...]]:
    """What was asked for, with its defaults, and the options for it in the order asked for.

    ``among`` names the instance types to look at; ``None``: all. ``config`` is where the model's config.json is.

    Raises:
        UsageError: The model is unknown, or an option is wrong.
    """
    from llminfra.catalog import regions
    from llminfra.cli.fitting.request import check_beside, read_case, size_note, unknown_model
    from llminfra.planning.memory.doubts import beyond_context, class_missing, release_of
    from llminfra.planning.memory.estimate import facts_for
    from llminfra.planning.memory.releases.pooling import unfit
    from llminfra.planning.memory.stated import stated
    from llminfra.planning.performance import Load
    from llminfra.planning.selection import SPAN_NODES, list_options

    if wish.sort_by not in SORTS:
        msg = f"--sort is one of {', '.join(SORTS)}, got {wish.sort_by!r}"
        raise UsageError(msg)
    if wish.purchase not in PURCHASES:
        msg = f"--purchase is one of {', '.join(PURCHASES)}, got {wish.purchase!r}"
        raise UsageError(msg)
    if regions.get(wish.region) is None:
        close = ", ".join(regions.suggest(wish.region)) or "us-east-1"
        msg = f"no region is called {wish.region!r}; did you mean {close}?"
        raise UsageError(msg)
    case = read_case(given)
    facts = facts_for(case)
    if facts is None:
        raise unknown_model(case.model)
    check_beside(case)
    made_for = facts_for(case.model_copy(update={"task": None}))
    if made_for is not None and (why := unfit(made_for, case.task)) is not None:
        msg = f"--task {case.task}: {made_for.model_id} cannot be served so: {why}"
        raise UsageError(msg)
    sort = next(kind for kind in SORTS if kind == wish.sort_by)
    load = Load(prompt_tokens=wish.prompt_tokens, output_tokens=wish.output_tokens)
    bought = next(kind for kind in PURCHASES if kind == wish.purchase)
    options = list_options(
        facts,
        case,
        wish.region,
        concurrency=wish.concurrency,
        load=load,
        release=release_of(case),
        sort_by=sort,
        purchase=bought,
        among=among,
        over_nodes=True,
    )
    if (length := beyond_context(facts, case)) is not None:
        options = tuple(_refused(option, length[0]) for option in options)
    if (missing := class_missing(facts, case)) is not None:
        options = tuple(_refused(option, missing[0]) for option in options)
    longest = case.max_model_len or facts.max_position_embeddings
    typical = replace(load, concurrency=wish.concurrency).of(facts).within(longest)
    asked = Asked(
        model=case.model,
        engine=f"{case.engine} {case.engine_version}",
        length=longest or 2048,
        prompt=typical.prompt_tokens,
        output=typical.output_tokens,
        spans=case.engine in SPAN_NODES,
        whole=not facts.generative,
        cacheless=facts.encoder_only,
        notes=(*stated(facts, case), *size_note(case, config), *_plain_weights(facts, case, options)),
    )
    return asked, options


def _plain_weights(facts: ModelFacts, case: FitCase, options: tuple[Option, ...]) -> tuple[str, ...]:
    """A method whose weights must come quantized, and a checkpoint of plain ones: the list is of one yet to be made."""
    from llminfra.planning.memory.doubts import device_problems

    some = next((option.gpu for option in options if option.fits), None)
    problems = () if some is None else device_problems(facts, case.model_copy(update={"gpu": some}))
    return tuple(
        f"{item.code}: {item.message}: the list is of a checkpoint that is quantized so, which has to be made first"
        for item in problems
        if item.code == "LLM_FIT_23"
    )


def _refused(option: Option, reason: str) -> Option:
    from llminfra.planning.selection import Option

    return Option(
        instance_type=option.instance_type,
        gpu=option.gpu,
        gpus=option.gpus,
        fits=False,
        reason=reason,
        purchase=option.purchase,
        usd_per_hour=option.usd_per_hour,
        price_date=option.price_date,
        usd_per_hour_by_purchase=option.usd_per_hour_by_purchase,
        offered=option.offered,
    )


def plain_options(options: tuple[Option, ...]) -> list[dict[str, Any]]:
    """For JSON; the spread as its sizes."""
    rows = []
    for option in options:
        row = {name: value for name, value in asdict(option).items() if name != "parallelism"}
        row["parallelism"] = None if option.parallelism is None else option.parallelism.model_dump()
        row["explain"] = list(option.explain)
        rows.append(row)
    return rows


def options_view(asked: Asked, options: tuple[Option, ...], wish: Wish, width: int) -> RenderableType:
    """The table of those that fit, and a line about each kind of GPU that does not."""
    from rich.console import Group  # rich only for people
    from rich.table import Table
    from rich.text import Text

    good = [option for option in options if option.fits]
    columns: list[tuple[str, bool, Callable[[Option], str]]] = [
        ("instance", True, instance_text),
        ("GPUs", True, lambda item: f"{item.gpus} × {_short(item.gpu)}"),
        ("TP", False, spread_text),
        *_middle(asked),
        ("$/h", False, lambda item: figure(item.usd_per_hour, 2)),
        ("replica", False, lambda item: figure(item.usd_per_replica_hour, 2)),
        ("$/M tokens", False, tokens_price),
    ]
    bought = options[0].purchase if options else "on-demand"
    if width >= _WIDE:
        # Every other way to buy that a price is known for stands beside the one that the list is sorted by.
        known = [kind for kind in PURCHASES if kind != bought and any(_price(item, kind) is not None for item in good)]
        room = (width - _WIDE) // _PRICE_WIDTH
        columns += [(_SHORT_PURCHASE[kind], False, partial(_shown_price, kind)) for kind in known[:room]]
        columns[4:4] = _wide(asked)
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim underline")
    for title, text, _ in columns:
        table.add_column(title, justify="left" if text else "right", no_wrap=True)
    for option in good:
        table.add_row(*(show(option) for _, _, show in columns))
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
    return Group(*lines)


_Column = tuple[str, bool, Callable[["Option"], str]]


def _middle(asked: Asked) -> tuple[_Column, ...]:
    """What a replica holds and how fast it writes; where it writes nothing, how soon its answer comes."""
    held: _Column = ("held", False, lambda item: figure(item.replica_concurrency, 1))
    if not asked.whole:
        return held, ("ms/token", False, lambda item: figure(item.tpot_ms, 0))
    answer: _Column = ("answer ms", False, lambda item: figure(item.ttft_ms, 0))
    return (answer,) if asked.cacheless else (held, answer)


def _wide(asked: Asked) -> tuple[_Column, ...]:
    """Further columns of a wide terminal."""
    spare: _Column = ("spare GiB", False, lambda item: figure(item.headroom_gib, 1))
    first: _Column = ("first ms", False, lambda item: figure(item.ttft_ms, 0))
    rate: _Column = ("tokens/s", False, lambda item: figure(item.full_load_tokens_per_s, 0))
    if not asked.whole:
        return spare, first
    return (rate,) if asked.cacheless else (spare, rate)


def tokens_price(option: Option) -> str:
    """Price of a million tokens, without its sign."""
    price = option.usd_per_million_tokens
    return "?" if price is None else small(price).removeprefix("$")


def _wish(asked: Asked, concurrency: int) -> str:
    if asked.cacheless:
        return f"inputs of up to {asked.length:,} tokens"
    return f"{concurrency} request{'s' if concurrency > 1 else ''} of {asked.length:,} tokens at once"


def notes_of(asked: Asked, options: tuple[Option, ...], wish: Wish) -> Iterator[tuple[str, Literal["dim", "yellow"]]]:
    """What was taken for what was asked, what the columns are, and where prices come from."""
    from llminfra.planning.performance.factors import factors  # when it runs
    from llminfra.planning.selection import REGION_OF_ORDER
    from llminfra.planning.spread.parallelism import shape_of

    good = [option for option in options if option.fits]
    bought = options[0].purchase if options else "on-demand"
    if good:
        many = f"{wish.concurrency} request{'s' if wish.concurrency > 1 else ''}"
        shape = f"{asked.prompt:,} tokens in and {asked.output:,} out"
        known = factors()
        if asked.whole:
            yield (
                f"answer ms: with {many} at once; $/M tokens: of inputs, at full load; both: {asked.prompt:,} tokens",
                "dim",
            )
            yield (
                "estimates by the shares of the device that decoders reach when they read prompts; docs/pooling.md",
                "dim",
            )
        else:
            yield (
                f"first ms and ms/token: with {many} at once; $/M tokens: of answers, at full load; both: {shape}",
                "dim",
            )
            spreads = f"{known.spread_ttft:g} (first ms), {known.spread_tpot:g} (ms/token), {known.spread_throughput:g}"
            within = f"estimates: of published figures four of five lie within a factor of {spreads} ($/M tokens)"
            yield f"{within}; docs/performance.md", "dim"
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
