"""Choosing how a replica is spread over GPUs: fewest GPUs that fit, within what the architecture allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llminfra.planning.memory import FitCase, FitResult, ShapeFinding, divisibility_findings, estimate
from llminfra.planning.memory.settings import quantization
from llminfra.spec.endpoint import Parallelism

if TYPE_CHECKING:
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.plan import PoolPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to spread a replica, with what the memory model says about it."""

    parallelism: Parallelism
    nodes: int
    fit: FitResult
    concurrency: float
    problems: tuple[ShapeFinding, ...]
    usd_per_hour: float | None

    def meets(self, concurrency: int) -> bool:
        """Whether the engine starts and holds that many requests of full length."""
        return self.fit.fits is True and not self.problems and self.concurrency >= concurrency

    def describe(self) -> str:
        """One line for the plan."""
        shape = f"TP {self.parallelism.tensor}" + (f" × PP {self.parallelism.pipeline}" if self.nodes > 1 else "")
        price = "" if self.usd_per_hour is None else f", ${self.usd_per_hour:,.2f}/h a replica"
        if self.problems:
            return f"{shape}: {self.problems[0].message}"
        if self.fit.fits is not True:
            return f"{shape}: {self.fit.reason.partition(': ')[2] or self.fit.reason}"
        return f"{shape}: {self.concurrency:.1f} requests of full length at once{price}"


def candidates(facts: ModelFacts, case: FitCase, pool: PoolPlan, *, expert: bool = False) -> tuple[Candidate, ...]:
    """Every sensible spread on this pool, fewest GPUs first.

    Within a node tensor parallelism alone; across nodes tensor inside and pipeline between, where the pool has EFA.
    """
    per_node = pool.gpus_per_node
    shapes = [(tensor, 1) for tensor in range(1, per_node + 1) if per_node % tensor == 0]
    if pool.efa_per_node:
        shapes += [(per_node, nodes) for nodes in range(2, min(pool.max_nodes, 8) + 1)]
    return tuple(judge(facts, case, pool, Parallelism(tensor=t, pipeline=p, expert=expert)) for t, p in shapes)


def judge(facts: ModelFacts, case: FitCase, pool: PoolPlan, parallelism: Parallelism) -> Candidate:
    """What the memory model and the divisibility rules say about one spread."""
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
    shapes = divisibility_findings(
        facts,
        parallelism.tensor,
        parallelism.pipeline,
        ep=parallelism.tensor * parallelism.data if parallelism.expert else 1,
        quant=quantization(facts, sized),
    )
    gpus = parallelism.gpus
    price = pool.usd_per_node_hour
    return Candidate(
        parallelism=parallelism,
        nodes=max(1, -(-gpus // pool.gpus_per_node)),
        fit=fit,
        concurrency=fit.max_concurrency or 0.0,
        problems=tuple(item for item in shapes if item.fatal),
        usd_per_hour=None if price is None else price * gpus / pool.gpus_per_node,
    )


def choose(options: tuple[Candidate, ...], concurrency: int) -> tuple[Candidate | None, tuple[Candidate, ...]]:
    """The first option that meets the wish, and up to two others worth knowing: the runner-up and the near miss."""
    good = [option for option in options if option.meets(concurrency)]
    if not good:
        return None, options[-2:]
    chosen = good[0]
    position = options.index(chosen)
    near = options[max(0, position - 1) : position]
    return chosen, (*near, *good[1:2])
