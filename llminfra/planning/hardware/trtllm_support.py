"""What TensorRT-LLM's PyTorch backend runs on which GPU: formats of weights that have no kernel there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.catalog.engines import release_numbers
from llminfra.planning.facts import numbers
from llminfra.planning.hardware.gpu_problem import GpuProblem, from_capability

if TYPE_CHECKING:
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import QuantFacts

_FILE = "trtllm_support"
_HOPPER = 90


def trtllm_problems(gpu: Gpu, release: tuple[int, ...], quant: QuantFacts | None) -> Iterator[GpuProblem]:
    """Formats of a checkpoint that the backend has no kernel for on the device.

    Args:
        gpu: The device.
        release: Numbers of the release; empty where none is known, which counts as the newest.
        quant: How the checkpoint is quantized.
    """
    table = numbers(_FILE)["least"]["value"]
    formats = {str(rule.scheme.format) for rule in quant.rules} if quant else set()
    for name in sorted(formats & set(table)):
        least = int(table[name]["capability"])
        if name == "nvfp4" and _on_hopper(release):
            least = _HOPPER
        if gpu.capability >= least:
            continue
        yield GpuProblem(
            code="LLM_FIT_5",
            fatal=True,
            field="model",
            message=f"TensorRT-LLM has no kernel for {name} weights on {gpu.product}",
            found=f"{name} on compute capability {gpu.compute_capability}",
            expected=from_capability(least),
            fix="use a newer GPU, or plain weights; or vLLM, which widens such weights on the way",
            runtime_message=table[name]["words"].format(capability=gpu.capability),
        )


def _on_hopper(release: tuple[int, ...]) -> bool:
    since = release_numbers(str(numbers(_FILE)["nvfp4_on_hopper_since"]["value"]))
    return not release or release[:2] >= since
