"""vLLM's second model runner (``vllm/v1/worker/gpu``): which models it runs, and what it does about memory.

It came with 0.22 for one architecture and is the default of every model since 0.29 (``VllmConfig.use_v2_model_runner``
of vllm/config/vllm.py). Its profiling run samples greedily, and its graphs are reserved for since 0.29 only.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.mixers import Attention, Mla
from llminfra.planning.memory.releases.engine_profile import EngineProfile
from llminfra.planning.memory.releases.settings import Settings
from llminfra.planning.memory.shapes import cdiv

LISTED, DENSE, EVERY = "listed", "dense", "all"
COUNT_BYTES = 4
"""Of ``output_bin_counts``: an int32 for each sequence and token of the vocabulary; ``prompt_bin_mask`` beside it has a
bit for each (vllm/v1/worker/gpu/sample/penalties.py 0.22.1-0.33.0)."""


class Guessing(Struct, frozen=True):
    """How tokens are guessed (``FitCase.speculative_method``; empty for not at all), and over how many stages."""

    method: str = ""
    stages: int = 1


def second_runner(
    facts: ModelFacts,
    profile: EngineProfile,
    *,
    quantized: bool,
    asked: bool | None = None,
    guessing: Guessing | None = None,
) -> bool:
    """Whether the release runs the model with its second runner, as ``VLLM_USE_V2_MODEL_RUNNER`` asks or by default."""
    if asked is not None and profile.v2_models:
        return asked
    if guessing is not None and not _knows(profile, guessing):
        return False
    if profile.v2_models == EVERY:
        return True
    if not profile.v2_models or not facts.generative or (quantized and not profile.v2_quantized):
        return False
    listed = facts.architecture in profile.v2_architectures
    if profile.v2_models == LISTED:
        return listed
    attends = any(isinstance(layer.mixer, Attention | Mla) for layer in facts.kinds_of_layers)
    return listed or (attends and not facts.is_hybrid and not facts.is_moe)


def _knows(profile: EngineProfile, guessing: Guessing) -> bool:
    if guessing.method == "eagle3" and guessing.stages > 1 and not profile.v2_eagle3_in_stages:
        return False
    return not guessing.method or guessing.method in profile.v2_guesses


def runner_rules(
    facts: ModelFacts,
    profile: EngineProfile,
    *,
    quantized: bool,
    asked: bool | None = None,
    guessing: Guessing | None = None,
) -> EngineProfile:
    """Rules of the release for this model: the first runner's, or those of the second where it is taken."""
    if not second_runner(facts, profile, quantized=quantized, asked=asked, guessing=guessing):
        return profile
    return replace(
        profile,
        runs_v2=True,
        sampler=profile.v2_sampler or profile.sampler,
        warms_up_sampler=profile.v2_sampler != "",
        reserves_cuda_graphs=profile.reserves_cuda_graphs and profile.v2_reserves_graphs,
        profiles_encoder=profile.v2_profiles_encoder,
        checked_guess_bytes=0,
    )


def sampler_state_bytes(facts: ModelFacts, profile: EngineProfile, settings: Settings) -> int:
    """Counts of tokens that the second runner keeps on the device for penalties."""
    if not profile.runs_v2 or not facts.generative:
        return 0
    words = cdiv(facts.vocab_size, 32)
    return settings.max_num_seqs * (facts.vocab_size * COUNT_BYTES + words * 4)
