"""What stops or slows an engine on a device before memory counts: arithmetic, kernels, and code for the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog.engines import inner_release
from llminfra.catalog.models import quantization_from_name
from llminfra.planning.hardware.gpu_problem import GpuProblem
from llminfra.planning.hardware.gpu_support import gpu_problems
from llminfra.planning.memory.weights.weight_kernels import weight_problems

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts, QuantFacts


# Where the whole method has no kernels there, its formats need not be told one by one.
_NO_METHOD = "LLM_FIT_5"


def problems_on(
    gpu: Gpu,
    facts: ModelFacts,
    *,
    engine: str,
    release: EngineRelease | None,
    quant: QuantFacts | None,
    requested: str | None,
    dtype: str | None,
    kv_cache_dtype: str | None,
    text_only: bool = False,
    named: tuple[int, ...] = (),
    longest: int | None = None,
) -> tuple[GpuProblem, ...]:
    """Everything about the device that stops or slows the engine, whatever the memory is.

    Args:
        gpu: The device.
        facts: The model.
        engine: Engine name of the catalog.
        release: Its release, where the catalog has it.
        quant: How the checkpoint is quantized; ``None`` for plain weights.
        requested: Quantization that the spec names, which plain weights get while they are loaded.
        dtype: Declared dtype; ``None`` follows the checkpoint.
        kv_cache_dtype: Declared type of the cache; ``None`` follows the model.
        text_only: The model's encoders are left out.
        named: Numbers of the release as it was named, where the catalog may lack it.
        longest: Tokens of the longest request.
    """
    found = gpu_problems(
        gpu,
        facts,
        engine=engine,
        release=release,
        quant=quant,
        requested=requested,
        dtype=dtype,
        kv_cache_dtype=kv_cache_dtype,
        text_only=text_only,
        named=named,
        longest=longest,
    )
    if any(item.code == _NO_METHOD for item in found):
        return found
    if release is not None and (inner := inner_release(release)) is not release:
        engine, release = inner.engine, inner
    made = quantization_from_name(requested) if quant is None and requested else quant
    return (*found, *weight_problems(gpu, facts, engine=engine, release=release, quant=made))
