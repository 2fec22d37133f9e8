"""Whether a GPU generation can run a quantization, a dtype and an image: known before any node boots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llminfra.catalog.argument_values import choices_of
from llminfra.catalog.engines import engine_release, is_since, known_versions
from llminfra.catalog.models import WeightFormat
from llminfra.planning.facts import numbers
from llminfra.planning.hardware.attention_support import attention_problems
from llminfra.planning.hardware.checkpoint_methods import checkpoint_problems
from llminfra.planning.hardware.cuda_support import built_for
from llminfra.planning.hardware.float16 import dtype_problems, falls_to_float32
from llminfra.planning.hardware.gpu_problem import GpuProblem, dotted, from_capability
from llminfra.planning.hardware.tgi_attention import tgi_attention_problems
from llminfra.planning.hardware.trtllm_support import trtllm_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts, QuantFacts
    from llminfra.planning.hardware.engine_run import EngineRun

_FILE = "gpu_support"
# Names of checkpoints' methods to the names that engines register them under, the first known one counts.
_ENGINE_NAMES: dict[str, tuple[str, ...]] = {
    "nvfp4": ("modelopt_fp4", "nvfp4"),
    "modelopt_fp4": ("modelopt_fp4", "nvfp4"),
    "mxfp4": ("mxfp4", "gpt_oss_mxfp4"),
    "auto-round": ("auto-round", "inc"),
    "modelopt_mixed": ("modelopt_mixed", "modelopt"),
    "fbgemm_fp8": ("fbgemm_fp8", "fp8"),
    "mxfp8": ("mxfp8", "modelopt_mxfp8"),
}


def _value(fact: str) -> Any:
    return numbers(_FILE)[fact]["value"]


def gpu_problems(gpu: Gpu, facts: ModelFacts, run: EngineRun) -> tuple[GpuProblem, ...]:
    """Everything about the device that stops or slows the engine.

    A container is judged by the engine inside, but for its CUDA.

    Args:
        gpu: The device.
        facts: The model: its attention, and the dtype of the checkpoint's plain tensors.
        run: The engine, its release and settings.
    """
    inside = run.inside
    engine, release, quant, dtype = inside.engine, inside.release, inside.quant, inside.dtype
    method = _method(engine, quant) if quant else inside.requested
    found = [
        *_known(engine, release, inside.requested, quant),
        *_registered(engine, release, quant),
        *(_capable(gpu, engine, release, method) if method else ()),
        *(() if engine == "trtllm" else _native(gpu, quant, method)),
        *_integer_products(gpu, engine, quant),
        *(
            tuple(dtype_problems(gpu, facts, engine=engine, release=release, method=method, dtype=dtype))
            or _bfloat16(gpu, facts, engine, release, dtype)
        ),
        *attention_problems(gpu, facts, inside),
        *_cache_of_checkpoint(engine, method, inside.kv_cache_dtype),
        *built_for(gpu, engine, run.release),
        *checkpoint_problems(engine, inside.numbers, facts, quant, inside.requested),
    ]
    if engine == "tgi":
        found += tgi_attention_problems(
            gpu, facts, inside.numbers, kv_cache_dtype=inside.kv_cache_dtype, longest=inside.longest
        )
    if engine == "trtllm":
        found += trtllm_problems(gpu, facts, inside.numbers, quant)
    return tuple(found)


def _known(
    engine: str, release: EngineRelease | None, requested: str | None, quant: QuantFacts | None
) -> list[GpuProblem]:
    if requested is None:
        return []
    if quant is not None:
        return [] if _is_called(quant, requested) else [_other_checkpoint(quant, requested)]
    names = (release.quantizations() or choices_of(release, "--quantization")) if release else ()
    wanted = _ENGINE_NAMES.get(requested, (requested,))
    if names and release is not None and not any(name in names for name in wanted):
        return [
            GpuProblem(
                code="LLM_FIT_22",
                fatal=True,
                field="model.quantization",
                message=f"{engine} {release.version} has no quantization {requested!r}",
                found=requested,
                expected="one of: " + ", ".join(names),
                fix="use one of these, or a release that has it",
                runtime_message=f"Unknown quantization method: {requested}. Must be one of {list(names)}.",
            )
        ]
    if requested in _value("quantized_checkpoint_only"):
        return [
            GpuProblem(
                code="LLM_FIT_23",
                fatal=True,
                field="model.quantization",
                message=f"{requested} weights must come quantized, and this checkpoint holds plain ones",
                found=f"quantization={requested!r} on a checkpoint without quantization_config",
                expected="a checkpoint quantized like this, or fp8, which is made while loading",
                fix=f"name a repository with {requested} weights, or use quantization='fp8'",
                runtime_message=f"Cannot find the config file for {requested}",
            )
        ]
    return []


def _method(engine: str, quant: QuantFacts) -> str:
    """Name of a checkpoint's method; vLLM has one of its own for matrices that ModelOpt stored in several formats."""
    apart = any(rule.scheme.experts_only for rule in quant.rules)
    mixed = len({rule.scheme.format for rule in quant.rules}) > 1 and not apart
    return "modelopt_mixed" if engine == "vllm" and quant.method == "modelopt" and mixed else quant.method


