"""Latency targets are judged by the uncertainty of the figure that they are for, and explained by it."""

from __future__ import annotations

import re

from llminfra import Parallelism, Slo
from llminfra.planning.performance.factors import factors
from tests.selection.test_choices import P5, findings, planned


def test_a_first_token_that_is_missed_by_less_than_its_uncertainty_is_a_warning() -> None:
    """Four of five published first tokens lie within 1.8: one and a half times as slow proves nothing."""
    fastest = planned(P5, parallelism=Parallelism(tensor=8)).performance
    assert fastest is not None
    between = (factors().spread_tpot + factors().spread_ttft) / 2
    found = findings(P5, slo=Slo(time_to_first_token_ms=fastest.ttft_ms / between))
    assert "LLM_FIT_20" not in found
    item = found["LLM_FIT_21"]
    assert f"estimated within a factor of {factors().spread_ttft:g}" in str(item.found)
    assert "prefill" in str(item.found), "explained by what makes the first token late"
    assert "decode step with" not in str(item.found)


def test_a_first_token_beyond_its_uncertainty_is_an_error() -> None:
    item = findings(P5, slo=Slo(time_to_first_token_ms=5))["LLM_FIT_20"]
    assert "first token" in str(item.found)
    assert "prefill" in str(item.found)


def test_a_token_that_is_missed_by_twice_is_an_error() -> None:
    """The time per output token is known better than the first token, and its own factor counts."""
    fastest = planned(P5, parallelism=Parallelism(tensor=8)).performance
    assert fastest is not None
    between = (factors().spread_tpot + factors().spread_ttft) / 2
    item = findings(P5, slo=Slo(time_per_output_token_ms=fastest.tpot_ms / between))["LLM_FIT_20"]
    assert f"estimated within a factor of {factors().spread_tpot:g}" in str(item.found)


def test_targets_that_nothing_keeps_are_told_as_written_with_a_promise_that_is_kept() -> None:
    """No fewer callers than one, and a target below one is not nought."""
    each = findings(P5, slo=Slo(time_per_output_token_ms=0.1))["LLM_FIT_20"]
    assert each.expected == "time_per_output_token_ms at most 0.1"
    first = findings(P5, slo=Slo(time_to_first_token_ms=1))["LLM_FIT_20"]
    assert "lower concurrency" not in first.fix
    kept = re.search(r"Slo\(time_to_first_token_ms=(\d+)\)", first.fix)
    assert kept is not None
    assert "LLM_FIT_20" not in findings(P5, slo=Slo(time_to_first_token_ms=float(kept[1])))
