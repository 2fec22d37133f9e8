"""The router of a disaggregated endpoint, and the sidecar that its decode pods carry, as values of their charts."""

from __future__ import annotations

from llminfra.catalog.pd_router import RouterImage, pd_router
from llminfra.charts.kubernetes import Image
from llminfra.charts.llm_server import Front, ServiceMonitor
from llminfra.charts.pd_router import PdRouterValues, RouterPart
from llminfra.compiler.releases.names import controller_nodes, serving_priority
from llminfra.planning.controllers.scraping import scraping_of
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan, RouterPlan
from llminfra.planning.plan.labels import ENDPOINT_LABEL, ROLE_LABEL


def pd_router_values(router: RouterPlan, plan: Plan) -> PdRouterValues:
    """One router; it runs on the system nodes, for it needs no GPU and must not leave with one."""
    pinned = pd_router()
    scraping = scraping_of(plan)
    return PdRouterValues(
        name=router.name,
        version=pinned.version,
        proxy=RouterPart(image=_image(pinned.proxy)),
        picker=RouterPart(image=_image(pinned.picker)),
        run_as_user=pinned.run_as_user,
        port=router.port,
        engines=[router.prefill, router.decode],
        engine_labels={ENDPOINT_LABEL: router.name, ROLE_LABEL: "leader"},
        engine_port=router.port,
        remote_from_tokens=router.remote_from_tokens,
        protected_headers=list(pinned.protected_headers),
        drain_seconds=router.grace_s,
        priority_class_name=serving_priority(plan),
        node_selector=controller_nodes(plan),
        from_namespaces=list(router.spec.allow_from_namespaces),
        metrics_from_namespaces=[scraping.scraper_namespace] if scraping is not None else [],
        service_monitor=ServiceMonitor(labels=scraping.match_labels) if scraping is not None else None,
    )


def front_of(endpoint: EndpointPlan) -> Front | None:
    """The routing sidecar of a decode pod: it fetches the prompt's cache before the engine sees the request."""
    if endpoint.role != "decode":
        return None
    pinned = pd_router()
    return Front(
        name="routing",
        image=_image(pinned.sidecar),
        args=[
            f"--port={endpoint.invocation.port}",
            f"--vllm-port={pinned.engine_port}",
            "--kv-connector=nixlv2",
            # Plain HTTP inside the namespace, as the engines speak it; the network policy says who may.
            "--secure-proxy=false",
        ],
        run_as_user=pinned.run_as_user,
    )


def role_labels(endpoint: EndpointPlan) -> dict[str, str]:
    """Labels by which the picker finds the pods of both roles and tells them apart."""
    if endpoint.role is None or endpoint.part_of is None:
        return {}
    return {ENDPOINT_LABEL: endpoint.part_of, pd_router().role_label: endpoint.role}


def peers_of(endpoint: EndpointPlan, plan: Plan) -> list[str]:
    """The other role, with which caches are exchanged."""
    if endpoint.role is None:
        return []
    return [item.name for item in plan.endpoints if item.part_of == endpoint.part_of and item.name != endpoint.name]


def _image(image: RouterImage) -> Image:
    return Image(repository=image.repository, tag=image.tag)
