"""Time of one prefill and of one decode step: the slower of arithmetic and memory, then the wires, then overheads."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.gpus import Gpu
from llminfra.planning.performance.factors import Factors
from llminfra.planning.performance.interconnect import (
    Link,
    dispatch_s,
    hand_over_s,
    tensor_parallel_s,
)
from llminfra.planning.performance.kernels import attention_fixed_s, kernel
from llminfra.planning.performance.rank_work import MatrixWork, RankWork

_TERA, _GIGA = 1e12, 1e9
_WIDE = ("bf16", "fp16")


class Machine(Struct, frozen=True, kw_only=True):
    """A rank's device and its wires.

    Attributes:
        gpu: The device.
        tensor: Tensor-parallel ranks.
        pipeline: Pipeline stages.
        data: Copies of attention.
        expert: Whether experts are dealt out whole.
        tensor_link: Wire of the all-reduce.
        stage_link: Wire between pipeline stages, and between copies of attention.
        eager: Without CUDA graphs.
    """

    gpu: Gpu
    tensor: int
    pipeline: int
    data: int
    expert: bool
    tensor_link: Link
    stage_link: Link
    eager: bool

    @property
    def schedulers(self) -> int:
        """Batches that run beside each other: one for each copy of attention and pipeline stage."""
        return self.data * self.pipeline


class StepTime(Struct, frozen=True, kw_only=True):
    """Seconds of one step by what takes them; arithmetic and memory run at the same time, the rest in turn."""

    compute_s: float
    weights_s: float
    cache_s: float
    attention_s: float
    wires_s: float
    overhead_s: float

    @property
    def total_s(self) -> float:
        """The whole step."""
        return (
            max(self.compute_s, self.weights_s) + max(self.attention_s, self.cache_s) + self.wires_s + self.overhead_s
        )

    @property
    def bound(self) -> str:
        """What takes most of the step: ``compute``, ``weights``, ``cache``, ``wires`` or ``overhead``."""
        parts = {
            "compute": self.compute_s if self.compute_s >= self.weights_s else 0.0,
            "weights": self.weights_s if self.weights_s > self.compute_s else 0.0,
            "cache": max(self.cache_s, self.attention_s),
            "wires": self.wires_s,
            "overhead": self.overhead_s,
        }
        return max(parts, key=lambda name: parts[name])


class PrefillTime(Struct, frozen=True, kw_only=True):
    """Seconds of one prefill by what takes them, all stages together.

    ``host_s`` is the time in which the host launches the kernels: graphs are captured for steps of few tokens, so those
    of a prompt are launched one by one, and the device waits where it is faster.
    """

    compute_s: float
    weights_s: float
    attention_s: float
    wires_s: float
    overhead_s: float
    host_s: float

    @property
    def device_s(self) -> float:
        """Work of the device: arithmetic and reading run at the same time, the rest in turn."""
        return max(self.compute_s, self.weights_s) + self.attention_s + self.wires_s + self.overhead_s

    @property
    def total_s(self) -> float:
        """The whole prefill."""
        return max(self.device_s, self.host_s)


def matrix_s(work: RankWork, gpu: Gpu, tokens: float, factors: Factors) -> float:
    """Arithmetic of all matrix products but the head for ``tokens`` tokens on one rank."""
    return sum(item.operations * tokens / speed(item, gpu, factors) for item in work.matrices)


def speed(item: MatrixWork, gpu: Gpu, factors: Factors) -> float:
    """Operations per second that a step with many tokens reaches."""
    share = kernel(gpu, item.kind, experts=item.experts).compute
    if not item.experts:
        share *= factors.engine_share  # what kernels of experts come with was measured with them
    if item.widened and item.kind == "wide":
        share *= factors.compute_dequantize
    return gpu.tflops[item.dtype] * _TERA * share


def _wide(gpu: Gpu) -> str:
    return "bf16" if gpu.supports("bf16") else "fp16"


def _weights_s(work: RankWork, gpu: Gpu, tokens: float) -> float:
    peak = gpu.bandwidth_gbps * _GIGA
    experts = sum(item.touched_bytes(tokens) for item in work.experts)
    return work.weight_bytes / (peak * read_share(work, gpu, experts=False)) + experts / (
        peak * read_share(work, gpu, experts=True)
    )


def read_share(work: RankWork, gpu: Gpu, *, experts: bool) -> float:
    """Share of the peak bandwidth at which weights are read, the mean over the kinds of products by their bytes."""
    items = [item for item in work.matrices if item.experts is experts and item.weight_bytes]
    whole = sum(item.weight_bytes for item in items)
    if not whole:
        return kernel(gpu, "wide", experts=experts).bandwidth
    return whole / sum(item.weight_bytes / kernel(gpu, item.kind, experts=experts).bandwidth for item in items)


def _overhead_s(work: RankWork, machine: Machine, factors: Factors) -> float:
    if machine.eager:
        return work.layers * factors.layer_overhead_eager_s
    launched = sum(
        item.kernels * kernel(machine.gpu, item.kind, experts=item.experts).fixed_s for item in work.matrices
    )
    return launched + work.layers * (attention_fixed_s(machine.gpu) + factors.layer_rest_s)


def _expert_wires_s(work: RankWork, machine: Machine, hidden: int, tokens: float) -> float:
    if not machine.expert or machine.data <= 1:
        return 0.0  # with tensor-parallel attention every rank has every token already
    top_k = max((item.top_k for item in work.experts), default=0)
    ranks = machine.tensor * machine.data
    return dispatch_s(machine.stage_link, ranks, moe_layers=work.moe_layers, hidden=hidden, tokens=tokens, top_k=top_k)


def prefill(
    work: RankWork, machine: Machine, hidden: int, prompt: int, chunk: int, factors: Factors, *, prompts: float = 1.0
) -> PrefillTime:
    """Prompts that are prefilled together on an otherwise idle replica, from the first layer to the last stage.

    Args:
        work: Work of one rank of one stage.
        machine: Device and wires.
        hidden: Width of the residual stream.
        prompt: Tokens of one prompt.
        chunk: Most tokens of one scheduler step; each further step reads the weights again.
        factors: Achieved shares.
        prompts: Prompts that share the steps.
    """
    gpu = machine.gpu
    tokens = prompt * prompts
    steps = max(1.0, -(-prompt // max(chunk, 1)))
    arithmetic = matrix_s(work, gpu, tokens, factors)
    if work.encoder_operations:
        arithmetic += prompts * work.encoder_operations / (gpu.tflops[_wide(gpu)] * _TERA * factors.compute_16bit)
    reading = steps * _weights_s(work, gpu, tokens / steps)
    pairs = sum(item.layers * item.prefill_operations * item.prefill_pairs(prompt) * prompts for item in work.attention)
    # Attention kernels reach about the same share of the 16-bit peak whatever the weights are.
    attention = pairs / (gpu.tflops[_wide(gpu)] * _TERA * factors.compute_16bit)
    wires = tensor_parallel_s(
        machine.tensor_link, machine.tensor, layers=work.layers, hidden=hidden, tokens=tokens
    ) + _expert_wires_s(work, machine, hidden, tokens)
    stages = machine.pipeline
    return PrefillTime(
        compute_s=stages * arithmetic,
        weights_s=stages * reading,
        attention_s=stages * attention,
        wires_s=stages * wires + hand_over_s(machine.stage_link, stages, hidden=hidden, tokens=tokens),
        overhead_s=stages * steps * _overhead_s(work, machine, factors),
        host_s=steps * launch_s(work, machine, factors),
    )


def launch_s(work: RankWork, machine: Machine, factors: Factors) -> float:
    """Host time to launch the kernels of one step with prompt tokens, all stages together."""
    return machine.pipeline * (
        work.layers * factors.prefill_layer_host_s + work.moe_layers * factors.prefill_moe_layer_host_s
    )


def added_by_prompt(work: RankWork, machine: Machine, hidden: int, prompt: int, factors: Factors) -> PrefillTime:
    """What a prompt adds to steps that run anyway: no latency of wires, no overhead of layers, no launches."""
    alone = prefill(work, machine, hidden, prompt, prompt, factors)
    nothing = machine.pipeline * (
        tensor_parallel_s(machine.tensor_link, machine.tensor, layers=work.layers, hidden=hidden, tokens=0)
        + _expert_wires_s(work, machine, hidden, 0)
    )
    return replace(alone, wires_s=max(0.0, alone.wires_s - nothing), overhead_s=0.0, host_s=0.0)


def decode_step(
    work: RankWork, machine: Machine, hidden: int, requests: float, context: float, factors: Factors
) -> StepTime:
    """One output token for each of ``requests`` requests of ``context`` tokens.

    With pipeline stages the requests are cut into as many groups, which follow each other through the stages; the time
    is what one request waits for its token.
    """
    gpu = machine.gpu
    peak = gpu.bandwidth_gbps * _GIGA
    local = requests / machine.data / machine.pipeline
    everywhere = requests / machine.pipeline
    head = work.head_operations * local / (gpu.tflops[_wide(gpu)] * _TERA * factors.compute_16bit)
    compute = sum(
        item.operations * (everywhere if item.experts and machine.data > 1 else local) / speed(item, gpu, factors)
        for item in work.matrices
    )
    cache = sum(item.layers * item.cache_bytes * item.seen(context) for item in work.attention) + work.state_bytes
    attention = sum(item.layers * item.decode_operations * item.seen(context) for item in work.attention)
    wires = tensor_parallel_s(
        machine.tensor_link, machine.tensor, layers=work.layers, hidden=hidden, tokens=local
    ) + _expert_wires_s(work, machine, hidden, everywhere)
    stages = machine.pipeline
    sent = hand_over_s(machine.stage_link, stages, hidden=hidden, tokens=everywhere)
    return StepTime(
        compute_s=stages * (compute + head / stages),
        weights_s=stages * _weights_s(work, gpu, everywhere),
        cache_s=stages * local * cache / (peak * factors.bandwidth_cache),
        attention_s=stages * local * attention / (gpu.tflops[_wide(gpu)] * _TERA * factors.compute_16bit),
        wires_s=stages * wires + sent,
        overhead_s=stages * _overhead_s(work, machine, factors)
        + factors.step_overhead_s
        + requests * factors.request_step_overhead_s,
    )
