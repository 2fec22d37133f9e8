"""One question of KEDA to Prometheus, as a value of the chart ``llm-server``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.charts.llm_server import PrometheusTrigger

if TYPE_CHECKING:
    from llminfra.planning.controllers.scraping import Scraping


def trigger(scraping: Scraping, name: str, query: str, threshold: float, *, wakes: bool = False) -> PrometheusTrigger:
    """A trigger; ``wakes`` says that its metric exists while no replica runs.

    Raises:
        ValueError: There is no Prometheus to ask; rules and ``scales`` keep such endpoints away.
    """
    if scraping.url is None:
        msg = f"the trigger {name} has no Prometheus to ask"
        raise ValueError(msg)
    return PrometheusTrigger(
        name=name, server_address=scraping.url, query=query, threshold=threshold, wakes_from_zero=wakes
    )
