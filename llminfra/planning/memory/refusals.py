"""What engines refuse before they look at memory, and where a case runs."""

from __future__ import annotations

from collections.abc import Mapping

from llminfra.catalog import instances
from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import ModelFacts
from llminfra.planning.memory.beside.asked import refused_adapters
from llminfra.planning.memory.inputs.case import FitCase, FitResult
from llminfra.planning.memory.releases.settings import expert_ranks, quantization
from llminfra.planning.memory.stated import stated
from llminfra.planning.memory.weights.divisibility import ShapeFinding, divisibility_findings

_WITHOUT_ENCODERS: Mapping[str, str] = {
    "sglang": "the memory of encoders on SGLang is not modelled",
    "tgi": "Text Generation Inference serves no encoders",
}


def unmodelled(facts: ModelFacts, case: FitCase) -> str | None:
    """Why an engine's memory for a model whose layers see the whole input cannot be told."""
    if not (facts.encoder_only or facts.hears or not facts.generative) or case.engine == "vllm":
        return None
    if not facts.generative and not facts.encoder_only and case.engine == "sglang":
        return None
    why = _WITHOUT_ENCODERS.get(case.engine, f"{case.engine} is not known to serve them")
    return f"LLM_TASK_1: {facts.model_id} is served to {facts.task}, and {why}; vLLM's is known: take engine vllm"


def on_device(case: FitCase) -> FitCase:
    """The case on a GPU of the instance type that it names; on what it names, where that is none."""
    found = instances.get(case.gpu.strip().lower().removeprefix("ml.")) if case.gpu else None
    return case if found is None or found.gpu is None else case.model_copy(update={"gpu": found.gpu.device})


def with_refusal(facts: ModelFacts, case: FitCase, result: FitResult) -> FitResult:
    """``result`` as a failure, in the engine's words, where the layout is one that the engine does not start with."""
    if notes := stated(facts, case):
        result = result.model_copy(update={"findings": (*result.findings, *notes)})
    if (why := unmodelled(facts, case)) is not None:
        figures = (
            "kv_cache_memory_gib",
            "kv_cache_tokens",
            "kv_cache_tokens_at_least",
            "max_concurrency",
            "estimated_max_len",
        )
        unknown = {"fits": None, "reason": why, "engine_error": None, **dict.fromkeys(figures)}
        return result.model_copy(update=unknown)
    if (refused := refused_adapters(facts, case)) is not None:
        result = result.model_copy(
            update={
                "findings": (*result.findings, refused[0]),
                "fits": False,
                "reason": refused[0],
                "engine_error": refused[1],
                "estimated_max_len": None,
            }
        )
    fatal = _refusal(facts, case, result.tensor_parallel or 1, result.pipeline_parallel or 1)
    if fatal is None:
        return result
    listed = result.findings if str(fatal) in result.findings else (*result.findings, str(fatal))
    update = {"fits": False, "reason": str(fatal), "engine_error": fatal.runtime_message, "findings": listed}
    return result.model_copy(update={**update, "estimated_max_len": None})


def _refusal(facts: ModelFacts, case: FitCase, tp: int, pp: int) -> ShapeFinding | None:
    dp = case.data_parallel or 1
    ep = expert_ranks(facts, case, tp, dp)
    if case.expert_parallel and not facts.is_moe:
        ep = tp * dp
    if case.expert_parallel is None and facts.is_moe:
        # Rows of measured starts do not say whether experts were spread whole, which no width forbids: a row of
        # Qwen3-235B-A22B-FP8 started on eight ranks, over which its experts cannot be cut.
        ep = max(ep, 2)
    gpu = find_gpu(case.gpu) if case.gpu else None
    found = divisibility_findings(
        facts,
        tp,
        pp,
        ep=ep,
        quant=quantization(facts, case),
        dcp=case.decode_context_parallel or 1,
        engine=case.engine,
        version=case.engine_version,
        capability=gpu.capability if gpu is not None else None,
    )
    return next((item for item in found if item.fatal), None)
