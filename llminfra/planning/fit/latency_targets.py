"""Latency targets that the estimate misses, or that there is none for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llminfra.planning.fit.remedies import other_type
from llminfra.planning.spread.parallelism import Candidate, as_arguments
from llminfra.spec.engines.custom import CustomServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llminfra.planning.findings import Findings
    from llminfra.planning.spread.spreads import Question
    from llminfra.spec.endpoint import Endpoint


def report_targets(question: Question, nearest: Candidate, findings: Findings, faster: Candidate | None) -> bool:
    """Report targets that the estimate misses: an error only where a figure misses by more than its own uncertainty.

    Args:
        question: What was asked.
        nearest: The spread that was taken, or declared.
        findings: Takes the finding.
        faster: One on the same pool whose estimate keeps the targets.
    """
    endpoint, pool = question.endpoint, question.pool
    slo, found = endpoint.slo, nearest.performance
    if slo is None or found is None:
        return True
    first, each = slo.time_to_first_token_ms, slo.time_per_output_token_ms
    targets = (
        ("time_to_first_token_ms", first, found.ttft_ms, found.ttft_spread, found.first_token_why),
        ("time_per_output_token_ms", each, found.tpot_ms, found.tpot_spread, found.each_token_why),
    )
    missed = [target for target in targets if target[1] and target[2] > target[1]]
    measured = (
        f"{name} {value:,.0f} (estimated within a factor of {spread:g}; {why})"
        for name, _, value, spread, why in missed
    )
    beyond = found.out_of_reach(ttft_ms=first, tpot_ms=each)
    report = findings.error if beyond else findings.warning
    report(
        "LLM_FIT_20" if beyond else "LLM_FIT_21",
        endpoint,
        f"endpoints.{endpoint.name}.slo",
        f"no spread over pool {pool.name!r} keeps the latency targets; the nearest is {nearest.shape}"
        if endpoint.parallelism is None and faster is None
        else f"{nearest.shape} does not keep the latency targets",
        found="; ".join(measured),
        expected=", ".join(f"{name} at most {wanted:,g}" for name, wanted, *_ in missed),
        fix="; or ".join(_fixes(question, nearest, faster, {name: value for name, _, value, *_ in missed})),
    )
    return not beyond


def _fixes(question: Question, nearest: Candidate, faster: Candidate | None, missed: Mapping[str, float]) -> list[str]:
    """What keeps the targets; where nothing does, what would come nearer, and which promise is kept."""
    fixes = []
    if faster is not None:
        ratio = faster.parallelism.gpus / nearest.parallelism.gpus
        fixes.append(
            f"use {faster.shape}, parallelism=Parallelism({as_arguments(faster.parallelism)}): {faster.latency} by the "
            f"estimate, for {ratio:.3g} times the price"
        )
    elif elsewhere := other_type(question):
        fixes.append(elsewhere)
    found = nearest.performance
    if found is not None and found.queued:
        callers = question.promise.concurrency
        fixes.append(f"add replicas: {found.queued:.0f} of {callers} callers wait for a place")
    if fixes:
        return fixes
    kept = ", ".join(f"{name}={math.ceil(value)}" for name, value in missed.items())
    promise = f"promise what the estimate keeps, Slo({kept})"
    fewer = ["lower concurrency and add replicas"] if question.promise.concurrency > 1 else []
    return [*fewer, "take a smaller model", promise]


def check_estimated(endpoint: Endpoint, findings: Findings) -> None:
    """Report latency targets of a server whose latency nobody can estimate."""
    slo = endpoint.slo
    if not isinstance(endpoint.engine, CustomServer) or slo is None:
        return
    findings.warning(
        "LLM_FIT_52",
        endpoint,
        f"endpoints.{endpoint.name}.slo",
        "the latency of a server of your own cannot be estimated: these targets choose no hardware and stop nothing",
        found="slo with CustomServer",
        expected="an engine whose latency is estimated, or no slo",
        fix="leave slo out, and watch the server's own metrics",
    )
