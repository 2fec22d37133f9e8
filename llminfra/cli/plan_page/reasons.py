"""How the figures of a platform come about that belong to no endpoint: its network, cluster, pools and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.cli.terminal.words import count, span
from llminfra.loading.wording.told import text_as_declared
from llminfra.planning.cost.keys import is_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import CostLine, Plan
    from llminfra.planning.plan.infrastructure import PoolPlan


def network_reasons(plan: Plan) -> Iterator[str]:
    """Which endpoints the VPC has, and where the controllers' nodes come from."""
    network, cluster = plan.network, plan.cluster
    if network.interface_endpoints:
        names = ", ".join(network.interface_endpoints)
        yield f"interface endpoints, an interface in each of {count(len(network.zones), 'zone')}: {names}"
    if network.gateway_endpoints:
        yield f"gateway endpoints, routes that cost nothing: {', '.join(network.gateway_endpoints)}"
    if cluster is not None and cluster.system_nodes is not None:
        system = cluster.system_nodes
        nodes = f"{system.instance_types[0]} \u00d7 {span(system.min_nodes, system.max_nodes)}"
        where = text_as_declared(plan.platform, "Cluster(system_nodes=SystemNodes(…))")
        yield f"{nodes}: {where}, for controllers and Prometheus; the fewest at rest"


def at_rest(pool: PoolPlan) -> str:
    """The size at rest where it is not the fewest nodes that the pool may have."""
    if pool.mean_nodes is not None:
        return f", {pool.mean_nodes:.3g} at rest in the mean of a week"
    return f", {pool.desired_nodes:,} at rest" if pool.desired_nodes != pool.min_nodes else ""


def pool_reasons(pool: PoolPlan, plan: Plan) -> Iterator[str]:
    """The pool's size at rest, and its disks."""
    if pool.mean_nodes is not None:
        yield f"{pool.mean_nodes:.3g} nodes at rest in the mean of a week: those for the fewest replicas, hour by hour"
    else:
        yield f"{count(pool.desired_nodes, 'node')} at rest: {_rest(pool, plan)}"
    root = f"{pool.root_volume_gib:,} GiB root"
    if pool.spec.root_volume_gib:
        yield f"{root}: as declared"
    elif pool.raid0:
        yield f"{root}: the system alone; images and pods' files are on the NVMe array"
    else:
        yield f"{root}: images of 15 to 20 GiB each, packed and unpacked, and what pods write; there is no local NVMe"


def _rest(pool: PoolPlan, plan: Plan) -> str:
    declared = f"the range {_range(pool)} is declared"
    if pool.spec.capacity.kind == "capacity-block":
        return f"all of the capacity block, which is paid for whether it is used or not; {declared}"
    needs = [
        f"{item.name} {item.min_replicas} \u00d7 {count(item.parallelism.gpus, 'GPU')}"
        for item in plan.endpoints
        if item.pool == pool.name and item.min_replicas
    ]
    if not needs:
        return f"no replica has to run; {declared}"
    spread = (
        " in one zone" if len(pool.zones) == 1 else ", an endpoint's replicas over all zones as Karpenter starts them"
    )
    on = f"nodes of {pool.gpus_per_node}{spread if pool.provisioner == 'karpenter' else ''}"
    return f"for the fewest replicas ({', '.join(needs)}) on {on}; {declared}"


def _range(pool: PoolPlan) -> str:
    return span(pool.min_nodes, pool.max_nodes)


def cost_reasons(plan: Plan) -> Iterator[tuple[str, str]]:
    """Each line of the costs as a product, and what the disks add up from."""
    for line in plan.costs:
        if (text := _product(line, plan)) is not None:
            yield line.spec_path, text
    keys = [line for line in plan.costs if is_key(line)]
    if len(keys) > 1 and keys[0].usd_per_hour_max is not None:
        each = keys[0].usd_per_hour_max * HOURS_PER_MONTH
        yield "encryption", f"{count(len(keys), 'key')} \u00d7 ${each:,.4g} a month, {keys[0].price_date}"
    if any(line.spec_path == "volumes" for line in plan.costs):
        yield (
            "volumes",
            " + ".join(f"{span(least, most)} {what} \u00d7 {gib} GiB" for least, most, what, gib in _volumes(plan)),
        )


def _product(line: CostLine, plan: Plan) -> str | None:
    """The hourly figure at most, as the price of one thing times how many there are."""
    number, unit = _quantity(line, plan)
    if line.usd_per_hour_max is None or not number:
        return None
    each, per = line.usd_per_hour_max / number, "an hour"
    if unit.startswith("GiB"):
        each, per = each * HOURS_PER_MONTH, "a month"
    dated = f", {line.price_date}" if line.price_date else ""
    return f"at most {number:,} {unit} \u00d7 ${each:,.4g} {per}{dated}"


def _quantity(line: CostLine, plan: Plan) -> tuple[int, str]:
    if is_key(line) or line.what.startswith("S3 "):
        return 0, ""  # one key, or what its own line has in GB
    section, _, name = line.spec_path.partition(".")
    if section == "pools":
        return next((pool.max_nodes for pool in plan.pools if pool.name == name), 0), "nodes"
    if section == "storage":
        return next((item.capacity_gib for item in plan.lustre if item.name == name), 0), "GiB"
    network, cluster = plan.network, plan.cluster
    if line.spec_path == "volumes":
        return sum(most * gib for _, most, _, gib in _volumes(plan)), "GiB"
    if line.spec_path == "network":
        return len(network.interface_endpoints) * len(network.zones), "interfaces"
    if line.spec_path == "network.nat":
        unit = "public addresses" if "address" in line.what else "gateways"
        return {"per-zone": len(network.zones), "single": 1, "none": 0}[network.nat], unit
    if line.spec_path == "cluster.system_nodes" and cluster is not None and cluster.system_nodes is not None:
        return cluster.system_nodes.max_nodes, "nodes"
    return 0, ""


def _volumes(plan: Plan) -> Iterator[tuple[int, int, str, int]]:
    """Volumes: fewest and most, of what, and GiB of each."""
    if plan.cluster is not None and plan.cluster.system_nodes is not None:
        system = plan.cluster.system_nodes
        yield system.min_nodes, system.max_nodes, "nodes for controllers", system.root_volume_gib
    for pool in plan.pools:
        yield pool.desired_nodes, pool.max_nodes, f"nodes of {pool.name}", pool.root_volume_gib
        snapshot = pool.spec.image_snapshot
        if snapshot is not None:
            yield pool.desired_nodes, pool.max_nodes, f"image volumes of {pool.name}", snapshot.volume_gib
    if (observability := plan.platform.own_observability) is not None:
        yield 1, 1, "volume of Prometheus", observability.storage_gib
