"""The ways to spread a replica over GPUs, and what memory, shapes, latency and price say about each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog.gpus import find_gpu
from llminfra.planning.memory import FitCase, FitResult, ShapeFinding, divisibility_findings, estimate
from llminfra.planning.memory.settings import quantization
from llminfra.planning.performance import Load, PerformanceEstimate, Replica, replica
from llminfra.spec.endpoint import Parallelism

if TYPE_CHECKING:
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.infrastructure_plan import PoolPlan
    from llminfra.spec.endpoint import Endpoint, Slo

_MOST_NODES = 8
_CACHE_BYTES = {"fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1}


class Promise(Struct, frozen=True, kw_only=True):
    """What a replica must do: hold ``concurrency`` requests of full length, and keep the latency targets."""

    concurrency: int = 1
    slo: Slo | None = None

    @classmethod
    def of(cls, endpoint: Endpoint) -> Promise:
        """The promise that an endpoint declares."""
        return cls(concurrency=endpoint.concurrency or 1, slo=endpoint.slo)

    def load(self, longest: int | None) -> Load:
        """The callers: typical requests, cut to the context length."""
        prompt = self.slo.prompt_tokens if self.slo else Load().prompt_tokens
        output = self.slo.output_tokens if self.slo else Load().output_tokens
        if longest:
            output = max(1, min(output, longest // 2))
            prompt = max(1, min(prompt, longest - output))
        return Load(prompt_tokens=prompt, output_tokens=output, concurrency=self.concurrency)


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
        spread = self.parallelism
        parts = [f"TP {spread.tensor}"]
        parts += [f"PP {spread.pipeline}"] if spread.pipeline > 1 else []
        parts += [f"DP {spread.data}"] if spread.data > 1 else []
        return " × ".join(parts) + (", experts spread" if spread.expert else "")

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
            text += f", about ${self.usd_per_million_tokens:,.2f} per million output tokens"
        return text


def candidates(
    facts: ModelFacts,
    case: FitCase,
    pool: PoolPlan,
    *,
    promise: Promise | None = None,
    spans_nodes: bool = True,
    copies: bool = False,
    stages: bool = True,
) -> tuple[Candidate, ...]:
    """Every sensible spread on this pool, fewest GPUs first, the simpler of two equal ones first.

    Tensor parallelism inside a node; experts dealt out whole where cutting them does not divide; copies of latent
    attention, whose cache no tensor parallelism cuts; pipeline stages inside a node where nothing else starts, and
    between nodes where the pool has EFA; there copies that share experts over all nodes, too.

    Args:
        facts: The model.
        case: The engine's settings; its spread is replaced.
        pool: Where it runs.
        promise: What latency is estimated for.
        spans_nodes: Whether the engine has pipeline stages, and replicas over several nodes.
        copies: Whether the engine runs copies of attention that share experts.
        stages: Whether the engine can cut this model into pipeline stages.
    """
    wanted = promise or Promise()
    if pool.spec.sharing is not None:
        return (judge(facts, case, pool, Parallelism(), promise=wanted),)
    found = [judge(facts, case, pool, shape, promise=wanted) for shape in _inside(facts, pool, copies=copies)]
    if not any(option.meets(wanted.concurrency) for option in found) and spans_nodes and stages:
        found += [judge(facts, case, pool, shape, promise=wanted) for shape in _staged(pool)]
    if spans_nodes and pool.efa_per_node:
        shapes = _between(facts, pool, copies=copies, stages=stages)
        found += [judge(facts, case, pool, shape, promise=wanted) for shape in shapes]
    return tuple(sorted(found, key=lambda option: option.parallelism.gpus))


def _inside(facts: ModelFacts, pool: PoolPlan, *, copies: bool) -> list[Parallelism]:
    per_node = pool.gpus_per_node
    sizes = [size for size in range(1, per_node + 1) if per_node % size == 0]
    shapes = [Parallelism(tensor=size) for size in sizes]
    if facts.is_moe:
        shapes += [Parallelism(tensor=size, expert=True) for size in sizes if size > 1]
        if copies and facts.uses_mla and per_node > 1:
            shapes.append(Parallelism(tensor=1, data=per_node, expert=True))
    return shapes


def _staged(pool: PoolPlan) -> list[Parallelism]:
    per_node = pool.gpus_per_node
    sizes = [size for size in range(1, per_node + 1) if per_node % size == 0]
    return [
        Parallelism(tensor=tensor, pipeline=stages)
        for stages in sizes[1:]
        for tensor in sizes
        if per_node % (tensor * stages) == 0
    ]


def _between(facts: ModelFacts, pool: PoolPlan, *, copies: bool, stages: bool) -> list[Parallelism]:
    per_node = pool.gpus_per_node
    counts = range(2, min(pool.max_nodes, _MOST_NODES) + 1)
    shapes = [Parallelism(tensor=per_node, pipeline=nodes) for nodes in counts] if stages else []
    if copies and facts.is_moe and facts.uses_mla:
        shapes += [Parallelism(tensor=1, data=per_node * nodes, expert=True) for nodes in counts]
    return shapes


def judge(
    facts: ModelFacts, case: FitCase, pool: PoolPlan, parallelism: Parallelism, *, promise: Promise | None = None
) -> Candidate:
    """What is known about one spread."""
    sized = case.model_copy(
        update={
            "tensor_parallel": parallelism.tensor,
            "pipeline_parallel": parallelism.pipeline,
            "data_parallel": parallelism.data,
            "expert_parallel": parallelism.expert,
            "gpus_total": parallelism.gpus,
        }
    )
    fit = estimate(facts, sized)
    quant = quantization(facts, sized)
    shapes = divisibility_findings(
        facts,
        parallelism.tensor,
        parallelism.pipeline,
        ep=parallelism.tensor * parallelism.data if parallelism.expert else 1,
        quant=quant,
    )
    problems = tuple(item for item in shapes if item.fatal)
    price = pool.usd_per_node_hour
    usd = None if price is None else price * parallelism.gpus / pool.gpus_per_node
    asked = None
    if fit.fits is True and not problems:
        asked = _replica(facts, sized, fit, pool, parallelism)
    load = (promise or Promise()).load(fit.max_model_len)
    return Candidate(
        parallelism=parallelism,
        nodes=max(1, -(-parallelism.gpus // pool.gpus_per_node)),
        fit=fit,
        concurrency=(fit.max_concurrency or 0.0) * parallelism.data,
        problems=problems,
        usd_per_hour=usd,
        performance=asked.estimate(load) if asked else None,
        usd_per_million_tokens=usd_per_million_tokens(asked, load, usd) if asked else None,
    )


def usd_per_million_tokens(asked: Replica, load: Load, usd_per_hour: float | None) -> float | None:
    """Price of a million output tokens, with as many callers as the replica runs at once."""
    if usd_per_hour is None:
        return None
    full = Load(
        prompt_tokens=load.prompt_tokens,
        output_tokens=load.output_tokens,
        concurrency=max(1, int(asked.most_running(load))),
    )
    return usd_per_hour / 3600 / asked.estimate(full).output_tokens_per_s * 1e6


def _replica(
    facts: ModelFacts, case: FitCase, fit: FitResult, pool: PoolPlan, parallelism: Parallelism
) -> Replica | None:
    gpu = find_gpu(pool.gpu)
    if gpu is None:
        return None
    return replica(
        facts,
        gpu,
        parallelism,
        quant=quantization(facts, case),
        dtype=case.dtype or "bfloat16",
        kv_bytes=_CACHE_BYTES.get(fit.kv_cache_dtype or "auto", 2),
        gpus_per_node=pool.gpus_per_node,
        network_gbps=pool.main_type.network_gbps,
        max_num_batched_tokens=fit.max_num_batched_tokens or 8192,
        max_num_seqs=fit.max_num_seqs or 256,
        cache_tokens=fit.kv_cache_tokens,
        eager=bool(case.enforce_eager),
    )


class Choice(Struct, frozen=True, kw_only=True):
    """The chosen candidate, up to two others worth knowing, and whether the chosen one keeps the targets."""

    chosen: Candidate | None
    others: tuple[Candidate, ...]
    keeps_slo: bool = True


def choose(options: tuple[Candidate, ...], promise: Promise) -> Choice:
    """The cheapest option that holds the requests and keeps the targets.

    One that holds them by less than the estimate may be wrong is taken where there is no other. Where none keeps the
    targets, the one that comes nearest; where none holds the requests, nothing.
    """
    good = [option for option in options if option.meets(promise.concurrency)]
    if not good:
        return Choice(chosen=None, others=options[-2:])
    good = [option for option in good if not option.fit.tight] or good
    keeping = [option for option in good if option.miss(promise.slo) <= 1]
    ranked = sorted(keeping, key=_cost) or sorted(good, key=lambda option: option.miss(promise.slo))
    chosen = ranked[0]
    position = options.index(chosen)
    cheaper = [option for option in options[:position] if option not in ranked[1:2] and option.parallelism.data == 1]
    # The nearest cheaper one says why more GPUs are taken; the next in rank says what else would do.
    return Choice(chosen=chosen, others=(*cheaper[-1:], *ranked[1:])[:2], keeps_slo=bool(keeping))


def _cost(option: Candidate) -> tuple[float, bool, int, int]:
    """Fewest GPUs, which is cheapest on one pool; among equals the plainest."""
    spread = option.parallelism
    return spread.gpus, spread.expert, spread.data, spread.pipeline
