"""Prints how far estimates of the cache were too high: ``python -m benchmarks.memory.doubt``.

The figures of ``llminfra/planning/memory/data/estimate_doubt.json`` are taken from what this prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.memory.scoring import FAILED, Score, scores_of, states_inputs
from llminfra.planning.memory.estimate import facts_for
from llminfra.planning.memory.inputs.case import FitCase
from llminfra.planning.memory.releases.settings import quantization, refers

DATA = Path(__file__).parent / "data"
OTHER_ENGINES = ("sglang", "tgi")
TENTH = 0.1
QUANTILES = (0.5, 0.9, 0.95, 0.98)


@dataclass(frozen=True, slots=True)
class Margin:
    """What the margin of the estimate is worth over measured starts.

    Attributes:
        starts: Starts whose cache tokens are known, and that were said to start.
        within: Those whose cache was short of no more than the margin.
        above: Those whose estimate is more than a tenth above the truth.
        least_above: Those of which the least that was promised is.
        roomy: Starts and failures that were said to start with room, and how many of them started.
        tight: The same of those that were said to start tightly.
        failures: Failed starts, and how many were said to start with room.
    """

    starts: int
    within: int
    above: int
    least_above: int
    roomy: tuple[int, int]
    tight: tuple[int, int]
    failures: tuple[int, int]


def short_of(score: Score) -> float | None:
    """GiB by which the cache was smaller than estimated; None where that is not known."""
    cache = score.result.kv_cache_memory_gib
    return None if score.tokens is None or cache is None else cache - cache / (1 + score.tokens)


def margin(scores: Iterable[Score]) -> Margin:
    """Counts over the rows that count."""
    counted = [item for item in scores if not item.left_out]
    known = [item for item in counted if item.result.fits and short_of(item) is not None]
    truth = [(item.result.kv_cache_tokens or 0) / (1 + (item.tokens or 0.0)) for item in known]
    judged = [item for item in counted if item.verdict is not None and item.result.fits]
    roomy, tight = [[item for item in judged if item.result.tight is side] for side in (False, True)]
    failed = [item for item in counted if item.row.get("outcome") in FAILED and item.verdict is not None]
    return Margin(
        starts=len(known),
        within=sum((short_of(item) or 0.0) <= (item.result.cache_doubt_gib or 0.0) for item in known),
        above=sum((item.tokens or 0.0) > TENTH for item in known),
        least_above=sum(
            (item.result.kv_cache_tokens_at_least or 0) > real * (1 + TENTH)
            for item, real in zip(known, truth, strict=True)
        ),
        roomy=(len(roomy), sum(bool(item.verdict) for item in roomy)),
        tight=(len(tight), sum(bool(item.verdict) for item in tight)),
        failures=(len(failed), sum(item.false_fit and not item.result.tight for item in failed)),
    )


def in_words(found: Margin) -> tuple[tuple[str, str], ...]:
    """Name and value of each figure."""
    starts = found.starts
    return (
        ("starts short of no more than the margin", f"{_share(found.within, starts)} of {starts}"),
        ("estimated tokens more than 10 % above the truth", f"{found.above} of {starts}"),
        ("least tokens more than 10 % above the truth", f"{found.least_above} of {starts}"),
        ("started, of those said to start with room", f"{_share(found.roomy[1], found.roomy[0])} of {found.roomy[0]}"),
        ("started, of those said to start tightly", f"{_share(found.tight[1], found.tight[0])} of {found.tight[0]}"),
        ("failed starts that were said to start with room", f"{found.failures[1]} of {found.failures[0]}"),
    )


def every_vllm_row() -> tuple[Score, ...]:
    """All rows of vLLM, in part left out."""
    files = [file for file in sorted(DATA.glob("*.jsonl")) if not file.name.startswith(OTHER_ENGINES)]
    return tuple(item for file in files for item in scores_of(file))


def margin_table(scores: Sequence[Score]) -> str:
    """Markdown: what the margin is worth over rows that state their inputs, and over the others."""
    stated, other = ([item for item in scores if states_inputs(item.row) is side] for side in (True, False))
    lines = ["| figure | rows that state their inputs | the others |", "|---|---|---|"]
    for (name, value), (_, beside) in zip(in_words(margin(stated)), in_words(margin(other)), strict=True):
        lines.append(f"| {name} | {value} | {beside} |")
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def layouts(scores: Iterable[Score]) -> dict[str, list[float]]:
    """How much more than planned the weights take, as a part of the truth, by where their layout comes from."""
    found: dict[str, list[float]] = {}
    for item in scores:
        if item.weights is None:
            continue
        case = FitCase.model_validate(item.row)
        facts = facts_for(case)
        quant = None if facts is None else quantization(facts, case)
        if facts is None or quant is None:
            continue
        read = not refers(facts, case) or quant is facts.quantization
        kind = "quantized at start-up" if quant.online else "own files read" if read else "known by a name alone"
        found.setdefault(kind, []).append(-item.weights)
    return found


def main() -> None:
    """Print what the margin is worth, and where weights are off."""
    every = every_vllm_row()
    for title, side in (("vLLM rows that state their inputs", True), ("the others, in part stated", False)):
        print(f"{title}:")
        for name, value in in_words(margin(item for item in every if states_inputs(item.row) is side)):
            print(f"  {name}: {value}")
    print("quantized weights that take more than planned:")
    for kind, errors in sorted(layouts(every).items()):
        more = sum(error > 0.02 for error in errors)
        print(f"  {kind}: {more} of {len(errors)} by more than 2 %; {_quantiles(sorted(errors))}")


def _quantiles(errors: Sequence[float]) -> str:
    places = ((share, min(len(errors) - 1, int(share * len(errors)))) for share in QUANTILES)
    return ", ".join(f"{share:.0%} within {errors[place]:+.1%}" for share, place in places)


if __name__ == "__main__":
    main()
