"""Models that engines do not run in float16, in which others fall back where a GPU has no bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.catalog.engines import is_since
from llminfra.planning.facts import number, numbers
from llminfra.planning.hardware.gpu_problem import GpuProblem, from_capability

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts


def float16_refused_since(engine: str, architecture: str) -> str | None:
    """Release of vLLM since which a model's class is refused in float16; ``None`` where it never is.

    With ``dtype="auto"`` such a model is run in float32 on GPUs without bfloat16 (``_resolve_auto_dtype`` of
    vllm/config/model.py 0.9.1 to 0.33.0).
    """
    since: dict[str, str] = numbers("gpu_support")["no_float16_since"]["value"]
    return since.get(architecture) if engine == "vllm" else None


def falls_to_float32(
    gpu: Gpu, facts: ModelFacts, engine: str, release: EngineRelease | None, dtype: str | None
) -> bool:
    """Whether a bfloat16 model is run in float32, because the GPU has no bfloat16 and the engine no float16 for it."""
    since = float16_refused_since(engine, facts.architecture)
    lacks = gpu.capability < number("gpu_support", "bfloat16") and "bfloat16" in facts.dtype
    return dtype is None and lacks and since is not None and (release is None or is_since(release, since))


def dtype_problems(
    gpu: Gpu, facts: ModelFacts, *, engine: str, release: EngineRelease | None, method: str | None, dtype: str | None
) -> Iterator[GpuProblem]:
    """Quantized weights in a model that is run in float32, which few methods multiply with.

    Args:
        gpu: The device.
        facts: The model.
        engine: Engine name of the catalog; vLLM's methods are known.
        release: Its release, where the catalog has it.
        method: Quantization in force.
        dtype: Declared dtype; ``None`` follows the checkpoint and the GPU.
    """
    until: dict[str, str] = numbers("weight_kernels")["no_float32"]["value"]
    if engine != "vllm" or method not in until:
        return
    fallen = falls_to_float32(gpu, facts, engine, release, dtype)
    if not fallen and dtype != "float32":
        return
    if until[method] and (release is None or is_since(release, until[method])):
        return
    least = int(number("gpu_support", "bfloat16"))
    why = f": {gpu.product} has no bfloat16, and {facts.architecture} is not run in float16" if fallen else ""
    yield GpuProblem(
        code="LLM_FIT_59",
        fatal=True,
        field="model.dtype",
        message=f"vLLM multiplies {method} weights with nothing in float32{why}",
        found=f"float32 with {method} weights",
        expected=from_capability(least) if fallen else "dtype='auto', which is the checkpoint's 16 bit",
        fix="use a GPU that has bfloat16 (A10G, L4 and later), or weights by bitsandbytes or in 16 bit"
        if fallen
        else "leave dtype out",
        runtime_message=f"ValueError: torch.float32 is not supported for quantization method {method}.",
    )
