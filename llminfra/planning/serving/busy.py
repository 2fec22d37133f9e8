"""When a replica of a scaled endpoint is busy.

An empty queue says that there are enough replicas, not that there are too many: two that run all that they can, with
nobody waiting, are both needed. So replicas follow what runs and what the caches hold, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.plan.serving import BusyPlan
from llminfra.spec.compute.sagemaker import SageMaker, SageMakerAsync
from llminfra.spec.endpoint import Autoscaling, Scaled
from llminfra.spec.engines.custom import CustomServer

if TYPE_CHECKING:
    from llminfra.engines.invocation import Metrics
    from llminfra.planning.findings import Findings
    from llminfra.planning.spread.parallelism import Candidate
    from llminfra.spec.endpoint import Endpoint


def busy_plan(endpoint: Endpoint, chosen: Candidate, metrics: Metrics | None, findings: Findings) -> BusyPlan | None:
    """What counts as busy at one replica.

    Args:
        endpoint: The declaration.
        chosen: How a replica is spread, and what it holds.
        metrics: What the engine tells of itself.
        findings: Takes a share that was declared and that nothing can be compared with.

    Returns:
        ``None`` where the number of replicas is fixed, where SageMaker counts requests itself, or where the engine
        tells neither what runs nor what its cache holds.
    """
    # What comes beyond a fixed number is weighed by what that holds.
    declared = endpoint.replicas if endpoint.overflow is None else endpoint.overflow
    if not isinstance(declared, Scaled) or declared.min == declared.max:
        return None
    most = None if metrics is None else _most_running(chosen, metrics)
    cached = metrics is not None and bool(metrics.kv_usage)
    if untold := _untold(endpoint, chosen, tells=most is not None or cached):
        if isinstance(declared, Autoscaling):  # an overflow is told where it is planned itself
            _report(declared, endpoint.name, *untold, findings)
        return None
    share = declared.target_utilization
    cache = share if cached and chosen.fit.kv_cache_tokens else None
    # A replica that runs one request at a time is busy with one.
    running = None if most is None else max(1, int(most[0] * share))
    why = "" if most is None else f"{share:.0%} of {most[1]}"
    return BusyPlan(schedulers=chosen.parallelism.data, running=running, cache=cache, why=why)


def _untold(endpoint: Endpoint, chosen: Candidate, *, tells: bool) -> tuple[str, str] | None:
    """Why there is nothing that a share could be taken of, and where there is."""
    speed = chosen.performance
    if isinstance(endpoint.on, SageMaker | SageMakerAsync):
        return "SageMaker scales on the requests that it counts itself", "GpuPool or Ec2"
    if speed is not None and speed.whole:
        return "answers come whole: what runs is over before it is counted", "a model that writes text"
    if not tells:
        return "the server tells neither how much it runs nor how full its cache is", (
            "CustomMetrics(running=…, max_running=…)"
            if isinstance(endpoint.engine, CustomServer)
            else "an engine that tells it: VLLM, SGLang or TGI"
        )
    return None


def _report(declared: Autoscaling, name: str, why: str, counts: str, findings: Findings) -> None:
    field = "target_utilization"
    if field in declared.doubtful or declared.target_utilization == type(declared).model_fields[field].default:
        return
    findings.warning(
        "LLM_SPEC_8",
        declared,
        f"endpoints.{name}.replicas.{field}",
        why,
        found=f"{field}={declared.target_utilization:g}",
        expected=f"{field} with {counts}",
        fix=f"leave {field} out",
    )


def _most_running(chosen: Candidate, metrics: Metrics) -> tuple[int, str] | None:
    """Requests that a replica may run at once, and what sets that."""
    if metrics.running is None:
        return None
    if metrics.max_running is not None:
        return metrics.max_running, f"the {metrics.max_running:,} that the server runs at once"
    limits = []
    if seqs := chosen.fit.max_num_seqs:
        limits.append((seqs * chosen.parallelism.data, f"the {seqs * chosen.parallelism.data:,} that may run at once"))
    speed = chosen.performance
    if speed is not None and speed.full is not None and not metrics.kv_usage:
        held = speed.full.load.concurrency
        limits.append((held, f"the {held:,} typical ones that the cache holds"))
    if speed is not None and speed.promised is not None:
        limits.append((speed.promised, f"the {speed.promised:,} for which the targets are kept by the estimate"))
    return min(limits, default=None)
