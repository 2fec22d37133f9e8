"""Why an estimate is what it is: the lines that name the model, the release, the weights, the cache and the device."""

from __future__ import annotations

from collections.abc import Iterator

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models import ModelFacts
from llminfra.planning.memory.budget.sglang import sglang_layout
from llminfra.planning.memory.cache.kv_plan import CachePlan
from llminfra.planning.memory.inputs.case import FitCase
from llminfra.planning.memory.peak.media import loaded
from llminfra.planning.memory.peak.overhead import GIB
from llminfra.planning.memory.releases.engine_profile import EngineProfile
from llminfra.planning.memory.releases.settings import Settings
from llminfra.planning.memory.weights.rank_weights import WeightBytes


def explained(
    facts: ModelFacts,
    case: FitCase,
    profile: EngineProfile,
    settings: Settings,
    weights: WeightBytes,
    plan: CachePlan,
    gpu: Gpu | None,
    *,
    given: bool,
) -> tuple[str, ...]:
    """A line for the model, the engine, the weights, the cache and the device, and what was assumed.

    Args:
        facts: The model.
        case: The configuration as it was given.
        profile: The rules of its release.
        settings: What the release makes of it.
        weights: Of the fullest rank.
        plan: Layers and pages of the cache.
        gpu: The device, where it is known.
        given: Whether the case names a release.
    """
    parts = ", ".join(f"{kind.value} {amount / GIB:.2f}" for kind, amount in sorted(weights.by_kind.items()))
    source = f", from {facts.source}" if facts.source else ""
    trust = "" if facts.verified else " (from memory, not read from a source)"
    experts = f", experts over {settings.ep}" if settings.ep > 1 else ""
    storage = f"{settings.quant.method} quantization" if settings.quant else settings.dtype
    matrices = (
        f"weights {weights.total / GIB:.2f} GiB on the fullest rank of tp {settings.tp} x pp {settings.pp}{experts}:"
        f" {parts}; {storage}"
    )
    lines = [
        f"model: {facts.num_layers} layers, hidden {facts.hidden_size}, vocabulary {facts.vocab_size}{source}{trust}",
        _engine_line(case, profile, given=given),
        matrices,
        *_layouts(facts, case, settings, plan),
    ]
    if gpu is not None and case.total_gpu_gib is None:
        lines.append(f"GPU {gpu.product}: {gpu.memory_gib} GiB ({gpu.memory_source})")
    out = [item for item in facts.encoders if item not in loaded(facts, case, profile).encoders]
    if out and case.mm_encoder_tp_mode != "data":
        lines.append("towers left out, because no request may ask them: " + ", ".join(item.kind for item in out))
    return (*lines, *settings.notes)


def release_of(case: FitCase, profile: EngineProfile) -> str | None:
    """The release as the case names it, else the one whose rules are taken, which only vLLM's are by release."""
    if case.engine_version is not None or case.engine != "vllm":
        return case.engine_version
    return ".".join(str(part) for part in profile.version)


def _engine_line(case: FitCase, profile: EngineProfile, *, given: bool) -> str:
    release = release_of(case, profile)
    if release is None:
        return f"engine {case.engine}: no release is named"
    known = given or case.engine != "vllm"
    return f"engine {case.engine} {release}" + ("" if known else " assumed: no release is named")


def _layouts(facts: ModelFacts, case: FitCase, settings: Settings, plan: CachePlan) -> Iterator[str]:
    if case.engine == "sglang":
        yield sglang_layout(facts, case, settings)
    elif plan.groups:
        yield _layout(settings, plan)


def _layout(settings: Settings, plan: CachePlan) -> str:
    per_token = plan.bytes_per_token(settings.max_model_len, settings.in_flight_tokens)
    return (
        f"cache {per_token:.0f} bytes per token, {len(plan.groups)} group(s) of layers, pages of"
        f" {plan.block_size} tokens, {settings.kv_cache_dtype} elements"
    )
