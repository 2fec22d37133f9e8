"""Rules on replicas that span nodes: where their pods may land, and which way their ranks talk."""

from __future__ import annotations

from collections.abc import Iterator

from llminfra.diagnostics import Severity
from llminfra.planning.facts import numbers
from llminfra.planning.plan import Plan
from llminfra.rules.plans.planned import endpoint_path
from llminfra.rules.rule import Hit, rule


@rule(
    code="LLM_DIST_7",
    title="The nodes of one replica can be kept in one zone",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Ranks of a replica that lie in different zones pay for every byte and wait for every layer. A LeaderWorkerSet "
    "keeps them together by its exclusive-topology annotation, which lets one replica into a zone: more replicas than "
    "zones stay Pending.",
    fix="give the pool one zone: then all its nodes are together and nothing needs to be exclusive",
    source=(
        "kubernetes-sigs/lws@060ab4d pkg/webhooks/pod_webhook.go: SetExclusiveAffinities",
        "kubernetes-sigs/lws@060ab4d site/content/en/docs/concepts: exclusive LWS to topology placement",
    ),
)
def replica_in_one_zone(plan: Plan) -> Iterator[Hit]:
    """Replicas over several nodes against the zones of their pool; EFA pools have one zone."""
    for endpoint in plan.endpoints:
        zones = plan.pool(endpoint.pool).zones
        if endpoint.nodes > 1 and 1 < len(zones) < endpoint.max_replicas:
            yield Hit(
                path=f"pools.{endpoint.pool}.zones",
                message=f"{endpoint.name} has up to {endpoint.max_replicas} replicas of {endpoint.nodes} "
                f"nodes, and only one of them can have a zone to itself",
                found=f"{len(zones)} zones: {', '.join(zones)}",
                expected="one zone",
                runtime_message="0/n nodes are available: n node(s) didn't match pod anti-affinity rules",
            )


@rule(
    code="LLM_DIST_20",
    title="Variables leave EFA in use",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A provider or network that is named in the environment is taken without a word: the ranks talk over TCP, "
    "while EFA devices are held and paid for, and the plan counts on them.",
    fix="remove the variable; llminfra sets FI_PROVIDER=efa",
    source=(
        "awslabs/awsome-distributed-training 1.architectures/efa-cheatsheet.md",
        "NVIDIA NCCL user guide: NCCL_NET",
    ),
)
def efa_stays_in_use(plan: Plan) -> Iterator[Hit]:
    """Variables that take traffic off EFA, on endpoints with EFA devices."""
    ways: dict[str, dict[str, list[str]]] = numbers("distributed")["ways_off_efa"]["value"]
    for endpoint in plan.endpoints:
        for name, known in ways.items():
            value = endpoint.invocation.env.get(name)
            if value is None or not endpoint.resources.efa:
                continue
            leaves = value in known["leaves"] if "leaves" in known else value not in known["keeps"]
            if leaves:
                yield Hit(
                    path=endpoint_path(endpoint, f"engine.env.{name}"),
                    message="the ranks of the endpoint would not talk over EFA, whose devices they hold",
                    found=f"{name}={value}",
                    expected=" or ".join(known.get("keeps", ["not set"])),
                    runtime_message="NCCL INFO NET/Socket : Using [0]eth0",
                )


RULES = (replica_in_one_zone, efa_stays_in_use)
