"""What a start takes once the cache is there, of what the profiling run's peak set aside and beside it.

The cache leaves room for that peak, and the allocator has given all of it back by then: ``empty_cache`` after the run,
in ``memory_profiling`` (vllm/utils/mem_utils.py 0.29.0, before in vllm/utils.py) and, with V0, in
``determine_num_available_blocks`` (vllm/worker/worker.py 0.7.3). Capturing graphs and warming up the sampler use it
again (``compile_or_warm_up_model`` of vllm/v1/worker/gpu_worker.py 0.8.3 to 0.33.0), the sampler of V0 with its first
requests; the largest batch and the largest images come with requests alone.
"""

from __future__ import annotations

from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.peak.activation import SAMPLER_BYTES, ActivationPeak
from llminfra.planning.memory.peak.forward_peak import Batch, expert_workspace
from llminfra.planning.memory.peak.overhead import captured_sizes
from llminfra.planning.memory.releases.engine_profile import EngineProfile
from llminfra.planning.memory.releases.settings import Settings

CHECKED_BYTES = 2 + 4
"""Of each logit where guesses are checked: as the model gives it, and its copy in fp32
(vllm/v1/worker/gpu/sample/sampler.py 0.22.0-0.33.0)."""


def later_bytes(
    facts: ModelFacts, profile: EngineProfile, settings: Settings, batch: Batch, peak: ActivationPeak
) -> float:
    """Most that a step of the start has at once after the cache was made, beside weights, cache and graphs."""
    kept = peak.kept + max((expert_workspace(layer, facts, batch) for layer in facts.layers), default=0)
    largest = 0 if settings.eager else captured_sizes(facts, profile, settings)[2]
    run = max(largest, min(batch.sequences, batch.tokens)) / batch.tokens * peak.forward
    return kept + max(run, _sampling(facts, profile, settings, batch, peak))


def _sampling(
    facts: ModelFacts, profile: EngineProfile, settings: Settings, batch: Batch, peak: ActivationPeak
) -> float:
    if not facts.generative:
        return 0.0
    warming = batch.sequences * facts.vocab_size * SAMPLER_BYTES["flashinfer"] if profile.warms_up_sampler else 0
    if profile.runs_v2 and settings.drafted:
        # A step in which every request checks its guesses: warmup_kernels of vllm/v1/worker/gpu/warmup.py 0.22-0.33.0.
        checked = min(batch.sequences * (1 + settings.drafted), batch.tokens)
        warming = max(warming, checked * facts.vocab_size * CHECKED_BYTES)
    return max(peak.logits, warming)
