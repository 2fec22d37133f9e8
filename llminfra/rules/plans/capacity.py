"""Rules on planned pools, cost and observability: arithmetic that needs no Terraform."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.planning.cluster.node_count import gives_back, nodes_for
from llminfra.planning.controllers.scraping import MONITORING_RELEASE
from llminfra.planning.cost.hourly import total_cost
from llminfra.planning.facts import number
from llminfra.planning.served.hours import working_hours
from llminfra.rules.plans.replicas import can_wake
from llminfra.rules.rule import Hit, rule
from llminfra.spec.compute.capacity import Spot

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.infrastructure import PoolPlan

_COMPUTE = "aws/aws-eks-best-practices latest/bpg/aiml/aiml_compute.adoc"
_AWS_RESERVED_ADDRESSES = 5
_PREFIX_ADDRESSES = 16
_SYSTEM_GIB = 20


@rule(
    code="LLM_CAP_3",
    title="Replicas that span nodes do not run on spot",
    severity=Severity.ERROR,
    looks_at="plan",
    why="One reclaimed node takes the whole group down; with n nodes the chance is n-fold and each restart loads all "
    "weights again.",
    fix="use OnDemand, Reservation or CapacityBlock",
    source=(f"{_COMPUTE}: Spot instances",),
)
def no_gangs_on_spot(plan: Plan) -> Iterator[Hit]:
    """Multi-node replicas on pools that may use spot."""
    for endpoint in plan.endpoints:
        pool = plan.pool(endpoint.pool)
        if endpoint.nodes > 1 and "spot" in pool.capacity_types:
            yield Hit(
                path=f"endpoints.{endpoint.name}.on",
                message=f"a replica spans {endpoint.nodes} spot nodes of pool {pool.name}",
                found="spot",
                expected="on-demand or reserved capacity",
            )
    for item in plan.ec2:
        if item.serving.nodes > 1 and item.on.capacity.kind == "spot":
            yield Hit(
                path=f"endpoints.{item.name}.on.capacity",
                message=f"a replica spans {item.serving.nodes} spot instances",
                found="spot",
                expected="on-demand or reserved capacity",
            )


@rule(
    code="LLM_CAP_13",
    title="A service that must answer does not depend on spot alone",
    severity=Severity.WARNING,
    looks_at="plan",
    why="GPU spot capacity runs out for hours; without a fallback the endpoint is then simply gone.",
    fix="set Spot(fallback_on_demand=True)",
    source=(f"{_COMPUTE}: Spot instances", "AWS EC2 User Guide, spot-best-practices.html"),
)
def spot_has_fallback(plan: Plan) -> Iterator[Hit]:
    """Spot without fallback under an endpoint with at least one replica."""
    for pool in plan.pools:
        here = [item for item in plan.endpoints if item.pool == pool.name]
        # Without its overflow an endpoint has fewer replicas, and still answers.
        served = [item.name for item in here if item.min_replicas > 0 and item.overflow is None]
        if isinstance(pool.spec.capacity, Spot) and not pool.spec.capacity.fallback_on_demand and served:
            grouped = pool.provisioner != "karpenter"
            yield Hit(
                path=f"pools.{pool.name}.capacity",
                message=f"{', '.join(served)} cannot run when there is no spot capacity",
                found="fallback_on_demand=False",
                expected="a pool on demand, or Karpenter, which falls back" if grouped else "fallback_on_demand=True",
                fix="put the endpoint on a pool of OnDemand(), or of Karpenter with Spot()" if grouped else "",
            )
    for item in plan.ec2:
        if item.on.capacity.kind == "spot" and not item.standby and item.serving.min_replicas > 0:
            yield Hit(
                path=f"endpoints.{item.name}.on.capacity",
                message=f"{item.name} cannot run when there is no spot capacity",
                found="fallback_on_demand=False",
                expected="fallback_on_demand=True",
            )


@rule(
    code="LLM_CAP_15",
    title="Karpenter leaves a node alone for longer than a model takes to load",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A node on which the pod is still loading looks empty enough to consolidate; the next node suffers the same, "
    "for "
    "ever.",
    fix="raise consolidateAfter above the startup budget of every endpoint on the pool",
    source=("defilantech/LLMKube#658", "aws/karpenter-provider-aws#7356"),
)
def consolidation_waits(plan: Plan) -> Iterator[Hit]:
    """``consolidateAfter`` against the longest startup budget on the pool."""
    for pool in plan.pools:
        budgets = [item.startup.budget_s for item in plan.endpoints if item.pool == pool.name]
        if pool.provisioner == "karpenter" and budgets and pool.consolidate_after_s <= max(budgets):
            yield Hit(
                path=f"pools.{pool.name}",
                message=f"nodes are given up after {pool.consolidate_after_s} s; a cold start may take {max(budgets)} "
                f"s",
                found=f"{pool.consolidate_after_s} s",
                expected=f"more than {max(budgets)} s",
            )


@rule(
    code="LLM_CAP_18",
    title="Something runs on every pool of GPUs",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Nodes that a pool holds without an endpoint are paid by the hour and serve nothing. One that grows from zero "
    "costs nothing and does nothing either: an endpoint was forgotten, and quotas and the budget count its nodes.",
    fix="put an endpoint on the pool (on=…), or remove the pool",
    source=("OWASP LLM10:2025 unbounded consumption: denial of wallet",),
)
def no_idle_pool(plan: Plan) -> Iterator[Hit]:
    """Pools without an endpoint."""
    used = {endpoint.pool for endpoint in plan.endpoints}
    for pool in plan.pools:
        if pool.name in used:
            continue
        kept, most = pool.desired_nodes, pool.max_nodes
        price = f", {pool.usd_per_node_hour * kept:,.2f} USD an hour" if pool.usd_per_node_hour else ""
        held = f"1 node of {pool.main_type.name} runs" if kept == 1 else f"{kept} nodes of {pool.main_type.name} run"
        yield Hit(
            path=f"pools.{pool.name}",
            message=f"{held} without an endpoint{price}" if kept else "no endpoint runs on this pool",
            found=f"nodes=({pool.min_nodes}, {most})" if kept else f"up to {most} nodes for nobody",
            expected="an endpoint with on=… this pool",
        )


@rule(
    code="LLM_CAP_49",
    title="Karpenter keeps a pool's fewest nodes only where pods need them",
    severity=Severity.WARNING,
    looks_at="plan",
    why="A NodePool of Karpenter has a limit and no minimum: it starts a node when a pod waits for one, and takes an "
    "empty one away. A minimum beyond what the replicas hold at rest is a warm node that is not there when needed.",
    fix="set provisioner='managed', or lower the minimum in nodes",
    source=('Karpenter 1.14, "NodePools": spec.limits', 'Karpenter 1.14, "Disruption": consolidation'),
)
def minimum_is_kept(plan: Plan) -> Iterator[Hit]:
    """Pools of Karpenter with more nodes at least than their endpoints' fewest replicas need."""
    for pool in plan.pools:
        here = [endpoint for endpoint in plan.endpoints if endpoint.pool == pool.name]
        # Where nothing could start it again, zero replicas are a finding of their own (LLM_SRV_69).
        fewest = [endpoint.min_replicas or int(not can_wake(plan, endpoint)) for endpoint in here]
        held = nodes_for(pool, zip(here, fewest, strict=True))
        if pool.provisioner == "karpenter" and here and pool.min_nodes > held:
            yield Hit(
                path=f"pools.{pool.name}.nodes",
                message="Karpenter keeps no node that no pod needs: the minimum is not held",
                found=f"at least {pool.min_nodes} nodes, and the fewest replicas take {held}",
                expected=f"provisioner='managed', or a minimum of {held}",
                fix=f"set provisioner='managed', or nodes=({held}, {pool.max_nodes})",
            )


