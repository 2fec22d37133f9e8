"""Where an endpoint is served: the machines, what they are part of, and who starts the container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.engines.job import Role
    from llminfra.planning.plan.infrastructure import LustrePlan, PoolPlan
    from llminfra.planning.plan.serving import Place
    from llminfra.spec.platform import Platform


class Site(Struct, frozen=True, kw_only=True):
    """Everything that a serving plan takes from around its endpoint.

    Attributes:
        pool: The machines: a GPU pool, or an instance type seen as one.
        platform: What it is part of.
        lustre: Its file systems.
        place: Who starts the container: weights and images differ.
        role: Half of a disaggregated endpoint, which sends or fetches caches over EFA on one node, too.
    """

    pool: PoolPlan
    platform: Platform
    lustre: tuple[LustrePlan, ...]
    place: Place = "eks"
    role: Role | None = None
