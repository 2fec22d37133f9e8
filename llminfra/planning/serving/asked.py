"""What an endpoint asks of its machines: its model, engine and promise, before anything is cut over GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.cluster.gpu_shares import shared_settings
from llminfra.planning.fit.distributed import has_stages
from llminfra.planning.fit.preflight import check_device
from llminfra.planning.served.adapters import check_places, places, plan_adapters
from llminfra.planning.served.endpoint_model import model_facts
from llminfra.planning.served.engine_release import find_release, release_for_sagemaker
from llminfra.planning.served.engine_settings import (
    check_dtype,
    check_length,
    check_prefill_step,
    check_served_name,
    check_step,
    engine_settings,
)
from llminfra.planning.served.media_limits import check_media
from llminfra.planning.served.memory_case import memory_case
from llminfra.planning.served.memory_options import check_options, counted, options_of
from llminfra.planning.served.model_class import check_class
from llminfra.planning.served.task import check_task
from llminfra.planning.serving.container_settings import check_known
from llminfra.planning.spread.parallelism import Promise
from llminfra.planning.spread.spreads import Question

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.engines.given import Given
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.serving import AdapterPlan
    from llminfra.planning.serving.site import Site
    from llminfra.spec.endpoint import Endpoint

# An engine without a known release, and a model that no release of it serves: nothing can be said after these.
_HOPELESS = frozenset({"LLM_FIT_8", "LLM_SRV_42"})


class Asked(Struct, frozen=True, kw_only=True):
    """An endpoint whose model and engine are known.

    Attributes:
        question: What the pool is asked: model, settings, promise.
        options: Extra arguments that memory depends on.
        adapters: LoRA adapters beside the model.
    """

    question: Question
    options: tuple[Given, ...]
    adapters: tuple[AdapterPlan, ...]


def ask(endpoint: Endpoint, site: Site, findings: Findings) -> Asked | None:
    """Model, release, settings and adapters of an endpoint; ``None`` leaves a finding."""
    facts = model_facts(endpoint, findings)
    known = len(findings.items)
    release = _release(endpoint, facts, site, findings)
    check_known(endpoint, release, findings)
    if facts is None or any(item.code in _HOPELESS for item in findings.items[known:]):
        return None
    if not check_class(endpoint, facts, release, findings):
        return None
    if not check_device(endpoint, facts, site.pool, release, findings):
        return None
    engine = shared_settings(endpoint, engine_settings(endpoint.engine, release), site.pool, findings)
    if engine is None:
        return None
    check_step(endpoint, engine, findings)
    check_prefill_step(endpoint, engine, release, findings)
    check_served_name(endpoint, release, findings)
    check_dtype(endpoint, facts, release, findings)
    sound = check_length(endpoint, facts, engine, findings)
    options = options_of(endpoint, release)
    if not check_task(endpoint, facts, release, options, site.place, findings):
        return None
    case = counted(memory_case(endpoint, facts, engine, site.pool.gpu), facts, options, endpoint.engine.env)
    check_media(endpoint, facts, release, findings)
    sound = check_options(endpoint, facts, options, findings) and sound
    adapters = plan_adapters(endpoint, site.platform, findings, place=site.place)
    if adapters is None or not sound:  # of another length, or another model, no memory is computed
        return None
    case = case.model_copy(update=places(case.engine, endpoint, adapters))
    check_places(endpoint, facts, case, findings)
    question = Question(
        endpoint=endpoint,
        facts=facts,
        case=case,
        pool=site.pool,
        engine=engine,
        promise=Promise.of(endpoint),
        region=site.platform.region,
        release=release,
        stages=site.role is None and has_stages(facts, engine.kind, release),
    )
    return Asked(question=question, options=options, adapters=adapters)


def _release(endpoint: Endpoint, facts: ModelFacts | None, site: Site, findings: Findings) -> EngineRelease | None:
    if site.place == "sagemaker":
        return release_for_sagemaker(endpoint, facts, findings)
    return find_release(endpoint, facts, findings)
