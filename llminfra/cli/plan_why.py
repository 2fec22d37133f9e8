"""How the figures of an endpoint's plan come about: one line always, all of it with ``--why``."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.endpoint_plan import EndpointPlan
    from llminfra.planning.infrastructure_plan import PoolPlan
    from llminfra.planning.memory import FitResult
    from llminfra.planning.serving_plan import ServingPlan

_ROUNDED = 0.06
"""GiB that roundings of the parts may add up to."""


def memory_sum(fit: FitResult) -> str:
    """The cache as a sum; empty where the device is not known."""
    if fit.budget_gib is None or fit.weights_gib_per_gpu is None or fit.kv_cache_memory_gib is None:
        return ""
    share = fit.budget_gib / fit.total_gpu_gib if fit.total_gpu_gib else 0.0
    parts = [
        (name, size)
        for name, size in (
            ("activations", fit.activation_peak_gib or 0.0),
            ("libraries", fit.non_torch_gib or 0.0),
            ("graphs", fit.cuda_graph_gib or 0.0),
            ("adapters", fit.reserved_gib or 0.0),
        )
        if size
    ]
    # Engines differ in what the budget is for: vLLM before 0.20 captures graphs beside it, SGLang computes beside it.
    left = fit.budget_gib - fit.weights_gib_per_gpu - fit.kv_cache_memory_gib
    sums = [some for size in range(len(parts), -1, -1) for some in combinations(parts, size)]
    taken = min(sums, key=lambda some: (abs(left - sum(size for _, size in some)) > _ROUNDED, -len(some)))
    if abs(left - sum(size for _, size in taken)) > _ROUNDED:
        return next((line for line in fit.explain if line.startswith("cache ") and ":" in line), "")
    text = f"{fit.total_gpu_gib:.1f} \u00d7 {share:.2f} = {fit.budget_gib:.1f} GiB, less "
    text += ", ".join(f"{name} {size:.1f}" for name, size in (("weights", fit.weights_gib_per_gpu), *taken))
    text += f" = cache {fit.kv_cache_memory_gib:.1f}"
    if fit.kv_bytes_per_token_per_gpu:
        text += f", {fit.kv_bytes_per_token_per_gpu:,.0f} bytes a token"
    beside = ", ".join(f"{name} {size:.1f}" for name, size in parts if (name, size) not in taken)
    return text + (f"; {beside} beside" if beside else "")


def price_share(gpus: int, machine: PoolPlan | None) -> str:
    """Where the price of a replica comes from."""
    if machine is None or machine.usd_per_node_hour is None:
        return ""
    there = machine.gpus_per_node
    node = f"${machine.usd_per_node_hour:,.2f} an hour for {machine.main_type.name}"
    return f"{gpus} of {there} GPUs of {node}" if gpus < there else f"{max(1, gpus // there)} \u00d7 {node}"


def reasons(item: EndpointPlan | ServingPlan, price: str) -> Iterator[tuple[str, str]]:
    """Every line behind the endpoint's figures, with what it explains; ``price`` says where the price comes from."""
    if price:
        yield "price", price
    for line in item.fit.explain:
        yield "memory", line
    if item.performance is not None:
        for line in item.performance.explain:
            yield "speed", line
    for phase in item.startup.phases:
        yield "start", f"{phase.name} {phase.seconds:,.0f} s: {phase.why}"
