"""Print the memory planner's accuracy against measured start-ups.

    python -m benchmarks.memory.run [FILE] [--worst N] [--write-docs]

Without a file, all files of ``data`` are scored. ``--write-docs`` rewrites the figures in ``docs/memory.md`` and
the table of all rows, ``docs/memory_rows.md``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.memory.doubt import every_vllm_row, margin_table
from benchmarks.memory.scoring import (
    Figure,
    Score,
    figures,
    loaded_of,
    measured_tokens,
    scores_of,
    share,
    states_inputs,
)
from llminfra.planning.memory.releases.engine_profile import resolve_version

HERE = Path(__file__).parent
ROWS = HERE / "data" / "vllm_startups.jsonl"
MORE_ROWS = HERE / "data" / "more_startups.jsonl"
LATEST_ROWS = HERE / "data" / "latest_startups.jsonl"
NEWEST_ROWS = HERE / "data" / "newest_startups.jsonl"
FURTHER_ROWS = HERE / "data" / "further_startups.jsonl"
RECENT_ROWS = HERE / "data" / "recent_startups.jsonl"
OTHER_ROWS = HERE / "data" / "other_startups.jsonl"
BLIND_ROWS = HERE / "data" / "blind_startups.jsonl"
UNSEEN_ROWS = HERE / "data" / "unseen_startups.jsonl"
UNSEEN_FURTHER_ROWS = HERE / "data" / "unseen_further_startups.jsonl"
UNSEEN_THIRD_ROWS = HERE / "data" / "unseen_third_startups.jsonl"
UNSEEN_FOURTH_ROWS = HERE / "data" / "unseen_fourth_startups.jsonl"
UNSEEN_FIFTH_ROWS = HERE / "data" / "unseen_fifth_startups.jsonl"
PAGE_ROWS = HERE / "data" / "page_startups.jsonl"
TGI_ROWS = HERE / "data" / "tgi_startups.jsonl"
SGLANG_ROWS = HERE / "data" / "sglang_startups.jsonl"
STATED = "all that are fully stated"
DATASETS = {
    "first": ROWS,
    "later": MORE_ROWS,
    "latest": LATEST_ROWS,
    "newest": NEWEST_ROWS,
    "further": FURTHER_ROWS,
    "recent": RECENT_ROWS,
    "other": OTHER_ROWS,
    "blind": BLIND_ROWS,
    "unseen": UNSEEN_ROWS,
    "unseen further": UNSEEN_FURTHER_ROWS,
    "unseen third": UNSEEN_THIRD_ROWS,
    "unseen fourth": UNSEEN_FOURTH_ROWS,
    "unseen fifth": UNSEEN_FIFTH_ROWS,
    "one page's": PAGE_ROWS,
    "TGI": TGI_ROWS,
    "SGLang": SGLANG_ROWS,
}
DOCS = HERE.parent.parent / "docs" / "memory.md"
ROWS_DOCS = HERE.parent.parent / "docs" / "memory_rows.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser(description="accuracy of the memory planner against measured start-ups")
    parser.add_argument("file", nargs="*", type=Path, default=list(DATASETS.values()))
    parser.add_argument("--worst", type=int, default=8, help="rows to list for every figure")
    parser.add_argument("--write-docs", action="store_true", help="rewrite docs/memory.md and docs/memory_rows.md")
    options = parser.parse_args(arguments)
    for file in options.file:
        started = time.perf_counter()
        scores = scores_of(file)
        seconds = time.perf_counter() - started
        left = sum(bool(item.left_out) for item in scores)
        print(f"\n{file.name}: {len(scores)} rows in {seconds:.2f} s, {left} left out")
        print_figures(scores)
        print_groups(scores)
        print_worst(scores, options.worst)
        print_stated(scores)
    if options.write_docs:
        write_docs()
    return 0


def print_figures(scores: Sequence[Score]) -> None:
    """Target figures."""
    print("\nfigure                                               reached  target  rows")
    for item in figures(scores):
        print(figure_line(item))
    for limit in (0.01, 0.02, 0.10):
        weights, kv, tokens = (
            share((getattr(item, name) for item in scores), limit)[0] for name in ("weights", "kv_bytes", "tokens")
        )
        print(f"within {limit:4.0%}: weights {weights:6.1%}  cache bytes {kv:6.1%}  cache tokens {tokens:6.1%}")


def figure_line(item: Figure) -> str:
    """A figure, its target, and whether it is missed; rows that say nothing of it miss no target."""
    reached = f"{item.reached:6.1%}" if item.rows else f"{'–':>6s}"
    mark = "  below" if item.rows and not item.met else ""
    return f"{item.name:52s} {reached}  {item.target:6.0%}  {item.rows:4d}{mark}"


def print_stated(scores: Sequence[Score]) -> None:
    """The same figures of the rows that state release, device, ranks, share and length."""
    stated = [item for item in scores if states_inputs(item.row)]
    print(f"\nof these {len(stated)} rows state release, device, ranks, share and length:")
    for item in figures(stated):
        print(figure_line(item))


def _line(item: Score) -> str:
    version = resolve_version(item.row.get("engine_version"))
    if item.row.get("engine", "vllm") != "vllm":
        return str(item.row["engine"])
    if version is None:
        return "vllm, no release"
    return "vllm before 0.6" if version < (0, 6) else "vllm 0.6-0.7" if version < (0, 8) else "vllm 0.8 and later"


GROUPS: dict[str, Callable[[Score], str]] = {
    "engine": _line,
    "quantization": lambda item: str(item.row.get("quantization") or "16 bit").split()[0],
    "ranks": lambda item: f"tp {item.result.tensor_parallel}",
}


def print_groups(scores: Sequence[Score]) -> None:
    """The same shares by group."""
    for title, key in GROUPS.items():
        print(f"\n{title:28s} weights 2 %   cache bytes 1 %   tokens 10 %   verdict")
        for name in sorted({key(item) for item in scores if not item.left_out}):
            members = [item for item in scores if not item.left_out and key(item) == name]
            cells = [
                share((getattr(item, field) for item in members), limit)
                for field, limit in (("weights", 0.02), ("kv_bytes", 0.01), ("tokens", 0.10))
            ]
            verdicts = [item.verdict for item in members if item.verdict is not None]
            text = "   ".join(f"{reached:7.0%} of {count:2d}" if count else "          - " for reached, count in cells)
            right = f"{sum(verdicts)}/{len(verdicts)}" if verdicts else "-"
            print(f"{name:28s} {text}   {right}")


def print_worst(scores: Sequence[Score], count: int) -> None:
    """Rows with the largest errors, and every wrong verdict."""
    for name in ("weights", "kv_bytes", "tokens"):
        known = [item for item in scores if getattr(item, name) is not None]
        known.sort(key=lambda item: -abs(getattr(item, name)))
        print(f"\nlargest errors, {name}")
        for item in known[:count]:
            print(f"  {getattr(item, name):+8.1%}  {item.row['id']}")
    print("\nwrong verdicts")
    for item in scores:
        if item.verdict is False:
            print(f"  {item.row['id']}: {item.row['outcome']}, planner says {item.result.reason}")


def write_docs() -> None:
    """Replace what stands between the markers of ``docs/memory.md``, and the page of all rows."""
    scores = {name: scores_of(file) for name, file in DATASETS.items()}
    text = between(DOCS.read_text(encoding="utf-8"), "measured", figures_table(scores))
    DOCS.write_text(between(text, "doubt", margin_table(every_vllm_row())), encoding="utf-8")
    ROWS_DOCS.write_text(rows_page(scores), encoding="utf-8")
    print(f"\nwrote {DOCS.name} and {ROWS_DOCS.name}")


def between(text: str, name: str, content: str) -> str:
    """``text`` with what stands between two markers replaced."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{content}\n{end}{rest.partition(end)[2]}"