@rule(
    code="LLM_CAP_58",
    title="Nodes go when working hours end",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Replicas that leave in the evening save money where their nodes leave, too. A reservation and a capacity "
    "block are paid by the hour of their time, used or not, and a node group that no autoscaler sizes keeps its nodes.",
    fix="use OnDemand() or Spot() on nodes of Karpenter or of the Cluster Autoscaler, or leave working_hours out",
    source=(
        "AWS EC2 User Guide, capacity-reservations-pricing-billing.html",
        'Karpenter 1.14, "Disruption": consolidation',
    ),
)
def nodes_go_after_hours(plan: Plan) -> Iterator[Hit]:
    """Working hours of endpoints on pools whose nodes stay, or are paid for whether they do or not."""
    for endpoint in plan.endpoints:
        pool = plan.pool(endpoint.pool)
        if working_hours(endpoint.spec) and not gives_back(pool):
            bought = pool.spec.capacity.kind
            yield Hit(
                path=f"endpoints.{endpoint.name}.replicas",
                message=f"outside of its working hours the nodes of pool {pool.name} are paid for all the same",
                found=f"{bought} capacity, {pool.provisioner} nodes",
                expected="on-demand or spot nodes that somebody takes away",
            )


@rule(
    code="LLM_CAP_7",
    title="Every platform has a budget",
    severity=Severity.INFO,
    looks_at="plan",
    why="One p5.48xlarge costs as much a day as a laptop. Autoscaling under load, or under attack, goes to the maximum "
    "of every pool; a budget makes that maximum a decision.",
    fix="set Platform(budget_usd_per_month=…)",
    source=("OWASP LLM10:2025 unbounded consumption: denial of wallet",),
)
def budget_declared(plan: Plan) -> Iterator[Hit]:
    """A platform with machines, in pools, of endpoints or of jobs, and no budget."""
    machines = any(pool.max_nodes for pool in plan.pools) or plan.ec2 or plan.sagemaker or plan.batches
    if plan.platform.budget_usd_per_month is None and machines:
        total = total_cost(plan.costs)
        most = f"{total.usd_per_month_max:,.0f} USD a month at full size"
        if total.unpriced:
            most += f", and what {', '.join(total.unpriced)} cost"
        yield Hit(
            path="budget_usd_per_month",
            message="nothing bounds what the platform may cost",
            found=f"no budget; up to {most}" if total.usd_per_hour_max else "no budget",
            expected="budget_usd_per_month",
        )


