"""What a case asks to be loaded beside its model, and what is wrong with that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog.models import ModelConfigError
from llminfra.catalog.models.drafts import DraftFacts, draft_from_hf_config, load_draft, suggest_drafts
from llminfra.planning.memory.beside.adapter_bytes import known_modules, named_modules
from llminfra.planning.memory.releases.adapter_rules import (
    EVERYTHING,
    asks_for_adapters,
    expert_names,
    ranks_of,
    serves_adapters,
)
from llminfra.planning.memory.releases.engine_profile import resolve_version, vllm_profile
from llminfra.planning.memory.releases.settings import clean_id

if TYPE_CHECKING:
    from llminfra.catalog.models.facts import ModelFacts
    from llminfra.planning.memory.inputs.case import FitCase

_ENGINES = frozenset({"vllm", "sglang"})
_WITHOUT_DRAFT = frozenset({"ngram", "suffix", "mtp"})
_OF_STATES = frozenset({"eagle", "eagle3", "dflash", "medusa"})


def draft_of(case: FitCase) -> DraftFacts | None:
    """The draft that a case names, None where it names none or one that nobody knows.

    Raises:
        ModelConfigError: Its config states no usable shape.
    """
    name = clean_id(case.draft_model or "")
    if case.draft_config is not None:
        try:
            return draft_from_hf_config(
                case.draft_config, model_id=name or "draft config.json", method=case.speculative_method
            )
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, ModelConfigError):
                raise
            # A file of a shape nobody foresaw is the user's to mend, and no crash.
            msg = f"draft_config of {name or 'the draft'} cannot be read: {type(error).__name__}: {error}"
            raise ModelConfigError(msg) from error
    return load_draft(name) if name else None


def with_tokens(facts: ModelFacts, case: FitCase, draft: DraftFacts | None) -> FitCase:
    """The case with as many tokens guessed as the draft is made for, where nothing is said.

    ``n_predict`` of the draft's config is vLLM's default, too (``SpeculativeConfig``, vllm/config/speculative.py).
    """
    if case.speculative_tokens is not None or (draft is None and case.speculative_method != "mtp"):
        return case
    made_for = (draft.tokens if draft is not None else len(facts.mtp_layers)) or 1
    return case.model_copy(update={"speculative_tokens": made_for})


def guessed_by(facts: ModelFacts, case: FitCase, draft: DraftFacts | None) -> str:
    """How tokens are guessed, as ``FitCase.speculative_method`` names it; empty where they are not, or nobody says."""
    if not case.speculative_tokens:
        return ""
    if case.speculative_method is not None or draft is not None:
        return case.speculative_method or (draft.kind if draft is not None else "")
    return "mtp" if facts.mtp_layers else ""


def problem(facts: ModelFacts, case: FitCase) -> str | None:
    """Why what a case asks for beside its model cannot be computed; None where it can."""
    return _draft_problem(facts, case) or _adapter_problem(facts, case)


def guesses_unnamed(facts: ModelFacts, case: FitCase) -> str | None:
    """Why tokens that are to be guessed cannot be counted: nothing is named that guesses them."""
    if not case.speculative_tokens or case.speculative_method or case.draft_model or case.draft_config:
        return None
    if facts.mtp_layers:
        return None
    return (
        f"`speculative_tokens` {case.speculative_tokens}: {facts.model_id} has no layers that guess tokens, and nothing"
        " else is named that does: name it as `draft_model`, or say `speculative_method` ngram"
    )


def _draft_problem(facts: ModelFacts, case: FitCase) -> str | None:
    method, named = case.speculative_method, bool(case.draft_model or case.draft_config)
    if not named and method in {None, "ngram", "suffix"}:
        return None
    if case.engine not in _ENGINES:
        return f"drafts are counted for vllm and sglang alone, and this is {case.engine}"
    if method in _WITHOUT_DRAFT and named:
        return f"`speculative_method` {method} takes no draft: leave out `draft_model`, or name the draft's method"
    if not named:
        own = method == "mtp" or (case.engine == "sglang" and method == "eagle")
        if own and facts.mtp_layers:
            return None
        if method == "mtp":
            return f"`speculative_method` mtp: {facts.model_id} has no layers that guess tokens"
        return f"`speculative_method` {method} needs a draft: name it as `draft_model`, or give its `draft_config`"
    try:
        draft = draft_of(case)
    except ModelConfigError as error:
        return str(error)
    if draft is None:
        near = ", ".join(suggest_drafts(case.draft_model or ""))
        return (
            f"unknown draft {case.draft_model!r}: name a draft or a model of the catalog"
            + (f" (close: {near})" if near else "")
            + ", or give its config.json as `draft_config`"
        )
    if method is not None and method != draft.kind:
        return f"`speculative_method` is {method}, and {draft.model_id} is a draft by {draft.kind}"
    if draft.kind in _OF_STATES and draft.target_hidden != facts.hidden_size:
        return (
            f"{draft.model_id} takes states of {draft.target_hidden} values, and those of {facts.model_id} have"
            f" {facts.hidden_size}: it is the draft of another model"
        )
    return None


def _adapter_problem(facts: ModelFacts, case: FitCase) -> str | None:
    if not asks_for_adapters(case):
        return None
    if case.engine not in _ENGINES:
        return f"places for adapters are counted for vllm and sglang alone, and this is {case.engine}"
    known = known_modules(facts, expert_names(case.engine)) | ({EVERYTHING} if case.engine == "sglang" else frozenset())
    unknown = [name for name in case.lora_target_modules or () if name not in known]
    if unknown:
        has = ", ".join(named_modules(facts))
        return f"`lora_target_modules`: {facts.model_id} has no {', '.join(unknown)}; it has {has}"
    return None


def refused_adapters(facts: ModelFacts, case: FitCase) -> tuple[str, str] | None:
    """Why vLLM starts with no places for adapters such as these, and its own words; None where it does.

    The release decides; where none is named that can be placed, nothing is said.
    """
    version = resolve_version(case.engine_version)
    if case.engine != "vllm" or not asks_for_adapters(case) or version is None:
        return None
    profile = vllm_profile(version)
    if not serves_adapters(facts, profile):
        name = facts.architecture
        return f"LLM_FIT_35: this release has no adapters for {name}", f"ValueError: {name} does not support LoRA yet."
    rank, ranks = case.max_lora_rank, ranks_of(profile)
    if rank is None or rank in ranks:
        return None
    use = next((item for item in ranks if item >= rank), ranks[-1])
    return (
        f"LLM_FIT_35: vLLM has no kernel for LoRA rank {rank}; use {use}: adapters of lower rank fit into it",
        f"max_lora_rank ({rank}) must be one of {ranks}.",
    )
