"""What stops a configuration of ``llminfra fit`` beside its memory: the findings that ``plan`` has, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.catalog.gpus import Gpu
    from llminfra.planning.memory import FitCase, FitResult


def judge(case: FitCase) -> FitResult:
    """Memory of a case of the command line, and whether the engine starts at all on that device."""
    from llminfra.planning.memory import fit_case
    from llminfra.planning.memory.doubts import (
        beyond_context,
        class_missing,
        device_problems,
        short_of_one,
        told,
        too_few_gpus,
    )
    from llminfra.planning.memory.estimate import facts_for
    from llminfra.planning.memory.refusals import on_device

    # The options say how experts are spread; rows of a file may leave it open.
    asked = case.model_copy(update={"expert_parallel": bool(case.expert_parallel)})
    case = on_device(asked)
    result = fit_case(case)
    facts = None if result.error else facts_for(case)
    if facts is None:
        return result
    problems = device_problems(facts, case)
    notes = [told(item) for item in problems if not item.fatal]
    stops = [(told(item), item.runtime_message) for item in problems if item.fatal]
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
    return result.model_copy(update=update)


def device_of(case: FitCase) -> Gpu | None:
    """The GPU that was taken for what ``--gpu`` says."""
    from llminfra.catalog.gpus import find_gpu, gpu_of_stated_size
    from llminfra.planning.memory.refusals import on_device

    name = on_device(case).gpu
    return (find_gpu(name) or gpu_of_stated_size(name)) if name else None


def machine_line(case: FitCase, result: FitResult) -> str:
    """Engine, release, and the GPUs that were taken, with the memory that their driver reports."""
    from llminfra.catalog import instances

    gpu = device_of(case)
    text = f"{result.engine} {result.engine_version}"
    if gpu is None:
        return text
    count = (result.tensor_parallel or 1) * (result.pipeline_parallel or 1) * (case.data_parallel or 1)
    text += f" on {count} × {gpu.product}, {gpu.memory_gib:.1f} GiB each"
    typed = instances.get((case.gpu or "").strip().lower().removeprefix("ml."))
    if typed is not None and typed.gpu is not None:
        return f"{text}; {typed.name} has {typed.gpu.count}"
    return f"{text} ({gpu.memory_source})" if not gpu.tflops else text