@rule(
    code="LLM_NET_12",
    title="Traffic of the VPC is logged",
    severity=Severity.WARNING,
    looks_at="plan",
    why="After an incident, flow logs are the only record of who talked to the model and where data went.",
    fix="set Network(flow_logs_days=365)",
    source=("CKV2_AWS_11", "AWS Security Hub EC2.6"),
)
def flow_logs_on(plan: Plan) -> Iterator[Hit]:
    """``flow_logs_days`` of networks that llminfra makes."""
    if plan.network.there and plan.network.existing_vpc_id is None and plan.network.flow_logs_days == 0:
        yield Hit(
            path="network.flow_logs_days",
            message="VPC flow logs are off",
            found="0 days",
            expected="90 days or more",
        )


@rule(
    code="LLM_NET_13",
    title="Subnets have addresses for all nodes and pods at full size",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A node that finds no free address does not join, and a pod without one stays in ContainerCreating; a subnet "
    "cannot grow afterwards.",
    fix="use larger private subnets, or lower the maximum of the pools",
    source=("aws/aws-eks-best-practices latest/bpg/networking: IP optimization, prefix mode",),
)
def subnets_hold_pools(plan: Plan) -> Iterator[Hit]:
    """Addresses of interfaces and one prefix a node against the private subnet of each zone."""
    for zone in plan.network.zones:
        subnets = [s for s in plan.network.subnets if s.kind == "private" and s.zone == zone and s.cidr]
        if not subnets:
            continue
        free = sum(IPv4Network(subnet.cidr).num_addresses - _AWS_RESERVED_ADDRESSES for subnet in subnets)
        pools = [pool for pool in plan.pools if zone in pool.zones]
        needed = sum(pool.max_nodes * _addresses_per_node(pool) for pool in pools)
        if pools and needed > free:
            biggest = max(pools, key=lambda item: item.max_nodes * _addresses_per_node(item))
            yield Hit(
                path=f"pools.{biggest.name}.nodes",
                message=f"at full size the pools need {needed:,} addresses in {zone}, and its subnet has {free:,}",
                found=f"{free:,} addresses",
                expected=f"{needed:,} addresses",
                runtime_message="InsufficientFreeAddressesInSubnet; failed to assign an IP address to container",
            )


