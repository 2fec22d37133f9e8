"""Latency and throughput of one replica: an estimate from peak figures and achieved shares, not a promise."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models import ModelFacts, QuantFacts
from llminfra.planning.memory.shapes import GPT_OSS, Shards
from llminfra.planning.performance.batching import Burst, Steps, Traffic, at_once, steady
from llminfra.planning.performance.explain import explained
from llminfra.planning.performance.factors import factors
from llminfra.planning.performance.first_token import FirstToken, first_token
from llminfra.planning.performance.interconnect import between_nodes, inside_node
from llminfra.planning.performance.load import Load
from llminfra.planning.performance.rank_work import RankWork, rank_work
from llminfra.planning.performance.roofline import Machine, added_by_prompt, decode_step, launch_s, prefill
from llminfra.planning.performance.whole_answers import bound_of, whole_answers

_NEARLY_ALL = 0.95  # of the requests are past their first token: steps are those of all of them

ASSUMPTIONS = (
    "closed loop: every caller sends the next request when it has its answer, independently of the others",
    "no prefix is shared between prompts, no speculative decoding",
    "experts are drawn evenly; prompts and answers share the steps of a scheduler with a budget of tokens",
    "text only: images and audio cost encoder time on top",
)


WHOLE_ASSUMPTIONS = (
    "closed loop: every caller sends the next input when it has its answer, independently of the others",
    "inputs of one length; no prefix is shared between them",
    "tokenizing and HTTP keep up with the device",
    "the achieved shares are those of decoders that read prompts: they were not compared with embedders",
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


class FullLoad(Struct, frozen=True, kw_only=True):
    """What a replica does with as many callers as it runs at once; what its tokens cost follows from it.

    Attributes:
        load: The callers.
        output_tokens_per_s: Output tokens of all callers together.
        ttft_ms: Mean time to first token.
        tpot_ms: Mean time per output token after the first.
        input_tokens_per_s: Tokens of inputs, where answers come whole.
    """

    load: Load
    output_tokens_per_s: float
    ttft_ms: float
    tpot_ms: float
    input_tokens_per_s: float = 0.0

    @property
    def sound_s_per_s(self) -> float:
        """Seconds of sound that are transcribed in a second; 0 where none is."""
        if not self.load.heard_s:
            return 0.0
        return self.output_tokens_per_s / self.load.output_tokens * self.load.heard_s


class PerformanceEstimate(Struct, frozen=True, kw_only=True):
    """What callers of one replica would see.

    Attributes:
        load: The callers.
        ttft_ms: Mean time to first token, waiting for others included.
        ttft_worst_ms: Time to first token of the last caller when all come at the same moment.
        tpot_ms: Mean time per output token after the first.
        prefill_ms: Prefill of one prompt on an idle replica.
        output_tokens_per_s: Output tokens of all callers together.
        requests_per_s: Finished requests.
        running: Requests that run at once; fewer than the callers when the cache is full.
        queued: Callers that wait for a place.
        bound: What a decode step waits for: ``compute``, ``weights``, ``cache``, ``wires`` or ``overhead``.
        first_token: The time to the first token by part.
        ttft_spread: The true time to first token is expected within this factor of ``ttft_ms``.
        tpot_spread: The same for the time per output token.
        throughput_spread: The same for tokens and requests per second, and for what tokens cost.
        spread: The factor of all kinds of figures together. It says how alike two spreads are, whose errors are alike,
            too; what a figure promises has its own factor above.
        explain: One line per figure: the first token, each further token, then what both rest on.
        full: The same replica with as many callers as it runs at once.
        whole: Whether an answer comes whole (an embedding, scores): ``ttft_ms`` is the time to it, there is no time per
            token, and tokens are those of inputs.
        input_tokens_per_s: Tokens of all inputs together, where answers come whole.
        assumptions: What the estimate takes for granted.
    """

    load: Load
    ttft_ms: float
    ttft_worst_ms: float
    tpot_ms: float
    prefill_ms: float
    output_tokens_per_s: float
    requests_per_s: float
    running: float
    queued: float
    bound: str
    first_token: FirstToken
    ttft_spread: float
    tpot_spread: float
    throughput_spread: float
    spread: float
    explain: tuple[str, ...]
    full: FullLoad | None = None
    whole: bool = False
    input_tokens_per_s: float = 0.0
    assumptions: tuple[str, ...] = ASSUMPTIONS

    @property
    def answer_ms(self) -> float:
        """Mean time to the whole answer."""
        return self.ttft_ms + max(0, self.load.output_tokens - 1) * self.tpot_ms

    def usd_per_million_tokens(self, usd_per_hour: float) -> float | None:
        """Price of a million output tokens, or of inputs where answers come whole, of a full replica at this price."""
        if self.full is None:
            return None
        rate = self.full.input_tokens_per_s if self.whole else self.full.output_tokens_per_s
        return usd_per_hour / 3600 / rate * 1e6

    def usd_per_hour_of_sound(self, usd_per_hour: float) -> float | None:
        """Price of transcribing an hour of sound on a full replica that costs this much."""
        heard = self.full.sound_s_per_s if self.full else 0.0
        return usd_per_hour / heard if heard else None

    def out_of_reach(self, *, ttft_ms: float | None = None, tpot_ms: float | None = None) -> bool:
        """Whether a target is missed by more than the uncertainty of the figure that it is for."""
        return bool(
            (ttft_ms and self.ttft_ms > ttft_ms * self.ttft_spread)
            or (tpot_ms and self.tpot_ms > tpot_ms * self.tpot_spread)
        )

    @property
    def first_token_why(self) -> str:
        """How the time to the first token came about."""
        return self.explain[0]

    @property
    def each_token_why(self) -> str:
        """How the time per output token came about."""
        return self.explain[1]


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
