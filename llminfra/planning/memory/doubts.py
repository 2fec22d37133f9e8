"""What stops a case beside its memory: contexts beyond the model, and what a GPU or a release cannot run.

For ``llminfra fit`` all of it is final. Rows of measured starts (`with_doubts`) state their inputs in part: what an
engine takes once a variable is set, or with files that the row does not name, is a finding there, and memory decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import instances, tgi_models
from llminfra.catalog.engines import engine_release, inner_release, known_versions, release_numbers
from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.model_code import REFUSES_UNKNOWN, missing_code, refusal_words
from llminfra.catalog.models.quantization_names import FORMATS
from llminfra.catalog.tgi_models import Served
from llminfra.planning.hardware.engine_run import EngineRun
from llminfra.planning.hardware.gpu_problem import GpuProblem
from llminfra.planning.memory.device import problems_on
from llminfra.planning.memory.estimate import facts_for
from llminfra.planning.memory.inputs.case import CATALOG_NAMES, SPAN_NODES, FitCase, FitResult
from llminfra.planning.memory.refusals import on_device
from llminfra.planning.memory.releases.settings import quantization, refers
from llminfra.planning.memory.weights.divisibility import OF_SPREADS

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.instances import InstanceType
    from llminfra.catalog.models import ModelFacts

# ModelOpt states its scales in hf_quant_config.json, which a config.json alone does not show.
SCALES_BESIDE_CONFIG = frozenset({"modelopt", "nvfp4"})
# Kernels and classes of a method that need a checkpoint just as the method does.
_SAME_METHOD = {
    "awq_marlin": "awq",
    "auto_awq": "awq",
    "gptq_marlin": "gptq",
    "auto_gptq": "gptq",
    "modelopt_fp4": "nvfp4",
    "gpt_oss_mxfp4": "mxfp4",
    **FORMATS,
}
# vLLM looks at these before it loads weights, and no setting of its own talks it out of them: the dtype, the method and
# the attention kernels against the compute capability (vllm/platforms/cuda.py,
# vllm/model_executor/model_loader/weight_utils.py).
_CERTAIN = frozenset({"LLM_FIT_5", "LLM_FIT_25", "LLM_FIT_53", "LLM_FIT_54", "LLM_FIT_55", "LLM_FIT_58", "LLM_FIT_59"})


def release_of(case: FitCase) -> EngineRelease | None:
    """The catalog's release of the case's engine; None where it names none, or one that the catalog lacks."""
    name = CATALOG_NAMES.get(case.engine)
    if name is None or case.engine_version is None:
        return None
    stated = case.engine_version.strip()
    return engine_release(name, stated) or engine_release(name, f"{stated}.0")


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


def class_missing(facts: ModelFacts, case: FitCase) -> tuple[str, str] | None:
    """A release without code for the model, where another has it or nothing else runs it: the finding, and the words.

    A repository with code of its own may be served by engines that trust it.
    """
    release, engine = _default_release(case), CATALOG_NAMES.get(case.engine, case.engine)
    missing = missing_code(facts, engine, release, named_numbers(case))
    generates = facts.task == "generate"
    certain = engine in REFUSES_UNKNOWN and facts.code is None
    if missing is None or (generates and not missing.elsewhere and not missing.inside and not certain):
        return None
    code, name = ("LLM_FIT_56", str(engine)) if generates else ("LLM_TASK_3", "vLLM")
    since = f"; {name} {missing.elsewhere} has" if missing.elsewhere else ""
    since = f"; {missing.inside} has, which no container has that is known here" if missing.inside else since
    text = f"{code}: {name} {_release_words(case, release)} has no code for {missing.name}{since}"
    return text, refusal_words(engine, missing, facts)


def served_by_library(facts: ModelFacts, case: FitCase) -> str | None:
    """A model that TGI gives to the Transformers library, whose memory is not what is planned."""
    numbers = named_numbers(case)
    if case.engine != "tgi" or not numbers or not tgi_models.knows(numbers) or not facts.config_type:
        return None
    kind, at = facts.config_type, f"LLM_FIT_66: tgi {case.engine_version}"
    how = tgi_models.served_by(numbers, kind)
    if how is Served.OWN and not tgi_models.pages(numbers, kind):
        return f"{at} serves {kind} {tgi_models.costs(how)}"
    if how not in {Served.CUT, Served.WHOLE}:
        return None
    return f"{at} has no code of its own for {kind}, and serves it by the Transformers library: {tgi_models.costs(how)}"


def named_numbers(case: FitCase) -> tuple[int, ...]:
    """Numbers of the release that a case names; empty where it names a month, a commit or none."""
    numbers = release_numbers(case.engine_version or "")
    return numbers if len(numbers) > 1 else ()


def _default_release(case: FitCase) -> EngineRelease | None:
    """The release, or of TensorRT-LLM the one whose classes are known."""
    found = release_of(case)
    return found or (engine_release("trtllm", known_versions("trtllm")[-1]) if case.engine == "trtllm" else None)


def _release_words(case: FitCase, release: EngineRelease | None) -> str:
    named = case.engine_version or (release.version if release else "")
    if release is None or (inner := inner_release(release)) is release:
        return named
    return f"{named} (vLLM {inner.version} inside)"


def too_few_gpus(case: FitCase, result: FitResult) -> tuple[str, bool] | None:
    """An instance type that is named as the GPU and has fewer of them than the spread: what to say, and if it stops.

    Several instances are joined whole, by vLLM and SGLang, with EFA where tensor parallelism crosses them.
    """
    typed = instances.get((case.gpu or "").strip().lower().removeprefix("ml."))
    if typed is None or typed.gpu is None:
        return None
    tp, pp = result.tensor_parallel or 1, result.pipeline_parallel or 1
    wanted, count = tp * pp * (case.data_parallel or 1), typed.gpu.count
    if wanted <= count:
        return None
    has = f"{typed.name} has {count} GPU{'s' if count > 1 else ''}, and the spread asks for {wanted}"
    if case.engine not in SPAN_NODES:
        more = _with_more(typed, wanted)
        return f"LLM_FIT_16: {has}; {case.engine} does not span instances: {more}", True
    crosses = tp % count == 0 and count > 1 and bool(typed.efa_interfaces)
    if wanted % count or not (count % tp == 0 or crosses):
        return f"LLM_FIT_6: {has}; {_with_more(typed, wanted)}", True
    text = f"LLM_FIT_11: {has}: {wanted // count} instances"
    if count % tp == 0:
        return f"{text}, each with whole stages", False
    return (
        f"{text}, and tensor parallelism crosses them: tensor {count} and pipeline {wanted // count} send less",
        False,
    )


def _with_more(typed: InstanceType, wanted: int) -> str:
    """The type with the fewest GPUs of the kind that are enough; of as many the one with the least beside them."""
    device = typed.gpu.device if typed.gpu else ""
    found = [
        (item.gpu.count, item.vcpu, item.name)
        for item in instances.all_gpu_types()
        if item.gpu is not None and item.gpu.device == device and item.gpu.count >= wanted
    ]
    if not found:
        return "name a type with more"
    count, _, name = min(found)
    return f"name a type with more: {name} has {count}"


def device_problems(facts: ModelFacts, case: FitCase) -> tuple[GpuProblem, ...]:
    """What the device, or the release on it, cannot run; nothing where the catalog lacks the device."""
    gpu = find_gpu(case.gpu) if case.gpu else None
    if gpu is None:
        return ()
    requested = (case.quantization or "").strip().lower() or None
    requested = _SAME_METHOD.get(requested, requested) if requested else None
    other = refers(facts, case)
    run = EngineRun(
        engine=case.engine,
        release=release_of(case),
        quant=quantization(facts, case) if other else facts.quantization,
        # A copy of another model's architecture is quantized as it says.
        requested=None if other or requested == "none" else requested,
        dtype=_dtype(case),
        kv_cache_dtype=None if case.kv_cache_dtype == "auto" else case.kv_cache_dtype,
        text_only=bool(case.language_model_only),
        named=named_numbers(case),
        longest=case.max_model_len,
    )
    found = problems_on(gpu, facts, run)
    if case.config is not None and requested in SCALES_BESIDE_CONFIG:
        return tuple(item for item in found if item.code != "LLM_FIT_23")
    return found


def short_of_one(result: FitResult) -> str | None:
    """An engine that starts and has no room for one request of full length: SGLang, and vLLM before it checked."""
    if not result.fits or result.max_concurrency is None or result.max_concurrency >= 1:
        return None
    return (
        f"LLM_FIT_12: the engine starts, and its cache holds {result.kv_cache_tokens or 0:,} tokens: no request of"
        f" {result.max_model_len or 0:,} tokens fits"
    )


def told(problem: GpuProblem) -> str:
    """``CODE: what is wrong; what to change``."""
    return f"{problem.code}: {problem.message}; {problem.fix}"


def with_doubts(case: FitCase, result: FitResult) -> FitResult:
    """``result`` with what may stop the case as findings; it does not fit where the engine is certain to refuse."""
    facts = None if result.error else facts_for(case)
    if facts is None:
        return result
    notes = []
    if (length := beyond_context(facts, case)) is not None:
        notes.append(
            f"{length[0]}: the engine refuses this without VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 or a rope scaling that the"
            " model's config does not have; memory is counted as if it started"
        )
    if (few := too_few_gpus(case, result)) is not None:
        notes.append(few[0])
    if (short := short_of_one(result)) is not None:
        notes.append(f"{short}; lower max_model_len to that or less")
    placed = on_device(case)
    problems = device_problems(facts, placed)
    notes += [told(item) for item in problems]
    result = result.model_copy(update={"findings": tuple(dict.fromkeys((*result.findings, *notes)))})
    fatal = next((item for item in problems if _is_certain(item, case)), None)
    if fatal is None or result.reason.startswith(OF_SPREADS):
        return result
    update = {"fits": False, "reason": told(fatal), "engine_error": fatal.runtime_message, "estimated_max_len": None}
    return result.model_copy(update=update)


def _is_certain(problem: GpuProblem, case: FitCase) -> bool:
    # SGLang takes float16 where the device lacks bfloat16.
    return problem.fatal and problem.code in _CERTAIN and case.engine == "vllm"


def _dtype(case: FitCase) -> str | None:
    name = (case.dtype or "auto").strip().lower().removeprefix("torch.")
    return None if name == "auto" else {"bf16": "bfloat16"}.get(name, name)
