"""Interfaces, addresses, placement groups and capacity blocks beside the vCPU quotas."""

from llminfra.planning.plan import Plan, QuotaLine
from llminfra.planning.platform import plan_platform
from llminfra.planning.quotas.network import network_quotas
from tests.rules.platforms import changed, prod_plan


def lines(plan: Plan | None = None) -> dict[str, QuotaLine]:
    plan = plan or prod_plan()
    return {line.name: line for line in network_quotas(plan.pools, plan.network, plan.cluster)}


def test_every_interface_of_an_efa_node_counts():
    plan = prod_plan()
    found = lines()["Network interfaces per Region"]
    h100 = plan.pool("h100")
    endpoints = len(plan.network.interface_endpoints) * len(plan.network.zones)
    assert plan.cluster is not None
    others = plan.pool("l40s").max_nodes + plan.cluster.system_nodes.max_nodes
    assert found.needed == h100.max_nodes * len(h100.nics) + others + endpoints
    assert found.default == 5000
    assert f"{h100.efa_per_node} of them EFA" in found.why


def test_gateways_take_elastic_addresses():
    found = lines()["EC2-VPC Elastic IPs"]
    assert (found.needed, found.default) == (3.0, 5.0)


def test_a_capacity_block_has_fixed_sizes():
    plan = prod_plan()
    found = next(line for name, line in lines().items() if name.startswith("Capacity Block of p5.48xlarge"))
    assert found.needed == found.default == plan.pool("h100").max_nodes
    assert "1, 2, 4, 8, 16, 32 or 64" in found.why
    odd = plan_platform(changed(pools={"h100": {"nodes": (0, 3)}}, budget_usd_per_month=None))
    found = next(line for name, line in lines(odd).items() if name.startswith("Capacity Block"))
    assert (found.needed, found.default) == (3.0, 2.0)
    assert "3 is none of these, the next is 4" in found.why


def test_the_plan_lists_them_after_the_vcpus():
    names = [line.name for line in prod_plan().quotas]
    assert names.index("Network interfaces per Region") > names.index("Concurrent P5 Capacity Blocks per account")
