"""What stops a configuration of ``llminfra fit`` beside its memory: the findings that ``plan`` has, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.cli.fit_request import release_of

if TYPE_CHECKING:
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.gpu_support import GpuProblem
    from llminfra.planning.memory import FitCase, FitResult

# ModelOpt states its scales in hf_quant_config.json, which a config.json alone does not show.
_SCALES_BESIDE_CONFIG = frozenset({"modelopt", "nvfp4"})
_MODELLED = frozenset({"vllm", "sglang", "tgi"})
# Kernels and classes of a method that need a checkpoint just as the method does.
_SAME_METHOD = {
    "awq_marlin": "awq",
    "auto_awq": "awq",
    "gptq_marlin": "gptq",
    "auto_gptq": "gptq",
    "modelopt_fp4": "nvfp4",
    "gpt_oss_mxfp4": "mxfp4",
}


def judge(case: FitCase) -> FitResult:
    """Memory of a case of the command line, and whether the engine starts at all on that device."""
    from llminfra.planning.memory import fit_case
    from llminfra.planning.memory.estimate import facts_for
    from llminfra.planning.memory.refusals import on_device

    # The options say how experts are spread; rows of a file may leave it open.
    case = on_device(case.model_copy(update={"expert_parallel": bool(case.expert_parallel)}))
    result = fit_case(case)
    facts = None if result.error else facts_for(case)
    if facts is None:
        return result
    problems = _problems(facts, case)
    notes = [f"{item.code}: {item.message}; {item.fix}" for item in problems if not item.fatal]
    stops = [(f"{item.code}: {item.message}; {item.fix}", item.runtime_message) for item in problems if item.fatal]
    if (length := beyond_context(facts, case)) is not None:
        stops.insert(0, length)
    if _not_counted(facts, case):
        notes.append(f"how {case.quantization} stores weights is not modelled: they are counted in 16 bit")
    if case.engine not in _MODELLED:
        notes.append(f"the memory of {case.engine} is not modelled: the rules of vLLM that reserve the most are taken")
    if result.fits and result.max_concurrency is not None and result.max_concurrency < 1:
        notes.append(
            f"LLM_FIT_12: the engine starts, and its cache holds {result.kv_cache_tokens or 0:,} tokens: no request of"
            f" {result.max_model_len or 0:,} tokens fits; set --max-model-len to that or less"
        )
    update: dict[str, object] = {"findings": (*result.findings, *notes)}
    if stops:
        listed = [text for text, _ in stops]
        update["findings"] = (*result.findings, *listed, *notes)
        if not result.reason.startswith("LLM_SHAPE"):
            update |= {"fits": False, "reason": stops[0][0], "engine_error": stops[0][1]}
    return result.model_copy(update=update)


def beyond_context(facts: ModelFacts, case: FitCase) -> tuple[str, str] | None:
    """A context that the model was not made for: the finding, and the engine's words."""
    longest = facts.max_position_embeddings
    if not case.max_model_len or not longest or case.max_model_len <= longest:
        return None
    text = f"LLM_FIT_4: {facts.model_id} was made for {longest:,} tokens, not {case.max_model_len:,}"
    words = (
        f"User-specified max_model_len ({case.max_model_len}) is greater than the derived max_model_len"
        f" (max_position_embeddings={longest})"
    )
    return text, words


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


def _problems(facts: ModelFacts, case: FitCase) -> tuple[GpuProblem, ...]:
    from llminfra.catalog.gpus import find_gpu
    from llminfra.planning.gpu_support import gpu_problems

    # What a device that the catalog lacks can run is not known.
    gpu = find_gpu(case.gpu) if case.gpu else None
    if gpu is None:
        return ()
    requested = _SAME_METHOD.get(case.quantization, case.quantization) if case.quantization else None
    found = gpu_problems(
        gpu,
        engine=case.engine,
        release=release_of(case),
        quant=facts.quantization,
        requested=requested,
        dtype=case.dtype,
        checkpoint_dtype=facts.dtype,
        kv_cache_dtype=None if case.kv_cache_dtype == "auto" else case.kv_cache_dtype,
    )
    if case.config is not None and requested in _SCALES_BESIDE_CONFIG:
        return tuple(item for item in found if item.code != "LLM_FIT_23")
    return found


def _not_counted(facts: ModelFacts, case: FitCase) -> bool:
    from llminfra.planning.memory.settings import quantization

    return case.quantization is not None and quantization(facts, case) is None
