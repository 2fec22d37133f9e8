"""A replica whose work is known, and what it does under a load."""

from __future__ import annotations

from bisect import bisect_left
from math import inf
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models import ModelFacts, QuantFacts
from llminfra.planning.memory.shapes import GPT_OSS, Shards
from llminfra.planning.performance.batching import Burst, Steps, Traffic, at_once, steady
from llminfra.planning.performance.estimate import WHOLE_ASSUMPTIONS, FullLoad, PerformanceEstimate
from llminfra.planning.performance.explain import explained
from llminfra.planning.performance.factors import factors
from llminfra.planning.performance.first_token import first_token
from llminfra.planning.performance.interconnect import between_nodes, inside_node
from llminfra.planning.performance.load import Load
from llminfra.planning.performance.rank_work import RankWork, rank_work
from llminfra.planning.performance.roofline import Machine, added_by_prompt, decode_step, launch_s, prefill
from llminfra.planning.performance.whole_answers import bound_of, whole_answers

_NEARLY_ALL = 0.95  # of the requests are past their first token: steps are those of all of them


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

    def full_load(self, load: Load) -> Load:
        """Callers of this shape, as many as run at once."""
        return replace(load, concurrency=max(1, int(self.most_running(load))))

    def estimate(self, load: Load) -> PerformanceEstimate:
        """Latency and throughput under ``load``, and with as many callers as run at once."""
        found = self._estimate(load)
        most = self._estimate(self.full_load(load))
        full = FullLoad(
            load=most.load,
            output_tokens_per_s=most.output_tokens_per_s,
            ttft_ms=most.ttft_ms,
            tpot_ms=most.tpot_ms,
            input_tokens_per_s=most.input_tokens_per_s,
        )
        return replace(found, full=full)

    def callers_within(self, load: Load, *, ttft_ms: float | None, tpot_ms: float | None) -> int | None:
        """Most callers of this shape who see both targets kept, of those that run at once; ``None``: not even one.

        Args:
            load: The callers; their number does not matter.
            ttft_ms: Mean time to first token that is promised, in milliseconds; ``None``: nothing is.
            tpot_ms: The same for the time per output token.
        """

        def kept(callers: int) -> bool:
            found = self._estimate(replace(load, concurrency=callers))
            return found.ttft_ms <= (ttft_ms or inf) and found.tpot_ms <= (tpot_ms or inf)

        # More callers wait longer: the first of them for whom a target is missed ends the search.
        missed = bisect_left(range(1, int(self.most_running(load)) + 1), True, key=lambda callers: not kept(callers))
        return missed or None

    def at_once(self, load: Load) -> Burst:
        """What these callers see if all of them come at the same moment and none of them comes again."""
        steps, _ = self._steady(load, min(float(load.concurrency), self.most_running(load)))
        schedulers = self.machine.schedulers
        return at_once(steps, load.concurrency / schedulers, self.most_running(load) / schedulers)

    def _steps(self, load: Load, answers: float) -> Steps:
        """Steps beside which so many answers run."""
        known, hidden = factors(), self.facts.hidden_size
        return Steps(
            decode=decode_step(self.work, self.machine, hidden, max(1.0, answers), load.mean_context, known),
            prompt=added_by_prompt(self.work, self.machine, hidden, load.prompt_tokens, known),
            host_s=launch_s(self.work, self.machine, known),
            budget=self.chunk,
            prompt_tokens=load.prompt_tokens,
            output_tokens=load.output_tokens,
            request_s=known.request_overhead_s,
            ahead=known.steps_ahead,
            stages=self.machine.pipeline,
        )

    def _steady(self, load: Load, running: float) -> tuple[Steps, Traffic]:
        """Steps with the answers that run in them; fewer than the requests where prompts take most of the time."""
        schedulers = self.machine.schedulers
        steps = self._steps(load, running)
        flow = steady(steps, running / schedulers, in_step=load.in_step)
        answers = flow.answers * schedulers
        if answers < _NEARLY_ALL * running:
            steps = self._steps(load, answers)
            flow = steady(steps, running / schedulers, in_step=load.in_step)
        return steps, flow

    def _whole(self, load: Load) -> PerformanceEstimate:
        """Inputs whose answers come whole."""
        known, most = factors(), self.most_running(load)
        found = whole_answers(
            self.work, self.machine, self.facts.hidden_size, load, chunk=self.chunk, most=most, known=known
        )
        return PerformanceEstimate(
            load=load,
            ttft_ms=found.answer.mean_s * 1e3,
            ttft_worst_ms=found.answer.last_s * 1e3,
            tpot_ms=0.0,
            prefill_ms=found.alone.total_s * 1e3,
            output_tokens_per_s=0.0,
            requests_per_s=found.requests_per_s,
            running=found.answer.running,
            queued=max(0.0, load.concurrency - found.answer.running),
            bound=bound_of(found.step),
            first_token=found.answer,
            ttft_spread=known.spread_ttft,
            tpot_spread=known.spread_tpot,
            throughput_spread=known.spread_throughput,
            spread=known.spread,
            explain=found.explain,
            whole=True,
            input_tokens_per_s=found.requests_per_s * load.prompt_tokens,
            assumptions=WHOLE_ASSUMPTIONS,
        )

    def _estimate(self, load: Load) -> PerformanceEstimate:
        if not self.facts.generative:
            return self._whole(load)
        known, most = factors(), self.most_running(load)
        running = min(float(load.concurrency), most)
        alone = prefill(self.work, self.machine, self.facts.hidden_size, load.prompt_tokens, self.chunk, known)
        steps, flow = self._steady(load, running)
        burst = at_once(steps, load.concurrency / self.machine.schedulers, most / self.machine.schedulers)
        requests_per_s = running / (flow.first_s + (load.output_tokens - 1) * flow.each_s)
        queued = max(0.0, load.concurrency - running)
        first = first_token(
            flow,
            burst,
            request_s=known.request_overhead_s,
            prefill_s=alone.total_s,
            running=running,
            queued_s=queued / requests_per_s,
        )
        return PerformanceEstimate(
            load=load,
            ttft_ms=first.mean_s * 1e3,
            ttft_worst_ms=first.last_s * 1e3,
            tpot_ms=flow.each_s * 1e3,
            prefill_ms=alone.total_s * 1e3,
            output_tokens_per_s=requests_per_s * load.output_tokens,
            requests_per_s=requests_per_s,
            running=running,
            queued=queued,
            bound=steps.decode.bound,
            first_token=first,
            ttft_spread=known.spread_ttft,
            tpot_spread=known.spread_tpot,
            throughput_spread=known.spread_throughput,
            spread=known.spread,
            explain=explained(self.work, self.machine, load, first, alone, steps.decode, flow),
        )


def replica(
    facts: ModelFacts,
    gpu: Gpu,
    parallelism: Parallel,
    *,
    quant: QuantFacts | None,
    dtype: str = "bfloat16",
    kv_bytes: float = 2,
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
        kv_bytes: Bytes of one cached element: 2, 1 for FP8, or less with the scales of NVFP4.
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
    shards = Shards(
        tp=tensor, pp=pipeline, ep=ranks, capability=gpu.capability, triton_mxfp4=facts.architecture == GPT_OSS
    )
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
    kv_bytes: float = 2,
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