def _registered(engine: str, release: EngineRelease | None, quant: QuantFacts | None) -> Iterator[GpuProblem]:
    """The release has no class for the method that the checkpoint states."""
    if engine != "vllm" or release is None or quant is None or quant.online:
        return
    wanted = _ENGINE_NAMES.get(quant.method, (quant.method,))
    names = release.quantizations()
    if not names or any(name in names for name in wanted):
        return
    others = [engine_release(release.engine, item) for item in known_versions(release.engine)]
    having = [item.version for item in others if item and any(name in item.quantizations() for name in wanted)]
    spans = f"vllm {having[0]} to {having[-1]}" if having else "another engine"
    yield GpuProblem(
        code="LLM_FIT_22",
        fatal=True,
        field="engine.version",
        message=f"vllm {release.version} has no quantization {quant.method!r}, in which the checkpoint is",
        found=f"{quant.method} weights on vllm {release.version}",
        expected=f"{spans}, or weights in another format",
        fix=f"set version={having[-1]!r}, or take a copy of the model in another format"
        if having
        else "take a copy of the model in another format",
        runtime_message=f"Unknown quantization method: {quant.method}. Must be one of {list(names)}.",
    )


def _is_called(quant: QuantFacts, name: str) -> bool:
    """Whether the name says how the checkpoint is quantized: by its method, or by a format of its weights."""
    formats = {str(rule.scheme.format) for rule in quant.rules}
    return name in {quant.method, *formats, *_ENGINE_NAMES.get(quant.method, ())} or quant.method.startswith(f"{name}_")


def _other_checkpoint(quant: QuantFacts, requested: str) -> GpuProblem:
    """Engines refuse such an argument, so that they are not told: the weights are what they are."""
    return GpuProblem(
        code="LLM_SPEC_8",
        fatal=False,
        field="model.quantization",
        message=f"the checkpoint is quantized by {quant.method}, and is served like that",
        found=f"quantization={requested!r}",
        expected=f"{quant.method}, or no quantization",
        fix=f"leave quantization out, or name a repository with {requested} weights",
    )


def minimum_capability(engine: str, release: EngineRelease | None, method: str) -> int | None:
    """Lowest compute capability times ten for a method, ``None`` where it is not known."""
    names = _ENGINE_NAMES.get(method, (method,))
    if release is not None:
        for name in names:
            if (least := release.min_compute_capability(name)) is not None:
                return least
    table = numbers(_FILE).get(f"{engine}_min_capability")
    if table is None:
        return None
    found = next((name for name in names if name in table["value"]), None)
    if found is None:
        return None
    later = table.get("since", {}).get(found)
    if later is not None and release is not None and is_since(release, later["version"]):
        return int(later["value"])
    return int(table["value"][found])


def _capable(gpu: Gpu, engine: str, release: EngineRelease | None, method: str) -> list[GpuProblem]:
    least = minimum_capability(engine, release, method)
    if least is None or gpu.capability >= least:
        return []
    return [
        GpuProblem(
            code="LLM_FIT_5",
            fatal=True,
            field="model.quantization",
            message=f"{gpu.product} cannot run {method} weights",
            found=f"{method} on compute capability {gpu.compute_capability}",
            expected=from_capability(least),
            fix="use a newer GPU, or weights in another format "
            + ("(GPTQ runs from 7.5)" if engine == "tgi" else "(AWQ and GPTQ run from 7.5)"),
            runtime_message=numbers("tgi_support")["capability_words"]["value"].get(method)
            if engine == "tgi"
            else f"The quantization method {method} is not supported for the current GPU. "
            f"Minimum capability: {least}. Current capability: {gpu.capability}.",
        )
    ]


# vllm/model_executor: quantization/utils/marlin_utils_fp8.py, kernels/linear/nvfp4/marlin.py (0.27.1 and 0.33.0).
_WIDENED: Mapping[str, str] = {"fp8": "FP8", "nvfp4": "FP4"}


