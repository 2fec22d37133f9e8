"""The ways to spread a replica over a pool that are worth a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.engines.untold import untold_spread_fields
from llminfra.planning.spread.parallelism import Candidate, Promise, judge
from llminfra.spec.endpoint import Parallelism

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.memory import FitCase
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.served.engine_settings import EngineSettings
    from llminfra.spec.endpoint import Endpoint

MOST_NODES = 8
"""Nodes of a replica that are looked at."""


class Question(Struct, frozen=True, kw_only=True):
    """What is asked of a pool.

    Attributes:
        endpoint: The declaration.
        facts: Its model.
        case: Its engine's settings; the spread in it is replaced.
        pool: Where it runs.
        engine: What decides memory and placement.
        promise: What a replica must do.
        region: AWS region of prices.
        release: The engine's release; ``None`` where the catalog has none.
        stages: Whether the engine can cut this model into pipeline stages.
    """

    endpoint: Endpoint
    facts: ModelFacts
    case: FitCase
    pool: PoolPlan
    engine: EngineSettings
    promise: Promise
    region: str
    release: EngineRelease | None = None
    stages: bool = True

    def options(self) -> tuple[Candidate, ...]:
        """Every sensible spread."""
        return candidates(
            self.facts,
            self.case,
            self.pool,
            promise=self.promise,
            spans_nodes=self.engine.spans_nodes,
            copies=self.engine.kind == "vllm",
            experts="expert" not in untold_spread_fields(self.engine.kind),
            stages=self.stages,
        )

    def gpus_of_replicas(self) -> tuple[int, ...]:
        """Numbers of GPUs that a replica may have: of one node, and of several where they share a fabric."""
        several = self.engine.spans_nodes and self.pool.efa_per_node
        most = min(self.pool.max_nodes, MOST_NODES) if several else 1
        return tuple(self.pool.gpus_per_node * nodes for nodes in range(1, most + 1))

    def judge(self, parallelism: Parallelism) -> Candidate:
        """What is known about one spread."""
        return judge(self.facts, self.case, self.pool, parallelism, promise=self.promise)


def candidates(
    facts: ModelFacts,
    case: FitCase,
    pool: PoolPlan,
    *,
    promise: Promise | None = None,
    spans_nodes: bool = True,
    copies: bool = False,
    experts: bool = True,
    stages: bool = True,
) -> tuple[Candidate, ...]:
    """Every sensible spread on this pool, fewest GPUs first, the simpler of two equal ones first.

    Tensor parallelism inside a node; experts dealt out whole where cutting them does not divide; copies of latent
    attention, whose cache no tensor parallelism cuts; pipeline stages inside a node, and between nodes where the pool
    has EFA; there copies that share experts over all nodes, too.

    Args:
        facts: The model.
        case: The engine's settings; its spread is replaced.
        pool: Where it runs.
        promise: What latency is estimated for.
        spans_nodes: Whether the engine has pipeline stages, and replicas over several nodes.
        copies: Whether the engine runs copies of attention that share experts.
        experts: Whether the engine deals experts out whole.
        stages: Whether the engine can cut this model into pipeline stages.
    """
    wanted = promise or Promise()
    if pool.spec.sharing is not None:
        return (judge(facts, case, pool, Parallelism(), promise=wanted),)
    shapes = inside(facts, pool.gpus_per_node, copies=copies, experts=experts)
    if spans_nodes and stages:
        shapes += staged(pool.gpus_per_node)
    if spans_nodes and pool.efa_per_node:
        for nodes in range(2, min(pool.max_nodes, MOST_NODES) + 1):
            shapes += between(facts, pool.gpus_per_node, nodes, copies=copies, stages=stages)
    found = [judge(facts, case, pool, shape, promise=wanted) for shape in shapes]
    return tuple(sorted(found, key=lambda option: option.parallelism.gpus))


def inside(facts: ModelFacts, per_node: int, *, copies: bool, experts: bool) -> list[Parallelism]:
    """Spreads inside a node of so many GPUs, without stages."""
    sizes = _sizes(per_node)
    shapes = [Parallelism(tensor=size) for size in sizes]
    if facts.is_moe and experts:
        shapes += [Parallelism(tensor=size, expert=True) for size in sizes if size > 1]
        if copies and facts.uses_mla and per_node > 1:
            shapes.append(Parallelism(tensor=1, data=per_node, expert=True))
    return shapes


def staged(per_node: int) -> list[Parallelism]:
    """Spreads inside a node of so many GPUs, in pipeline stages."""
    sizes = _sizes(per_node)
    return [
        Parallelism(tensor=tensor, pipeline=stages)
        for stages in sizes[1:]
        for tensor in sizes
        if per_node % (tensor * stages) == 0
    ]


def between(facts: ModelFacts, per_node: int, nodes: int, *, copies: bool, stages: bool) -> list[Parallelism]:
    """Spreads over all GPUs of several nodes."""
    shapes = [Parallelism(tensor=per_node, pipeline=nodes)] if stages else []
    if copies and facts.is_moe and facts.uses_mla:
        shapes.append(Parallelism(tensor=1, data=per_node * nodes, expert=True))
    return shapes


def _sizes(per_node: int) -> list[int]:
    return [size for size in range(1, per_node + 1) if per_node % size == 0]
