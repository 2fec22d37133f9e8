"""Replicas on another pool beside an endpoint's own: what cannot be, and when they come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.plan.endpoint import OverflowPlan
from llminfra.spec.compute.gpu_pool import GpuPool

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.spec.endpoint import Endpoint, Overflow


def check_overflow(endpoint: Endpoint, overflow: Overflow, findings: Findings) -> bool:
    """Report an overflow that could not work where the endpoint runs; false where it is not planned."""
    path, on = f"endpoints.{endpoint.name}.overflow", endpoint.on
    if not isinstance(on, GpuPool):
        findings.error(
            "LLM_OVF_1",
            endpoint,
            path,
            "further replicas join the Service of pods in the cluster, and this endpoint runs elsewhere",
            found=f"overflow beside {type(on).__name__}",
            expected="an endpoint on a GpuPool",
            fix="run the endpoint on a GpuPool, or leave overflow out and scale it with replicas=Autoscaling(…)",
        )
        return False
    if overflow.on is on or overflow.on.name == on.name:
        findings.error(
            "LLM_OVF_2",
            endpoint,
            f"{path}.on",
            "the overflow is on the pool of the endpoint's own replicas: it would be the same capacity twice",
            found=f"pool {on.name!r} for both",
            expected="another pool, for example one with capacity=Spot()",
            fix=f"name another pool; or leave overflow out, with replicas=Autoscaling(min={endpoint.replicas}, max=…)",
        )
        return False
    return True


def overflow_plan(base: EndpointPlan, beyond: EndpointPlan, waiting_per_replica: int) -> OverflowPlan:
    """When the overflow starts, and how its replicas compare with the endpoint's own."""
    tokens = [item.fit.kv_cache_tokens or 0 for item in (base, beyond)]
    output = [_output(item) for item in (base, beyond)]
    return OverflowPlan(
        base_replicas=base.min_replicas,
        waiting_per_replica=waiting_per_replica,
        cache=round(tokens[1] / tokens[0], 3) if all(tokens) else None,
        throughput=round(output[1] / output[0], 3) if all(output) else None,
    )


def _output(plan: EndpointPlan) -> float:
    """Tokens a second of a replica at full load, of inputs where answers come whole; 0: not known."""
    estimate = plan.performance
    if estimate is None or estimate.full is None:
        return 0.0
    return estimate.full.input_tokens_per_s if estimate.whole else estimate.full.output_tokens_per_s
