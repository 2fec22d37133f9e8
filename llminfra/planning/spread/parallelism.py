"""One way to spread a replica over GPUs, and what shapes, memory, latency and price say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.gpus import find_gpu
from llminfra.planning.memory import FitCase, FitResult, ShapeFinding, divisibility_findings, estimate
from llminfra.planning.memory.releases.settings import kv_element_bytes, quantization
from llminfra.planning.memory.step import with_small_step
from llminfra.planning.performance import Load, PerformanceEstimate, Replica, replica
from llminfra.spec.endpoint import Parallelism

if TYPE_CHECKING:
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.spec.endpoint import Endpoint, Slo


class Promise(Struct, frozen=True, kw_only=True):
    """What a replica must do: hold ``concurrency`` requests of full length, and keep the latency targets."""

    concurrency: int = 1
    slo: Slo | None = None

    @classmethod
    def of(cls, endpoint: Endpoint) -> Promise:
        """The promise that an endpoint declares."""
        return cls(concurrency=endpoint.concurrency or 1, slo=endpoint.slo)

    def load(self, longest: int | None, facts: ModelFacts) -> Load:
        """The callers: typical requests of the model, cut to the context length."""
        asked = self.slo or Load()
        load = Load(prompt_tokens=asked.prompt_tokens, output_tokens=asked.output_tokens, concurrency=self.concurrency)
        return load.of(facts).within(longest)


class Candidate(Struct, frozen=True, kw_only=True):
    """One way to spread a replica.

    Attributes:
        parallelism: The spread.
        nodes: Nodes of one replica.
        fit: What the memory model says.
        concurrency: Requests of full length that the replica holds.
        problems: Why the architecture cannot be cut like this.
        usd_per_hour: Price of the replica's GPUs, a share of the node's.
        performance: Latency at the promised concurrency; ``None`` where the replica does not start.
        usd_per_million_tokens: Price of a million output tokens with as many callers as the replica can run.
    """

    parallelism: Parallelism
    nodes: int
    fit: FitResult
    concurrency: float
    problems: tuple[ShapeFinding, ...]
    usd_per_hour: float | None
    performance: PerformanceEstimate | None = None
    usd_per_million_tokens: float | None = None

    def meets(self, concurrency: int) -> bool:
        """Whether the engine starts and holds that many requests of full length."""
        return self.fit.fits is True and not self.problems and self.concurrency >= concurrency

    def miss(self, slo: Slo | None) -> float:
        """How far the estimate is beyond the worse target: 1 or less keeps it, 2 is twice too slow."""
        if slo is None or self.performance is None:
            return 0.0
        targets = (
            (self.performance.ttft_ms, slo.time_to_first_token_ms),
            (self.performance.tpot_ms, slo.time_per_output_token_ms),
        )
        return max((found / wanted for found, wanted in targets if wanted), default=0.0)

    @property
    def shape(self) -> str:
        """Such as ``TP 8 × PP 2``."""
        return shape_of(self.parallelism)

    @property
    def latency(self) -> str:
        """Such as ``62 ms to the first token, 9 ms a token``; empty where it is not known."""
        if self.performance is None:
            return ""
        if self.performance.whole:
            return f"{self.performance.ttft_ms:,.0f} ms to the answer"
        return f"{self.performance.ttft_ms:,.0f} ms to the first token, {self.performance.tpot_ms:,.0f} ms a token"

    @property
    def code(self) -> str:
        """Stable id of what the memory model, or the shapes, say."""
        return self.fit.reason.partition(":")[0]

    def describe(self) -> str:
        """One line for the plan."""
        if self.problems:
            return f"{self.shape}: {self.problems[0].message}"
        if self.fit.fits is not True:
            return f"{self.shape}: {self.fit.reason.partition(': ')[2] or self.fit.reason}"
        tightly = "tightly, " if self.fit.tight else ""
        text = f"{self.shape}: {tightly}{self.concurrency:.1f} requests of full length at once"
        if self.usd_per_hour is not None:
            text += f", ${self.usd_per_hour:,.2f}/h a replica"
        if self.usd_per_million_tokens is not None:
            counted = "input" if self.performance is not None and self.performance.whole else "output"
            text += f", about ${self.usd_per_million_tokens:,.2f} per million {counted} tokens"
        return text


def shape_of(spread: Parallelism) -> str:
    """Such as ``TP 8 × PP 2``."""
    parts = [f"TP {spread.tensor}"]
    parts += [f"PP {spread.pipeline}"] if spread.pipeline > 1 else []
    parts += [f"DP {spread.data}"] if spread.data > 1 else []
    return " × ".join(parts) + (", experts spread" if spread.expert else "")


def as_arguments(spread: Parallelism) -> str:
    """What ``Parallelism`` is called with, without what is the default: ``tensor=8, pipeline=2``."""
    parts = [f"tensor={spread.tensor}"]
    parts += [f"pipeline={spread.pipeline}"] if spread.pipeline > 1 else []
    parts += [f"data={spread.data}"] if spread.data > 1 else []
    return ", ".join([*parts, *(["expert=True"] if spread.expert else [])])


def judge(
    facts: ModelFacts, case: FitCase, pool: PoolPlan, parallelism: Parallelism, *, promise: Promise | None = None
) -> Candidate:
    """What is known about one spread."""
    sized = sized_for(case, parallelism)
    fit, problems = fitted(facts, sized, parallelism)
    price = pool.usd_per_node_hour
    usd = None if price is None else price * parallelism.gpus / pool.gpus_per_node
    gpu, speed = find_gpu(pool.gpu), None
    if fit.fits is True and not problems and gpu is not None:
        wires = pool.main_type.network_gbps
        asked = fitted_replica(facts, sized, fit, gpu, parallelism, per_node=pool.gpus_per_node, network_gbps=wires)
        speed = _estimated(asked, promise or Promise(), fit)
    return Candidate(
        parallelism=parallelism,
        nodes=max(1, -(-parallelism.gpus // pool.gpus_per_node)),
        fit=fit,
        concurrency=fit.replica_concurrency or 0.0,
        problems=problems,
        usd_per_hour=usd,
        performance=speed,
        usd_per_million_tokens=speed.usd_per_million_tokens(usd) if speed and usd is not None else None,
    )


def _estimated(asked: Replica, promise: Promise, fit: FitResult) -> PerformanceEstimate:
    """The promised callers, and how many of them would see the targets kept."""
    load, slo = promise.load(fit.max_model_len, asked.facts), promise.slo
    found = asked.estimate(load)
    if slo is None:
        return found
    first, each = slo.time_to_first_token_ms, slo.time_per_output_token_ms
    return replace(found, promised=asked.callers_within(load, ttft_ms=first, tpot_ms=each))


def sized_for(case: FitCase, parallelism: Parallelism) -> FitCase:
    """The case, spread like this."""
    return case.model_copy(
        update={
            "tensor_parallel": parallelism.tensor,
            "pipeline_parallel": parallelism.pipeline,
            "data_parallel": parallelism.data,
            "expert_parallel": parallelism.expert,
            "gpus_total": parallelism.gpus,
        }
    )


def fitted(facts: ModelFacts, case: FitCase, parallelism: Parallelism) -> tuple[FitResult, tuple[ShapeFinding, ...]]:
    """Memory of a case that is spread already, and why the architecture cannot be cut like this.

    What cannot be cut has no memory to plan: its fit is a refusal in the engine's words.
    """
    problems = tuple(item for item in shape_findings(facts, case, parallelism) if item.fatal)
    if not problems:
        return with_small_step(case, estimate(facts, case)), ()
    first = problems[0]
    unplaced = estimate(facts, case.model_copy(update={"gpu": None, "total_gpu_gib": None}))
    refused = {"fits": False, "reason": str(first), "engine_error": first.runtime_message}
    return unplaced.model_copy(update=refused), problems


def shape_findings(facts: ModelFacts, case: FitCase, spread: Parallelism) -> tuple[ShapeFinding, ...]:
    """What the engine and release of a case do not divide over a spread, or have no kernel for on its device."""
    gpu = find_gpu(case.gpu) if case.gpu else None
    return divisibility_findings(
        facts,
        spread.tensor,
        spread.pipeline,
        ep=spread.tensor * spread.data if spread.expert else 1,
        quant=quantization(facts, case),
        dcp=case.decode_context_parallel or 1,
        engine=case.engine,
        version=case.engine_version,
        capability=gpu.capability if gpu is not None else None,
    )


def fitted_replica(
    facts: ModelFacts,
    case: FitCase,
    fit: FitResult,
    gpu: Gpu,
    spread: Parallelism,
    *,
    per_node: int,
    network_gbps: float,
) -> Replica:
    """A replica with the batch and the cache that were found for it.

    Args:
        facts: The model.
        case: Engine settings, spread like this.
        fit: What they came to.
        gpu: The device.
        spread: The spread.
        per_node: GPUs of a node that belong to the replica.
        network_gbps: Between nodes.
    """
    return replica(
        facts,
        gpu,
        spread,
        quant=quantization(facts, case),
        dtype=case.dtype or "bfloat16",
        kv_bytes=kv_element_bytes(fit.kv_cache_dtype or "auto", case.dtype or facts.dtype, facts.head_dim),
        gpus_per_node=per_node,
        network_gbps=network_gbps,
        max_num_batched_tokens=fit.max_num_batched_tokens or 8192,
        max_num_seqs=fit.max_num_seqs or 256,
        cache_tokens=fit.kv_cache_tokens,
        eager=bool(case.enforce_eager),
    )
