"""Whether an engine starts with a case at all: its memory, and what stops it beside that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.memory.doubts import (
    beyond_context,
    class_missing,
    device_problems,
    served_by_library,
    short_of_one,
    told,
    too_few_gpus,
)
from llminfra.planning.memory.estimate import facts_for, fit_case
from llminfra.planning.memory.refusals import on_device
from llminfra.planning.memory.step import small_step

if TYPE_CHECKING:
    from llminfra.planning.memory.inputs.case import FitCase, FitResult


def judge(case: FitCase) -> FitResult:
    """Memory of a case whose options are all known, and whether the engine starts on that device."""
    # The options say how experts are spread; rows of a file may leave it open.
    asked = case.model_copy(update={"expert_parallel": bool(case.expert_parallel)})
    case = on_device(asked)
    result = fit_case(case)
    facts = None if result.error else facts_for(case)
    if facts is None:
        return result
    problems = device_problems(facts, case)
    notes = [told(item) for item in problems if not item.fatal]
    if (library := served_by_library(facts, case)) is not None:
        notes.append(library)
    stops = [(told(item), item.runtime_message) for item in problems if item.fatal]
    if (step := small_step(case, result)) is not None:
        fix = f"set --max-num-batched-tokens {step.sequences} or more, or --max-num-seqs {step.tokens}"
        stops.insert(0, (f"LLM_FIT_43: {step.message}; {fix}", step.runtime_message))
    if (length := beyond_context(facts, case)) is not None:
        stops.insert(0, length)
    if (missing := class_missing(facts, case)) is not None:
        stops.insert(0, missing)
    few = too_few_gpus(asked, result)
    if few is not None and few[1]:
        stops.append((few[0], None))
    elif few is not None:
        notes.append(few[0])
    if (short := short_of_one(result)) is not None:
        notes.append(f"{short}; set --max-model-len to that or less")
    update: dict[str, object] = {"findings": (*result.findings, *notes)}
    if stops:
        listed = [text for text, _ in stops]
        update["findings"] = (*result.findings, *listed, *notes)
        if not result.reason.startswith("LLM_SHAPE"):
            update |= {"fits": False, "reason": stops[0][0], "engine_error": stops[0][1]}
    if length is not None and result.estimated_max_len:
        update["estimated_max_len"] = min(result.estimated_max_len, facts.max_position_embeddings)
    return result.model_copy(update=update)
