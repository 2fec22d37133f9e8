"""What stops or slows an engine on a device before memory counts: arithmetic, kernels, and code for the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog.models import quantization_from_name
from llminfra.planning.hardware.gpu_support import gpu_problems
from llminfra.planning.memory.weights.weight_kernels import weight_problems

if TYPE_CHECKING:
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.hardware.engine_run import EngineRun
    from llminfra.planning.hardware.gpu_problem import GpuProblem


# Where the whole method has no kernels there, its formats need not be told one by one.
_NO_METHOD = "LLM_FIT_5"


def problems_on(gpu: Gpu, facts: ModelFacts, run: EngineRun) -> tuple[GpuProblem, ...]:
    """Everything about the device that stops or slows the engine, whatever the memory is.

    Args:
        gpu: The device.
        facts: The model.
        run: The engine, its release and settings.
    """
    found = gpu_problems(gpu, facts, run)
    if any(item.code == _NO_METHOD for item in found):
        return found
    inside = run.inside
    made = quantization_from_name(run.requested) if run.quant is None and run.requested else run.quant
    return (*found, *weight_problems(gpu, facts, engine=inside.engine, release=inside.release, quant=made))
