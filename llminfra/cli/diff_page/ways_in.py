"""Who may call what, and how they show who they are: of endpoints and gateways, as two plans decide it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.endpoints.contract import Auth, contract
from llminfra.spec.compute.cluster import Cluster

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan, RouterPlan
    from llminfra.planning.plan.gateways import GatewayPlan
    from llminfra.planning.plan.serving import Ec2EndpointPlan, SageMakerEndpointPlan
    from llminfra.spec.base.secret import Secret

Facts = Mapping[str, str]
_NOBODY_ASKED = "none"


class WayIn(Struct, frozen=True, kw_only=True):
    """How callers come to an endpoint or a gateway.

    Attributes:
        address: What they call.
        kind: How they show who they are, as contracts name it.
        tenants: Groups of callers that are let in.
        facts: The same and who else may call, in words.
    """

    address: str
    kind: str
    tenants: tuple[str, ...]
    facts: Facts


def ways_in(plan: Plan) -> dict[str, WayIn]:
    """By spec path of the endpoint or gateway; workloads of one endpoint are called by its own way."""
    return {**dict(_endpoints(plan)), **{f"gateways.{item.name}": _gateway(item) for item in plan.gateways}}


def lost_ways(old: Plan, new: Plan) -> tuple[tuple[str, str], ...]:
    """What callers of endpoints and gateways that stay have to change, each after its path."""
    before, after = ways_in(old), ways_in(new)
    return tuple((path, what) for path in before if path in after for what in _lost(before[path], after[path]))


def _lost(old: WayIn, new: WayIn) -> Iterator[str]:
    if old.address != new.address:
        yield f"the address goes from {old.address} to {new.address}"
    if old.kind != new.kind:
        yield "callers authenticate in another way"
    if gone := [name for name in old.tenants if name not in new.tenants]:
        yield f"callers of {', '.join(gone)} are refused"


def _endpoints(plan: Plan) -> Iterator[tuple[str, WayIn]]:
    pods = (item for item in plan.endpoints if item.part_of is None)
    called: list[EndpointPlan | RouterPlan | Ec2EndpointPlan | SageMakerEndpointPlan] = [*pods, *plan.routers]
    for item in (*called, *plan.ec2, *plan.sagemaker):
        declared = next(each for each in plan.platform.workloads if each.name == item.name)
        found = contract(item, plan)
        facts = {"address": found.address, "authentication": _words(found.auth)}
        if declared.allow_from_namespaces:
            facts["called from"] = ", ".join(declared.allow_from_namespaces)
        yield f"endpoints.{item.name}", WayIn(address=found.address, kind=found.auth.kind, tenants=(), facts=facts)


def _gateway(item: GatewayPlan) -> WayIn:
    spec = item.spec
    keys = [f"{each.name} {_key(each.api_key)}" for each in spec.tenants if each.api_key is not None]
    kind = "oidc" if spec.oidc is not None else "bearer" if keys else _NOBODY_ASKED
    asked = {
        "oidc": f"tokens of {spec.oidc.issuer} for {', '.join(spec.oidc.audiences)}" if spec.oidc is not None else "",
        "bearer": f"API keys: {', '.join(keys)}",
    }
    limits = {
        f"limits of {each.name}": ", ".join(
            f"{limit:,} {what} a minute"
            for limit, what in ((each.requests_per_minute, "requests"), (each.tokens_per_minute, "tokens"))
            if limit is not None
        )
        for each in spec.tenants
    }
    facts = {"authentication": asked.get(kind, _NOBODY_ASKED), "called from": ", ".join(item.allow_from_cidrs)}
    facts |= {**limits, "firewall": spec.web_acl_arn or ""}
    facts["past it"] = "refused" if spec.only_way_in else "endpoints answer, too"
    names = tuple(each.name for each in spec.tenants)
    return WayIn(address=item.url, kind=kind, tenants=names, facts=facts)


def _words(auth: Auth) -> str:
    told = {"bearer": "API key", "sigv4": "signed by IAM", "oidc": "tokens at the gateway", "none": _NOBODY_ASKED}
    return f"{told[auth.kind]} {auth.secret}{f', {auth.key}' if auth.key else ''}" if auth.secret else told[auth.kind]


def _key(secret: Secret) -> str:
    return f"{secret.name}{f', {secret.key}' if secret.key else ''}"


def guarded(plan: Plan) -> Iterator[tuple[str, str]]:
    """What a reviewer of a whole platform asks: ways out, who reaches the API, what is accepted and who hears."""
    platform = plan.platform
    if plan.network.existing_vpc_id is None and plan.network.there:
        yield "NAT", plan.network.nat
        yield "flow logs, days", str(plan.network.flow_logs_days)
    if plan.cluster is not None and isinstance(cluster := platform.cluster, Cluster):
        yield "API open to the internet", ", ".join(cluster.public_access_cidrs) or "no"
        private = cluster.private_access_cidrs
        yield "API reached from", "the VPC" if private is None else ", ".join(private) or "nodes and pods"
        yield "administrators", ", ".join(cluster.admin_role_arns) or "who applies the stack"
        yield "deletion protection", "on" if cluster.deletion_protection else "off"
    if platform.budget_usd_per_month is not None:
        yield "budget", f"${platform.budget_usd_per_month:,.0f} a month"
    if (own := platform.own_observability) is not None:
        yield "alerts to", ", ".join(item.kind for item in own.receivers) or "nobody"
    yield "state", f"s3://{platform.state.bucket}" if platform.state.kind == "s3" else "files"
    yield "images from", platform.images.registry if platform.images is not None else "their publishers"
    yield "waivers", ", ".join(f"{each.rule} at {each.scope} until {each.expires}" for each in platform.waivers)
