"""Models whose answer is no text: what a release of vLLM keeps for them, and how it batches them.

Sources: ``_initialize_kv_caches`` of vllm/v1/engine/core.py 0.10.1-0.33.0 (a model without cached layers is neither
profiled nor refused, and gets one block that takes no memory); ``LLMEngine.__init__`` of vllm/engine/llm_engine.py
0.8.5-0.10.0 (the V0 engine makes no cache for pooling models at all); ``is_chunked_prefill_supported`` of
vllm/config/model.py 0.27.1.
"""

from __future__ import annotations

from msgspec.structs import replace

from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.tasks import Task
from llminfra.planning.memory.releases.engine_profile import EngineProfile

POOLING_ON_V1 = (0, 9, 2)
"""First release that runs decoders that embed or rank on its V1 engine, with a cache: its predecessor's
``_is_v1_supported_oracle`` falls back for every task but ``generate``."""
ENCODERS_ON_V1 = (0, 10, 1)
"""First release that runs encoders on V1: their classes are ``SupportsV0Only`` before (bert.py, roberta.py)."""
WHISPER_ON_V1 = (0, 10, 2)
"""First release that runs Whisper on V1 (whisper.py is ``SupportsV0Only`` until 0.10.1.1)."""
LONGER_BATCH = (0, 11, 1)
"""First release whose batch of uncut inputs is at least the usual one; before, it is one input of full length."""
TEXTS: frozenset[Task] = frozenset({"generate", "transcribe"})
"""Tasks whose answer is text."""


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
    return facts.encoder_only or (not facts.generative and profile.version < POOLING_ON_V1)


def takes_whole(facts: ModelFacts) -> bool:
    """Whether an input must fit one step: tokens that see the whole of it cannot come in pieces."""
    return facts.encoder_only or facts.hears


def whole_batch(facts: ModelFacts, profile: EngineProfile, *, usual: int, length: int, sequences: int) -> int:
    """Default of ``max_num_batched_tokens`` where inputs are not cut."""
    if facts.hears or profile.version >= LONGER_BATCH:
        return min(max(length, usual), sequences * length)
    return length
