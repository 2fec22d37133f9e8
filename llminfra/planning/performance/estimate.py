"""Latency and throughput of one replica: an estimate from peak figures and achieved shares, not a promise."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models import ModelFacts, QuantFacts
from llminfra.planning.memory.shapes import Shards
from llminfra.planning.performance.factors import Factors, factors
from llminfra.planning.performance.interconnect import between_nodes, inside_node
from llminfra.planning.performance.rank_work import RankWork, rank_work
from llminfra.planning.performance.roofline import Machine, StepTime, decode_step, prefill_s

ASSUMPTIONS = (
    "closed loop: every caller sends the next request when it has its answer",
    "no prefix is shared between prompts, no speculative decoding",
    "experts are drawn evenly; prefill and decode share the GPU in turn",
    "text only: images and audio cost encoder time on top",
)


class Parallel(Protocol):
    """How a replica is spread; :class:`llminfra.spec.endpoint.Parallelism` is one."""

    @property
    def tensor(self) -> int:
        """GPUs that share every layer."""

    @property
    def pipeline(self) -> int:
        """Groups of layers, one after the other."""

    @property
    def data(self) -> int:
        """Copies of attention."""

    @property
    def expert(self) -> bool:
        """Whether experts are dealt out whole."""


class Load(Struct, frozen=True, kw_only=True):
    """What callers do.

    Attributes:
        prompt_tokens: Prompt length.
        output_tokens: Answer length.
        concurrency: Callers at once.
    """

    prompt_tokens: int = 1024
    output_tokens: int = 256
    concurrency: int = 1

    @property
    def mean_context(self) -> float:
        """Tokens that a running request holds on average: the prompt and half of the answer."""
        return self.prompt_tokens + self.output_tokens / 2


class PerformanceEstimate(Struct, frozen=True, kw_only=True):
    """What callers of one replica would see.

    Attributes:
        ttft_ms: Mean time to first token, waiting for others included.
        tpot_ms: Mean time per output token after the first.
        prefill_ms: Prefill of one prompt on an idle replica.
        output_tokens_per_s: Output tokens of all callers together.
        requests_per_s: Finished requests.
        running: Requests that run at once; fewer than the callers when the cache is full.
        queued: Callers that wait for a place.
        bound: What a decode step waits for: ``compute``, ``weights``, ``cache``, ``wires`` or ``overhead``.
        spread: The true figures are expected within this factor.
        explain: One line per figure.
        assumptions: What the estimate takes for granted.
    """

    ttft_ms: float
    tpot_ms: float
    prefill_ms: float
    output_tokens_per_s: float
    requests_per_s: float
    running: float
    queued: float
    bound: str
    spread: float
    explain: tuple[str, ...]
    assumptions: tuple[str, ...] = ASSUMPTIONS


class Replica(Struct, frozen=True, kw_only=True):
    """A replica whose work is known; asked for several loads.

    Attributes:
        facts: The model.
        work: Work of one rank.
        machine: Device and wires.
        chunk: Most tokens of one scheduler step.
        cache_tokens: Tokens that the cache of one copy of attention holds; ``None``: not a limit.
        max_num_seqs: Most requests that one copy of attention runs at once.
    """

    facts: ModelFacts
    work: RankWork
    machine: Machine
    chunk: int
    cache_tokens: int | None
    max_num_seqs: int

    def most_running(self, load: Load) -> float:
        """Requests of this shape that run at once when callers are many."""
        places = float(self.max_num_seqs)
        if self.cache_tokens is not None:
            places = min(places, self.cache_tokens / load.mean_context)
        return max(1.0, places * self.machine.data)

    def estimate(self, load: Load) -> PerformanceEstimate:
        """Latency and throughput under ``load``."""
        known = factors()
        running = min(float(load.concurrency), self.most_running(load))
        hidden = self.facts.hidden_size
        alone = prefill_s(self.work, self.machine, hidden, load.prompt_tokens, self.chunk, known)
        step = decode_step(self.work, self.machine, hidden, running, load.mean_context, known)
        # Prompts that fit one scheduler step are prefilled together; stages and copies of attention work side by side.
        together = max(1.0, min(running, self.chunk / load.prompt_tokens))
        batch = prefill_s(self.work, self.machine, hidden, load.prompt_tokens, self.chunk, known, prompts=together)
        each = batch / together / (self.machine.pipeline * self.machine.data)
        others = max(0.0, running - 1)
        tpot = step.total_s + others * each / load.output_tokens
        decoding = load.output_tokens * tpot
        pending = others * each / (each + decoding)
        # No prompt waits for more than all others.
        ahead = min(others, known.ttft_burst * (together - 1) + pending)
        first = known.request_overhead_s + alone + ahead * each
        if running > 1:
            first += step.total_s / 2  # a new prompt waits for the step that is under way
        cycle = first + max(0, load.output_tokens - 1) * tpot
        requests_per_s = running / cycle
        queued = max(0.0, load.concurrency - running)
        first += queued / requests_per_s
        return PerformanceEstimate(
            ttft_ms=first * 1e3,
            tpot_ms=tpot * 1e3,
            prefill_ms=alone * 1e3,
            output_tokens_per_s=requests_per_s * load.output_tokens,
            requests_per_s=requests_per_s,
            running=running,
            queued=queued,
            bound=step.bound,
            spread=known.spread,
            explain=self._explain(load, step, alone, running, known),
        )

    def _explain(self, load: Load, step: StepTime, alone: float, running: float, known: Factors) -> tuple[str, ...]:
        gpu, machine = self.machine.gpu, self.machine
        touched = sum(item.touched_bytes(running / machine.pipeline) for item in self.work.experts)
        wires = (
            f"{machine.tensor_link.name} all-reduce over {machine.tensor}" if machine.tensor > 1 else "no all-reduce"
        )
        if machine.pipeline > 1:
            wires += f", {machine.pipeline} stages over {machine.stage_link.name}"
        prefill = (
            f"prefill of {load.prompt_tokens:,} tokens {alone * 1e3:.0f} ms on {gpu.product}, at "
            f"{known.compute_16bit:.0%} of the 16-bit or {known.compute_8bit:.0%} of the 8-bit peak"
        )
        decode = (
            f"decode step with {running:.0f} requests {step.total_s * 1e3:.1f} ms, bound by {step.bound}: weights "
            f"{step.weights_s * 1e3:.1f}, arithmetic {step.compute_s * 1e3:.1f}, cache {step.cache_s * 1e3:.1f}, "
            f"{wires} {step.wires_s * 1e3:.1f}, overhead {step.overhead_s * 1e3:.1f}"
        )
        read = (
            f"a step reads {(self.work.weight_bytes + touched) / 1e9:.1f} GB of weights per GPU at "
            f"{known.bandwidth_dense:.0%} of {gpu.bandwidth_gbps:,.0f} GB/s"
        )
        if touched:
            read += f", of that {touched / 1e9:.1f} GB experts at {known.bandwidth_experts:.0%}"
        return prefill, decode, read


def replica(
    facts: ModelFacts,
    gpu: Gpu,
    parallelism: Parallel,
    *,
    quant: QuantFacts | None,
    dtype: str = "bfloat16",
    kv_bytes: int = 2,
    gpus_per_node: int = 8,
    network_gbps: float = 0.0,
    max_num_batched_tokens: int = 8192,
    max_num_seqs: int = 256,
    cache_tokens: int | None = None,
    eager: bool = False,
) -> Replica:
    """A replica to ask for loads.

    Args:
        facts: The model.
        gpu: The device.
        parallelism: How the replica is spread.
        quant: Quantization in force, ``None`` for plain weights.
        dtype: Type of unquantized weights.
        kv_bytes: Bytes of one cached element: 2, or 1 for FP8.
        gpus_per_node: GPUs of one node; tensor parallelism beyond them goes over the network.
        network_gbps: Bandwidth of one node, gigabits per second.
        max_num_batched_tokens: Most tokens of one scheduler step.
        max_num_seqs: Most requests in one batch.
        cache_tokens: Tokens that the key-value cache holds, from the memory model.
        eager: Without CUDA graphs.
    """
    known = factors()
    tensor, pipeline, data, expert = parallelism.tensor, parallelism.pipeline, parallelism.data, parallelism.expert
    inside, between = inside_node(gpu, known), between_nodes(network_gbps, gpus_per_node, known)
    spans = tensor * pipeline * data > gpus_per_node
    ranks = tensor * data if expert and facts.is_moe else 1
    shards = Shards(tp=tensor, pp=pipeline, ep=ranks, capability=gpu.capability)
    return Replica(
        facts=facts,
        work=rank_work(facts, quant, shards, gpu, dtype=dtype, kv_bytes=kv_bytes),
        machine=Machine(
            gpu=gpu,
            tensor=tensor,
            pipeline=pipeline,
            data=data,
            expert=expert and facts.is_moe,
            tensor_link=between if tensor > gpus_per_node else inside,
            stage_link=between if spans else inside,
            eager=eager,
        ),
        chunk=max_num_batched_tokens,
        cache_tokens=cache_tokens,
        max_num_seqs=max_num_seqs,
    )


def estimate_performance(
    facts: ModelFacts,
    gpu: Gpu,
    parallelism: Parallel,
    *,
    quant: QuantFacts | None = None,
    dtype: str = "bfloat16",
    kv_bytes: int = 2,
    prompt_tokens: int = 1024,
    output_tokens: int = 256,
    concurrency: int = 1,
    gpus_per_node: int = 8,
    network_gbps: float = 0.0,
    max_num_batched_tokens: int = 8192,
    max_num_seqs: int = 256,
    cache_tokens: int | None = None,
    eager: bool = False,
) -> PerformanceEstimate:
    """Latency and throughput of one replica; the arguments are those of :func:`replica` and :class:`Load`.

    ``quant`` ``None`` means the checkpoint's own quantization.
    """
    asked = replica(
        facts,
        gpu,
        parallelism,
        quant=quant or facts.quantization,
        dtype=dtype,
        kv_bytes=kv_bytes,
        gpus_per_node=gpus_per_node,
        network_gbps=network_gbps,
        max_num_batched_tokens=max_num_batched_tokens,
        max_num_seqs=max_num_seqs,
        cache_tokens=cache_tokens,
        eager=eager,
    )
    return asked.estimate(Load(prompt_tokens=prompt_tokens, output_tokens=output_tokens, concurrency=concurrency))
