"""How the figures of an endpoint's plan come about: one line always, all of it with ``--why``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.endpoint_plan import EndpointPlan
    from llminfra.planning.infrastructure_plan import PoolPlan
    from llminfra.planning.memory import FitResult


def memory_sum(fit: FitResult) -> str:
    """The cache as a sum; empty where the device is not known."""
    if fit.budget_gib is None or fit.weights_gib_per_gpu is None or fit.kv_cache_memory_gib is None:
        return ""
    share = fit.budget_gib / fit.total_gpu_gib if fit.total_gpu_gib else 0.0
    # Releases before 0.20 capture graphs beside the budget; engines that do not profile have their own terms.
    taken = [
        ("weights", fit.weights_gib_per_gpu),
        ("activations", fit.activation_peak_gib or 0.0),
        ("libraries", fit.non_torch_gib or 0.0),
    ]
    left = fit.budget_gib - sum(size for _, size in taken) - fit.kv_cache_memory_gib
    graphs = fit.cuda_graph_gib or 0.0
    if graphs and abs(left - graphs) < abs(left):
        taken.append(("graphs", graphs))
        left -= graphs
        graphs = 0.0
    if abs(left) > 0.06:
        return next((line for line in fit.explain if line.startswith("cache ") and ":" in line), "")
    text = f"{fit.total_gpu_gib:.1f} \u00d7 {share:.2f} = {fit.budget_gib:.1f} GiB, less "
    text += ", ".join(f"{name} {size:.1f}" for name, size in taken if size >= 0.05)
    text += f" = cache {fit.kv_cache_memory_gib:.1f}"
    if fit.kv_bytes_per_token_per_gpu:
        text += f", {fit.kv_bytes_per_token_per_gpu:,.0f} bytes a token"
    return text + (f"; graphs {graphs:.1f} beside" if graphs >= 0.05 else "")


def price_share(item: EndpointPlan, pool: PoolPlan | None) -> str:
    """Where the price of a replica comes from."""
    if pool is None or pool.usd_per_node_hour is None or item.usd_per_replica_hour is None:
        return ""
    gpus, there = item.parallelism.gpus, pool.gpus_per_node
    node = f"${pool.usd_per_node_hour:,.2f} an hour for {pool.main_type.name}"
    return f"{gpus} of {there} GPUs of {node}" if gpus < there else f"{max(1, gpus // there)} \u00d7 {node}"


def reasons(item: EndpointPlan, pool: PoolPlan | None) -> Iterator[tuple[str, str]]:
    """Every line behind the endpoint's figures, with what it explains."""
    if text := price_share(item, pool):
        yield "price", text
    for line in item.fit.explain:
        yield "memory", line
    if item.performance is not None:
        for line in item.performance.explain:
            yield "speed", line
    for phase in item.startup.phases:
        yield "start", f"{phase.name} {phase.seconds:,.0f} s: {phase.why}"
