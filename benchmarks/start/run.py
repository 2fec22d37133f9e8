"""Prints how long measured starts took beside the plan: ``python -m benchmarks.start.run``.

``--rows`` prints every start, ``--page`` writes the table into ``docs/cold_start.md``.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import ModelFacts, load_model
from llminfra.planning.start.engine_times import EngineTimes, times_of
from llminfra.planning.start.startup import patience_s

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).parent / "data" / "starts.jsonl"
PAGE = ROOT / "docs" / "cold_start.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
ENGINES = {"vllm": "vLLM", "sglang": "SGLang", "tgi": "TGI"}
PHASES = ("compile", "graphs", "engine")
TITLES = {
    "compile": "compilation",
    "graphs": "CUDA graphs",
    "engine": "from the weights to the first request, in all",
}


@dataclass(frozen=True, slots=True)
class Start:
    """One measured start beside its plan, in seconds.

    Attributes:
        row: The measured row.
        planned: By phase, where the row has the phase.
        allowed: What a probe allows for all phases after the weights, without its floor.
    """

    row: dict[str, Any]
    planned: dict[str, float]
    allowed: float

    def factor(self, phase: str) -> float | None:
        """Planned over measured; None where one of them is nothing."""
        measured = self.row["seconds"].get(phase)
        return self.planned[phase] / measured if measured and self.planned.get(phase) else None

    @property
    def outlasts(self) -> bool | None:
        """Whether it took longer than a probe allows; None where its whole time is not told."""
        measured = self.row["seconds"].get("engine")
        return None if measured is None else bool(measured > self.allowed)


def read() -> list[Start]:
    """Every start of the file."""
    return [plan(json.loads(line)) for line in DATA.read_text(encoding="utf-8").splitlines() if line.strip()]


def plan(row: dict[str, Any]) -> Start:
    """A row with the times that a plan has for it.

    Raises:
        LookupError: The catalog lacks its model.
    """
    facts = load_model(row["model"])
    if facts is None:
        raise LookupError(row["model"])
    times, layers, eager = _times(row, facts), facts.num_layers, bool(row.get("enforce_eager"))
    a_layer = times.kept_a_layer if row.get("compiled") else times.compile_a_layer
    warmup = (times.warmup.kept if row.get("compiled") else times.warmup.seconds) if times.warmup else 0.0
    compiling = 0.0 if eager else layers * a_layer
    graphs = 0.0 if eager else layers * times.graphs_a_layer
    first = 0.0 if eager else layers * times.compile_a_layer
    return Start(
        row=row,
        planned={"compile": compiling, "graphs": graphs, "engine": compiling + warmup + graphs},
        allowed=patience_s(first + graphs, times.warmup),
    )


def _times(row: dict[str, Any], facts: ModelFacts) -> EngineTimes:
    gpu = find_gpu(str(row.get("gpu") or ""))
    ranks = int(row.get("tensor_parallel") or 1) * int(row.get("pipeline_parallel") or 1)
    stated = row.get("capability")
    capability = int(stated) if stated else gpu.capability if gpu is not None else None
    return times_of(row["engine"], row.get("engine_version"), facts, capability=capability, gpus=ranks)


def table(starts: Sequence[Start]) -> str:
    """Errors by engine and phase, as Markdown."""
    lines = [
        "| engine | | starts | median planned / measured | 80 % within a factor of |",
        "|---|---|---:|---:|---:|",
    ]
    for engine, name in ENGINES.items():
        ours = [start for start in starts if start.row["engine"] == engine]
        for phase in PHASES:
            factors = [factor for start in ours if (factor := start.factor(phase)) is not None]
            if factors:
                middle = statistics.median(factors)
                lines.append(f"| {name} | {TITLES[phase]} | {len(factors)} | {middle:.2f} | {spread(factors):.1f} |")
    told = [start for start in starts if start.outlasts is not None]
    kept = sum(start.outlasts is False for start in told)
    lines += ["", f"Of {len(told)} starts that tell their whole time {kept} took no longer than a probe allows for it."]
    return "\n".join(lines)


def spread(factors: Iterable[float]) -> float:
    """The factor that four of five lie within, either way."""
    apart = sorted(max(factor, 1 / factor) for factor in factors)
    return apart[math.ceil(0.8 * len(apart)) - 1]


def rows(starts: Sequence[Start]) -> str:
    """Every start, measured and planned."""
    lines = []
    for start in starts:
        seconds = start.row["seconds"]
        parts = [f"{name} {seconds[name]:g}/{start.planned[name]:.0f}" for name in PHASES if name in seconds]
        mark = "  OUTLASTS" if start.outlasts else ""
        lines.append(f"{start.row['id']:<48} {', '.join(parts)}{mark}")
    return "\n".join(lines)


def page(starts: Sequence[Start], text: str) -> str:
    """The page with the table of today."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(starts)}\n{END}{after}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", action="store_true", help="every start")
    parser.add_argument("--page", action="store_true", help="write the table into docs/cold_start.md")
    given = parser.parse_args()
    starts = read()
    if given.rows:
        print(rows(starts))
    print(table(starts))
    if given.page:
        PAGE.write_text(page(starts, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
