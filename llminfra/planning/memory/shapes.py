"""How a rank's share of heads, vocabulary and layers is rounded, and the matrices that come of it.

As ``vllm/model_executor/layers`` and ``vllm/distributed/utils.py`` do it, read in 0.8.5 to 0.33.0.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

VOCAB_PADDING = 64
"""Rows: ``DEFAULT_VOCAB_PADDING_SIZE``, vllm/model_executor/layers/vocab_parallel_embedding.py."""


class Kind(StrEnum):
    """Which part of the model a matrix belongs to."""

    EMBEDDING = "embedding"
    ATTENTION = "attention"
    MLP = "mlp"
    EXPERTS = "experts"
    HEAD = "head"
    OTHER = "other"


class Matrix(Struct, frozen=True):
    """One weight matrix as one rank holds it.

    Attributes:
        kind: Part of the model.
        names: Module paths below the layer under which checkpoints name it, any of which an ignore list may use.
        outputs: Rows on this rank.
        inputs: Columns on this rank.
        count: Equal matrices (experts).
        bias: A bias of ``outputs`` elements.
        quantizable: False for what engines never quantize.
        fused: Matrices of one layer with the same name here are one allocation.
        ungated: A part of experts whose first product has no gate beside it.
    """

    kind: Kind
    names: tuple[str, ...]
    outputs: int
    inputs: int
    count: int = 1
    bias: bool = False
    quantizable: bool = True
    fused: str = ""
    ungated: bool = False


class Vector(Struct, frozen=True):
    """Elements that stay unquantized and whole on every rank, with their size in bytes when it is not the dtype's."""

    elements: int
    bytes_each: int | None = None
    kind: Kind = Kind.OTHER


Part = Matrix | Vector
GPT_OSS = "GptOssForCausalLM"
"""The architecture whose MXFP4 experts Triton's kernels are made for; others take Marlin on Hopper
(``_get_priority_backends`` of vllm/model_executor/layers/fused_moe/oracle/mxfp4.py)."""


class Shards(Struct, frozen=True, kw_only=True):
    """How the model is spread.

    Attributes:
        tp: Tensor-parallel ranks.
        pp: Pipeline stages.
        ep: Ranks that share the routed experts out whole; 1 cuts experts by ``moe_tp`` instead.
        moe_tp: Ranks that cut the experts; 0 for ``tp``. Data-parallel ranks of one engine join in.
        attention_tp: Ranks that cut attention; 0 for ``tp``.
        capability: Compute capability of the device times ten, 0 when unknown; decides the padding of MXFP4 experts.
        native_block_fp8: Capability times ten from which other matrices in FP8 with scales of blocks are multiplied in
            FP8; below, Marlin gives every output a scale.
        triton_mxfp4: Hopper runs those experts with Triton.
        wide_fp4_tiles: Triton pads their values to wider tiles.
        keeps_fp4_scales: Their scales stay as they were loaded, beside those in Triton's layout.
        pads_experts: FP8 and NVFP4 experts without a gate are padded to 128 (`stored_bytes.aligned_expert`).
        pads_fp4_experts: NVFP4 ones are.
        whole_segments: Weights are what the device lacks after loading, not what the allocator has given out.
        rope_bytes: Bytes of one value of a rotary table, 0 for those of the dtype.
        rope_rows: Most rows of a rotary table, 0 for all that vLLM makes.
        whole_embedding: Every rank holds the whole embedding; the head is cut all the same.
        holds_ngrams: Tables of n-grams are on the device, not in host memory.
        cut_towers: Kinds of encoders that are cut although vLLM holds them whole.
        flat_absmax: The loader expands the scales that bitsandbytes quantized in their turn.
        expert_zeros: Bytes of each word of zero points that symmetric GPTQ experts keep.
        tied_twice: A head that is the embedding is loaded as a matrix of its own (Text Generation Inference:
            ``SpeculativeHead.load`` beside ``TensorParallelEmbedding``, which pads its own copy).
        unsplit_mib: Tensors of so many MiB keep their whole segment; 0 for none.
        rest: Which stages take the layers that are left over (`pipeline_ranges`).
        latent: What is kept of latent attention beside its matrices (`absorbed.latent_bytes`).
        fp4_experts: What becomes of MXFP4 experts: ``scales`` keeps a second copy of their scales in fp32, ``fp8``
            expands them; empty where they stay as they are.
        twice_experts: Quantized experts stay as they were loaded beside what was made of them.
    """

    tp: int = 1
    pp: int = 1
    ep: int = 1
    moe_tp: int = 0
    attention_tp: int = 0
    capability: int = 0
    native_block_fp8: int = 89
    triton_mxfp4: bool = False
    wide_fp4_tiles: bool = False
    keeps_fp4_scales: bool = False
    pads_experts: bool = False
    pads_fp4_experts: bool = False
    whole_segments: bool = False
    rope_bytes: int = 0
    rope_rows: int = 0
    whole_embedding: bool = False
    holds_ngrams: bool = False
    cut_towers: tuple[str, ...] = ()
    flat_absmax: bool = False
    expert_zeros: int = 0
    tied_twice: bool = False
    unsplit_mib: int = 0
    rest: str = "middle"
    latent: str = "viewed"
    fp4_experts: str = ""
    twice_experts: bool = False


def cdiv(number: int, divisor: int) -> int:
    """Ceiling division."""
    return -(-number // divisor)


def round_up(number: int, multiple: int) -> int:
    """Smallest multiple that is not below ``number``."""
    return cdiv(number, multiple) * multiple


def power_of_two(number: int) -> int:
    """Smallest power of two that is not below ``number``."""
    return 1 << (number - 1).bit_length()


def padded_vocab(rows: int, tp: int) -> int:
    """Embedding rows on one rank."""
    padded = cdiv(rows, VOCAB_PADDING) * VOCAB_PADDING
    return cdiv(padded, tp)


def kv_heads_per_rank(kv_heads: int, tp: int) -> int:
    """Key-value heads on one rank: cut while they last, then replicated."""
    return max(1, cdiv(kv_heads, tp))


def pipeline_ranges(count: int, stages: int, rest: str = "middle") -> list[range]:
    """Layers of each stage: equal shares, and what is left over by the rule of the release.

    ``middle``: one each from the last-but-one stage backwards (``get_pp_indices`` of vllm/distributed/utils.py since
    0.8.0). ``last``: all to the last stage (vLLM until 0.7.3, SGLang until 0.5.5). ``end``: one each to the last
    stages (sglang/srt/distributed/utils.py since 0.5.6).
    """
    base, extra = divmod(count, stages)
    sizes = [base] * stages
    if rest == "last":
        sizes[-1] += extra
    elif rest == "end":
        sizes = [base + (stage >= stages - extra) for stage in range(stages)]
    else:
        for offset in range(2, extra + 2):
            sizes[-offset if offset <= stages else -1] += 1
    ranges, start = [], 0
    for size in sizes:
        ranges.append(range(start, start + size))
        start += size
    return ranges
