"""Bytes that a matrix takes in the format of its quantization, and from the allocator."""

from __future__ import annotations

from msgspec.structs import replace

from llminfra.catalog.models.quantization import WeightFormat, WeightScheme
from llminfra.planning.memory.shapes import Kind, Matrix, Shards, cdiv, round_up


def dtype_bytes(dtype: str) -> int:
    """Bytes of one unquantized element."""
    return 4 if dtype in {"float32", "float"} else 2


FIRST_FP8_CAPABILITY = 89
"""Ada Lovelace: devices before it have no FP8 products, and Marlin's kernel multiplies experts in 16 bit."""


def matrix_bytes(
    matrix: Matrix, scheme: WeightScheme | None, dtype_size: int, shards: Shards | None = None
) -> tuple[float, float]:
    """Bytes of the stored elements of a matrix (times its count), and of its scales, zero points and bias.

    ``shards`` tells of the device and of the engine's loader.
    """
    outputs, inputs = matrix.outputs, matrix.inputs
    elements = outputs * inputs
    bits = 8 * dtype_size if scheme is None else scheme.bits
    side = 0.0
    if scheme is not None:
        spread = shards or Shards()
        native = FIRST_FP8_CAPABILITY if matrix.kind is Kind.EXPERTS else spread.native_block_fp8
        weight_only = 0 < spread.capability < native
        side = _side_bytes(scheme, outputs, inputs, flat_absmax=spread.flat_absmax, weight_only=weight_only)
    if matrix.bias:
        side += outputs * dtype_size
    if shards is not None and scheme is not None and matrix.kind is Kind.EXPERTS:
        side += _kept_zeros(scheme, outputs, inputs, shards.expert_zeros)
    return elements * bits / 8 * matrix.count, side * matrix.count


def _kept_zeros(scheme: WeightScheme, outputs: int, inputs: int, word_bytes: int) -> float:
    """Bytes of zero points that symmetric experts keep, a word for as many values as 32 bits hold."""
    if scheme.zero_points or not scheme.group:
        return 0.0
    groups = cdiv(inputs, scheme.group) if scheme.group > 0 else 1
    return outputs * groups * scheme.bits / 32 * word_bytes


def _side_bytes(scheme: WeightScheme, outputs: int, inputs: int, *, flat_absmax: bool, weight_only: bool) -> float:
    """Scales and zero points; ``weight_only`` where Marlin multiplies FP8 in 16 bit."""
    elements = outputs * inputs
    match scheme.format:
        case WeightFormat.NVFP4:
            return elements / 16 + 12
        case WeightFormat.MXFP4 | WeightFormat.MXFP8:
            return elements / 32
        case WeightFormat.BNB_NF4:
            # One absmax per 64 weights, itself quantized to 8 bit, and an fp32 scale per 256 of those; fp32 alone where
            # the loader expands them: dequantize_dq of vllm/model_executor/model_loader/bitsandbytes_loader.py 0.9.2.
            if flat_absmax:
                return elements / 64 * 4
            return elements / 64 * (1 + 4 / 256)
        case WeightFormat.BNB_INT8:
            return 4 * outputs
    if scheme.block is not None and weight_only:
        # A 16-bit scale of every output for each block of inputs: prepare_fp8_layer_for_marlin of
        # vllm/model_executor/layers/quantization/utils/marlin_utils_fp8.py 0.22.0.
        return 2 * outputs * cdiv(inputs, scheme.block[1])
    if scheme.block is not None:
        return 4 * cdiv(outputs, scheme.block[0]) * cdiv(inputs, scheme.block[1])
    if scheme.format is WeightFormat.FP8 or (scheme.format is WeightFormat.INT8 and scheme.group == 0):
        return 4 * outputs if scheme.group == 0 else 8
    groups = cdiv(inputs, scheme.group) if scheme.group > 0 else 1
    side = 2.0 * outputs * groups
    if scheme.zero_points:
        side += outputs * groups * scheme.bits / 8
    if scheme.activation_order:
        side += 2 * 4 * inputs
    return side


_MIB = 2**20


