"""Shapes that a parallel layout cannot split: the checks that engines make before they load anything.

Sources: vllm/config/model.py and parallel.py (heads, context ranks), read in 0.8.5 to 0.33.0; TGI
server/text_generation_server/models/custom_modeling/flash_llama_modeling.py; for groups and blocks see ``quant_cuts``.
"""

from __future__ import annotations

from msgspec import Struct

from llminfra.catalog import tgi_models
from llminfra.catalog.engines import release_numbers
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.mixers import Attention, Mla
from llminfra.catalog.models.quantization import QuantFacts
from llminfra.planning.memory.releases.engine_profile import parse_version
from llminfra.planning.memory.shapes import pipeline_ranges
from llminfra.planning.memory.weights.quant_cuts import Kernels, misfits

_CUTS_MODERNBERT = (0, 29, 0)


class ShapeFinding(Struct, frozen=True):
    """A layout that does not divide.

    Attributes:
        code: Stable id, ``LLM_SHAPE_1`` to ``LLM_SHAPE_8``, or ``LLM_FIT_65``.
        fatal: The engine refuses to start; False means it works with waste.
        message: What does not divide.
        runtime_message: The engine's words.
    """

    code: str
    fatal: bool
    message: str
    runtime_message: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def divisibility_findings(
    facts: ModelFacts,
    tp: int,
    pp: int = 1,
    *,
    ep: int = 1,
    quant: QuantFacts | None = None,
    dcp: int = 1,
    engine: str = "vllm",
    version: str | None = None,
) -> tuple[ShapeFinding, ...]:
    """Everything about ``facts`` that ``tp``, ``pp`` and ``ep`` do not divide; empty when the layout works.

    Args:
        facts: The model.
        tp: Tensor-parallel ranks.
        pp: Pipeline stages.
        ep: Expert-parallel ranks, 1 for none.
        quant: Quantization in force; the checkpoint's own by default.
        dcp: Ranks that share out the cache of replicated heads (decode context parallelism), 1 for none.
        engine: What runs the model.
        version: Its release, for what releases cut differently; without one only what every release refuses, and
            what the default release does, is refused.
    """
    quant = quant if quant is not None else facts.quantization
    found = [*_heads(facts, tp, engine, dcp), *_whole_matrix(facts, tp, engine, version), *_pipeline(facts, pp, engine)]
    found += _one_shard(facts, tp, engine, version)
    if dcp > 1:
        found += _context_ranks(facts, tp, dcp)
    if ep > 1:
        found += _experts(facts, ep, engine)
    if quant is not None and tp > 1:
        found += _groups(facts, quant, tp, ep, Kernels(engine, version))
    return tuple(found)


def _whole_matrix(facts: ModelFacts, tp: int, engine: str, version: str | None) -> list[ShapeFinding]:
    """ModernBERT's first matrix is whole on every rank and its second one cut: modernbert.py until 0.28.0."""
    numbers = parse_version(version)
    if engine != "vllm" or tp == 1 or facts.model_type != "modernbert" or not numbers or numbers >= _CUTS_MODERNBERT:
        return []
    text = f"vLLM {version} cuts one matrix of {facts.architecture} over {tp} GPUs and not the one before it"
    return [ShapeFinding("LLM_SHAPE_8", True, text, "RuntimeError: mat1 and mat2 shapes cannot be multiplied")]


def _one_shard(facts: ModelFacts, tp: int, engine: str, version: str | None) -> list[ShapeFinding]:
    """TGI gives types without code of its own to the Transformers library, whose older classes it does not cut."""
    release = release_numbers(version or "")
    # A month or a commit is no release.
    if engine != "tgi" or tp == 1 or len(release) < 2 or not tgi_models.knows(release):
        return []
    if tgi_models.served_by(release, facts.config_type) is not tgi_models.Served.WHOLE:
        return []
    text = f"TGI {version} serves {facts.config_type} by the Transformers library, on one GPU and not over {tp}"
    return [ShapeFinding("LLM_FIT_65", True, text, "NotImplementedError: sharded is not supported for AutoModel")]


def _heads(facts: ModelFacts, tp: int, engine: str, dcp: int) -> list[ShapeFinding]:
    found: list[ShapeFinding] = []
    seen: set[tuple[int, int]] = set()
    for mixer in facts.attentions:
        kv = mixer.kv_heads if isinstance(mixer, Attention) else 1
        if (mixer.heads, kv) in seen:
            continue
        seen.add((mixer.heads, kv))
        if mixer.heads % tp:
            found.append(
                ShapeFinding(
                    "LLM_SHAPE_1",
                    True,
                    f"{mixer.heads} attention heads do not divide by tensor parallel size {tp}",
                    f"Total number of attention heads ({mixer.heads}) must be divisible by tensor parallel size "
                    f"({tp}).",
                )
            )
        if isinstance(mixer, Mla):
            continue
        if engine == "tgi" and kv > 1 and kv % tp:
            found.append(
                ShapeFinding(
                    "LLM_SHAPE_2",
                    True,
                    f"{kv} key-value heads do not divide by {tp} shards, and TGI keeps none of them twice",
                    f"`num_key_value_heads` must be divisible by `num_shards` (got `num_key_value_heads`: {kv} and "
                    f"`num_shards`: {tp}",
                )
            )
        elif kv % tp and tp % kv:
            found.append(
                ShapeFinding(
                    "LLM_SHAPE_2",
                    True,
                    f"{kv} key-value heads and tensor parallel size {tp} divide neither way",
                    _kv_assertion(kv, tp) if engine == "vllm" else None,
                )
            )
        elif tp > kv * dcp:
            found.append(
                ShapeFinding(
                    "LLM_SHAPE_3",
                    False,
                    f"{kv} key-value heads on {tp} ranks: each head is stored {tp // kv // dcp} times",
                )
            )
    return found


