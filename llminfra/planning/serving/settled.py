"""How a replica is cut over GPUs and nodes, and by which release: what is settled before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.fit.beside_model import spread_beside
from llminfra.planning.fit.distributed import check_ranks
from llminfra.planning.served.engine_release import release_with_efa
from llminfra.planning.serving.disaggregation import check_role_shape

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.planning.findings import Findings
    from llminfra.planning.fit.fitting import Spread
    from llminfra.planning.serving.asked import Asked
    from llminfra.planning.serving.site import Site


class Settled(Struct, frozen=True, kw_only=True):
    """The spread of an endpoint.

    Attributes:
        spread: Ranks, their memory and speed, why these, and what else there is.
        release: The engine's release; another than was asked for where only that has an image with EFA.
        efa: Whether pods talk to other pods over the fabric.
    """

    spread: Spread
    release: EngineRelease | None
    efa: bool


def settle(asked: Asked, site: Site, findings: Findings) -> Settled | None:
    """The spread of an endpoint, and whether its ranks find each other; ``None`` leaves a finding."""
    question = asked.question
    endpoint, release = question.endpoint, question.release
    spread = spread_beside(question, asked.options, findings)
    if spread is None:
        return None
    chosen = spread.chosen
    efa = chosen.nodes > 1 or site.role is not None
    if efa and question.engine.image is None and release is not None and release.image(efa=True) is None:
        release = release_with_efa(endpoint, question.facts, findings)
        if release is None:
            return None
    if not check_ranks(endpoint, question.facts, site.pool, chosen, release, findings):
        return None
    if not check_role_shape(endpoint, chosen, site.role, findings):
        return None
    return Settled(spread=spread, release=release, efa=efa)
