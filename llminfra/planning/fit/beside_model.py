"""What extra arguments load beside the model: a draft model with its cache, places for adapters.

The memory model counts both (`memory/beside`). They are added once the model itself is placed, which tells a model that
fits alone from one that does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.models.drafts import load_draft
from llminfra.engines.given import Given, last, switched_on
from llminfra.planning.findings import Findings
from llminfra.planning.fit.fitting import Spread, find_spread
from llminfra.planning.memory import estimate
from llminfra.planning.memory.releases.adapter_rules import default_places
from llminfra.planning.served.memory_options import draft_option, draft_settings, is_mtp, memory_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llminfra.planning.memory import FitCase
    from llminfra.planning.spread.spreads import Question
    from llminfra.spec.endpoint import Parallelism


class Beside(Struct, frozen=True, kw_only=True):
    """Something beside the model: what it is, the option that asks for it, the inputs of the case that count it."""

    what: str
    given: Given
    changes: Mapping[str, object]


def spread_beside(question: Question, options: Sequence[Given], findings: Findings) -> Spread | None:
    """The spread of an endpoint with everything that its extra arguments load; ``None`` leaves a finding."""
    noted = Findings()
    spread = find_spread(question, noted)
    extras = () if spread is None else tuple(_extras(question, options))
    if spread is None or not extras or not question.engine.judged:
        findings.items.extend(noted.items)
        return spread
    tried = Findings()
    update = {name: value for item in extras for name, value in item.changes.items()}
    case = question.case.model_copy(update=update)
    again = find_spread(replace(question, case=case), tried)
    if again is not None:
        findings.items.extend(tried.items)
        return again
    sizes = [_gib(question, item, spread.chosen.parallelism) for item in extras]
    largest = extras[sizes.index(max(sizes))]
    taken = "; ".join(
        f"{item.what}: {size:,.1f} GiB of each GPU at {spread.chosen.shape}"
        for item, size in zip(extras, sizes, strict=True)
    )
    findings.error(
        "LLM_FIT_45",
        question.endpoint,
        f"endpoints.{question.endpoint.name}.engine.{largest.given.path}",
        f"{question.facts.model_id} fits pool {question.pool.name!r}, but not with what this loads beside it",
        found=taken,
        expected="; ".join(dict.fromkeys(item.found for item in tried.items)) or "more memory than this pool has",
        fix="remove it or make it smaller, lower max_model_len or concurrency, or use more GPUs or larger ones",
        runtime_message="torch.OutOfMemoryError: CUDA out of memory",
    )
    return None


def _gib(question: Question, item: Beside, spread: Parallelism) -> float:
    """What one of them takes of a GPU where the model alone was placed; a draft's cache is among the model's."""
    case: FitCase = question.case.model_copy(
        update={**item.changes, "tensor_parallel": spread.tensor, "pipeline_parallel": spread.pipeline}
    )
    found = estimate(question.facts, case)
    return (found.draft_gib if "draft_model" in item.changes else found.adapters_gib) or 0.0


def _extras(question: Question, options: Sequence[Given]) -> Iterator[Beside]:
    endpoint, case = question.endpoint, question.case
    draft = _draft(case, options)
    if draft is not None:
        yield draft
    names = memory_data()["lora"].get(case.engine)
    if names is None or endpoint.adapters or (on := switched_on(options, names["on"])) is None:
        return
    slots, rank = last(options, names["slots"]), last(options, names["rank"])
    usual, usual_rank = default_places(case.engine)
    count = (slots.number if slots else None) or usual
    width = (rank.number if rank else None) or usual_rank
    if width:
        yield Beside(
            what=f"places for {count} adapter{'s' if count > 1 else ''} of rank {width}",
            given=slots or rank or on,
            changes={"enable_lora": True, "max_loras": count, "max_lora_rank": width},
        )


def _draft(case: FitCase, options: Sequence[Given]) -> Beside | None:
    settings, given = draft_settings(case.engine, options), draft_option(case.engine, options)
    draft = load_draft(str(settings.get("model") or ""))
    if draft is None or given is None or is_mtp(case.engine, options):
        return None
    changes: dict[str, object] = {"draft_model": draft.model_id, "speculative_method": draft.kind}
    if str(settings.get("tensor", "")).isdigit():
        changes["draft_tensor_parallel"] = int(str(settings["tensor"]))
    return Beside(what=f"draft model {draft.model_id}", given=given, changes=changes)