def figures_table(scores: Mapping[str, Sequence[Score]]) -> str:
    """Markdown: a line for each set of rows, a column for each figure; in brackets the rows that tell it."""
    stated = [item for items in scores.values() for item in items if states_inputs(item.row)]
    lines_of = {STATED: figures(stated)} | {name: figures(items) for name, items in scores.items()}
    first = lines_of[STATED]
    lines = [
        f"| rows | {' | '.join(item.name for item in first)} |",
        "|---" * (len(first) + 1) + "|",
        f"| target | {' | '.join(f'{item.target:.0%}' for item in first)} |",
    ]
    lines += [f"| {name} | {' | '.join(_cell(item) for item in found)} |" for name, found in lines_of.items()]
    return "\n".join(lines)


def _cell(item: Figure) -> str:
    return f"{item.reached:.1%} ({item.rows})" if item.rows else "-"


TITLES = {
    "first": "The rows that the model was made from",
    "later": "Rows that were collected later",
    "latest": "Rows that were collected after those",
    "newest": "Rows that were collected next",
    "further": "Further rows, collected after those",
    "recent": "Recent rows, collected after those",
    "other": "Other rows, collected after those",
    "blind": "Rows that were committed before anything was scored on them",
    "unseen": "More rows that were committed before anything was scored on them",
    "unseen further": "Further rows that were committed before anything was scored on them",
    "unseen third": "A third set of rows that were committed before anything was scored on them",
    "unseen fourth": "A fourth set of rows that were committed before anything was scored on them",
    "unseen fifth": "A fifth set of rows that were committed before anything was scored on them",
    "one page's": "First starts of one page, on one device",
    "TGI": "Rows of Text Generation Inference",
    "SGLang": "Rows of SGLang",
}


