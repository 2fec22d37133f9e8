"""Rules on planned replicas beyond an endpoint's own: what they stand beside, and who shares requests out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.planning.endpoints.gateways import picks_by_metrics, route_of
from llminfra.rules.plans.planned import endpoint_path
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan

_COMPUTE = "aws/aws-eks-best-practices latest/bpg/aiml/aiml_compute.adoc"
# Half or twice: the estimates of two spreads of one model are wrong alike, and by less than that.
_UNEVEN = 2.0


def _base(plan: Plan, beyond: EndpointPlan) -> EndpointPlan:
    return next(item for item in plan.endpoints if item.name == beyond.part_of)


@rule(
    code="LLM_OVF_3",
    title="The endpoint's own replicas are on capacity that stays",
    severity=Severity.WARNING,
    looks_at="plan",
    why="With an overflow, the endpoint's own replicas are those that are always there. On spot EC2 may take them, "
    "too, all at once and just when spot is short: then nothing answers.",
    fix="put the endpoint on a pool with OnDemand, Reservation or CapacityBlock, and the overflow on the spot pool",
    source=(
        "AWS EC2 User Guide, spot-interruptions.html",
        "aws/aws-eks-best-practices latest/bpg/aiml: Spot instances",
    ),
)
def base_stays(plan: Plan) -> Iterator[Hit]:
    """Endpoints with an overflow whose own pool may use spot."""
    for beyond in plan.endpoints:
        if beyond.overflow is None:
            continue
        base = _base(plan, beyond)
        if "spot" in plan.pool(base.pool).capacity_types:
            yield Hit(
                path=endpoint_path(base, "on"),
                message=f"the replicas that {beyond.name} stands beside are on spot themselves",
                found=f"pool {base.pool!r} with Spot()",
                expected="on-demand or reserved capacity",
            )


@rule(
    code="LLM_OVF_4",
    title="Replicas of unlike speed get requests by their queues",
    severity=Severity.WARNING,
    looks_at="plan",
    why="A Kubernetes Service sends each pod the same share. Where a replica of the overflow does half of what an own "
    "one does, or twice, the slower ones queue while the faster ones idle, and the queue starts replicas that are not "
    "needed. A gateway's endpoint picker looks at each pod's queue and cache.",
    fix="put the endpoint behind a Gateway, or choose pools and parallelism of like speed",
    source=(
        "Kubernetes documentation: Virtual IPs and Service Proxies",
        "kubernetes-sigs/gateway-api-inference-extension docs/proposals/004-endpoint-picker-protocol",
    ),
)
def shares_are_even(plan: Plan) -> Iterator[Hit]:
    """Output of both kinds of replicas at full load by the estimate, where nothing picks by metrics."""
    for beyond in plan.endpoints:
        overflow = beyond.overflow
        if overflow is None or overflow.throughput is None:
            continue
        picked = route_of(plan, beyond.called) is not None and picks_by_metrics(beyond)
        if not picked and not 1 / _UNEVEN <= overflow.throughput <= _UNEVEN:
            yield Hit(
                path=endpoint_path(beyond),
                message=f"replicas on {beyond.pool} do {overflow.throughput:.2g} times what those on "
                f"{_base(plan, beyond).pool} do, and the Service sends all of them the same",
                found=f"{overflow.throughput:.2g} times the output at full load, no gateway",
                expected=f"between {1 / _UNEVEN:g} and {_UNEVEN:g} times, or a gateway that picks by queue",
            )


RULES = (
    base_stays,
    shares_are_even,
)
