"""Errors of the memory planner against measured start-ups, and the shares that the targets name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from llminfra.catalog.gpus import find_gpu
from llminfra.planning.memory import FitResult, fit_line
from llminfra.planning.memory.releases.engine_profile import parse_version
from llminfra.start_logs.compare import loaded_gib

FAILED = frozenset({"oom_at_load", "max_len_exceeds_kv", "no_kv_blocks"})
BLOCK = 16


@dataclass(frozen=True, slots=True)
class Score:
    """One row with its errors as fractions of the measured value; None where the row states no such value.

    Attributes:
        row: The measured row.
        result: The planner's answer.
        left_out: Why the row does not count, empty when it does.
        weights: Error of what loading takes.
        kv_bytes: Error of the cache bytes per token.
        tokens: Error of the cache tokens.
        verdict: Whether starts-or-not was right.
    """

    row: dict[str, Any]
    result: FitResult
    left_out: str
    weights: float | None
    kv_bytes: float | None
    tokens: float | None
    verdict: bool | None

    @property
    def false_fit(self) -> bool:
        """The start failed for memory and the planner said that it fits."""
        return not self.left_out and self.row.get("outcome") in FAILED and self.result.fits is True


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def left_out(row: dict[str, Any]) -> str:
    """Why a row does not count: what it says of itself, offloaded weights, memory shared with the CPU, other makers."""
    if row.get("excluded"):
        return str(row["excluded"])
    name = str(row.get("id", ""))
    if "off" in name.rsplit("-", 1)[-1] or "offload" in name:
        return "CPU offload"
    gpu = row.get("gpu")
    if gpu:
        found = find_gpu(gpu)
        if found is not None and found.unified_memory:
            return "unified memory"
        if any(mark in gpu.lower() for mark in ("mi300", "mi325", "mi250", "amd", "gaudi", "unified")):
            return "not an NVIDIA GPU"
    return ""


INPUTS = ("engine_version", "tensor_parallel", "gpu_memory_utilization", "max_model_len")


def states_inputs(row: dict[str, Any]) -> bool:
    """Whether a row of vLLM states what decides its memory: a numbered release, device, ranks, share and length."""
    device = row.get("gpu") or row.get("total_gpu_gib")
    numbered = parse_version(row.get("engine_version")) is not None
    return bool(device and numbered and row.get("engine", "vllm") == "vllm" and all(row.get(key) for key in INPUTS))


def measured_tokens(row: dict[str, Any]) -> int | None:
    """Cache tokens as printed, or from the number of blocks."""
    if row.get("kv_cache_tokens"):
        return int(row["kv_cache_tokens"])
    if row.get("gpu_blocks"):
        return int(row["gpu_blocks"]) * int(row.get("block_size") or BLOCK)
    return None


def loaded_of(row: dict[str, Any], result: FitResult) -> float | None:
    """What loading takes as the row's engine prints it, GiB."""
    return loaded_gib(result, v1=row.get("use_v1") is not False)


def score(row: dict[str, Any]) -> Score:
    """Run the planner on ``row`` and compare."""
    result = fit_line(json.dumps(row))
    excuse = left_out(row)
    weights = _error(loaded_of(row, result), row.get("weights_gib_per_gpu"))
    kv_bytes = _error(result.kv_bytes_per_token_per_gpu, row.get("kv_bytes_per_token_per_gpu_derived"))
    knows_device = result.fits is not None
    starts = row.get("outcome") == "ok"
    tokens = _error(result.kv_cache_tokens, measured_tokens(row)) if knows_device and starts else None
    outcome = row.get("outcome")
    verdict = None if outcome is None or not knows_device else result.fits is (outcome == "ok")
    if excuse:
        weights = kv_bytes = tokens = verdict = None
    return Score(row, result, excuse, weights, kv_bytes, tokens, verdict)


@cache
def scores_of(file: Path) -> tuple[Score, ...]:
    """Every row of a file, scored once in this process."""
    return tuple(score(row) for row in read_rows(file))


def _error(found: float | None, truth: float | None) -> float | None:
    return None if found is None or not truth else found / truth - 1


def share(errors: Iterable[float | None], limit: float) -> tuple[float, int]:
    """Share of stated errors within ``limit``, and how many are stated."""
    known = [item for item in errors if item is not None]
    return (sum(abs(item) <= limit for item in known) / len(known) if known else 0.0), len(known)


@dataclass(frozen=True, slots=True)
class Figure:
    """One target with what was reached."""

    name: str
    reached: float
    target: float
    rows: int

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.reached >= self.target


def figures(scores: Sequence[Score]) -> tuple[Figure, ...]:
    """The figures that the accuracy targets name."""
    kv, kv_rows = share((item.kv_bytes for item in scores), 0.01)
    weights, weight_rows = share((item.weights for item in scores), 0.02)
    tokens, token_rows = share((item.tokens for item in scores), 0.10)
    over = [item.tokens for item in scores if item.tokens is not None and item.result.fits]
    never = sum(item <= 0.10 for item in over) / len(over) if over else 0.0
    verdicts = [item.verdict for item in scores if item.verdict is not None]
    failures = [
        item for item in scores if not item.left_out and item.row.get("outcome") in FAILED and item.verdict is not None
    ]
    honest = sum(not item.false_fit for item in failures) / len(failures) if failures else 0.0
    return (
        Figure("cache bytes per token within 1 %", kv, 0.95, kv_rows),
        Figure("weights within 2 %", weights, 0.90, weight_rows),
        Figure("cache tokens within 10 %", tokens, 0.80, token_rows),
        Figure("cache tokens not above the truth by more than 10 %", never, 1.0, len(over)),
        Figure("verdict right", sum(verdicts) / len(verdicts) if verdicts else 0.0, 0.95, len(verdicts)),
        Figure("failed start never called fitting", honest, 1.0, len(failures)),
    )
