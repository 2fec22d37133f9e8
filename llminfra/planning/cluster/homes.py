"""Instance types as homes of an endpoint: what `llminfra fit` says of each, for what the endpoint declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.findings import Findings
from llminfra.planning.selection import Option, list_options
from llminfra.planning.served.endpoint_model import model_facts
from llminfra.planning.served.engine_release import find_release
from llminfra.planning.served.engine_settings import engine_settings
from llminfra.planning.served.memory_case import memory_case
from llminfra.planning.spread.parallelism import Promise

if TYPE_CHECKING:
    from llminfra.spec.endpoint import Endpoint


def homes(endpoint: Endpoint, region: str, among: tuple[str, ...] | None = None) -> tuple[Option, ...]:
    """Instance types by price of one, those that hold a replica first; none where memory cannot be judged.

    Args:
        endpoint: What is to be served, with the spread that it declares.
        region: AWS region of the prices.
        among: Names of the types to look at; ``None``: all.
    """
    if endpoint.broken or endpoint.model.broken or endpoint.engine.broken:
        return ()
    # What is wrong with the endpoint itself is found where it is planned.
    unheard = Findings()
    facts = model_facts(endpoint, unheard)
    release = find_release(endpoint, facts, unheard)
    settings = engine_settings(endpoint.engine, release)
    if facts is None or not settings.judged:
        return ()
    promise, case = Promise.of(endpoint), memory_case(endpoint, facts, settings)
    if (spread := endpoint.parallelism) is not None:
        update = {"tensor_parallel": spread.tensor, "pipeline_parallel": spread.pipeline}
        case = case.model_copy(update={**update, "expert_parallel": spread.expert})
    return list_options(
        facts,
        case,
        region,
        concurrency=promise.concurrency,
        load=promise.load(case.max_model_len, facts),
        release=release,
        sort_by="instance",
        among=among,
    )