def allocated_bytes(size: float, shards: Shards | None = None) -> float:
    """What one tensor of ``size`` bytes takes from PyTorch's caching allocator.

    Tensors of 10 MiB and more get their own segment in steps of 2 MiB; a rest of at most 1 MiB is not split off
    (``c10/cuda/CUDACachingAllocator.cpp``: kMinLargeAlloc, kRoundLarge, kSmallSize).

    Nor is any rest where the loader says that tensors of that size are not split (``Shards.unsplit_mib``), and where
    the engine counts what the device lacks, which is the segment (``Shards.whole_segments``).
    """
    if size < 10 * _MIB:
        return size
    segment = -(-size // (2 * _MIB)) * 2 * _MIB
    whole = shards is not None and (shards.whole_segments or 0 < shards.unsplit_mib * _MIB <= size)
    return segment if whole or segment - size <= _MIB else size


def padded_expert(part: Matrix, capability: int, *, triton: bool = True) -> Matrix:
    """An MXFP4 expert matrix as the kernel of the device wants it padded.

    vllm/model_executor/layers/quantization/mxfp4.py 0.15.1: Marlin (below 9.0 and 12.x, and 9.0 without ``triton``)
    pads the width to 128 and the hidden size to 256, TRT-LLM kernels (10.x) both to 256, Triton (9.0) the width to 64
    (`triton_expert` has the rest).
    """
    by_triton = capability == HOPPER and triton
    wide = 1 if by_triton else 256
    narrow = 64 if by_triton else 256 if BLACKWELL <= capability < WORKSTATION else 128
    # Width and hidden size may be equal (gpt-oss), so the name tells which matrix this is.
    if any(name.endswith(("down_proj", ".w2")) for name in part.names):
        return replace(part, inputs=round_up(part.inputs, narrow), outputs=round_up(part.outputs, wide))
    return replace(part, inputs=round_up(part.inputs, wide), outputs=2 * round_up(part.outputs // 2, narrow))


MXFP4_BLOCK, SCALE_ROWS = 32, 256
"""Weights that share a scale, and the rows that Hopper's layout of scales takes at once (eight warps of 32)."""


def triton_expert(padded: Matrix, shards: Shards) -> tuple[float, float]:
    """Bytes of the values of a `padded_expert` in Triton's layout for Hopper, and of its scales and bias.

    Values are padded to tiles of 16 outputs by 64 inputs, or 64 by 128 where ``Shards.wide_fp4_tiles`` says so, scales
    to 256 outputs by two blocks (``vllm/third_party/triton_kernels/tensor_details/layout_details/hopper_value.py`` and
    ``hopper_scale.py``). The scales that were loaded stay beside these where ``Shards.keeps_fp4_scales`` says so; a
    bias becomes FP32 (``convert_gpt_oss_weight_to_mxfp4_moe_kernel_format``).
    """
    tile = (64, 128) if shards.wide_fp4_tiles else (16, 64)
    values = round_up(padded.outputs, tile[0]) * round_up(padded.inputs, tile[1]) / 2
    blocks = cdiv(padded.inputs, MXFP4_BLOCK)
    scales = float(round_up(padded.outputs, SCALE_ROWS) * round_up(blocks, 2) * padded.count)
    loaded = padded.outputs * blocks * padded.count if shards.keeps_fp4_scales else 0
    bias = 4 * padded.outputs * padded.count if padded.bias else 0
    return values * padded.count, allocated_bytes(scales, shards) + loaded + bias


FLASHINFER_ALIGNMENT = 128
HOPPER, BLACKWELL, WORKSTATION = 90, 100, 120


def aligned_expert(part: Matrix, scheme: WeightScheme | None, shards: Shards) -> Matrix:
    """An expert matrix without a gate as FlashInfer's kernels want it: its width a multiple of 128.

    vllm/model_executor/layers/quantization/utils/flashinfer_utils.py align_fp8_moe_weights_for_fi (per tensor, Hopper
    and later) and flashinfer_fp4_moe.py align_fp4_moe_weights_for_fi (Blackwell) since 0.17; gated ones are padded to
    16, which their widths are anyway. NVFP4 had it before, because block scales are swizzled to 128 rows
    (modelopt.py 0.13.0, flashinfer_fp4_moe.py 0.14.1-0.16.0).
    """
    if not part.ungated or scheme is None or scheme.block is not None:
        return part
    if not shards.pads_experts and not (shards.pads_fp4_experts and scheme.format is WeightFormat.NVFP4):
        return part
    since = {WeightFormat.FP8: HOPPER, WeightFormat.NVFP4: BLACKWELL}.get(scheme.format)
    if since is None or shards.capability < since:
        return part
    if any(name.endswith(("down_proj", ".w2")) for name in part.names):
        return replace(part, inputs=round_up(part.inputs, FLASHINFER_ALIGNMENT))
    return replace(part, outputs=round_up(part.outputs, FLASHINFER_ALIGNMENT))
