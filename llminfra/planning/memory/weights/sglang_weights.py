"""How SGLang holds weights where it differs from vLLM, and how it measures them: free memory before less after."""

from __future__ import annotations

from msgspec.structs import replace

from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.peak.overhead import GIB
from llminfra.planning.memory.releases.sglang_profile import SglangProfile, sglang_data
from llminfra.planning.memory.shapes import Kind, Shards
from llminfra.planning.memory.weights.rank_weights import WeightBytes


def sglang_shards(facts: ModelFacts, profile: SglangProfile, shards: Shards) -> Shards:
    """How SGLang holds what vLLM holds otherwise: rotary tables, embeddings of Gemma, towers."""
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
        whole_embedding=facts.architecture.startswith(tuple(rules["whole_embedding"]["prefixes"])),
        cut_towers=tuple(rules["cut_towers"]["kinds"]),
    )


def add_kernels(stages: tuple[WeightBytes, ...]) -> None:
    """Kernels that come to the device while the weights load count as weights: the engine prints the difference."""
    for stage in stages:
        stage.add(Kind.OTHER, float(sglang_data()["loading_gib"]) * GIB)
