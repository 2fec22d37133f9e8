"""Models whose answer is no text: what a release of vLLM keeps for them, and how it batches them.

Sources: ``_initialize_kv_caches`` of vllm/v1/engine/core.py 0.10.1-0.33.0 (a model without cached layers is neither
profiled nor refused, and gets one block that takes no memory); what changes by release is in
``data/engine_memory.json`` with its source.
"""

from __future__ import annotations

from msgspec.structs import replace

from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.tasks import TEXTS, Task
from llminfra.planning.memory.releases.engine_profile import EngineProfile


def as_task(facts: ModelFacts, task: Task | None) -> ModelFacts:
    """The model, served for ``task``: without head and sampler where the answer is no text."""
    if task is None or task == facts.task:
        return facts
    return replace(facts, task=task, generative=task in TEXTS)


def unfit(facts: ModelFacts, task: Task | None) -> str | None:
    """Why a model cannot do what it was not made for; None where it can."""
    if task is None or task == facts.task:
        return None
    if facts.hears or task == "transcribe":
        return "of speech models llminfra knows Whisper, which does this alone"
    if facts.encoder_only and task == "generate":
        return "it is an encoder, whose tokens see the whole input, and writes none"
    if facts.task != "embed" and task == "embed" and facts.encoder_only:
        return "its last layer was trained for the head behind it, not to be compared"
    if task in {"rerank", "classify", "reward"}:
        return "it has no head that was trained for it"
    return None


def is_cacheless(facts: ModelFacts, profile: EngineProfile) -> bool:
    """Whether the engine keeps nothing between steps, so that what it does not need stays free."""
    return facts.encoder_only or (not facts.generative and not profile.pools_with_cache)


def takes_whole(facts: ModelFacts) -> bool:
    """Whether an input must fit one step: tokens that see the whole of it cannot come in pieces."""
    return facts.encoder_only or facts.hears


def whole_batch(facts: ModelFacts, profile: EngineProfile, *, usual: int, length: int, sequences: int) -> int:
    """Default of ``max_num_batched_tokens`` where inputs are not cut."""
    if facts.hears or profile.whole_in_usual_batch:
        return min(max(length, usual), sequences * length)
    return length
