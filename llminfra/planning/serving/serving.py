"""A model and its engine on one kind of machine: what is asked, settled, started and run, as one plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.network.image_lock import image_names_of
from llminfra.planning.plan.serving import ServingPlan
from llminfra.planning.served.engine_release import why_release
from llminfra.planning.served.task import check_files
from llminfra.planning.serving.asked import ask
from llminfra.planning.serving.busy import busy_plan
from llminfra.planning.serving.container import drain_of, engine_version, invocation_of, served_name
from llminfra.planning.serving.container_settings import check_literals, check_untold
from llminfra.planning.serving.settled import settle
from llminfra.planning.serving.start import plan_start
from llminfra.planning.start.compile_cache import compile_cache_plan
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.serving.site import Site
    from llminfra.spec.endpoint import Endpoint


def plan_serving(endpoint: Endpoint, site: Site, findings: Findings) -> ServingPlan | None:
    """Decide everything that depends on the machine and not on who starts it.

    Args:
        endpoint: The declaration.
        site: Where it runs.
        findings: Takes what is wrong.

    Returns:
        ``None`` where it cannot be planned; then there is a finding.
    """
    check_literals(endpoint, findings)
    check_untold(endpoint, findings)
    asked = ask(endpoint, site, findings)
    settled = asked and settle(asked, site, findings)
    start = asked and settled and plan_start(asked, settled, site, findings)
    if not (asked and settled and start):
        return None
    check_files(endpoint, asked.question.facts, start.weights, findings)
    invocation = invocation_of(asked, settled, start, site, findings)
    chosen, version = settled.spread.chosen, engine_version(asked, settled)
    least, most = _replicas(endpoint)
    return ServingPlan(
        name=endpoint.name,
        spec=endpoint,
        instance_type=site.pool.main_type.name,
        model_id=endpoint.model.id,
        revision=start.revision,
        served_name=served_name(asked, start),
        engine=asked.question.engine.kind,
        engine_version=version,
        engine_why=why_release(endpoint, asked.question.facts, version),
        invocation=invocation,
        parallelism=chosen.parallelism,
        parallelism_why=settled.spread.why,
        nodes=chosen.nodes,
        min_replicas=least,
        max_replicas=most,
        weights=start.weights,
        fit=chosen.fit,
        resources=start.resources,
        startup=start.startup,
        drain=drain_of(invocation),
        candidates=settled.spread.others,
        usd_per_replica_hour=chosen.usd_per_hour,
        task=asked.question.facts.task,
        performance=chosen.performance,
        usd_per_million_tokens=chosen.usd_per_million_tokens,
        adapters=asked.adapters,
        busy=busy_plan(endpoint, chosen, invocation.metrics, findings),
        compile_cache=compile_cache_plan(
            start.kernels, endpoint, start.revision, site.pool, invocation, version, image_names_of(site.platform)
        )
        if start.kernels
        else None,
    )


def _replicas(endpoint: Endpoint) -> tuple[int, int]:
    if isinstance(endpoint.replicas, Autoscaling):
        return endpoint.replicas.min, endpoint.replicas.max
    return endpoint.replicas, endpoint.replicas
