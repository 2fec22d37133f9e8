"""What routed experts allocate in the profiling run, by the kernel that multiplies by their matrices.

vLLM's modular kernels work in buffers of a manager, which stay when they are done; what a kernel allocates beside them
goes with its call. Sizes are those of ``workspace_shapes`` and ``apply`` of each class in
vllm/model_executor/layers/fused_moe (0.14.0 to 0.33.0), and of FlashInfer's own sources.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from llminfra.catalog.models.facts import Moe
from llminfra.planning.memory.shapes import cdiv

SCORE_BYTES, PICK_BYTES = 4, 8
"""Of the router's score of an expert, in fp32, and of a picked expert: its weight in fp32 and its number in int32."""


class ExpertKernel(StrEnum):
    """Kernels by what they allocate; vLLM's own for FP8 and DeepGEMM's take what Triton's do."""

    TRITON = "triton"
    MARLIN = "marlin"
    CUTLASS = "cutlass"
    FLASHINFER_CUTLASS = "flashinfer_cutlass"
    FLASHINFER_TRTLLM = "flashinfer_trtllm"


class Experts(Struct, frozen=True, kw_only=True):
    """How experts run.

    Attributes:
        kernel: What multiplies by their matrices.
        managed: Buffers come from the manager, and stay.
        input_bytes: Of a value that the kernel multiplies: 2 for 16 bit, 1 for FP8, 0.5 for FP4.
        block_scales: FP8 inputs have a scale for each block of a token.
        sends_quantized: Data-parallel ranks send each other inputs as the kernel multiplies them, not in 16 bit.
    """

    kernel: ExpertKernel = ExpertKernel.TRITON
    managed: bool = False
    input_bytes: float = 2.0
    block_scales: bool = False
    sends_quantized: bool = False


class Routed(Struct, frozen=True, kw_only=True):
    """Experts of one layer on one rank, and what they are given.

    Attributes:
        tokens: Of one pass.
        top_k: Experts of a token.
        experts: On the rank.
        hidden: Width of inputs and outputs.
        width: Of an expert on the rank.
        gated: The first product is twice as wide.
        element: Bytes of one activation.
    """

    tokens: int
    top_k: int
    experts: int
    hidden: int
    width: int
    gated: bool
    element: int

    @property
    def rows(self) -> int:
        """Tokens, once for each expert that they go to."""
        return self.tokens * self.top_k

    @property
    def first(self) -> int:
        """Outputs of the first product."""
        return self.width * (2 if self.gated else 1)


def routed(moe: Moe, hidden: int, *, tokens: int, tp: int, ep: int, element: int) -> Routed:
    """The experts of a layer on a rank: whole ones where they are dealt out, else a part of each."""
    return Routed(
        tokens=tokens,
        top_k=moe.top_k,
        experts=cdiv(moe.experts, ep),
        hidden=moe.latent or hidden,
        width=moe.intermediate if ep > 1 else cdiv(moe.intermediate, tp),
        gated=moe.gated,
        element=element,
    )


def kept_bytes(item: Routed, how: Experts) -> int:
    """Bytes that stay when the experts are done: the two buffers of the manager, the output's in one of them."""
    if not how.managed:
        return 0
    if how.kernel is ExpertKernel.FLASHINFER_TRTLLM:
        return 0
    if how.kernel is ExpertKernel.FLASHINFER_CUTLASS:
        return item.tokens * item.hidden * item.element
    if how.kernel is ExpertKernel.CUTLASS and how.input_bytes < 1:
        return item.rows * (max(2 * item.first, item.hidden) + item.first) * item.element
    return item.rows * (max(item.width, item.hidden) + max(item.first, item.hidden)) * item.element


