"""How fast a replica answers, in lines: the same for a plan and for a configuration of ``llminfra fit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from llminfra.cli.terminal.words import count, dot, money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.performance import PerformanceEstimate


def speed_lines(
    speed: PerformanceEstimate, *, usd_per_million_tokens: float | None, usd_per_replica_hour: float | None
) -> Iterator[Text]:
    """Latency and for whom, and what tokens cost with how many callers: figures that mean nothing without."""
    if speed.whole:
        yield from _whole_answers(speed, usd_per_million_tokens)
        return
    if speed.load.heard_s:
        yield from _sound(speed, usd_per_replica_hour)
        return
    latency = f"≈ first token {speed.ttft_ms:,.0f} ms, then {speed.tpot_ms:,.1f} ms each, with {speed.load.words}"
    # Short prompts that all come into an idle replica are through before those that come between running answers.
    if speed.ttft_worst_ms > speed.ttft_ms:
        latency += f"; {speed.ttft_worst_ms:,.0f} ms for the last when all come at once"
    yield Text(latency)
    full = speed.full
    if full is not None:
        rate = f"{full.output_tokens_per_s:,.0f} output tokens/s with {count(full.load.concurrency, 'caller')}"
        price = money(usd_per_million_tokens, "", " per million output tokens")
        yield Text(dot(f"≈ when full {rate}", price))


def _sound(speed: PerformanceEstimate, usd_per_replica_hour: float | None) -> Iterator[Text]:
    """Time to the text of a window of sound, and how much sound a replica keeps up with."""
    yield Text(f"≈ {speed.load.heard_s:g} s of sound in {speed.answer_ms / 1e3:,.1f} s with {speed.load.words}")
    full = speed.full
    if full is not None:
        rate = f"{full.sound_s_per_s:,.0f} s of sound a second with {count(full.load.concurrency, 'caller')}"
        price = None if usd_per_replica_hour is None else speed.usd_per_hour_of_sound(usd_per_replica_hour)
        yield Text(dot(f"≈ when full {rate}", money(price, "", " per hour of sound")))


def _whole_answers(speed: PerformanceEstimate, usd_per_million_tokens: float | None) -> Iterator[Text]:
    """Time to an answer and rate of inputs, for what writes no text."""
    yield Text(f"≈ answer in {speed.ttft_ms:,.0f} ms with {speed.load.words}; {speed.requests_per_s:,.0f} inputs/s")
    full = speed.full
    if full is not None:
        rate = f"{full.input_tokens_per_s:,.0f} input tokens/s with {count(full.load.concurrency, 'caller')}"
        price = money(usd_per_million_tokens, "", " per million input tokens")
        yield Text(dot(f"≈ when full {rate}", price))
