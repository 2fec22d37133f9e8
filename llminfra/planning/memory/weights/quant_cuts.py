"""Where tensor parallelism may cut quantized matrices: whole groups of inputs, whole blocks of outputs.

What is refused differs by kernel and release; sources are in ``data/quant_cuts.json``. A dense matrix whose inputs are
cut inside a group has no kernel anywhere: where a fallback takes it (Exllama in float16), ranks read each other's
scales.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby
from typing import Any

from msgspec import Struct

from llminfra.catalog.datafile import read_json
from llminfra.catalog.models.facts import Layer, ModelFacts
from llminfra.catalog.models.mixers import Attention, GatedDeltaNet, Mla
from llminfra.catalog.models.quantization import QuantFacts, WeightFormat, WeightScheme
from llminfra.planning.memory.releases.engine_profile import parse_version
from llminfra.planning.memory.shapes import Kind, Matrix, Shards
from llminfra.planning.memory.weights.layer_parts import layer_parts
from llminfra.planning.memory.weights.module_names import scheme_for

_CUT_MIXERS = (Attention, Mla, GatedDeltaNet)
_GROUPED = frozenset({WeightFormat.INT4, WeightFormat.INT8})
_CHECKS_OUTPUTS = frozenset({"fp8", "compressed-tensors"})


class Misfit(Struct, frozen=True):
    """A quantized matrix that the ranks cannot share out.

    Attributes:
        message: What does not divide.
        words: The engine's words.
        fatal: The engine refuses to start.
        by_width: The width alone is in the way, whatever the groups of the checkpoint are.
    """

    message: str
    words: str
    fatal: bool = True
    by_width: bool = False


class _Cut(Struct, frozen=True, kw_only=True):
    """One matrix, whole and as a rank holds it; ``merged``: it shares an allocation with others."""

    whole: Matrix
    part: Matrix
    tp: int
    merged: bool

    @property
    def inputs_cut(self) -> bool:
        return self.whole.inputs != self.part.inputs

    @property
    def outputs_cut(self) -> bool:
        return self.whole.outputs != self.part.outputs

    @property
    def inputs(self) -> float:
        """Inputs of a rank."""
        return self.whole.inputs / self.tp if self.inputs_cut else self.whole.inputs

    def describe(self, side: str, unit: int, what: str) -> str:
        """Which side of the matrix is no multiple of ``unit``."""
        whole, rank = (self.whole.inputs, self.inputs) if side == "inputs" else (self.whole.outputs, self.part.outputs)
        name = self.whole.names[0].replace(".0.", ".")
        return f"{whole} {side} of {name} over {self.tp} ranks are {rank:g}, no multiple of the {what} {unit}"


class Kernels(Struct, frozen=True):
    """The engine, its release and the compute capability of the device, times ten, as far as they are known."""

    engine: str = "vllm"
    version: str | None = None
    capability: int | None = None

    def since(self, rule: str) -> bool | None:
        """Whether this is vLLM with a rule; None where the release is not known."""
        numbers = parse_version(self.version)
        if self.engine != "vllm":
            return False
        return None if numbers is None else numbers >= (parse_version(_facts()[rule]) or ())


def misfits(facts: ModelFacts, quant: QuantFacts, tp: int, ep: int, kernels: Kernels) -> tuple[Misfit, ...]:
    """Quantized matrices that ``tp`` ranks cut where their groups or blocks do not end, each shape once.

    Args:
        facts: The model.
        quant: Quantization in force.
        tp: Tensor-parallel ranks.
        ep: Ranks that share routed experts out whole, 1 for none.
        kernels: Engine and release.
    """
    schemes = tuple({rule.scheme for rule in quant.rules})
    by_index = any(
        "layers." in name for name in (*quant.ignore, *(item for rule in quant.rules for item in rule.targets))
    )
    found: dict[tuple[str, str], Misfit] = {}
    indices: dict[Layer, list[int]] = {}
    for index, layer in enumerate(facts.layers):
        indices.setdefault(layer, []).append(index)
    for layer, places in indices.items():
        for cut in _cuts(layer, facts.hidden_size, tp, ep):
            for scheme in schemes:
                misfit = _misfit(cut, scheme, quant.method, facts.hidden_size, kernels)
                if misfit is not None and _has(quant, cut.whole, places if by_index else [-1], scheme):
                    found.setdefault((cut.whole.fused or cut.whole.names[0], misfit.words), misfit)
    return tuple(found.values())


def _has(quant: QuantFacts, matrix: Matrix, places: list[int], scheme: WeightScheme) -> bool:
    experts = matrix.kind is Kind.EXPERTS
    return any(scheme_for(quant, matrix.names, index, experts=experts) == scheme for index in places)


@lru_cache(maxsize=4096)
def _cuts(layer: Layer, hidden: int, tp: int, ep: int) -> tuple[_Cut, ...]:
    return tuple(cut for cut in _pairs(layer, hidden, tp, ep) if cut.inputs_cut or cut.outputs_cut)


def _pairs(layer: Layer, hidden: int, tp: int, ep: int) -> Iterator[_Cut]:
    whole = [part for part in layer_parts(layer, hidden, Shards(ep=ep)) if isinstance(part, Matrix)]
    ranks = [part for part in layer_parts(layer, hidden, Shards(tp=tp, ep=ep)) if isinstance(part, Matrix)]
    known = isinstance(layer.mixer, _CUT_MIXERS) and getattr(layer.mixer, "compression", None) is None
    pairs = zip(whole, ranks, strict=True)
    for fused, group in groupby(pairs, key=lambda pair: pair[0].fused):
        members = list(group)
        for one, part in members:
            if not one.quantizable or (one.kind is Kind.ATTENTION and not known):
                continue
            if ep > tp and any("shared_expert" in name for name in one.names):
                continue  # Copies that share experts run the shared one whole on every rank.
            yield _Cut(whole=one, part=part, tp=tp, merged=bool(fused) and len(members) > 1)


def _misfit(cut: _Cut, scheme: WeightScheme, method: str, hidden: int, kernels: Kernels) -> Misfit | None:
    experts = cut.whole.kind is Kind.EXPERTS
    if scheme.experts_only and not experts:
        return None
    if (untiled := _untiled(cut, scheme, kernels)) is not None:
        return untiled
    if scheme.block is not None:
        return (
            _expert_block(cut, scheme.block, method, hidden, kernels)
            if experts
            else _dense_block(cut, scheme.block, method, kernels)
        )
    if scheme.group <= 0 or scheme.format not in _GROUPED:
        return None
    if experts:
        return _expert_group(cut, scheme, method, hidden, kernels)
    return _dense_group(cut, scheme, method, kernels)


def _untiled(cut: _Cut, scheme: WeightScheme, kernels: Kernels) -> Misfit | None:
    """Floats of 8 or 4 bit that the device does not multiply with: Marlin does, in tiles, and did not pad to them.

    Of dense matrices only those are judged whose inputs are cut: the outputs of others share an allocation.
    """
    known, version = _facts()["marlin_floats"], parse_version(kernels.version)
    experts = cut.whole.kind is Kind.EXPERTS
    below = known["below"].get(scheme.format, 0)
    if kernels.engine != "vllm" or version is None or (kernels.capability or below) >= below:
        return None
    if scheme.block is not None or cut.whole.ungated or not (experts or cut.inputs_cut):
        return None
    padded = known["padded"][scheme.format]["experts" if experts else "dense"]
    outputs, inputs = cut.part.outputs, cut.inputs
    tiled = any(outputs % by_outputs == 0 and inputs % by_inputs == 0 for by_outputs, by_inputs in known["tiles"])
    if tiled or version >= (parse_version(padded) or ()):
        return None
    (_, coarse), (_, fine) = known["tiles"]
    side = "inputs" if cut.inputs_cut else "outputs"
    text = cut.describe(side, coarse if cut.inputs_cut and inputs % fine == 0 else fine, "tile of Marlin")
    words = (
        "RuntimeError: Invalid thread config: thread_m_blocks = …, thread_k = -1, thread_n = -1, num_threads = -1 for "
        f"MKN = […, {inputs:g}, {outputs}]"
    )
    title = scheme.format.upper()
    text += (
        f", which multiplies {title} on this GPU; vLLM pads to tiles since {padded}, and GPUs with {title} need none"
    )
    return Misfit(text, words, by_width=True)


def _dense_group(cut: _Cut, scheme: WeightScheme, method: str, kernels: Kernels) -> Misfit | None:
    if cut.inputs_cut and cut.inputs % scheme.group:
        words = (
            "The input size is not aligned with the quantized weight shape. This can be caused by too large tensor "
            "parallel size."
            if method == "awq"
            else f"Weight input_size_per_partition = {cut.inputs:g} is not divisible by group_size = {scheme.group}."
        )
        return Misfit(cut.describe("inputs", scheme.group, "quantization group"), words)
    # AWQ falls back to kernels without tiles; of the others, what takes the rest depends on the GPU and the dtype.
    if method == "awq" or kernels.engine != "vllm" or kernels.since("marlin_pads_tiles") is not False:
        return None
    tile = _facts()["marlin_tile"]
    if cut.inputs_cut and cut.inputs % tile["inputs"]:
        words = f"Weight input_size_per_partition = {cut.inputs:g} is not divisible by min_thread_k = {tile['inputs']}."
        return Misfit(cut.describe("inputs", tile["inputs"], "tile of Marlin"), words, fatal=False)
    if not cut.merged and cut.outputs_cut and cut.part.outputs % tile["outputs"]:
        words = (
            f"Weight output_size_per_partition = {cut.part.outputs} is not divisible by min_thread_n = "
            f"{tile['outputs']}."
        )
        return Misfit(cut.describe("outputs", tile["outputs"], "tile of Marlin"), words, fatal=False)
    return None


def _expert_group(cut: _Cut, scheme: WeightScheme, method: str, hidden: int, kernels: Kernels) -> Misfit | None:
    if not cut.inputs_cut or not cut.inputs % scheme.group:
        return None
    if method != "compressed-tensors":
        # moe_wna16 repeats the scales for groups of half the size, and so on.
        group, least = scheme.group, _facts()["smallest_expert_group"]
        while group >= least:
            if not cut.inputs % group and not hidden % group:
                return _expert_step(cut, scheme, kernels)
            group //= 2
    words = f"Weight input_size_per_partition = {cut.inputs:g} is not divisible by group_size = {scheme.group}."
    return Misfit(cut.describe("inputs", scheme.group, "quantization group"), words)


def _expert_step(cut: _Cut, scheme: WeightScheme, kernels: Kernels) -> Misfit | None:
    """Smaller groups load; the kernel for few tokens, which decoding always has, then wanted a multiple of its step."""
    step = _facts()["expert_step"]
    steps = kernels.since("expert_step_checked") and kernels.since("expert_step_follows") is False
    if not steps or scheme.format is not WeightFormat.INT4 or not cut.inputs % step:
        return None
    return Misfit(cut.describe("inputs", step, "step of vLLM's moe_wna16"), "size_k must divisible by BLOCK_SIZE_K")


def _dense_block(cut: _Cut, block: tuple[int, int], method: str, kernels: Kernels) -> Misfit | None:
    outputs, inputs = block
    if cut.inputs_cut and cut.inputs % inputs:
        words = (
            f"Weight input_size_per_partition = {cut.inputs:g} is not divisible by weight quantization block_k = "
            f"{inputs}."
        )
        return Misfit(cut.describe("inputs", inputs, "weight block"), words)
    if not cut.outputs_cut or not cut.part.outputs % outputs or kernels.engine != "vllm":
        return None
    # The outputs of a shared expert and of linear attention follow from their inputs, and are listed merged here.
    if method not in _CHECKS_OUTPUTS or any(
        "shared_expert" in name or "linear_attn" in name for name in cut.whole.names
    ):
        return None
    if cut.merged and method == "fp8" and kernels.since("merged_outputs_may_cut_blocks") is not False:
        return None
    words = (
        f"Weight output_partition_size = {cut.part.outputs} is not divisible by weight quantization block_n = "
        f"{outputs}."
    )
    return Misfit(cut.describe("outputs", outputs, "weight block"), words)


def _expert_block(cut: _Cut, block: tuple[int, int], method: str, hidden: int, kernels: Kernels) -> Misfit | None:
    if not cut.inputs_cut or not cut.inputs % block[1]:
        return None
    whole = cut.inputs == int(cut.inputs)
    if whole and method == "fp8" and kernels.since("experts_refine_blocks"):
        finer = math.gcd(*block, int(cut.inputs), hidden)
        if finer >= _facts()["smallest_expert_group"]:
            return None
    words = (
        f"The input_size of down's weight = {cut.inputs:g} is not divisible by weight quantization block_k = "
        f"{block[1]}."
    )
    return Misfit(cut.describe("inputs", block[1], "weight block"), words)


@cache
def _facts() -> dict[str, Any]:
    return read_json("llminfra.planning.memory", "quant_cuts.json")
