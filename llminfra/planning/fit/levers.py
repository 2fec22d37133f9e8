"""Changes of one setting that may make a model fit, smallest first; whether one does is for `remedies` to estimate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.catalog.gpus import find_gpu
from llminfra.planning.hardware.engine_run import EngineRun
from llminfra.planning.memory.device import problems_on
from llminfra.planning.selection.changes import (
    LEAST_SEQUENCES,
    fewer_sequences,
    halves,
    has_graphs,
    has_towers,
    has_wide_cache,
    has_wide_weights,
    smaller_steps,
    told,
)
from llminfra.spec.compute.gpu_sharing import TimeSlicing

if TYPE_CHECKING:
    from llminfra.planning.spread.parallelism import Candidate
    from llminfra.planning.spread.spreads import Question

Trials = Iterator[tuple[str, "Question"]]
"""What is changed, in words, and the question with the change."""
Lever = Callable[["Question", "Candidate"], Trials]

BESIDE_BUDGET = frozenset({"LLM_MEM_4", "LLM_MEM_5"})
"""The engine asks for more of the device than is free: a smaller share helps, a smaller cache does not."""
_TOO_LARGE = "LLM_MEM_1"
_MOST_UTILIZATION, _MOST_OF_OTHERS = 0.98, 0.9
_LEAST_UTILIZATION = 0.3
_FEW_ADAPTERS = 16
_LEAST_RANK = 8
_SMALL_MOVE = 0.1


def changed(question: Question, **settings: object) -> Question:
    """The question with other engine settings."""
    return replace(question, case=question.case.model_copy(update=settings))


def small_utilization(question: Question, option: Candidate) -> Trials:
    """A share of the GPU that is a little different, or nearer to the release's default."""
    now, default = option.fit.gpu_memory_utilization or 0.0, _default(question)
    for share in _shares(question, option):
        if abs(share - now) <= _SMALL_MOVE or abs(share - default) <= _SMALL_MOVE:
            yield _share_words(now, share), changed(question, gpu_memory_utilization=share)


def any_utilization(question: Question, option: Candidate) -> Trials:
    """Any other share of the GPU."""
    now = option.fit.gpu_memory_utilization or 0.0
    for share in _shares(question, option):
        yield _share_words(now, share), changed(question, gpu_memory_utilization=share)


def _share_words(now: float, share: float) -> str:
    return f"{'raise' if share > now else 'lower'} gpu_memory_utilization to {share:g}"


def _default(question: Question) -> float:
    release = question.release
    return (release.gpu_memory_utilization if release else None) or _MOST_OF_OTHERS


def _shares(question: Question, option: Candidate) -> list[float]:
    """Hundredths: downwards where too little is free beside the budget, else upwards from what is missing."""
    now, total, have = option.fit.gpu_memory_utilization, option.fit.total_gpu_gib, option.fit.kv_cache_memory_gib
    if (
        not told(question.engine.kind, "gpu_memory_utilization")
        or not now
        or not total
        or have is None
        or option.code == _TOO_LARGE
    ):
        return []
    down = [percent / 100 for percent in range(math.ceil(now * 100) - 1, int(_LEAST_UTILIZATION * 100), -1)]
    if option.code in BESIDE_BUDGET:
        return down
    needed = (option.fit.kv_needed_gib or 0.0) * question.promise.concurrency / option.parallelism.data
    first = max(math.floor(now * 100) + 1, math.ceil((now + (needed - have) / total) * 100))
    most = round(_most_utilization(question) * 100)
    up = [percent / 100 for percent in range(first, min(first + 5, most) + 1)]
    return up + (down[:10] if option.fit.tight else [])


def _most_utilization(question: Question) -> float:
    sharing = question.pool.spec.sharing
    if isinstance(sharing, TimeSlicing):
        return math.floor(100 / sharing.replicas) / 100
    return _MOST_UTILIZATION if question.engine.kind == "vllm" else max(_MOST_OF_OTHERS, _default(question))


def step(question: Question, option: Candidate) -> Trials:
    """Fewer tokens in a scheduler step."""
    for tokens in smaller_steps(question.engine.kind, option.fit, question.case.max_num_seqs):
        yield f"lower max_num_batched_tokens to {tokens:,}", changed(question, max_num_batched_tokens=tokens)


def sequences(question: Question, option: Candidate) -> Trials:
    """Fewer sequences in a batch, but as many as were promised."""
    now = question.case.max_num_seqs or option.fit.max_num_seqs
    least = max(LEAST_SEQUENCES, math.ceil(question.promise.concurrency / option.parallelism.data))
    for count in fewer_sequences(question.engine.kind, now, least):
        yield f"lower max_num_seqs to {count:,}", changed(question, max_num_seqs=count)


def eager(question: Question, option: Candidate) -> Trials:
    """No CUDA graphs."""
    if has_graphs(question.engine.kind, option.fit):
        yield "set enforce_eager=True, which leaves out CUDA graphs", changed(question, enforce_eager=True)


def text_alone(question: Question, _option: Candidate) -> Trials:
    """No towers for images and sound."""
    if has_towers(question.facts, question.case):
        words = "if requests bring text alone, set language_model_only=True"
        words += " instead of limit_mm_per_prompt" if question.case.limit_mm_per_prompt else ""
        yield words, changed(question, language_model_only=True)


def small_cache(question: Question, option: Candidate) -> Trials:
    """Eight bits for every element of the cache."""
    gpu = find_gpu(question.pool.gpu)
    if has_wide_cache(question.engine.kind, question.release, question.facts, option.fit, gpu):
        yield 'set kv_cache_dtype="fp8"', changed(question, kv_cache_dtype="fp8")


def small_weights(question: Question, _option: Candidate) -> Trials:
    """Eight bits for every weight, made while loading."""
    gpu, facts = find_gpu(question.pool.gpu), question.facts
    if gpu is None or not has_wide_weights(facts, question.case):
        return
    run = EngineRun(engine=question.engine.kind, release=question.release, requested="fp8")
    problems = problems_on(gpu, facts, run)
    if not any(item.fatal for item in problems):
        yield 'quantize the weights with Model(quantization="fp8")', changed(question, quantization="fp8")


def adapter_rank(question: Question, _option: Candidate) -> Trials:
    """A smaller largest rank of the adapters."""
    ranks = [item.rank for item in question.endpoint.adapters]
    for rank in halves(max(ranks), _LEAST_RANK) if ranks else ():
        yield f"train the adapters with a rank of at most {rank}", changed(question, max_lora_rank=rank)


def adapter_count(question: Question, _option: Candidate) -> Trials:
    """Fewer adapters on the GPU at once; the others wait in host memory."""
    now = question.endpoint.adapters_on_gpu or len(question.endpoint.adapters)
    for fewer in range(now - 1, 0, -1) if now <= _FEW_ADAPTERS else halves(now, 1):
        yield f"set adapters_on_gpu={fewer}: the others wait in host memory", changed(question, max_loras=fewer)
