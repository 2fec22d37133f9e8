"""What a checkpoint quantizes and how: formats of matrices, and where each applies."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class WeightFormat(StrEnum):
    """How one weight matrix is stored on the GPU."""

    FP8 = "fp8"
    INT8 = "int8"
    INT4 = "int4"
    NVFP4 = "nvfp4"
    MXFP4 = "mxfp4"
    MXFP8 = "mxfp8"
    BNB_NF4 = "bnb_nf4"
    BNB_INT8 = "bnb_int8"


class WeightScheme(Struct, frozen=True, kw_only=True):
    """Storage of a quantized matrix.

    Attributes:
        format: Element format.
        bits: Bits per weight (3 or 8 occur for GPTQ).
        group: Inputs that share one scale: a count, 0 for one scale per output channel, -1 for one per tensor.
        block: ``(outputs, inputs)`` of a two-dimensional scale block, None otherwise.
        zero_points: One packed zero point per group.
        activation_order: GPTQ ``desc_act``; keeps a 4-byte group index per input.
        experts_only: The scheme applies to routed experts alone.
        activation_bits: Bits of the inputs that it is multiplied with; 16 where they stay as they are.
    """

    format: WeightFormat
    bits: int
    group: int = 0
    block: tuple[int, int] | None = None
    zero_points: bool = False
    activation_order: bool = False
    experts_only: bool = False
    activation_bits: int = 16


class QuantRule(Struct, frozen=True, kw_only=True):
    """One scheme and the module-name patterns it applies to; no pattern means every linear layer."""

    scheme: WeightScheme
    targets: tuple[str, ...] = ()


class QuantFacts(Struct, frozen=True, kw_only=True):
    """Quantization of one checkpoint, or of loading one.

    Attributes:
        method: Name as the engine prints it, for example ``compressed-tensors``.
        rules: Schemes in the order they are tried.
        ignore: Module-name patterns that stay in 16 bit: plain names, ``*`` globs or ``re:`` expressions.
        kv_cache_fp8: The checkpoint asks for an fp8 key-value cache.
        online: The engine quantizes at load time.
        lm_head: The output head is quantized too.
    """

    method: str
    rules: tuple[QuantRule, ...]
    ignore: tuple[str, ...] = ()
    kv_cache_fp8: bool = False
    online: bool = False
    lm_head: bool = False


FP8_TENSOR = WeightScheme(format=WeightFormat.FP8, bits=8, group=-1)
FP8_CHANNEL = WeightScheme(format=WeightFormat.FP8, bits=8, group=0)
NVFP4 = WeightScheme(format=WeightFormat.NVFP4, bits=4, group=16)
MXFP8 = WeightScheme(format=WeightFormat.MXFP8, bits=8, group=32)
MXFP4 = WeightScheme(format=WeightFormat.MXFP4, bits=4, group=32)
NF4 = WeightScheme(format=WeightFormat.BNB_NF4, bits=4, group=64)
HEAD_KEPT = ("lm_head",)


def experts_alone(scheme: WeightScheme) -> WeightScheme:
    """The scheme for routed experts and nothing else."""
    return WeightScheme(format=scheme.format, bits=scheme.bits, group=scheme.group, experts_only=True)


def integers(bits: int, group: int, *, zero_points: bool = False, activation_order: bool = False) -> WeightScheme:
    """Integers of as many bits; a ``group`` of -1 is one scale per output channel."""
    return WeightScheme(
        format=WeightFormat.INT8 if bits == 8 else WeightFormat.INT4,
        bits=bits,
        group=0 if group == -1 else group,
        zero_points=zero_points,
        activation_order=activation_order,
    )


def one_scheme(
    method: str, scheme: WeightScheme, *, ignore: tuple[str, ...] = HEAD_KEPT, online: bool = False
) -> QuantFacts:
    """Every linear layer in one scheme, but for those that ``ignore`` names."""
    return QuantFacts(method=method, rules=(QuantRule(scheme=scheme),), ignore=ignore, online=online)