def passing_bytes(item: Routed, how: Experts) -> float:
    """Bytes that an expert's call has beside those at once."""
    if not how.managed:
        # Two buffers: one shared by the first and last products, one for the activation between them.
        return float(item.rows * (max(item.first, item.hidden) + item.width) * item.element)
    if how.kernel is ExpertKernel.FLASHINFER_TRTLLM:
        return _trtllm(item, how)
    if how.kernel is ExpertKernel.FLASHINFER_CUTLASS:
        return _flashinfer_cutlass(item, how)
    if how.kernel is ExpertKernel.CUTLASS and how.input_bytes < 1:
        # run_cutlass_moe_fp4: the routed inputs, the outputs in the order of the tokens and these weighted, and a sum.
        return float((3 * item.rows + item.tokens) * item.hidden * item.element)
    # Inputs as the kernel takes them, and what the activation made in the same form.
    quantized = how.input_bytes < item.element
    return (item.tokens * item.hidden + item.rows * item.width) * how.input_bytes if quantized else 0.0


def gathered_bytes(item: Routed, how: Experts, *, own: int, all_experts: int) -> float:
    """What data-parallel ranks hold of each other's tokens beside the experts' output of them.

    Since 0.16 the modular kernel quantizes before it sends, and picks experts before, too; TensorRT-LLM's kernel picks
    for itself and is sent the router's scores (``MoEPrepareAndFinalizeNaiveDPEPModular`` and ``…Monolithic`` of
    vllm/model_executor/layers/fused_moe/prepare_finalize/naive_dp_ep.py 0.17.1-0.33.0).

    Args:
        item: The experts, with the tokens of all ranks.
        how: How they run; what Triton's and vLLM's kernels are sent is among `passing_bytes`.
        own: Tokens of the rank itself.
        all_experts: Experts of the layer on all ranks.
    """
    scores = all_experts * SCORE_BYTES
    if not how.sends_quantized:
        return float(item.tokens * (item.hidden * item.element + scores))
    if how.kernel is ExpertKernel.FLASHINFER_TRTLLM:
        return item.tokens * (item.hidden * how.input_bytes + scores)
    sent = item.hidden * how.input_bytes if how.kernel is ExpertKernel.FLASHINFER_CUTLASS else 0.0
    return item.tokens * (sent + item.top_k * PICK_BYTES) + own * scores


def _flashinfer_cutlass(item: Routed, how: Experts) -> float:
    """One workspace of each call, whose parts share two large buffers.

    ``getWorkspaceDeviceBufferSizes`` of csrc/fused_moe/cutlass_backend/cutlass_fused_moe_kernels.cuh, FlashInfer 0.6.6
    to 0.6.18: rows of inputs or of the last product, and of the first or the last product, in 16 bit; where the rows of
    each expert begin. Seen: 1.04 GiB for 16,384 tokens of Qwen3.6 35B in NVFP4 (github-text:62467092363).
    """
    rows, sixteen = item.rows, 2
    last = rows * item.hidden * sixteen
    taken = max(rows * item.hidden * how.input_bytes, rows * item.width * how.input_bytes, last)
    made = max(rows * item.first * sixteen, last)
    maps = item.experts * item.tokens * 4 + 3 * rows * 4
    scales = rows * max(item.hidden, item.width) / 16 if how.input_bytes < 1 else 0.0
    if how.block_scales:
        # The inputs stay in 16 bit and are quantized in a workspace of their own, with a scale for 128 values.
        made, scales = rows * item.first * sixteen, rows * max(item.hidden, item.width) * (1 + 4 / 128)
    return float(taken + made + maps + scales)


def _trtllm(item: Routed, how: Experts) -> float:
    """Outputs of both products and of the activation, with each expert's rows filled up to a tile.

    ``prepare_moe`` of csrc/trtllm_fused_moe_kernel_launcher.cu and ``getMaxPermutedPaddedCount``, FlashInfer 0.6.12;
    tiles of 8 to 128 rows, of which the one below an expert's share is taken without tuning.
    """
    share = cdiv(item.rows, max(item.experts, 1))
    tile = max(8, min(128, 1 << max(share - 1, 0).bit_length()) // 2)
    rows = item.rows + item.experts * (tile - 1)
    if how.input_bytes < 1:
        made = item.width * (how.input_bytes + 1 / 16)
    elif how.block_scales:
        made = (item.first + item.width) * (how.input_bytes + 4 / 128)
    else:
        made = 2 * item.width * how.input_bytes
    return float(rows * (made + item.hidden * 2))
