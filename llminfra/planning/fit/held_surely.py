"""The promised requests against the least that a replica holds, not only against the estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.memory.inputs.case import FitResult
    from llminfra.planning.spread.parallelism import Candidate
    from llminfra.planning.spread.spreads import Question


def held_at_least(fit: FitResult) -> float | None:
    """Requests of full length that a replica holds where the estimate is too high by all of its margin."""
    least, tokens, held = fit.kv_cache_tokens_at_least, fit.kv_cache_tokens, fit.replica_concurrency
    return None if least is None or not tokens or held is None else held * min(1.0, least / tokens)


def report_less_at_least(question: Question, chosen: Candidate, findings: Findings) -> None:
    """Warn where the declared requests are held by the estimate, and not by the least.

    A start that is tight for one request is told as such, and what is not held waits or is computed twice: it is no
    failure, so nothing is refused.
    """
    endpoint, least = question.endpoint, held_at_least(chosen.fit)
    promised = endpoint.concurrency or 0
    if least is None or chosen.fit.tight or least >= promised or chosen.concurrency < promised:
        return
    length = chosen.fit.max_model_len or 0
    shorter = int(length * least / promised)
    fixes = [f"set concurrency to {int(least)}"] if least >= 1 else []
    fixes += [f"max_model_len to at most {shorter:,}", "or add replicas"]
    findings.warning(
        "LLM_MEM_9",
        endpoint,
        f"endpoints.{endpoint.name}.concurrency",
        f"{question.facts.model_id} holds {promised} requests of full length by less than the estimate may be wrong",
        found=f"{chosen.concurrency:.1f} requests of {length:,} tokens by the estimate, {least:.1f} at least",
        expected=f"at least {promised}",
        fix=", ".join(fixes),
    )