def rows_page(scores: Mapping[str, Sequence[Score]]) -> str:
    """Markdown: planned against measured, row by row."""
    tables = "".join(f"\n## {TITLES[name]}\n\n{rows_table(items)}\n" for name, items in scores.items())
    return (
        "# Planned against measured, row by row\n\n"
        "Written by `python -m benchmarks.memory.run --write-docs`; [memory.md](memory.md) has the figures.\n"
        f"{tables}"
    )


def rows_table(scores: Sequence[Score]) -> str:
    """Markdown: every row."""
    columns = (
        "start-up",
        "engine",
        "GPU",
        "weights GiB: planned / measured",
        "cache bytes per token",
        "cache tokens",
        "starts: planned / measured",
    )
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for item in scores:
        row, result = item.row, item.result
        address = str(row.get("source_url", ""))
        cells = (
            f"[{row['id']}]({address})" if address.startswith("http") else row["id"],
            f"{row.get('engine', 'vllm')} {row.get('engine_version', '?')}",
            f"{row.get('gpu', '?')} x{result.tensor_parallel or row.get('gpus_total', '?')}",
            _pair(loaded_of(row, result), row.get("weights_gib_per_gpu"), ".2f"),
            _pair(result.kv_bytes_per_token_per_gpu, row.get("kv_bytes_per_token_per_gpu_derived"), ".0f"),
            _pair(result.kv_cache_tokens, measured_tokens(row), "d"),
            f"{_yes(result.fits)}{', tightly' if result.tight else ''} / {row.get('outcome', '?')}"
            + (f" (left out: {item.left_out})" if item.left_out else ""),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _pair(found: float | None, truth: float | None, fmt: str) -> str:
    left = "-" if found is None else format(found, fmt)
    right = "-" if truth is None else format(truth, fmt)
    return f"{left} / {right}"


def _yes(fits: bool | None) -> str:
    return "?" if fits is None else "yes" if fits else "no"


if __name__ == "__main__":
    raise SystemExit(main())
