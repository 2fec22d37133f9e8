"""What ``llminfra fit`` is asked about instance types, and those that hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from msgspec import Struct
from msgspec.structs import asdict

from llminfra.catalog.price_file import Kind
from llminfra.diagnostics import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from llminfra.catalog.models import ModelFacts
    from llminfra.cli.fitting.wish import Wish
    from llminfra.planning.memory import FitCase
    from llminfra.planning.selection import Option, SortBy

SORTS: tuple[SortBy, ...] = ("instance", "replica", "tokens")
PURCHASES: tuple[Kind, ...] = get_args(Kind)


class Asked(Struct, frozen=True, kw_only=True):
    """What the list is for.

    Attributes:
        model: Its name.
        facts: What is known of it.
        case: What the engine is told.
        bytes_total: Bytes of the checkpoint, which a start reads.
        engine: Name and release.
        length: Tokens of a request of full length.
        prompt: Tokens of a typical prompt.
        output: Tokens of a typical answer.
        spans: The engine can spread a replica over instances.
        whole: Answers come whole: an embedding, scores.
        heard_s: Seconds of sound that a request brings; 0 where it brings text.
        cacheless: No cache is kept, so that requests of full length are not counted.
        notes: What was not taken as it stands.
    """

    model: str
    facts: ModelFacts
    case: FitCase
    bytes_total: int
    engine: str
    length: int
    prompt: int
    output: int
    spans: bool
    whole: bool = False
    heard_s: float = 0.0
    cacheless: bool = False
    notes: tuple[str, ...] = ()


def check_wish(wish: Wish) -> None:
    """Whether a wish names what is known.

    Raises:
        UsageError: An order, a way to buy or a region that nobody knows.
    """
    from llminfra.catalog import regions

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
    from llminfra.cli.fitting.request import check_beside, read_case, size_note, unknown_model
    from llminfra.cli.fitting.starts import checkpoint_size
    from llminfra.planning.memory.doubts import beyond_context, class_missing, release_of, served_by_library
    from llminfra.planning.memory.estimate import facts_for
    from llminfra.planning.memory.releases.pooling import unfit
    from llminfra.planning.memory.stated import stated
    from llminfra.planning.selection import SPAN_NODES, list_options

    check_wish(wish)
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
    bought = next(kind for kind in PURCHASES if kind == wish.purchase)
    options = list_options(
        facts,
        case,
        wish.region,
        concurrency=wish.concurrency,
        load=wish.load,
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
    typical = wish.load.of(facts).within(longest)
    to_be_made = _plain_weights(facts, case, options)
    asked = Asked(
        model=case.model,
        facts=facts,
        case=case,
        bytes_total=checkpoint_size(facts, case, config, to_be_made=bool(to_be_made)),
        engine=f"{case.engine} {case.engine_version}",
        length=longest or 2048,
        prompt=typical.prompt_tokens,
        output=typical.output_tokens,
        spans=case.engine in SPAN_NODES,
        whole=not facts.generative,
        heard_s=typical.heard_s,
        cacheless=facts.encoder_only,
        notes=(*stated(facts, case), *size_note(case, config), *to_be_made, *_library(served_by_library(facts, case))),
    )
    return asked, options


def _library(note: str | None) -> tuple[str, ...]:
    return () if note is None else (note,)


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


def sound_usd(option: Option) -> float | None:
    """Price of transcribing an hour of sound, on a replica that is full."""
    if option.speed is None or option.usd_per_replica_hour is None:
        return None
    return option.speed.usd_per_hour_of_sound(option.usd_per_replica_hour)


def plain_options(asked: Asked, options: tuple[Option, ...]) -> list[dict[str, Any]]:
    """For JSON; the spread as its sizes, and how long a replica takes to start."""
    from llminfra.cli.fitting.starts import start_of

    rows = []
    for option in options:
        row = {name: value for name, value in asdict(option).items() if name not in {"parallelism", "speed"}}
        row["parallelism"] = None if option.parallelism is None else option.parallelism.model_dump()
        row["explain"] = list(option.explain)
        if asked.heard_s:
            row["usd_per_hour_of_sound"] = sound_usd(option)
        start = start_of(asked, option)
        row["cold_start_s"] = None if start is None else round(start.startup.estimate_s, 1)
        row["warm_start_s"] = None if start is None else round(start.startup.container_s, 1)
        rows.append(row)
    return rows