def _native(gpu: Gpu, quant: QuantFacts | None, method: str | None) -> list[GpuProblem]:
    formats = {rule.scheme.format for rule in quant.rules} if quant else set()
    names = {
        WeightFormat.FP8: "fp8",
        WeightFormat.MXFP8: "mxfp8",
        WeightFormat.NVFP4: "nvfp4",
    }
    asked = {names[item] for item in formats if item in names} | ({method} if method and not quant else set())
    native: dict[str, int] = _value("native")
    return [
        GpuProblem(
            code="LLM_FIT_24",
            fatal=False,
            field="model.quantization",
            message=f"{gpu.product} has no {name} arithmetic: weights are widened on the way, which saves memory only",
            found=f"{name} on compute capability {gpu.compute_capability}",
            expected=f"{from_capability(native[name])} for speed",
            fix="accept it, or use INT4 weights (AWQ, GPTQ), which are smaller at the same speed",
            runtime_message=f"Your GPU does not have native support for {_WIDENED[name]} computation but "
            f"{_WIDENED[name]} quantization is being used. Weight-only {_WIDENED[name]} compression will be used "
            "leveraging the Marlin kernel."
            if name in _WIDENED
            else None,
        )
        for name in sorted(asked)
        if name in native and gpu.capability < native[name]
    ]


def _integer_products(gpu: Gpu, engine: str, quant: QuantFacts | None) -> Iterator[GpuProblem]:
    """Weights and inputs of eight-bit integers, for whose products newer devices have no kernel."""
    schemes = [rule.scheme for rule in quant.rules] if quant else []
    whole = any(item.format == WeightFormat.INT8 and item.activation_bits == 8 for item in schemes)
    last = _value("int8_products_until").get(engine)
    if not whole or last is None or gpu.capability <= last:
        return
    yield GpuProblem(
        code="LLM_FIT_55",
        fatal=True,
        field="model",
        message=f"{engine} has no kernel on {gpu.product} for weights and inputs of 8-bit integers (W8A8)",
        found=f"W8A8 INT8 on compute capability {gpu.compute_capability}",
        expected=f"compute capability {dotted(last // 10 * 10)} or below, or another format",
        fix="take an FP8 copy of the model, or one with INT4 weights (AWQ, GPTQ), or a GPU before Blackwell",
        runtime_message=f"Int8 not supported on SM{gpu.capability}. Use FP8 quantization instead, or run on older arch "
        "(SM < 100).",
    )


def _bfloat16(
    gpu: Gpu, facts: ModelFacts, engine: str, release: EngineRelease | None, dtype: str | None
) -> list[GpuProblem]:
    least = int(_value("bfloat16"))
    if gpu.capability >= least or "bfloat16" not in (dtype or facts.dtype):
        return []
    declared = dtype is not None
    if falls_to_float32(gpu, facts, engine, release, dtype):
        return [
            GpuProblem(
                code="LLM_FIT_26",
                fatal=False,
                field="model.dtype",
                message=f"{gpu.product} has no bfloat16, and {engine} does not run {facts.architecture} in float16: it "
                "falls back to float32, in which weights and cache take twice the memory",
                found=f"bfloat16 on compute capability {gpu.compute_capability}",
                expected=from_capability(least),
                fix="use a GPU that has bfloat16 (A10G, L4 and later)",
                runtime_message=f"Your device {gpu.product!r} doesn't support torch.bfloat16. Falling back to "
                "torch.float32 for compatibility.",
            )
        ]
    return [
        GpuProblem(
            code="LLM_FIT_25" if declared else "LLM_FIT_26",
            fatal=declared,
            field="model.dtype",
            message=f"{gpu.product} has no bfloat16"
            + ("" if declared else "; engines fall back to float16 or, in older releases, refuse"),
            found=f"bfloat16 on compute capability {gpu.compute_capability}",
            expected="float16",
            fix="set Model(dtype='float16')",
            runtime_message="Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your "
            f"{gpu.product} GPU has compute capability {gpu.compute_capability}. You can use float16 instead by "
            "explicitly setting the `dtype` flag in CLI, for example: --dtype=half.",
        )
    ]


def _cache_of_checkpoint(engine: str, method: str | None, kv_cache_dtype: str | None) -> list[GpuProblem]:
    """Checkpoints that may bring scales of the cache: they are scales of E4M3."""
    if engine not in {"vllm", "djl-lmi"} or kv_cache_dtype != "fp8_e5m2" or method not in _value("scales_of_caches"):
        return []
    return [
        GpuProblem(
            code="LLM_FIT_49",
            fatal=True,
            field="engine.kv_cache_dtype",
            message=f"vLLM keeps no fp8_e5m2 cache beside {method} weights",
            found="kv_cache_dtype='fp8_e5m2'",
            expected="kv_cache_dtype='fp8', which is E4M3, or 'auto'",
            fix="set kv_cache_dtype='fp8'",
            runtime_message="ValueError: fp8_e5m2 kv-cache is not supported with fp8 checkpoints.",
        )
    ]
