"""Prints how far the performance estimate is from published figures: ``python benchmarks/performance/run.py``.

``--rows`` prints every figure, ``--page`` writes the tables into ``docs/performance.md`` and the measured spreads into
``efficiency.json``, where plans take them from.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, estimate
from llminfra.planning.memory.releases.settings import quantization
from llminfra.planning.performance import Load, Replica, replica
from llminfra.spec.endpoint import Parallelism

DATA = Path(__file__).parent / "data"
FILES = ("published.json", "published_later.json")
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
FACTORS = ROOT / "llminfra" / "planning" / "performance" / "data" / "efficiency.json"
FIELDS = ("ttft_ms", "tpot_ms", "output_tokens_per_s")
TITLES = {"ttft_ms": "time to first token", "tpot_ms": "time per output token", "output_tokens_per_s": "throughput"}
SPREADS = {"ttft_ms": "spread_ttft", "tpot_ms": "spread_tpot", "output_tokens_per_s": "spread_throughput"}
MARKS = {"calibration": "T", "held_out": "H", "look": "L", "judge": "J", "set_aside": "A"}
# Full load of trtllm-bench: its largest batch, and about this share of memory for weights and cache.
FULL_LOAD_SEQUENCES = 2048
FULL_LOAD_MEMORY = 0.93


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published figure and its estimate."""

    series: dict[str, Any]
    shape: str
    field: str
    published: float
    estimated: float

    @property
    def ratio(self) -> float:
        """Estimate by published."""
        return self.estimated / self.published

    @property
    def factor(self) -> float:
        """How far off, either way: 1 is exact."""
        return max(self.ratio, 1 / self.ratio)


def figures() -> Iterator[Figure]:
    """Every published figure with its estimate."""
    for name in FILES:
        for series in _read(name)["series"]:
            yield from _series(series)


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return found


def _series(series: dict[str, Any]) -> Iterator[Figure]:
    facts, gpu = load_model(series["model"]), find_gpu(series["gpu"])
    if facts is None or gpu is None:
        msg = f"unknown model or GPU in {series}"
        raise LookupError(msg)
    spread = Parallelism(
        tensor=series["tensor"],
        pipeline=series.get("pipeline", 1),
        data=series.get("data", 1),
        expert=series.get("expert", False),
    )
    case = FitCase(
        model=facts.model_id,
        # How TensorRT-LLM's data-parallel ranks meet before the experts is not known.
        engine="trtllm" if series["source"].startswith("trtllm") else "vllm",
        gpu=gpu.name,
        quantization=series.get("quantization"),
        kv_cache_dtype=series.get("kv_cache_dtype"),
        tensor_parallel=spread.tensor,
        pipeline_parallel=spread.pipeline,
        data_parallel=spread.data,
        expert_parallel=spread.expert,
        gpu_memory_utilization=series.get("gpu_memory_utilization", FULL_LOAD_MEMORY),
        max_num_seqs=256,
        max_num_batched_tokens=8192,
    )
    for prompt, output, callers, *published in series["points"]:
        fit = estimate(facts, case.model_copy(update={"max_model_len": prompt + output}))
        asked = replica(
            facts,
            gpu,
            spread,
            quant=quantization(facts, case),
            kv_bytes=1 if (case.kv_cache_dtype or "").startswith("fp8") else 2,
            max_num_batched_tokens=series.get("max_num_batched_tokens", 8192),
            max_num_seqs=series.get("max_num_seqs", FULL_LOAD_SEQUENCES),
            cache_tokens=None if callers and "gpu_memory_utilization" not in series else fit.kv_cache_tokens,
        )
        load = Load(
            prompt_tokens=prompt,
            output_tokens=output,
            concurrency=callers or 1,
            in_step=bool(series.get("in_step")),
        )
        guesses = _guesses(asked, load if callers else asked.full_load(load), series)
        for field, value in zip(FIELDS, published, strict=True):
            if value is None:
                continue
            guess = guesses[field]
            if field == "output_tokens_per_s" and series.get("per_gpu"):
                guess /= spread.gpus
            yield Figure(
                series=series,
                shape=f"{prompt}/{output} x {callers or 'full'}",
                field=field,
                published=value,
                estimated=guess,
            )


def _guesses(asked: Replica, load: Load, series: dict[str, Any]) -> dict[str, float]:
    """What a run of so many requests shows; at its start all callers come at the same moment."""
    requests = series.get("requests") or series.get("requests_per_caller", math.inf) * load.concurrency
    if 1 < load.concurrency >= requests:
        burst = asked.at_once(load)  # nobody comes again
        made = load.concurrency * load.output_tokens
        return dict(zip(FIELDS, (burst.mean_s * 1e3, burst.each_s * 1e3, made / burst.whole_s), strict=True))
    found = asked.estimate(load)
    first = load.concurrency / requests if load.concurrency > 1 else 0.0
    ttft = first * found.first_token.at_once_s * 1e3 + (1 - first) * found.ttft_ms
    return {"ttft_ms": ttft, "tpot_ms": found.tpot_ms, "output_tokens_per_s": found.output_tokens_per_s}


def summary(rows: Iterable[Figure]) -> dict[str, float]:
    """Median ratio, median and 80th percentile factor, and the shares within 1.25, 1.5 and 2."""
    found = list(rows)
    factors = sorted(item.factor for item in found)
    return {
        "figures": len(found),
        "median_ratio": statistics.median(item.ratio for item in found),
        "median_factor": statistics.median(factors),
        "p80_factor": factors[math.ceil(0.8 * len(factors)) - 1],
        "within_1.25": sum(item <= 1.25 for item in factors) / len(found),
        "within_1.5": sum(item <= 1.5 for item in factors) / len(found),
        "within_2": sum(item <= 2 for item in factors) / len(found),
    }


