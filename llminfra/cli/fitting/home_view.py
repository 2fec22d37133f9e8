"""Price, speed and start of one configuration, in a few lines; what they rest on is told apart, at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from llminfra.catalog.price_file import VARIABLE
from llminfra.cli.fitting.instance_types import error_note, figure, instance_text
from llminfra.cli.fitting.machine import device_of
from llminfra.cli.fitting.starts import read_from
from llminfra.cli.terminal.speed import speed_lines
from llminfra.cli.terminal.start import phases_line, start_line
from llminfra.cli.terminal.words import count
from llminfra.planning.memory.releases.adapter_rules import asks_for_adapters

if TYPE_CHECKING:
    from rich.console import RenderableType

    from llminfra.cli.fitting.home import Home
    from llminfra.cli.fitting.wish import Wish
    from llminfra.planning.memory import FitCase
    from llminfra.planning.selection import Option


def home_lines(home: Home, case: FitCase, wish: Wish) -> Iterator[RenderableType]:
    """Where it runs for how much, how fast it answers, how long it takes to start; then what is assumed."""
    best, gpu = home.best, device_of(case)
    if best is not None:
        yield from _types(home, best, wish)
    elif home.asked is not None:
        yield Text(_unpriced(home, home.asked.case))
    elif home.speed is not None and gpu is not None:
        yield Text(f"not sold on AWS: no EC2 instance type has the {gpu.product}, so there is no price and no start")
    if home.speed is not None:
        yield from speed_lines(
            home.speed,
            usd_per_million_tokens=best.usd_per_million_tokens if best else None,
            usd_per_replica_hour=best.usd_per_replica_hour if best else None,
        )
    elif gpu is not None and not gpu.tflops:
        yield Text(f"no speed and no price: of the {gpu.product} the memory alone is known, and AWS does not sell it")
    if home.start is not None:
        yield start_line(home.start.startup, machine="a node")
        yield phases_line(home.start.startup)
    yield from (Text(text, style="dim") for text in _assumed(home, case, wish))


def _types(home: Home, best: Option, wish: Wish) -> Iterator[Text]:
    """The cheapest type that holds it, and the others in a line."""
    lead = "cheapest: " if best.usd_per_hour is not None and len(home.good) > 1 else ""
    price = (_price(best) or "price not known", "bold")
    yield Text.assemble(lead, (instance_text(best), "bold"), f" in {wish.region}, ", price, _share(best))
    others = [item for item in home.good if item is not best]
    # Prices that are not known are named once, unless none is.
    priced = [item for item in others if item.usd_per_hour is not None or best.usd_per_hour is None]
    unpriced = [item for item in others if item not in priced]
    small = [item.instance_type for item in home.options if not item.fits]
    told = [
        f"{words} {', '.join(names)}" if names else ""
        for words, names in (
            ("also", [_other(item) for item in priced]),
            ("without a known price:", [_other(item) for item in unpriced]),
            ("too small:", small),
        )
    ]
    if any(told):
        yield Text("; ".join(text for text in told if text), style="dim")


def _other(option: Option) -> str:
    many = f" for {option.replicas} replicas" if option.replicas > 1 else ""
    return " ".join(part for part in (instance_text(option), _price(option)) if part) + many


def _unpriced(home: Home, spread: FitCase) -> str:
    """Why no instance type holds what fits: as a rule none has so many GPUs."""
    wanted = (spread.tensor_parallel or 1) * (spread.pipeline_parallel or 1) * (spread.data_parallel or 1)
    most = max(option.gpus for option in home.options)
    if wanted <= most:
        return f"no price and no speed: {'; '.join(dict.fromkeys(option.reason for option in home.options))}"
    has = f"no price and no speed: {wanted} GPUs are asked for, and {home.options[0].instance_type} has {most}"
    if wanted % most:
        return has
    return f"{has}; over instances a plan cuts stages: --tp {most} --pp {wanted // most}"


def _price(option: Option) -> str:
    return "" if option.usd_per_hour is None else f"${figure(option.usd_per_hour, 2)}/h"


def _share(option: Option) -> str:
    """What one replica has of it."""
    if option.nodes > 1:
        if option.usd_per_replica_hour is None:
            return "; joined by EFA"
        return f" each, joined by EFA; ${figure(option.usd_per_replica_hour, 2)}/h a replica"
    gpus = f", {count(option.gpus, 'GPU')}"
    if option.replicas == 1 and option.usd_per_replica_hour == option.usd_per_hour:
        return gpus
    text = f"{gpus} for {count(option.replicas, 'replica')}"
    return text if option.usd_per_replica_hour is None else f"{text}: ${figure(option.usd_per_replica_hour, 2)}/h each"


def _assumed(home: Home, case: FitCase, wish: Wish) -> Iterator[str]:
    """What the figures rest on."""
    parts = []
    best = home.best
    if home.speed is not None:
        yield error_note(whole=home.speed.whole)
        guesses = case.speculative_method or case.draft_model or case.draft_config or case.speculative_tokens
        parts += ["speed without guessed tokens"] if guesses else []
        parts += ["speed without adapters"] if asks_for_adapters(case) else []
    if home.start is not None:
        parts.append(read_from(home.start))
    if best is not None and best.price_date:
        parts.append(f"{best.purchase} prices of {best.price_date}")
    if parts:
        yield f"assumed: {'; '.join(parts)}"
    if best is not None and best.usd_per_hour is None:
        yield f"no {best.purchase} price is known: `llminfra catalog refresh` writes them; name its file in {VARIABLE}"
    if best is not None and best.offered is False:
        yield f"* not offered in {wish.region}"
