"""Print the memory planner's accuracy against measured start-ups.

    python -m benchmarks.memory.run [FILE] [--worst N] [--write-docs]

``--write-docs`` rewrites the table of ``docs/memory.md``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.memory.scoring import Score, figures, measured_tokens, read_rows, score, share
from llminfra.planning.memory.engine_profile import resolve_version

HERE = Path(__file__).parent
ROWS = HERE / "data" / "vllm_startups.jsonl"
DOCS = HERE.parent.parent / "docs" / "memory.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser(description="accuracy of the memory planner against measured start-ups")
    parser.add_argument("file", nargs="?", type=Path, default=ROWS)
    parser.add_argument("--worst", type=int, default=8, help="rows to list for every figure")
    parser.add_argument("--write-docs", action="store_true", help="rewrite the table of docs/memory.md")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    scores = [score(row) for row in read_rows(options.file)]
    seconds = time.perf_counter() - started
    print(f"{len(scores)} rows in {seconds:.2f} s, {sum(bool(item.left_out) for item in scores)} left out")
    print_figures(scores)
    print_groups(scores)
    print_worst(scores, options.worst)
    if options.write_docs:
        write_docs(scores, DOCS)
    return 0


def print_figures(scores: Sequence[Score]) -> None:
    """Target figures."""
    print("\nfigure                                               reached  target  rows")
    for item in figures(scores):
        mark = "" if item.met else "  below"
        print(f"{item.name:52s} {item.reached:6.1%}  {item.target:6.0%}  {item.rows:4d}{mark}")
    for limit in (0.01, 0.02, 0.10):
        weights, kv, tokens = (
            share((getattr(item, name) for item in scores), limit)[0] for name in ("weights", "kv_bytes", "tokens")
        )
        print(f"within {limit:4.0%}: weights {weights:6.1%}  cache bytes {kv:6.1%}  cache tokens {tokens:6.1%}")


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


def write_docs(scores: Sequence[Score], path: Path) -> None:
    """Replace what stands between the markers of ``path``."""
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    path.write_text(f"{head}{BEGIN}\n{docs_table(scores)}\n{END}{tail}", encoding="utf-8")
    print(f"\nwrote {path.name}")


def docs_table(scores: Sequence[Score]) -> str:
    """Markdown: the figures, then every row."""
    lines = ["| figure | reached | target | rows |", "|---|---|---|---|"]
    lines += [f"| {item.name} | {item.reached:.1%} | {item.target:.0%} | {item.rows} |" for item in figures(scores)]
    columns = (
        "start-up",
        "engine",
        "GPU",
        "weights GiB: planned / measured",
        "cache bytes per token",
        "cache tokens",
        "starts: planned / measured",
    )
    lines += ["", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for item in scores:
        row, result = item.row, item.result
        name = f"[{row['id']}]({row['source_url']})" if row.get("source_url") else row["id"]
        cells = (
            name,
            f"{row.get('engine', 'vllm')} {row.get('engine_version', '?')}",
            f"{row.get('gpu', '?')} x{result.tensor_parallel or row.get('gpus_total', '?')}",
            _pair(result.weights_gib_per_gpu, row.get("weights_gib_per_gpu"), ".2f"),
            _pair(result.kv_bytes_per_token_per_gpu, row.get("kv_bytes_per_token_per_gpu_derived"), ".0f"),
            _pair(result.kv_cache_tokens, measured_tokens(row), "d"),
            f"{_yes(result.fits)} / {row.get('outcome', '?')}"
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
