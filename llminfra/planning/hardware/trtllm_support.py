"""What TensorRT-LLM's PyTorch backend runs on which GPU: classes and formats that have no kernel there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.catalog.engines import release_numbers
from llminfra.catalog.models import WeightFormat
from llminfra.planning.facts import numbers
from llminfra.planning.hardware.gpu_problem import GpuProblem, from_capability

if TYPE_CHECKING:
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts, QuantFacts

_FILE = "trtllm_support"
_HOPPER = 90


def trtllm_problems(
    gpu: Gpu, facts: ModelFacts, release: tuple[int, ...], quant: QuantFacts | None
) -> Iterator[GpuProblem]:
    """Classes, and formats of a checkpoint, that the backend has no kernel for on the device.

    Args:
        gpu: The device.
        facts: The model.
        release: Numbers of the release; empty where none is known, which counts as the newest.
        quant: How the checkpoint is quantized.
    """
    least = int(numbers(_FILE)["classes_from"]["value"].get(facts.architecture, 0))
    if gpu.capability < least:
        yield GpuProblem(
            code="LLM_FIT_53",
            fatal=True,
            field="on",
            message=f"TensorRT-LLM has no kernels for {facts.architecture} on {gpu.product}",
            found=f"compute capability {gpu.compute_capability}",
            expected=from_capability(least),
            fix="use a B200 or newer GPU, or vLLM where it has kernels for it",
        )
    table = numbers(_FILE)["least"]["value"]
    for name in sorted(_formats(facts, quant) & set(table)):
        least = int(table[name]["capability"])
        if name == "nvfp4" and _on_hopper(release):
            least = _HOPPER
        if gpu.capability >= least:
            continue
        yield GpuProblem(
            code="LLM_FIT_5",
            fatal=True,
            field="model",
            message=f"TensorRT-LLM has no kernel for {name} on {gpu.product}",
            found=f"{name} on compute capability {gpu.compute_capability}",
            expected=from_capability(least),
            fix="use a newer GPU, or plain weights; or vLLM, which widens such weights on the way",
            runtime_message=table[name]["words"].format(capability=gpu.capability) or None,
        )


def _formats(facts: ModelFacts, quant: QuantFacts | None) -> set[str]:
    """Formats of the weights; FP8 with a scale for each block apart, of experts again."""
    schemes = [rule.scheme for rule in quant.rules] if quant else []
    blocks = "fp8 experts in blocks" if facts.is_moe else "fp8 in blocks"
    return {blocks if item.block and item.format == WeightFormat.FP8 else str(item.format) for item in schemes}


def _on_hopper(release: tuple[int, ...]) -> bool:
    since = release_numbers(str(numbers(_FILE)["nvfp4_on_hopper_since"]["value"]))
    return not release or release[:2] >= since
