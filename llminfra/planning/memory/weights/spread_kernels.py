"""Spreads with which vLLM has no kernel, or no way to cut, for quantized weights; the data is `weight_kernels`'."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.facts import numbers
from llminfra.planning.memory.weights.quantized_parts import quantized_parts
from llminfra.planning.memory.weights.weight_kernels import is_within

if TYPE_CHECKING:
    from llminfra.catalog.models import ModelFacts, QuantFacts
    from llminfra.planning.memory.weights.quant_cuts import Kernels

_FILE = "weight_kernels"
_INT4 = "int4"


class UnservedSpread(Struct, frozen=True):
    """A spread that the engine refuses for the checkpoint's format.

    Attributes:
        message: What is wrong, and what works.
        words: The engine's words.
    """

    message: str
    words: str


def unserved_spreads(
    facts: ModelFacts, quant: QuantFacts, tp: int, ep: int, kernels: Kernels, version: tuple[int, ...] | None
) -> Iterator[UnservedSpread]:
    """What stops a spread beside the widths of matrices.

    Args:
        facts: The model.
        quant: Quantization in force.
        tp: Tensor-parallel ranks.
        ep: Ranks that share routed experts out whole, 1 for none.
        kernels: Engine, release and device, as far as they are known.
        version: Numbers of the release.
    """
    if kernels.engine != "vllm":
        return
    if tp > 1 and not quant.online and quant.method in numbers(_FILE)["prequantized_whole"]["value"]:
        yield UnservedSpread(
            f"weights that are stored in the format of {quant.method} are not cut over {tp} GPUs; pipeline stages are, "
            "as is a copy in 16 bit that is quantized while it is loaded",
            f"ValueError: Prequant {_title(quant.method)} models with tensor parallelism is not supported. Please try "
            "with pipeline parallelism.",
        )
    if kernels.capability is None or not version or not _marlin_lacks(quant.method, kernels.capability, version):
        return
    if any(
        _marlin_takes(facts, part.scheme.group, tp, ep)
        for part in quantized_parts(facts, quant)
        if part.experts and part.scheme.format == _INT4
    ):
        yield UnservedSpread(
            f"vLLM {kernels.version} takes Marlin for experts of these widths, which has no code for the GPU; a later "
            "release has, or a newer GPU",
            "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device",
        )


def _title(method: str) -> str:
    return {"bitsandbytes": "BitsAndBytes"}.get(method, method)


def _marlin_lacks(method: str, capability: int, version: tuple[int, ...]) -> bool:
    entries = numbers(_FILE)["marlin_experts"]["value"]
    return any(method in item["methods"] and is_within(capability, item, version) for item in entries)


def _marlin_takes(facts: ModelFacts, group: int, tp: int, ep: int) -> bool:
    """Whether the widths of every block of experts are ones that Marlin takes on a rank."""
    known = numbers(_FILE)["marlin_experts"]
    blocks = {layer.moe for layer in facts.layers if layer.moe is not None}
    ranks = 1 if ep > 1 else tp
    return (
        bool(blocks)
        and group in known["groups"]
        and facts.hidden_size % known["inputs"] == 0
        and all(moe.gated and moe.intermediate % (ranks * max(known["width"], group)) == 0 for moe in blocks)
    )
