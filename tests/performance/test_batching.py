"""What callers wait for: the closed form against a scheduler played step by step, and what must hold of it."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise, product

import pytest

from llminfra.catalog.gpus import find_gpu, gpus
from llminfra.catalog.models import known_models, load_model
from llminfra.planning.performance import Load, PerformanceEstimate, Replica, replica
from llminfra.planning.performance.batching import Steps, at_once, steady
from llminfra.spec.endpoint import Parallelism
from tests.performance.step_by_step import play

LLAMA_8B, LLAMA_70B, GPT_OSS = (
    "meta-llama/Llama-3.1-8B-Instruct",
    "meta-llama/Llama-3.3-70B-Instruct",
    "openai/gpt-oss-20b",
)
SERVERS = ((LLAMA_70B, "h100", 8, 8192), (LLAMA_8B, "a100-80gb", 1, 2048), (GPT_OSS, "l40s", 1, 2048))
SHAPES = ((1024, 256), (256, 128), (8000, 200), (2000, 50))
CASES = [
    pytest.param(*server, *shape, callers, id=f"{server[1]}-{shape[0]}-{shape[1]}-{callers}")
    for server, shape, callers in product(SERVERS, SHAPES, (2, 8, 32))
]


@cache
def server(name: str, device: str, tensor: int, budget: int) -> Replica:
    facts, gpu = load_model(name), find_gpu(device)
    assert facts is not None
    assert gpu is not None
    return replica(facts, gpu, Parallelism(tensor=tensor), quant=None, max_num_batched_tokens=budget, max_num_seqs=512)


def steps_of(asked: Replica, prompt: int, answer: int, callers: int) -> Steps:
    load = Load(prompt_tokens=prompt, output_tokens=answer, concurrency=callers)
    steps, _ = asked._steady(load, callers)
    return steps


@pytest.mark.parametrize(("name", "device", "tensor", "budget", "prompt", "answer", "callers"), CASES)
def test_callers_apart_wait_as_long_as_a_scheduler_lets_them(
    name: str, device: str, tensor: int, budget: int, prompt: int, answer: int, callers: int
) -> None:
    steps = steps_of(server(name, device, tensor, budget), prompt, answer, callers)
    found, seen = steady(steps, callers), play(steps, callers, rounds=24, settled=6, apart=True)
    assert found.first_s == pytest.approx(seen.first_s, rel=0.15)
    assert found.each_s == pytest.approx(seen.each_s, rel=0.15)


@pytest.mark.parametrize(("name", "device", "tensor", "budget", "prompt", "answer", "callers"), CASES)
def test_callers_that_all_come_at_once(
    name: str, device: str, tensor: int, budget: int, prompt: int, answer: int, callers: int
) -> None:
    steps = steps_of(server(name, device, tensor, budget), prompt, answer, callers)
    for places in (callers, max(1, callers // 4)):
        found, seen = at_once(steps, callers, places), play(steps, callers, places=places)
        assert found.mean_s == pytest.approx(seen.first_s, rel=0.15)
        assert found.last_s == pytest.approx(seen.last_s, rel=0.15)
        assert found.whole_s == pytest.approx(seen.whole_s, rel=0.15)
        assert found.each_s == pytest.approx(seen.each_s, rel=0.25)


def test_figures_are_finite_for_every_model_at_the_edges_of_loads() -> None:
    """Answers of one token, prompts longer than the budget, more callers than places, a cache that holds nothing."""
    spreads = [Parallelism(), Parallelism(tensor=2, pipeline=4), Parallelism(data=8, expert=True)]
    edges = list(product(spreads, (1, 200_000), (1, 2, 3_000), (16, 8192), (None, 0), (False, True)))
    devices = list(gpus().values())
    for index, name in enumerate(known_models()):
        # Steps that share no factor with the counts, so that models of one family meet different edges.
        spread, prompt, answer, budget, cache, in_step = edges[index * 31 % len(edges)]
        facts, device = load_model(name), devices[index * 7 % len(devices)]
        assert facts is not None
        options = {"max_num_batched_tokens": budget, "max_num_seqs": 16, "cache_tokens": cache}
        asked, worst = replica(facts, device, spread, quant=facts.quantization, **options), 0.0
        for callers in (1, 7, 1_000_000):
            load = Load(prompt_tokens=prompt, output_tokens=answer, concurrency=callers, in_step=in_step)
            found = asked.estimate(load)
            first = found.first_token
            parts = (first.request_s, first.prefill_s, first.step_s, first.behind_s, first.queued_s)
            assert all(math.isfinite(part) and part >= 0 for part in parts), (name, device.name, load, parts)
            # An answer that comes whole has no further tokens.
            each = found.input_tokens_per_s if found.whole else found.tpot_ms
            figures = (found.ttft_ms, each, found.prefill_ms, found.requests_per_s)
            assert all(math.isfinite(figure) and figure > 0 for figure in figures), (name, device.name, load, figures)
            assert worst <= found.ttft_worst_ms < math.inf, (name, device.name, load)
            worst = found.ttft_worst_ms


def test_callers_in_step_wait_as_long_as_a_scheduler_lets_them() -> None:
    """Budgets cut prompts, by which groups loosen from round to round: some are further off than callers apart."""
    ratios = []
    for chosen, shape, callers in product(SERVERS, SHAPES, (2, 8, 32)):
        steps = steps_of(server(*chosen), *shape, callers)
        found, seen = steady(steps, callers, in_step=True), play(steps, callers, rounds=8, settled=2)
        ratios.append(found.first_s / seen.first_s)
        assert found.each_s == pytest.approx(seen.each_s, rel=0.2)
    assert sum(1 / 1.25 < ratio < 1.25 for ratio in ratios) >= 0.8 * len(ratios), sorted(ratios)
    assert all(0.5 < ratio < 2 for ratio in ratios)


@pytest.mark.parametrize("budget", [512, 2048, 8192])
def test_who_is_alone_is_in_step_with_nobody(budget: int) -> None:
    """Also with a prompt of many steps, each of which has a part of it."""
    steps = steps_of(server(LLAMA_8B, "a100-80gb", 1, budget), 8000, 200, 1)
    apart, together, seen = steady(steps, 1), steady(steps, 1, in_step=True), play(steps, 1)
    assert together.first_s == pytest.approx(apart.first_s)
    assert together.first_s == pytest.approx(seen.first_s, rel=0.15)


def at(callers: int, prompt: int = 1024, answer: int = 256, **options: bool) -> PerformanceEstimate:
    load = Load(prompt_tokens=prompt, output_tokens=answer, concurrency=callers, **options)
    return server(LLAMA_70B, "h100", 8, 8192).estimate(load)


def test_the_first_token_comes_later_with_every_caller() -> None:
    found = [at(callers) for callers in (1, 2, 4, 8, 16, 32, 64, 128, 256)]
    means = [item.ttft_ms for item in found]
    assert means == sorted(means)
    assert all(more < 2 * less for less, more in pairwise(means)), means
    assert means[3] < means[0] * 2, "eight callers seldom share a step: the wait is for steps of answers"
    assert means[-1] > means[0] * 3, "at 256 every step has prompts"


def test_the_worst_first_token_waits_for_the_prompts_of_all_callers() -> None:
    alone, eight, many = at(1), at(8), at(256)
    assert alone.ttft_worst_ms == pytest.approx(alone.ttft_ms, rel=0.01)
    assert eight.ttft_worst_ms > 5 * alone.prefill_ms, "eight prompts of 1,024 tokens fit one step"
    assert many.ttft_worst_ms == pytest.approx(32 * eight.ttft_worst_ms, rel=0.2), "and 256 take 32 of them"


def test_the_last_of_those_that_come_at_once_is_told_where_it_waits_longer_than_the_mean() -> None:
    """A few short prompts that come into an idle replica wait for nobody's answers."""
    short, long = at(2, prompt=50), at(8)
    assert short.ttft_worst_ms < short.ttft_ms
    assert "at the same moment" not in short.first_token_why
    assert f"{long.ttft_worst_ms:,.0f} ms for the last of 8 that come at the same moment (" in long.first_token_why


