"""What an engine printed beside what the memory model says of the same start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from llminfra.planning.memory import FitResult
from llminfra.planning.memory.releases.engine_profile import FIRST_V1, resolve_version
from llminfra.start_logs.record import StartLog

if TYPE_CHECKING:
    from llminfra.planning.plan.startup import StartupPlan

BLOCK = 16
"""Tokens of a block where the case names none (vLLM)."""
AFTER_WEIGHTS = ("compile", "warmup", "graphs")
"""Phases that vLLM's ``init engine (profile, create kv cache, warmup model)`` is the sum of, and TGI's warm-up."""
OF_A_SHARD = ("process", "weights", "peers")
"""Phases that TGI's ``Shard ready in`` is the sum of."""
Unit = Literal["GiB", "tokens", "requests", "bytes", "s"]
GIB = 2**30


class Compared(Struct, frozen=True, kw_only=True):
    """One figure.

    Attributes:
        name: What it is.
        unit: ``GiB`` of one GPU, ``tokens``, ``requests`` of the full length, ``bytes`` or seconds.
        printed: By the engine.
        planned: By the memory model, or as a phase of the cold start.
    """

    name: str
    unit: Unit
    printed: float
    planned: float

    @property
    def difference(self) -> float | None:
        """Planned over printed, less one; None where nothing was printed to divide by."""
        return None if self.printed <= 0 else self.planned / self.printed - 1


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether the plan held.

    Attributes:
        holds: What was printed lies within what the plan says, as far as both say anything.
        text: One sentence.
    """

    holds: bool
    text: str


def compare(log: StartLog, result: FitResult) -> tuple[Compared, ...]:
    """Every figure that the log prints and the memory model knows."""
    printed = {name: item.value for name, item in log.figures.items()}
    if "kv_cache_tokens" not in printed and "gpu_blocks" in printed:
        printed["kv_cache_tokens"] = printed["gpu_blocks"] * (result.block_size or BLOCK)
    if result.kv_cache_tokens is None and "kv_cache_memory_gib" in printed and printed.get("kv_cache_tokens"):
        printed["bytes"] = printed["kv_cache_memory_gib"] * GIB / printed["kv_cache_tokens"]
    rows: tuple[tuple[str, Unit, str, float | None], ...] = (
        ("weights", "GiB", "weights_gib_per_gpu", loaded_gib(result, v1=_runs_v1(log))),
        ("activation peak", "GiB", "activation_peak_gib", result.activation_peak_gib),
        ("CUDA graphs", "GiB", "cuda_graph_gib", result.cuda_graph_gib),
        ("KV cache", "GiB", "kv_cache_memory_gib", result.kv_cache_memory_gib),
        ("KV cache", "tokens", "kv_cache_tokens", result.kv_cache_tokens),
        ("cache of a token", "bytes", "bytes", result.kv_bytes_per_token_per_gpu),
        ("at once", "requests", "max_concurrency", result.max_concurrency),
        ("cache of one request", "GiB", "kv_needed_gib", result.kv_needed_gib),
        ("longest context", "tokens", "estimated_max_len", result.estimated_max_len),
        ("longest request", "tokens", "decided_len", result.max_model_len),
    )
    return tuple(
        Compared(name=name, unit=unit, printed=printed[key], planned=planned)
        for name, unit, key, planned in rows
        if key in printed and planned is not None
    )


def compare_phases(log: StartLog, startup: StartupPlan) -> tuple[Compared, ...]:
    """Phases of the cold start that the log has times of, and all of those after the weights together."""
    planned = {phase.name: phase.seconds for phase in startup.phases}
    planned["engine"] = sum(planned.get(name, 0.0) for name in AFTER_WEIGHTS)
    planned["shard"] = sum(planned.get(name, 0.0) for name in OF_A_SHARD)
    names = ["shard", *(phase.name for phase in startup.phases), "engine"]
    return tuple(
        Compared(name=name, unit="s", printed=log.seconds[name].value, planned=planned[name])
        for name in names
        if name in log.seconds
    )


def _runs_v1(log: StartLog) -> bool:
    return "use_v1" not in log.inputs or log.inputs["use_v1"].value is not False


def loaded_gib(result: FitResult, *, v1: bool = True) -> float | None:
    """GiB that loading takes as the engine prints it: vLLM counts places for adapters since 0.8, and V1 the draft.

    ``load_model`` of vllm/worker/model_runner.py 0.7.2 and 0.8.1, vllm/v1/worker/gpu_model_runner.py 0.8.1 to 0.33.0.
    """
    weights = result.weights_gib_per_gpu
    version = resolve_version(result.engine_version)
    if weights is None or result.engine != "vllm" or (version is not None and version < FIRST_V1):
        return weights
    return weights + (result.adapters_gib or 0.0) + ((result.draft_gib or 0.0) if v1 else 0.0)


def cache_gib(log: StartLog, result: FitResult) -> float | None:
    """GiB of the cache as printed; where tokens alone are, by the bytes of a token that are planned."""
    size, tokens = log.figures.get("kv_cache_memory_gib"), log.figures.get("kv_cache_tokens")
    if size is not None:
        return float(size.value)
    if tokens is None or not result.kv_bytes_per_token_per_gpu:
        return None
    return float(tokens.value * result.kv_bytes_per_token_per_gpu / GIB)


def judge_log(log: StartLog, result: FitResult) -> Verdict:
    """Whether the start went as the memory model says.

    The cache may be off by what `FitResult.cache_doubt_gib` says. Where an argument changes the memory and is not
    counted, figures that differ say nothing of the plan.
    """
    found = _judged(log, result)
    if found.holds or not log.not_counted:
        return found
    return Verdict(holds=True, text=f"{found.text}; {', '.join(log.not_counted)} is not counted and may be why")


def _same(weights: float) -> float:
    """GiB by which weights may differ and be those of the same model.

    More than nine of ten measured ones are within 2 % (docs/memory.md); another model or format is further off.
    """
    return max(0.05 * weights, 0.1)


def _judged(log: StartLog, result: FitResult) -> Verdict:
    weights, loaded = log.figures.get("weights_gib_per_gpu"), loaded_gib(result, v1=_runs_v1(log))
    if weights is not None and loaded is not None and abs(weights.value - loaded) > _same(loaded):
        text = (
            f"the weights take {weights.value:.2f} GiB and {loaded:.2f} are planned: another model or format than this"
        )
        return Verdict(holds=False, text=text)
    if result.fits is None:
        return Verdict(
            holds=True, text="the GPU is not known, so that what it leaves for the cache is not: name it with --gpu"
        )
    if log.failure is not None and result.fits:
        why = "tightly" if result.tight else "with room"
        return Verdict(holds=False, text=f"the plan says that it starts, {why}, and it did not")
    if log.started and not result.fits:
        return Verdict(holds=False, text=f"it started, and the plan says that it does not: {result.reason}")
    cache, planned = cache_gib(log, result), result.kv_cache_memory_gib
    if cache is None or planned is None:
        return Verdict(holds=True, text="it went as planned" if log.outcome else "the log does not say how it ended")
    off, doubt = planned - cache, result.cache_doubt_gib or 0.0
    if off > doubt:
        text = f"the cache is {off:.2f} GiB smaller than planned, and the estimate may be {doubt:.2f} GiB too high"
        return Verdict(holds=False, text=text)
    later = result.later_cache_gib or planned
    if cache - later > doubt:
        return Verdict(holds=True, text=f"the cache is {cache - later:.2f} GiB larger than planned")
    return Verdict(holds=True, text="it went as planned" if log.outcome == "ok" else "the plan says the same")
