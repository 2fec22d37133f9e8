"""How the figures of an endpoint's plan come about: one line always, all of it with ``--why``."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from llminfra.cli.terminal.memory_bar import is_cacheless
from llminfra.cli.terminal.words import count, small

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.memory import FitResult
    from llminfra.planning.performance import PerformanceEstimate
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.plan.serving import ServingPlan

_ROUNDED = 0.06
"""GiB that roundings of the parts may add up to."""
_BESIDE = {"graphs": "beside the budget"}
"""Words of the estimate's lines about a part that is not inside the budget."""


def memory_sum(fit: FitResult) -> str:
    """The cache as a sum; empty where the device is not known."""
    if fit.budget_gib is None or fit.weights_gib_per_gpu is None or fit.kv_cache_memory_gib is None:
        return ""
    if is_cacheless(fit):
        return _without_cache(fit)
    share = fit.budget_gib / fit.total_gpu_gib if fit.total_gpu_gib else 0.0
    parts = [
        (name, size)
        for name, size in (
            ("activations", fit.activation_peak_gib or 0.0),
            ("libraries", fit.non_torch_gib or 0.0),
            ("graphs", fit.cuda_graph_gib or 0.0),
            ("adapters", fit.adapters_gib or 0.0),
            ("draft", fit.draft_gib or 0.0),
        )
        if size
    ]
    taken, weights = _taken(fit, parts, fit.budget_gib - fit.kv_cache_memory_gib)
    text = f"{fit.total_gpu_gib:.1f} \u00d7 {share:.2f} = {fit.budget_gib:.1f} GiB"
    if weights is None:
        # TGI takes a share of what is left; its own line says so. "Less all of these" says nothing alone.
        own = (line for line in fit.explain if line.startswith("cache ") and ":" in line and "these" not in line)
        rest = ", ".join(f"{name} {size:.1f}" for name, size in (("weights", fit.weights_gib_per_gpu), *parts))
        return f"{text}; {rest}; {next(own, f'cache {fit.kv_cache_memory_gib:.1f}')}"
    text += ", less "
    text += ", ".join(f"{name} {size:.1f}" for name, size in (("weights", weights), *taken))
    text += f" = cache {fit.kv_cache_memory_gib:.1f}"
    if fit.kv_bytes_per_token_per_gpu:
        text += f", {fit.kv_bytes_per_token_per_gpu:,.0f} bytes a token"
    beside = ", ".join(f"{name} {size:.1f}" for name, size in parts if (name, size) not in taken)
    text += f"; {beside} beside" if beside else ""
    if abs(weights - fit.weights_gib_per_gpu) > _ROUNDED:
        text += f"; on the stage with the fewest pages, the fullest has weights of {fit.weights_gib_per_gpu:.1f}"
    return text


def _without_cache(fit: FitResult) -> str:
    beside = (
        ("activations", fit.activation_peak_gib),
        ("libraries", fit.non_torch_gib),
        ("graphs", fit.cuda_graph_gib),
    )
    parts = ", ".join(f"{name} {size:.1f}" for name, size in (("weights", fit.weights_gib_per_gpu), *beside) if size)
    return f"{fit.total_gpu_gib:.1f} GiB; {parts}; the rest stays free"


def _taken(
    fit: FitResult, parts: list[tuple[str, float]], left: float
) -> tuple[tuple[tuple[str, float], ...], float | None]:
    """The parts that come out of the budget beside the weights, and the weights of the stage that the cache is of.

    Engines differ in what the budget is for: vLLM before 0.20 captures graphs beside it, SGLang computes beside it. Of
    pipeline stages the one with the fewest pages counts, which need not be the one with the most weights; then the
    lines of the estimate tell what is beside the budget, and the stage's weights are what is left.
    """
    most = fit.weights_gib_per_gpu or 0.0
    for many in range(len(parts), -1, -1):
        # Parts may be about as large as each other: of as many, the closest sum.
        sums = [(abs(left - most - sum(size for _, size in some)), some) for some in combinations(parts, many)]
        off, closest = min(sums)
        if off <= _ROUNDED:
            return closest, most
    beside = {name for name, word in _BESIDE.items() if any(word in line for line in fit.explain)}
    if fit.engine == "sglang":
        beside.add("activations")
    inside = tuple(part for part in parts if part[0] not in beside)
    weights = left - sum(size for _, size in inside)
    return (inside, weights) if (fit.pipeline_parallel or 1) > 1 and 0 < weights <= most else ((), None)


