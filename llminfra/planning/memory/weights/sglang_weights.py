"""How SGLang holds weights where it differs from vLLM, and how it measures them: free memory before less after."""

from __future__ import annotations

from msgspec.structs import replace

from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.peak.overhead import GIB
from llminfra.planning.memory.releases.sglang_profile import SglangProfile, sglang_data, sglang_release
from llminfra.planning.memory.shapes import Kind, Shards
from llminfra.planning.memory.weights.absorbed import COPIED
from llminfra.planning.memory.weights.rank_weights import WeightBytes

V4, HOPPER = "DeepseekV4", 90


def sglang_shards(facts: ModelFacts, profile: SglangProfile, shards: Shards, method: str, attention_tp: int) -> Shards:
    """How SGLang holds what vLLM holds otherwise: rotary tables, embeddings of Gemma, towers, repacked experts.

    Args:
        facts: The model.
        profile: Rules of the release.
        shards: How vLLM would spread the model.
        method: Quantization in force, empty for none.
        attention_tp: Ranks that cut attention.
    """
    rules = sglang_data()
    return replace(
        shards,
        # Copies by data parallelism are whole replicas, or share attention alone; experts stay within the ranks.
        ep=min(shards.ep, shards.tp),
        moe_tp=shards.tp,
        whole_segments=True,
        rope_bytes=profile.rope_bytes,
        # MRotaryEmbedding has a row for each position, that of vLLM four.
        rope_rows=facts.max_position_embeddings,
        attention_tp=attention_tp,
        # VocabParallelEmbedding(enable_tp=not is_dp_attention_enabled()), models/deepseek_v2.py 0.4.6 to 0.5.23.
        whole_embedding=attention_tp < shards.tp
        or facts.architecture.startswith(tuple(rules["whole_embedding"]["prefixes"])),
        cut_towers=tuple(rules["cut_towers"]["kinds"]),
        rest=profile.rest_layers,
        latent=COPIED,
        fp4_experts=_fp4_experts(facts, profile, shards.capability),
        twice_experts=_keeps_loaded_experts(facts, profile, method),
    )


def _keeps_loaded_experts(facts: ModelFacts, profile: SglangProfile, method: str) -> bool:
    """Whether experts stay as they were loaded beside what Marlin reads."""
    rule = sglang_data()["keeps_loaded_experts"]
    since = rule["since"].get(facts.architecture)
    if since is None or method not in rule["methods"]:
        return False
    # A patch release of the last one has its files.
    return sglang_release(since) <= profile.version and profile.version[:3] <= sglang_release(rule["until"])[:3]


def _fp4_experts(facts: ModelFacts, profile: SglangProfile, capability: int) -> str:
    """What becomes of the MXFP4 experts of DeepSeek V4 (``Shards.fp4_experts``)."""
    if not facts.architecture.startswith(V4):
        return ""
    if capability in sglang_data()["expands_fp4"]["capabilities"]:
        return "fp8"
    return "scales" if profile.keeps_fp32_scales and capability == HOPPER else ""


def add_kernels(stages: tuple[WeightBytes, ...]) -> None:
    """Kernels that come to the device while the weights load count as weights: the engine prints the difference."""
    for stage in stages:
        stage.add(Kind.OTHER, float(sglang_data()["loading_gib"]) * GIB)


def own_ends(stages: tuple[WeightBytes, ...]) -> float:
    """Bytes of embedding and head that a draft of the model's own layers has until the cache is sized.

    It takes those of the model in ``init_lm_head``, after ``alloc_memory_pool`` (speculative/eagle_worker_v2.py 0.5.14
    to 0.5.23).
    """
    return stages[0].by_kind.get(Kind.EMBEDDING, 0.0) + stages[-1].by_kind.get(Kind.HEAD, 0.0)