def test_few_prompts_of_a_step_share_it() -> None:
    """Callers in step whose prompts fit one step come back into an idle replica; one more group waits for the first."""
    alone = at(1)
    shared = at(4, in_step=True)
    first = alone.first_token.request_s
    assert shared.ttft_ms / 1e3 - first < 4 * (alone.ttft_ms / 1e3 - first)
    assert at(32, in_step=True).ttft_ms > 2 * at(8, in_step=True).ttft_ms


def test_callers_that_fill_every_step_wait_for_each_other() -> None:
    """Prompts alone keep the replica busy: its requests per second are those of prefill, whoever waits."""
    few, many = at(128, prompt=8000, answer=20), at(256, prompt=8000, answer=20)
    assert many.requests_per_s == pytest.approx(few.requests_per_s, rel=0.05)
    assert many.ttft_ms == pytest.approx(2 * few.ttft_ms, rel=0.1)
    assert many.tpot_ms == pytest.approx(few.tpot_ms, rel=0.05), "an answer shares its steps with as many tokens"


def test_a_cycle_holds_every_request_once() -> None:
    found = at(64, prompt=2048, answer=128)
    cycle_s = (found.ttft_ms + 127 * found.tpot_ms) / 1e3
    assert found.requests_per_s * cycle_s == pytest.approx(64)