def _kv_assertion(kv: int, tp: int) -> str:
    """As vllm/model_executor/models/llama.py has it, by which of the two is larger."""
    cut, by = ("self.total_num_kv_heads", "tp_size") if kv >= tp else ("tp_size", "self.total_num_kv_heads")
    return f"assert {cut} % {by} == 0"


def _context_ranks(facts: ModelFacts, tp: int, dcp: int) -> list[ShapeFinding]:
    """As ``ModelConfig.verify_with_parallel_config`` and ``ParallelConfig`` check it; latent caches have one head."""

    def refused(message: str, words: str) -> list[ShapeFinding]:
        return [ShapeFinding("LLM_SHAPE_7", True, f"{dcp} decode-context-parallel ranks: {message}", words)]

    if tp % dcp:
        return refused(
            f"they are ranks of the {tp} tensor-parallel ones, which they do not divide",
            f"tp_size={tp} must be divisible by dcp_size={dcp}.",
        )
    for mixer in facts.attentions:
        if not isinstance(mixer, Attention):
            continue
        kv, queries = mixer.kv_heads, mixer.heads // mixer.kv_heads
        if tp <= kv:
            return refused(
                f"{kv} key-value heads on {tp} ranks are not stored twice, so there is no copy to share out",
                f"Decode context parallelism for GQA/MQA requires `--tensor-parallel-size` ({tp}) to be greater than "
                f"the model's total number of KV heads ({kv}).",
            )
        if dcp > tp // kv:
            return refused(
                f"each of {kv} key-value heads is stored {tp // kv} times on {tp} ranks",
                f"`--decode-context-parallel-size` ({dcp}) exceeds the maximum supported value ({tp // kv}) for "
                f"`--tensor-parallel-size` ({tp}) and {kv} model KV heads.",
            )
        if queries % dcp:
            return refused(
                f"{queries} query heads to a key-value head do not divide by them",
                f"The model's number of query heads per KV head ({queries}) must be divisible by "
                f"`--decode-context-parallel-size` ({dcp}) for GQA/MQA.",
            )
    return []


def _pipeline(facts: ModelFacts, pp: int, engine: str) -> list[ShapeFinding]:
    if pp > max(1, facts.num_layers):
        return [ShapeFinding("LLM_SHAPE_4", True, f"{facts.num_layers} layers on {pp} pipeline stages")]
    if pp > 1 and facts.lookup_params and facts.is_hybrid:
        # Qwen4ExpForConditionalGenerationConfig of vllm/model_executor/models/config.py 0.33.0.
        return [
            ShapeFinding(
                "LLM_SHAPE_4",
                True,
                f"{pp} pipeline stages: only the first has the tokens that the table of n-grams is looked up with",
                "Qwen4Exp N-gram PLE embedding requires pipeline_parallel_size=1 because non-first pipeline ranks do"
                " not receive the raw input_ids it needs. Please run with PP=1.",
            )
        ]
    if pp > 1 and engine == "vllm" and (apart := _caches_apart(facts, pp)) is not None:
        layer, target = apart
        # validate_kv_sharing_target of vllm/model_executor/layers/attention/attention.py 0.27.1.
        return [
            ShapeFinding(
                "LLM_SHAPE_4",
                True,
                f"{pp} pipeline stages: layer {layer} reads the cache of layer {target}, which another stage holds",
                f"Specified KV sharing target layer for layers.{layer} is not valid: target layer layers.{target} is"
                " not a valid Attention layer in the model.",
            )
        ]
    return []


def _caches_apart(facts: ModelFacts, pp: int) -> tuple[int, int] | None:
    """The first layer that reads the cache of a layer on another stage, and that layer: the last of its kind before."""
    stage_of = [stage for stage, held in enumerate(pipeline_ranges(facts.num_layers, pp)) for _ in held]
    keeper: dict[int | None, int] = {}
    for index, layer in enumerate(facts.layers[: len(stage_of)]):
        mixer = layer.mixer
        if not isinstance(mixer, Attention):
            continue
        if not mixer.shares_cache:
            keeper[mixer.window] = index
        elif mixer.window in keeper and stage_of[keeper[mixer.window]] != stage_of[index]:
            return index, keeper[mixer.window]
    return None


def _experts(facts: ModelFacts, ep: int, engine: str) -> list[ShapeFinding]:
    if not facts.is_moe:
        # vllm/config/model.py, verify_with_parallel_config.
        words = "Number of experts in the model must be greater than 0 when expert parallelism is enabled."
        told = words if engine == "vllm" else None
        return [ShapeFinding("LLM_SHAPE_5", True, "expert parallelism on a model without experts", told)]
    if facts.num_experts % ep:
        return [
            ShapeFinding(
                "LLM_SHAPE_5", False, f"{facts.num_experts} experts do not divide by {ep} expert-parallel ranks"
            )
        ]
    return []


def _groups(facts: ModelFacts, quant: QuantFacts, tp: int, ep: int, kernels: Kernels) -> list[ShapeFinding]:
    """Only a checkpoint's own configuration refuses.

    A quantization that was only named says neither the group nor whether widths were padded for it.
    """
    known = facts.verified and quant == facts.quantization
    return [
        ShapeFinding("LLM_SHAPE_6", item.fatal and known, item.message, item.words)
        for item in misfits(facts, quant, tp, ep, kernels)
    ]