def price_share(gpus: int, machine: PoolPlan | None) -> str:
    """Where the price of a replica comes from."""
    if machine is None or machine.usd_per_node_hour is None:
        return ""
    there = machine.gpus_per_node
    node = f"${machine.usd_per_node_hour:,.2f} an hour for {machine.main_type.name}"
    return f"{gpus} of {there} GPUs of {node}" if gpus < there else f"{max(1, gpus // there)} \u00d7 {node}"


def reasons(item: ServingPlan, price: str) -> Iterator[tuple[str, str]]:
    """Every line behind the endpoint's figures, with what it explains; ``price`` says where the price comes from."""
    if price:
        yield "price", price
    for line in item.fit.explain:
        yield "memory", line
    yield from _speed(item)
    startup = item.startup
    for phase in startup.phases:
        yield "start", f"{phase.name} {phase.seconds:,.0f} s: {phase.why}"
    yield "start", f"budget {startup.budget_s:,} s: {startup.budget_why}"
    size = f"{item.weights.bytes_total / 1e9:,.0f} GB"
    for choice in startup.choices:
        if not choice.chosen:
            rate = f"{size} at {choice.mb_per_s:,.0f} MB/s ({choice.why})"
            yield "instead", f"{choice.what} {choice.seconds:,.0f} s: {rate}; needs {choice.needs}"
    for other in (*startup.images, *startup.kernels):
        if not other.chosen:
            yield "instead", f"{other.what} {other.seconds:,.0f} s: {other.why}; needs {other.needs}"


def _places(item: ServingPlan) -> str:
    """What bounds the requests of the typical shape that run at once."""
    fit, speed = item.fit, item.performance
    each = "" if item.parallelism.data == 1 else f", on each of {item.parallelism.data} copies"
    batch = f"at most {fit.max_num_seqs:,} requests in a batch" if fit.max_num_seqs else "no bound on the batch"
    if speed is None or fit.kv_cache_tokens is None:
        return batch + each
    size = f"{speed.load.mean_context:,.0f} tokens (the prompt and half of the answer)"
    return f"the cache of {fit.kv_cache_tokens:,} tokens holds requests of {size} on average, and {batch}{each}"


def _whole(item: ServingPlan, speed: PerformanceEstimate) -> Iterator[tuple[str, str]]:
    """What is taken for granted where answers come whole, and the price of tokens as a quotient."""
    for line in speed.assumptions:
        yield "speed", line
    full, price = speed.full, item.usd_per_replica_hour
    if full is not None and price is not None and item.usd_per_million_tokens is not None:
        hourly = f"${price:,.2f} an hour / ({full.input_tokens_per_s:,.0f} \u00d7 3,600 input tokens)"
        yield "price", f"{hourly} = {small(item.usd_per_million_tokens)} per million input tokens"


def _speed(item: ServingPlan) -> Iterator[tuple[str, str]]:
    """Latency line by line, how far it may be off, and the price of tokens as a quotient."""
    speed = item.performance
    if speed is None:
        return
    for line in speed.explain:
        yield "speed", line
    if speed.whole:
        yield from _whole(item, speed)
        return
    spreads = f"{speed.ttft_spread:g} for the first token, {speed.tpot_spread:g} for each further one"
    spreads += f", {speed.throughput_spread:g} for throughput and the price of tokens"
    yield "speed", f"these are estimates: of published figures four of five lie within a factor of {spreads}"
    if speed.full is not None:
        full, price = speed.full, item.usd_per_replica_hour
        rate = f"{full.output_tokens_per_s:,.0f} output tokens/s with {full.load.words}"
        latency = f"first token {full.ttft_ms:,.0f} ms, then {full.tpot_ms:,.1f} ms each"
        yield "speed", f"when full {rate}: {latency}"
        yield "speed", f"{count(full.load.concurrency, 'caller')} run at once: {_places(item)}"
        if price is not None and item.usd_per_million_tokens is not None:
            hourly = f"${price:,.2f} an hour / ({full.output_tokens_per_s:,.0f} \u00d7 3,600 output tokens)"
            yield "price", f"{hourly} = ${item.usd_per_million_tokens:,.2f} per million output tokens"