def test_a_small_budget_lengthens_the_first_token_and_shortens_the_others_wait() -> None:
    """Chunks of 2,048 tokens: a step is short, and a prompt of 8,000 tokens takes four of them."""
    wide, narrow = server(LLAMA_8B, "a100-80gb", 1, 8192), server(LLAMA_8B, "a100-80gb", 1, 2048)
    load = Load(prompt_tokens=8000, output_tokens=400, concurrency=8)
    steps, _ = narrow._steady(load, 8)
    assert 1 / steps.fit(8) == pytest.approx(8000 / 2040)
    assert steps.step_s(steps.fit(8)) < wide._steady(load, 8)[0].step_s(1.0) / 2


def test_launches_bound_the_prefill_of_a_few_tokens() -> None:
    facts, gpu = load_model("deepseek-ai/DeepSeek-R1-0528"), find_gpu("b200")
    assert facts is not None
    assert gpu is not None
    asked = replica(facts, gpu, Parallelism(tensor=8), quant=facts.quantization)
    short, longer, long = (asked.estimate(Load(prompt_tokens=count)) for count in (64, 128, 32_768))
    assert short.prefill_ms == longer.prefill_ms
    assert long.prefill_ms > 2 * short.prefill_ms
    assert "launches take" in short.explain[2]
    assert "launches take" not in long.explain[2]


def test_copies_of_attention_batch_by_themselves() -> None:
    facts, gpu = load_model("deepseek-ai/DeepSeek-R1-0528"), find_gpu("h200")
    assert facts is not None
    assert gpu is not None
    spread = Parallelism(data=8, expert=True)
    asked = replica(facts, gpu, spread, quant=facts.quantization)
    one, eight, many = (asked.estimate(Load(concurrency=callers)) for callers in (1, 8, 256))
    assert eight.ttft_ms < 1.5 * one.ttft_ms, "each copy has one of the eight"
    assert many.ttft_ms > 1.5 * one.ttft_ms


def test_a_prompt_joins_the_next_of_the_batches_that_follow_each_other_through_stages() -> None:
    facts, gpu = load_model(LLAMA_70B), find_gpu("h100")
    assert facts is not None
    assert gpu is not None
    staged = replica(facts, gpu, Parallelism(tensor=2, pipeline=4), quant=None, max_num_seqs=512)
    alone, busy = staged.estimate(Load()), staged.estimate(Load(concurrency=32))
    waited_ms = busy.ttft_ms - alone.ttft_ms
    assert waited_ms < 2 * busy.tpot_ms, "neither for the step under way nor for one ahead as a whole"