def _addresses_per_node(pool: PoolPlan) -> int:
    """Interfaces with IP, and one prefix of 16 addresses for the few pods of a GPU node."""
    return (sum(nic.has_ip for nic in pool.nics) or 1) + _PREFIX_ADDRESSES


@rule(
    code="LLM_NET_14",
    title="EFA is used where nodes talk to each other",
    severity=Severity.WARNING,
    looks_at="plan",
    why="EFA speeds up traffic between nodes. A pool that can only have one node pays with its single zone and "
    "instance "
    "type for nothing.",
    fix="drop efa=True, or allow two nodes or more",
    source=("terraform-aws-modules/terraform-aws-eks README: EFA",),
)
def efa_needs_two_nodes(plan: Plan) -> Iterator[Hit]:
    """EFA pools of at most one node."""
    for pool in plan.pools:
        if pool.efa_per_node and pool.max_nodes < 2:
            yield Hit(
                path=f"pools.{pool.name}.efa",
                message="the pool can never have two nodes that could talk over EFA",
                found=f"nodes=({pool.min_nodes}, {pool.max_nodes})",
                expected="two nodes or more, or efa=False",
            )
    for item in plan.ec2:
        if item.on.efa and item.serving.nodes == 1:
            yield Hit(
                path=f"endpoints.{item.name}.on.efa",
                message=f"a replica has {item.serving.parallelism.gpus} GPUs of one instance, and nothing to talk to",
                found="efa=True",
                expected="efa=False, or a parallelism that spans instances",
            )


@rule(
    code="LLM_OBS_1",
    title="GPUs and engines are observed",
    severity=Severity.WARNING,
    looks_at="plan",
    why="A model server that is slow for want of KV cache, and a GPU with page retirements, look the same from "
    "outside: "
    "like nothing. Without metrics there is no autoscaling either.",
    fix="keep Platform(observability=Observability())",
    source=("aws/aws-eks-best-practices latest/bpg/aiml/aiml_observability.adoc",),
)
def observed(plan: Plan) -> Iterator[Hit]:
    """A platform with GPU pools and without observability."""
    if plan.platform.observability is None and plan.pools:
        there = plan.cluster is not None and MONITORING_RELEASE in plan.cluster.installed
        use = "observability=ExistingPrometheus(namespace=…, match_labels=…, url=…)"
        yield Hit(
            path="observability",
            message="nothing collects metrics of GPUs and engines",
            found="observability=None",
            expected=f"the {MONITORING_RELEASE} that is installed" if there else "Observability()",
            fix=f"set {use}" if there else "",
        )


@rule(
    code="LLM_STO_8",
    title="The disk of a node holds the images of everything placed on it",
    severity=Severity.ERROR,
    looks_at="plan",
    why="An engine image lies on the disk packed and unpacked; a full disk evicts every pod of the node.",
    fix="raise GpuPool(root_volume_gib=…), or use types with local NVMe",
    source=("aws/karpenter-provider-aws#2394", "GoogleCloudPlatform/kubernetes-engine-samples#1581"),
)
def disk_holds_images(plan: Plan) -> Iterator[Hit]:
    """Root volume against images and ephemeral storage of the endpoints, where there is no NVMe array."""
    for pool in plan.pools:
        placed = [item for item in plan.endpoints if item.pool == pool.name]
        if pool.raid0 or not placed:
            continue
        images = {(item.invocation.image_repository, item.invocation.image_tag) for item in placed}
        pods = max(item.resources.ephemeral_gib * item.replicas_per_node for item in placed)
        needed = round(2 * number("cold_start", "image_gib") * len(images) + pods + _SYSTEM_GIB)
        if pool.root_volume_gib < needed:
            yield Hit(
                path=f"pools.{pool.name}.root_volume_gib",
                message=f"images and pods need {needed} GiB; the root volume has {pool.root_volume_gib}",
                found=f"{pool.root_volume_gib} GiB",
                expected=f"{needed} GiB",
                runtime_message="The node was low on resource: ephemeral-storage",
            )


RULES = (
    no_gangs_on_spot,
    spot_has_fallback,
    consolidation_waits,
    no_idle_pool,
    minimum_is_kept,
    nodes_go_after_hours,
    budget_declared,
    flow_logs_on,
    subnets_hold_pools,
    efa_needs_two_nodes,
    observed,
    disk_holds_images,
)