def unseen(found: Iterable[Figure]) -> list[Figure]:
    """Figures that nothing was fitted to and whose errors guided nothing, without series that are set aside."""
    return [item for item in found if not any(item.series.get(key) for key in ("calibration", "look", "set_aside"))]


def _line(name: str, rows: list[Figure]) -> str:
    item = summary(rows)
    return (
        f"| {name} | {item['figures']:.0f} | {item['median_ratio']:.2f} | {item['median_factor']:.2f} "
        f"| {item['p80_factor']:.2f} | {item['within_1.25']:.0%} | {item['within_1.5']:.0%} | {item['within_2']:.0%} |"
    )


def tables(found: list[Figure]) -> str:
    """The tables of ``docs/performance.md``, in Markdown."""
    head = "| {} | figures | median estimate / published | median factor | 80 % within | 1.25x | 1.5x | 2x |"
    rule = "|---|---:|---:|---:|---:|---:|---:|---:|"
    counted, held_out = unseen(found), [item for item in found if item.series.get("held_out")]
    fitted = [item for item in found if item.series.get("calibration")]
    lines = [head.format("figures not fitted to"), rule]
    lines += [_line(TITLES[field], [item for item in counted if item.field == field]) for field in FIELDS]
    lines += [_line("all not fitted to", counted), _line("fitted to", fitted), ""]
    lines += [head.format("of these, held out"), rule]
    lines += [_line(TITLES[field], [item for item in held_out if item.field == field]) for field in FIELDS]
    for key, title in (("judge", "of these, later rows that were kept for judging"), ("look", "later rows looked at")):
        rows = [item for item in found if item.series.get(key)]
        lines += ["", head.format(title), rule]
        lines += [_line(TITLES[field], [item for item in rows if item.field == field]) for field in FIELDS]
    marks = "T: fitted to, H: held out, L: looked at, J: kept for judging, A: set aside"
    lines += ["", head.format(f"series ({marks})"), rule]
    seen: dict[str, list[Figure]] = {}
    for item in found:
        row = item.series
        spread = f"{row.get('quantization') or 'as stored'}, TP {row['tensor']}" + (
            f", DP {row['data']}" if row.get("data", 1) > 1 else ""
        )
        mark = next((f" ({letter})" for key, letter in MARKS.items() if row.get(key)), "")
        name = f"{row['source']}: {row['model'].partition('/')[2]}, {row['gpu']}, {spread}, {TITLES[item.field]}{mark}"
        seen.setdefault(name, []).append(item)
    return "\n".join([*lines, *(_line(name, rows) for name, rows in seen.items()), ""])


def main() -> None:
    """Print the error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", action="store_true", help="every figure")
    parser.add_argument("--json", action="store_true", help="the summary for programs")
    parser.add_argument(
        "--page",
        action="store_true",
        help="write the tables into docs/performance.md, and the spreads into the factors",
    )
    options = parser.parse_args()
    found = list(figures())
    if options.json:
        print(json.dumps({"all": summary(found), "unseen": summary(unseen(found))}, indent=1))
        return
    if options.rows:
        for item in found:
            row = item.series
            print(
                f"{item.ratio:5.2f}  {item.field:20} {item.published:10,.1f} {item.estimated:10,.1f}  "
                f"{item.shape:22} {row['model'].partition('/')[2]} {row['gpu']} TP {row['tensor']} ({row['source']})"
            )
    if options.page:
        _write_factors(found)
        _write_page(found)
        return
    print(tables(found))


def spreads(found: Iterable[Figure]) -> dict[str, float]:
    """The factor that four of five figures not fitted to lie within, by kind of figure, in steps of 0.05."""
    counted = unseen(found)
    within = {field: summary(item for item in counted if item.field == field)["p80_factor"] for field in FIELDS}
    named = {SPREADS[field]: factor for field, factor in within.items()} | {"spread": summary(counted)["p80_factor"]}
    return {name: math.ceil(factor * 20) / 20 for name, factor in named.items()}


def _write_factors(found: list[Figure]) -> None:
    """Store what was measured beside the factors it was measured with."""
    rows = json.loads(FACTORS.read_text(encoding="utf-8"))
    for name, value in spreads(found).items():
        rows[name]["value"] = value
    FACTORS.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_page(found: list[Figure]) -> None:
    """Replace what stands between the marks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    text = _between(text, "benchmark", tables(found))
    rows = json.loads(FACTORS.read_text(encoding="utf-8"))
    lines = ["| factor | value | what it is | from |", "|---|---:|---|---|"]
    lines += [
        f"| `{name}` | {row['value']:g} | {row['note']} | {row['_source']} |"
        for name, row in rows.items()
        if not name.startswith("_")
    ]
    text = _between(text, "factors", "\n".join([*lines, ""]))
    sources = {name: row for file in FILES for name, row in _read(file)["sources"].items()}
    lines = [f"- **{name}**: {row['what']} ({row['date']}; {row['source']})" for name, row in sources.items()]
    PAGE.write_text(_between(text, "sources", "\n".join([*lines, ""])), encoding="utf-8")
    print(f"wrote {PAGE.name}")


def _between(text: str, mark: str, content: str) -> str:
    start, end = f"<!-- {mark} -->\n", "<!-- end -->"
    head, _, rest = text.partition(start)
    _, _, tail = rest.partition(end)
    return f"{head}{start}{content}{end}{tail}"


if __name__ == "__main__":
    main()
