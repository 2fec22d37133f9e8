"""What a plan shares with others in a cluster that is there: its Prometheus and its namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.cli.terminal.words import dot
from llminfra.planning.controllers.namespaces import made_namespaces, namespaces_of
from llminfra.planning.controllers.scraping import scraping_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import Plan


def metrics_of(plan: Plan) -> str:
    """Who collects metrics, and where it is asked."""
    scraping = scraping_of(plan)
    if scraping is None:
        return "none"
    if scraping.own:
        return "a Prometheus of its own"
    asked = f"at {scraping.url}" if scraping.url else "by nobody"
    return f"the Prometheus in {scraping.scraper_namespace}, asked {asked}"


def shared_lines(plan: Plan) -> Iterator[str]:
    """Lines below that of the cluster; none where llminfra makes it."""
    if plan.cluster is None or not plan.cluster.existing:
        return
    made = made_namespaces(plan)
    found = [name for name in namespaces_of(plan) if name not in made]
    yield f"metrics: {metrics_of(plan)}"
    yield dot(f"namespaces to make: {', '.join(made) or 'none'}", f"there already: {', '.join(found)}" if found else "")
