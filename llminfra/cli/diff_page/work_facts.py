"""What is decided of queues, batch jobs and models of Bedrock, in words: what two plans are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from llminfra.cli.terminal.words import block_until, count, duration

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.targets import AsyncPlan, BatchPlan, BedrockModelPlan
    from llminfra.spec.services.bedrock import Bedrock, PodAccess, RoleAccess

Facts = Mapping[str, str]
_STRENGTHS = ("hate", "insults", "sexual", "violence", "misconduct", "prompt_attack")


def work_facts(plan: Plan) -> dict[str, Facts]:
    """Decisions about work beside endpoints by spec path; of a batch job those that its model and engine have not."""
    found = {f"async_endpoints.{item.name}": _queue(item) for item in plan.async_endpoints}
    found |= {f"batches.{item.name}": _batch(item) for item in plan.batches}
    models = plan.bedrock.models if plan.bedrock is not None else ()
    if plan.platform.bedrock is not None:
        found["bedrock"] = _bedrock(plan.platform.bedrock)
    return found | {f"bedrock.models.{item.name}": _model(item) for item in models}


def _queue(item: AsyncPlan) -> Facts:
    spec = item.spec
    return {
        "behind": item.behind,
        "consumer": "AWS Lambda" if item.workers is None else f"at most {count(item.workers.most, 'pod')}",
        "requests at once": f"{spec.max_concurrency:,}",
        "a request may take": duration(spec.request_timeout_s),
        "attempts": f"{spec.attempts:,}",
        "waits at most": count(spec.retention_days, "day"),
        "answers kept": count(spec.results_days, "day"),
    }


def _batch(item: BatchPlan) -> Facts:
    spec, on = item.spec, item.spec.on
    buys = "spot, else on demand" if on.spot and on.on_demand else "spot" if on.spot else "on demand"
    return {
        "instance types": ", ".join(each.name for each in item.machine.instance_types),
        "instances": f"0…{on.max_instances:,}",
        "bought": f"{on.reservation.kind}{block_until(on.reservation)}" if on.reservation else buys,
        "submitted": spec.schedule or "by hand",
        "jobs": f"{spec.jobs:,}",
        "requests at once": f"{spec.concurrency:,}",
        "input": spec.input,
        "output": spec.output,
    }


def _bedrock(spec: Bedrock) -> Facts:
    told = {"called by": ", ".join(caller_words(item) for item in spec.access)}
    told["requests logged"] = "as the account does" if spec.logging == "existing" else count(spec.logging.days, "day")
    guardrail = spec.guardrail
    if guardrail is None:
        return told | {"guardrail": "none"}
    strengths = (f"{name} {getattr(guardrail, name).lower()}" for name in _STRENGTHS)
    return told | {
        "guardrail": ", ".join(strengths),
        "blocked topics": ", ".join(item.name for item in guardrail.blocked_topics),
        "blocked words": f"{len(guardrail.blocked_words):,}",
        "masked": ", ".join(guardrail.anonymize),
        "blocked": ", ".join(guardrail.block),
    }


def caller_words(access: PodAccess | RoleAccess) -> str:
    """Who may call models of Bedrock, for example ``role summaries``."""
    if access.kind == "pod":
        return f"service account {access.namespace}/{access.service_account}"
    return f"role {access.role_name}"


def _model(item: BedrockModelPlan) -> Facts:
    return {
        "model": item.spec.id,
        "profile": item.profile or "none, the region's own model",
        "answered in": ", ".join(item.regions),
    }
