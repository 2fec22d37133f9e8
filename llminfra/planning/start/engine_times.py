"""How long an engine takes between its weights and its first answer, by release, model and GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llminfra.catalog.engines import inner_release
from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models.quantization import WeightFormat
from llminfra.planning.facts import numbers
from llminfra.planning.memory.releases.engine_profile import parse_version
from llminfra.planning.start.kernel_trials import finds_choices

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.instances import InstanceType
    from llminfra.catalog.models import ModelFacts

_FILE = "engine_start"
_FP4 = frozenset({WeightFormat.NVFP4, WeightFormat.MXFP4})


class WarmUp(Struct, frozen=True, kw_only=True):
    """What is done once the weights are there and neither compilation nor graphs: kernels, trials, a first run.

    Attributes:
        what: In words.
        seconds: Median of measured first starts.
        longest: The longest of all measured starts, which a probe must allow.
        kept: Seconds where kernels and choices of an earlier start are found; as long as a first start where that was
            not measured, or where the release keeps no choices.
    """

    what: str
    seconds: float
    longest: float
    kept: float


class EngineTimes(Struct, frozen=True, kw_only=True):
    """Seconds of phases; `data/engine_start.json` says where each was measured.

    Attributes:
        peers: Trial of each pair of GPUs; 0 where the release asks the driver, or on one GPU.
        compiles: What is compiled, in words; None where nothing is.
        compile_a_layer: How long that takes for a layer where nothing is kept.
        kept_a_layer: The same where kernels of an earlier start are found.
        graphs_a_layer: Capture of CUDA graphs of a layer; 0 where none are captured.
        warmup: The rest; None where nothing is known of it.
    """

    peers: float
    compiles: str | None
    compile_a_layer: float
    kept_a_layer: float
    graphs_a_layer: float
    warmup: WarmUp | None


def engine_times(
    kind: str,
    release: EngineRelease | None,
    facts: ModelFacts,
    *,
    capability: int | None,
    gpus: int,
    trials: bool = True,
) -> EngineTimes:
    """The times of an engine.

    Args:
        kind: As the spec names it, for example ``vllm``.
        release: Its release; None is the newest.
        facts: The model.
        capability: Compute capability of the GPU, ten times; None where it is not known.
        gpus: GPUs of one replica.
        trials: Whether kernels of routed experts are tried; false where the engine is told to leave that.
    """
    inner = inner_release(release) if release is not None else None
    if inner is not None and inner is not release:
        kind = inner.engine
    version = inner.version if inner is not None else None
    return times_of(kind, version, facts, capability=capability, gpus=gpus, trials=trials)


def times_of(
    kind: str, version: str | None, facts: ModelFacts, *, capability: int | None, gpus: int, trials: bool = True
) -> EngineTimes:
    """The same of a release that the catalog may lack, by its number."""
    data, release = numbers(_FILE), parse_version(version)
    row = data.get(kind, data["others"])
    peers, compiling = row["peers"], row["compile_s_per_layer"]
    graphs: dict[str, Any] = next((item for item in row["graphs_s_per_layer"] if _holds(item, release)), {})
    return EngineTimes(
        peers=float(peers["seconds"]) if gpus > 1 and _holds(peers, release) else 0.0,
        compiles=compiling["what"],
        compile_a_layer=compiling.get("first", 0.0),
        kept_a_layer=compiling.get("kept", 0.0),
        graphs_a_layer=graphs.get("more_ranks" if gpus > 1 else "one_rank", 0.0),
        warmup=next(
            (
                _warm_up(item, finds_choices(version, gpus))
                for item in row["warmup"]
                if (trials or "trials" not in item) and _is_of(item, facts, capability)
            ),
            None,
        ),
    )


def _warm_up(row: dict[str, Any], found: bool) -> WarmUp:
    """A row's warm-up; ``found``: whether later starts find what was tried."""
    seconds, kept = row["seconds"], row.get("kept", row["seconds"])
    later = min(kept, seconds - row["trials"]) if found and "trials" in row else kept
    return WarmUp(what=row["what"], seconds=seconds, longest=row["longest"], kept=later)


def capability_of(instance: InstanceType) -> int | None:
    """Compute capability of an instance type's GPU, ten times; None where it has none that the catalog knows."""
    gpu = find_gpu(instance.gpu.device) if instance.gpu is not None else None
    return gpu.capability if gpu is not None else None


def _holds(row: dict[str, Any], release: tuple[int, ...] | None) -> bool:
    """Whether a row is of the release: those without a last one are of all, and of the newest."""
    last = parse_version(row.get("until"))
    return last is None or (release is not None and release <= last)


def _is_of(row: dict[str, Any], facts: ModelFacts, capability: int | None) -> bool:
    """Whether a model on such a GPU is one of those that a row was measured with."""
    if "capability" in row:
        least, most = row["capability"]
        if capability is None or not least <= capability <= most:
            return False
    if row.get("fp4_experts") and not _has_fp4_experts(facts):
        return False
    if row.get("hybrid") and not facts.is_hybrid:
        return False
    return "architectures" not in row or facts.architecture in row["architectures"]


def _has_fp4_experts(facts: ModelFacts) -> bool:
    found = facts.quantization
    return facts.is_moe and found is not None and any(rule.scheme.format in _FP4 for rule in found.rules)
