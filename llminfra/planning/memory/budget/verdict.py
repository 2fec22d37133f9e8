"""Whether vLLM starts with the memory that was found, and what it would say if not."""

from __future__ import annotations

from msgspec import Struct

from llminfra.planning.memory.budget import messages
from llminfra.planning.memory.budget.doubt import Doubt, base_gib
from llminfra.planning.memory.cache.kv_plan import CachePlan
from llminfra.planning.memory.releases.engine_profile import EngineProfile
from llminfra.planning.memory.releases.settings import Settings

TIGHT = "LLM_MEM_6"


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether the engine starts.

    Attributes:
        fits: It does.
        code: ``LLM_MEM_0`` when it does, ``LLM_MEM_6`` when by less than the estimate may be wrong; see the
            functions for the others.
        text: One sentence.
        engine_error: What the engine would print, None when it starts.
    """

    fits: bool
    code: str
    text: str
    engine_error: str | None = None

    @property
    def reason(self) -> str:
        """Code and sentence."""
        return f"{self.code}: {self.text}"


class Found(Struct, frozen=True, kw_only=True):
    """Memory of one rank in GiB, as far as the verdict needs it.

    Attributes:
        total: What the driver reports.
        limit: What the engine may use.
        weights: Largest rank.
        loading: What it takes while it loads, more where it is quantized then.
        activation: Peak of the profiling run.
        available: Left for the cache.
        usable: The same without what the engine holds back.
        needed: Cache of one request of the context length.
        longest: Longest request that fits.
        tokens: As the engine prints them.
        state_blocks: Blocks that recurrent states can take, one for each sequence; None where there are none.
        context: CUDA context and what is made before the engine looks at the device.
        beside: What comes beside the budget, by name.
        idle: What the budget sets aside for the profiling run that no later step of the start takes.
        doubt: How far ``available`` may be too high.
    """

    total: float
    limit: float
    weights: float
    loading: float
    activation: float
    available: float
    usable: float
    needed: float
    longest: int
    tokens: int
    state_blocks: int | None
    context: float
    beside: dict[str, float]
    doubt: Doubt
    idle: float = 0.0


def vllm_verdict(profile: EngineProfile, settings: Settings, plan: CachePlan, found: Found) -> Verdict:
    """The first reason why the engine does not start, or that it starts, tightly or not."""
    length, total, limit = settings.max_model_len, found.total, found.limit
    checked = bool(plan.groups) and profile.checks_length
    if (large := weights_too_large(found.weights, total, found.context)) is not None:
        return large
    if found.loading > total - found.context:
        text = (
            f"the weights take {found.loading:.2f} GiB of the {total:.2f} GiB that the GPU has before they are"
            " quantized: this release loads them whole, 0.16 quantizes as it loads; take a checkpoint that is quantized"
        )
        return Verdict(fits=False, code="LLM_MEM_1", text=text, engine_error=messages.out_of_memory(total))
    if found.available <= 0:
        text = f"nothing is left for the cache: {-found.available:.2f} GiB too little after weights and activations"
        return Verdict(fits=False, code="LLM_MEM_2", text=text, engine_error=messages.no_blocks(profile))
    if checked and found.needed > found.usable:
        text = (
            f"one request of {length} tokens needs {found.needed:.2f} GiB of cache and {found.usable:.2f} GiB are left"
        )
        if found.longest:
            text += f"; up to {found.longest} tokens would start"
        error = messages.too_long(profile, length, found.needed, found.available, found.longest, found.tokens)
        return Verdict(fits=False, code="LLM_MEM_3", text=text, engine_error=error)
    blocks = found.state_blocks
    if blocks is not None and settings.max_num_seqs > blocks:
        text = (
            f"max_num_seqs {settings.max_num_seqs} exceeds the {blocks} blocks of the cache, of which every sequence"
            f" takes one for its recurrent state; at most {blocks} would start"
        )
        error = messages.too_few_states(settings.max_num_seqs, blocks)
        return Verdict(fits=False, code="LLM_MEM_7", text=text, engine_error=error)
    if (short := share_not_free(profile, settings, total, found.context)) is not None:
        return short
    beside = sum(found.beside.values())
    over = limit + beside - total
    names = parts_in_words(found.beside)
    around = f"{names} take {beside:.2f} GiB beside the budget of {limit:.2f} GiB, and the GPU has {total:.2f} GiB"
    if 0 <= over < found.idle - base_gib():
        text = f"{_words(found)}, but tightly: {around}; the largest batch or image may find {over:.2f} GiB too little"
        return Verdict(fits=True, code=TIGHT, text=text)
    if over >= 0:
        return Verdict(fits=False, code="LLM_MEM_5", text=around, engine_error=messages.out_of_memory(total))
    return _starts(profile, found, spare=found.usable - (found.needed if checked else 0.0), left=total - limit - beside)


def weights_too_large(weights: float, total: float, context: float) -> Verdict | None:
    """The refusal of weights that the device does not hold, in GiB; None where it does."""
    if weights <= total - context:
        return None
    text = f"the weights take {weights:.2f} GiB of the {total:.2f} GiB that the GPU has"
    return Verdict(fits=False, code="LLM_MEM_1", text=text, engine_error=messages.out_of_memory(total))


def share_not_free(profile: EngineProfile, settings: Settings, total: float, context: float) -> Verdict | None:
    """The refusal of a share of ``total`` GiB that the CUDA context leaves no room for; None where it does."""
    limit, free = total * settings.utilization, total - context
    if limit <= free or not profile.checks_free:
        return None
    text = f"gpu_memory_utilization {settings.utilization} asks for {limit:.2f} GiB and the CUDA context leaves less"
    error = messages.not_free(free, total, settings.utilization, limit)
    return Verdict(fits=False, code="LLM_MEM_4", text=text, engine_error=error)


def _starts(profile: EngineProfile, found: Found, *, spare: float, left: float) -> Verdict:
    starts = _words(found)
    off_by = found.doubt.gib
    if spare < off_by:
        text = f"{starts}, but tightly: {spare:.2f} GiB are spare and the estimate may be {off_by:.2f} GiB too high"
        text += found.doubt.why
        return Verdict(fits=True, code=TIGHT, text=text)
    if left < base_gib() and profile.checks_length:
        text = f"{starts}, but tightly: {left:.2f} GiB of the device are left beside the budget"
        return Verdict(fits=True, code=TIGHT, text=text)
    return Verdict(fits=True, code="LLM_MEM_0", text=starts)


def _words(found: Found) -> str:
    return f"starts with {found.available:.2f} GiB of cache, {found.tokens} tokens"


def parts_in_words(parts: dict[str, float]) -> str:
    """Names of the parts that are there: "graphs, CUDA context and recurrent states"."""
    names = [name for name, gib in parts.items() if gib > 0]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"
