"""Memory of what extra arguments load beside the model: a draft model with its cache, places for adapters.

The memory model knows one model; what is beside it is reserved on every GPU, as it is for ``Endpoint(adapters=…)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.models import load_model
from llminfra.engines.given import Given, last, switched_on
from llminfra.planning.findings import Findings
from llminfra.planning.fit.fitting import Spread, find_spread
from llminfra.planning.memory import FitCase, estimate
from llminfra.planning.plan.serving import AdapterPlan
from llminfra.planning.served.adapters import adapters_gib
from llminfra.planning.served.memory_options import draft_option, draft_settings, is_mtp, memory_data
from llminfra.spec.endpoint import Parallelism

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llminfra.planning.spread.spreads import Question
    from llminfra.spec.endpoint import Endpoint


class Beside(Struct, frozen=True, kw_only=True):
    """Something on the GPU beside the model: GiB of each GPU, what it is, the option that asks for it."""

    gib: float
    what: str
    given: Given


def spread_beside(question: Question, options: Sequence[Given], findings: Findings) -> Spread | None:
    """The spread of an endpoint with everything that its extra arguments load; ``None`` leaves a finding."""
    noted = Findings()
    spread = find_spread(question, noted)
    extras = () if spread is None else tuple(_extras(question, options, spread.chosen.parallelism))
    if spread is None or not extras or not question.engine.judged:
        findings.items.extend(noted.items)
        return spread
    tried = Findings()
    reserved = (question.case.reserved_gib or 0.0) + sum(item.gib for item in extras)
    with_extras = question.case.model_copy(update={"reserved_gib": round(reserved, 3)})
    again = find_spread(replace(question, case=with_extras), tried)
    if again is not None:
        findings.items.extend(tried.items)
        return again
    largest = max(extras, key=lambda item: item.gib)
    findings.error(
        "LLM_FIT_45",
        question.endpoint,
        f"endpoints.{question.endpoint.name}.engine.{largest.given.path}",
        f"{question.facts.model_id} fits pool {question.pool.name!r}, but not with what this loads beside it",
        found="; ".join(f"{item.what}: {item.gib:,.1f} GiB of each GPU at {spread.chosen.shape}" for item in extras),
        expected="; ".join(dict.fromkeys(item.found for item in tried.items)) or "more memory than this pool has",
        fix="remove it or make it smaller, lower max_model_len or concurrency, or use more GPUs or larger ones",
        runtime_message="torch.OutOfMemoryError: CUDA out of memory",
    )
    return None


def _extras(question: Question, options: Sequence[Given], spread: Parallelism) -> Iterator[Beside]:
    endpoint, facts, case = question.endpoint, question.facts, question.case
    draft = _draft(endpoint, case, options, spread)
    if draft is not None:
        yield draft
    names = memory_data()["lora"].get(case.engine)
    if names is None or endpoint.adapters or (on := switched_on(options, names["on"])) is None:
        return
    slots, rank = last(options, names["slots"]), last(options, names["rank"])
    count = (slots.number if slots else None) or names["default_slots"]
    width = (rank.number if rank else None) or names["default_rank"]
    if width:
        place = AdapterPlan(name="", rank=width, bucket="", key="", mounted="", path="")
        yield Beside(
            gib=count * adapters_gib(facts, (place,)),
            what=f"places for {count} adapter{'s' if count > 1 else ''} of rank {width}",
            given=slots or rank or on,
        )


def _draft(endpoint: Endpoint, case: FitCase, options: Sequence[Given], spread: Parallelism) -> Beside | None:
    settings, given = draft_settings(case.engine, options), draft_option(case.engine, options)
    facts = load_model(str(settings.get("model") or ""))
    if facts is None or given is None or is_mtp(case.engine, options):
        return None
    longest = min(item for item in (case.max_model_len, facts.max_position_embeddings) if item) or None
    found = estimate(
        facts,
        case.model_copy(
            update={
                "model": facts.model_id,
                "gpu": None,
                "total_gpu_gib": None,
                "reserved_gib": None,
                "quantization": None,
                "speculative_tokens": None,
                "decode_context_parallel": None,
                "tensor_parallel": settings.get("tensor") or spread.tensor,
                "pipeline_parallel": 1,
                "data_parallel": 1,
                "gpus_total": None,
                "max_model_len": longest,
            }
        ),
    )
    requests = endpoint.concurrency or 1
    weights, cache = found.weights_gib_per_gpu or 0.0, (found.kv_needed_gib or 0.0) * requests
    what = f"draft model {facts.model_id} with its cache for {requests} request{'s' if requests > 1 else ''}"
    return Beside(gib=weights + cache, what=what, given=given)
