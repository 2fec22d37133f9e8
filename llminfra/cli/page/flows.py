"""What flows between the parts of a platform, and the boxes at its ends: callers, queues, gateways, services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from llminfra.cli.page.drawn import Box, Edge, EdgeKind, Frame
from llminfra.cli.terminal.words import count, dot
from llminfra.planning.endpoints.gateways import gateway_of
from llminfra.planning.plan.endpoint import EndpointPlan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.cli.page.served import Served
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.targets import BedrockPlan
    from llminfra.spec.services.bedrock import PodAccess, RoleAccess

_HUB, _SECRETS = "outside:hub", "service:secrets"
_PODS = Box(id="caller:pods", kind="caller", title="Applications", lines=("pods of the cluster", "OpenAI API"))


class Parts(Struct):
    """Collects while the plan is read."""

    callers: dict[str, Box] = field(default_factory=dict)
    services: dict[str, Box] = field(default_factory=dict)
    edges: dict[Edge, None] = field(default_factory=dict)

    def flow(self, start: str, end: str, kind: EdgeKind) -> None:
        """Note once that something goes from one box to another."""
        self.edges.setdefault(Edge(start=start, end=end, kind=kind))

    def bucket(self, uri: str) -> str:
        """The bucket of an address in S3, which is made elsewhere."""
        name = uri.removeprefix("s3://").partition("/")[0]
        found = f"bucket:{name}"
        self.services.setdefault(found, Box(id=found, kind="storage", title=name, lines=("S3 bucket",)))
        return found


def bedrock_frame(bedrock: BedrockPlan, parts: Parts) -> Frame:
    """Models of Bedrock, and who calls them."""
    boxes = tuple(
        Box(id=f"bedrock:{item.name}", kind="service", title=item.name, lines=(item.spec.id,))
        for item in bedrock.models
    )
    accesses: list[PodAccess | RoleAccess] = [*bedrock.pods, *bedrock.roles]
    for access in accesses:
        who = f"{access.namespace}/{access.service_account}" if access.kind == "pod" else access.role_name
        what = "pods of a service account" if access.kind == "pod" else "IAM role"
        caller = f"caller:{access.kind}:{who}"
        parts.callers.setdefault(caller, Box(id=caller, kind="caller", title=who, lines=(what,)))
        for item in bedrock.of(access):
            parts.flow(caller, f"bedrock:{item.name}", "requests")
    guard = "guardrail" if bedrock.spec.guardrail is not None else ""
    return Frame(kind="managed", title="Amazon Bedrock", note=guard, boxes=boxes)


def queues(plan: Plan, parts: Parts) -> Iterator[Box]:
    """Queues in front of endpoints, and who sends to them."""
    for item in plan.async_endpoints:
        box = Box(
            id=f"queue:{item.name}",
            kind="queue",
            title=item.name,
            lines=(
                "SQS, then pods" if item.workers else "SQS, then Lambda in the VPC",
                f"{item.spec.max_concurrency} requests at once",
            ),
        )
        sender = "caller:senders"
        parts.callers.setdefault(
            sender, Box(id=sender, kind="caller", title="Senders", lines=("sqs:SendMessage", "answers in S3, by SNS"))
        )
        parts.flow(sender, box.id, "requests")
        _requests(box.id, item.behind, plan, parts)
        yield box


def _requests(sender: str, endpoint: str, plan: Plan, parts: Parts) -> None:
    """Requests to an endpoint, and to the replicas that its Service has on another pool."""
    parts.flow(sender, f"model:{endpoint}", "requests")
    if (beyond := plan.overflow_of(endpoint)) is not None:
        parts.flow(sender, f"model:{beyond.name}", "requests")


def gateways(plan: Plan, parts: Parts) -> Iterator[Box]:
    """Routers and gateways, who calls them, and where they lead."""
    for router in plan.routers:
        here = f"router:{router.name}"
        parts.callers.setdefault("caller:pods", _PODS)
        parts.flow("caller:pods", here, "requests")
        for role in (router.prefill, router.decode):
            parts.flow(here, f"model:{role}", "requests")
        parts.flow(f"model:{router.prefill}", f"model:{router.decode}", "cache")
        yield Box(
            id=here, kind="gateway", title=router.name, lines=("router", "prompts and answers", "on separate pods")
        )
    where = {"cluster": "cluster-internal", "internal": "internal, TLS", "public": "public, TLS"}
    for item in plan.gateways:
        tenants = len(item.spec.tenants)
        asked = "tokens" if item.spec.oidc else "API keys" if tenants else "nobody is asked"
        box = Box(
            id=f"gateway:{item.name}",
            kind="gateway",
            title=item.name,
            lines=(
                "Envoy AI Gateway",
                where[item.spec.exposure],
                dot(asked, count(tenants, "tenant") if tenants else ""),
            ),
        )
        callers = {"cluster": "pods of the cluster", "internal": "in the VPC", "public": "on the internet"}
        caller = Box(
            id=f"caller:{item.spec.exposure}",
            kind="caller",
            title="Applications",
            lines=(callers[item.spec.exposure], "OpenAI API"),
        )
        parts.callers.setdefault(caller.id, caller)
        parts.flow(caller.id, box.id, "requests")
        for route in item.routes:
            _requests(box.id, route.endpoint, plan, parts)
        yield box


def storage(plan: Plan, parts: Parts) -> None:
    """Buckets, and what file systems take from them."""
    for bucket in plan.buckets:
        found = f"bucket:{bucket.name}"
        what = "S3 bucket, already there" if bucket.existing else "S3 bucket, versioned, KMS"
        parts.services[found] = Box(id=found, kind="storage", title=bucket.name, lines=(what,))
    for item in plan.lustre:
        if item.source_bucket:
            parts.flow(f"bucket:{item.source_bucket}", f"lustre:{item.name}", "weights")


def flows(item: Served, plan: Plan, parts: Parts) -> None:
    """What a model reads, who calls it, and where its answers go."""
    here = f"model:{item.name}"
    _weights(item, here, parts)
    batch = next((each for each in plan.batches if each.name == item.name and not item.address), None)
    if batch is not None:
        parts.flow(parts.bucket(batch.spec.input), here, "requests")
        parts.flow(here, parts.bucket(batch.spec.output), "results")
        return
    _callers(item, here, plan, parts)
    output = next((getattr(each.on, "output", None) for each in plan.sagemaker if each.name == item.name), None)
    if isinstance(output, str):
        parts.flow(here, parts.bucket(output), "results")


def _weights(item: Served, here: str, parts: Parts) -> None:
    weights = item.plan.weights
    if weights.kind == "lustre":
        parts.flow(f"lustre:{weights.storage}", here, "weights")
    elif weights.kind == "hub":
        parts.services.setdefault(
            _HUB, Box(id=_HUB, kind="outside", title="Hugging Face Hub", lines=("outside of AWS, through NAT",))
        )
        parts.flow(_HUB, here, "weights")
    elif weights.storage:
        parts.flow(parts.bucket(weights.storage), here, "weights")
    for adapter in item.plan.adapters:
        parts.flow(parts.bucket(adapter.bucket), here, "weights")
    _secrets(item, parts)


def _secrets(item: Served, parts: Parts) -> None:
    """Secrets are named beside whom they are for; edges to all of them would hide the rest."""
    endpoint = item.plan.spec
    names = {secret.name for secret in (endpoint.model.token, getattr(endpoint, "api_key", None)) if secret}
    before = parts.services.get(_SECRETS)
    whom = getattr(item.plan, "part_of", None) or item.name
    lines = (*(before.lines if before else ()), *(f"{name} for {whom}" for name in sorted(names)))
    lines = tuple(dict.fromkeys(lines))
    if lines:
        parts.services[_SECRETS] = Box(id=_SECRETS, kind="service", title="Secrets Manager", lines=lines)


def _callers(item: Served, here: str, plan: Plan, parts: Parts) -> None:
    if isinstance(item.plan, EndpointPlan) and item.plan.role is not None:
        return  # through the router
    gateway = gateway_of(plan, item.plan.service if isinstance(item.plan, EndpointPlan) else item.name)
    if gateway is not None and gateway.spec.only_way_in:
        return
    if any(each.behind == item.name for each in plan.async_endpoints) and not isinstance(item.plan, EndpointPlan):
        return
    if isinstance(item.plan, EndpointPlan):
        parts.callers.setdefault("caller:pods", _PODS)
        parts.flow("caller:pods", here, "requests")
        return
    if any(each.name == item.name for each in plan.ec2):
        where, how, what = "vpc", "in the VPC", "OpenAI API over TLS"
    else:
        where, how, what = "iam", "roles in IAM", "sagemaker:InvokeEndpoint"
    box = Box(id=f"caller:{where}", kind="caller", title="Applications", lines=(how, what))
    parts.callers.setdefault(box.id, box)
    parts.flow(box.id, here, "requests")
