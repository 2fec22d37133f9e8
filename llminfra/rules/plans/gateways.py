"""Rules on planned gateways: who may call, what they may use up, and whether a request outlives a cold start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.gateways import GatewayPlan


def _path(gateway: GatewayPlan, field: str) -> str:
    return f"gateways.{gateway.name}.{field}"


def _authenticates(gateway: GatewayPlan) -> bool:
    return gateway.spec.oidc is not None or bool(gateway.spec.tenants)


@rule(
    code="LLM_GW_8",
    title="A public gateway knows its callers",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Addresses of load balancers are found within hours. Whoever finds an open one uses the GPUs, and reads what "
    "prompts and answers it is asked to repeat.",
    fix="declare tenants with API keys, or oidc=Oidc(…)",
    source=("OWASP LLM10:2025 unbounded consumption", "AWS Generative AI Lens, GENSEC01-BP01"),
)
def public_authenticates(plan: Plan) -> Iterator[Hit]:
    """``exposure="public"`` without tenants and without OIDC."""
    for gateway in plan.gateways:
        if gateway.spec.exposure == "public" and not _authenticates(gateway):
            yield Hit(
                path=_path(gateway, "tenants"),
                message="the gateway faces the internet and asks nobody who they are",
                found='exposure="public", no tenants, no oidc',
                expected="tenants with api_key=Secret(…), or oidc=Oidc(…)",
            )


@rule(
    code="LLM_GW_12",
    title="A gateway knows its callers",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Without authentication every workload of the network may use the GPUs, nothing tells who did, and no budget "
    "can be set.",
    fix="declare tenants with API keys, or oidc=Oidc(…)",
    source=("AWS Generative AI Lens, GENSEC01-BP01", "OWASP LLM10:2025 unbounded consumption"),
)
def authenticates(plan: Plan) -> Iterator[Hit]:
    """Gateways inside the network without tenants and without OIDC."""
    for gateway in plan.gateways:
        if gateway.spec.exposure != "public" and not _authenticates(gateway):
            yield Hit(
                path=_path(gateway, "tenants"),
                message="everyone who reaches the gateway may use its endpoints",
                found="no tenants, no oidc",
                expected="tenants with api_key=Secret(…), or oidc=Oidc(…)",
            )


@rule(
    code="LLM_GW_9",
    title="Every tenant has a budget",
    severity=Severity.WARNING,
    looks_at="plan",
    why="A tenant without limits can take every GPU from the others, by mistake or with a key that leaked, and "
    "autoscaling pays for it. Tokens are counted where the gateway reads the model; requests to rerank, classify and "
    "reward are told by their path and limited by number alone.",
    fix="set requests_per_minute and tokens_per_minute of each tenant; with oidc alone, declare tenants first",
    source=("OWASP LLM10:2025 unbounded consumption: denial of wallet",),
)
def tenants_are_limited(plan: Plan) -> Iterator[Hit]:
    """Tenants without a limit on what they can use up, and callers with tokens of whom no tenant is known."""
    for gateway in plan.gateways:
        by_path = [route.endpoint for route in gateway.routes if route.paths]
        for tenant in gateway.spec.tenants:
            if by_path and tenant.requests_per_minute is None:
                yield Hit(
                    path=_path(gateway, f"tenants.{tenant.name}.requests_per_minute"),
                    message=f"tenant {tenant.name!r} may ask {', '.join(by_path)} as often as it likes: no tokens are "
                    "counted there",
                    found="no limit on requests",
                    expected="requests_per_minute=…",
                )
            if tenant.tokens_per_minute is None and len(by_path) < len(gateway.routes):
                asked = tenant.requests_per_minute
                yield Hit(
                    path=_path(gateway, f"tenants.{tenant.name}.tokens_per_minute"),
                    message=f"tenant {tenant.name!r} may use as many tokens as the GPUs give",
                    found="no limit" if asked is None else f"{asked} requests a minute, of any size",
                    expected="tokens_per_minute=…",
                )
        if gateway.spec.oidc is not None and not gateway.spec.tenants:
            yield Hit(
                path=_path(gateway, "tenants"),
                message="every holder of a token of the issuer may use as many tokens as the GPUs give",
                found="oidc without tenants",
                expected="tenants by the claim that names them",
            )


@rule(
    code="LLM_GW_13",
    title="A request that wakes an endpoint is held until it is there",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Envoy waits 300 seconds for an endpoint picker. A cold start that takes longer goes on, but the requests that "
    "began it are answered with 503 before, and their callers must try again.",
    fix="shorten the cold start, keep one replica, or let callers try again for as long as it takes",
    source=(
        "envoyproxy/ai-gateway v1.1.0 internal/extensionserver/inferencepool.go: MessageTimeout",
        "llm-d/llm-d-router v0.10.0 pkg/epp/flowcontrol/README.md: defaultRequestTTL",
    ),
)
def held_long_enough(plan: Plan) -> Iterator[Hit]:
    """The time that requests are held, against the planned cold start."""
    by_name = {item.name: item for item in plan.endpoints}
    for gateway in plan.gateways:
        for route in gateway.routes:
            start_s = by_name[route.endpoint].startup.estimate_s
            if route.hold_s is not None and start_s > route.hold_s:
                yield Hit(
                    path=_path(gateway, f"endpoints.{route.endpoint}"),
                    message=f"requests wait {route.hold_s} s for {route.endpoint!r}, whose start takes {start_s:.0f} s",
                    found=f"{route.hold_s} s",
                    expected=f"more than {start_s:.0f} s",
                    runtime_message="503, x-llm-d-request-dropped-reason: rejected-no-endpoints",
                )


RULES = (public_authenticates, authenticates, tenants_are_limited, held_long_enough)
