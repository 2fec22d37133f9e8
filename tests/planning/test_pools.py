import datetime as dt

import pytest

from llminfra import (
    CapacityBlock,
    Cluster,
    ExistingCluster,
    GpuPool,
    Network,
    Observability,
    OnDemand,
    Platform,
    Reservation,
    Spot,
    SystemNodes,
)
from llminfra.catalog import instances
from llminfra.planning.cluster.eks import plan_cluster
from llminfra.planning.cluster.pools import plan_pools
from llminfra.planning.findings import Findings
from llminfra.planning.network.vpc import plan_network
from llminfra.planning.plan.infrastructure import PoolPlan

BLOCK = CapacityBlock(reservation_id="cr-0123456789abcdef0")
DAY = dt.date(2026, 11, 23)


def plan(*pools: GpuPool, cluster: Cluster | None = None) -> tuple[tuple[PoolPlan, ...], Findings]:
    platform = Platform(name="p", region="us-east-1", network=Network(), cluster=cluster or Cluster(), pools=pools)
    findings = Findings()
    network = plan_network(platform, findings)
    planned = plan_pools(platform, network, plan_cluster(platform, network, findings, DAY), findings)
    return planned, findings


def codes(*pools: GpuPool) -> list[str]:
    return [item.code for item in plan(*pools)[1].items]


def test_p5_efa_pool_has_32_efa_interfaces_in_one_zone() -> None:
    (pool,), findings = plan(
        GpuPool(name="h100", instance_types=["p5.48xlarge"], efa=True, capacity=BLOCK, zones=["us-east-1b"])
    )
    assert findings.items == []
    assert pool.efa_per_node == 32
    assert pool.zones == ("us-east-1b",)
    assert pool.provisioner == "managed"
    assert pool.capacity_types == ("reserved",)
    assert pool.raid0
    assert not pool.placement_group, "a placement group breaks the launch into a reservation"


def test_elastic_pool_is_karpenters_over_all_zones() -> None:
    (pool,), _ = plan(GpuPool(name="l40s", instance_types=["g6e.12xlarge", "g6e.24xlarge"], capacity=Spot()))
    assert pool.provisioner == "karpenter"
    assert pool.capacity_types == ("spot", "on-demand")
    assert pool.zones == ("us-east-1a", "us-east-1b", "us-east-1c")
    assert pool.efa_per_node == 0
    assert pool.taints[0].key == "nvidia.com/gpu"


def test_cluster_autoscaler_takes_the_elastic_pools() -> None:
    (pool,), _ = plan(
        GpuPool(name="l4", instance_types=["g6.xlarge"]), cluster=Cluster(autoscaler="cluster-autoscaler")
    )
    assert pool.provisioner == "cluster-autoscaler"
    # Else a node whose device plugin is not up yet counts as one without GPUs, and its pod gets a second one.
    assert pool.labels["k8s.amazonaws.com/accelerator"] == "nvidia"
    (other,), _ = plan(GpuPool(name="l4", instance_types=["g6.xlarge"]))
    assert "k8s.amazonaws.com/accelerator" not in other.labels


def test_efa_without_reservation_gets_a_placement_group() -> None:
    (pool,), _ = plan(GpuPool(name="x", instance_types=["p5.48xlarge"], efa=True, capacity=OnDemand()))
    assert pool.placement_group
    assert pool.zones == ("us-east-1a",)


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (GpuPool(name="x", instance_types=["p5.47xlarge"]), "LLM_CAP_20"),
        (GpuPool(name="x", instance_types=["g6.xlarge"], efa=True), "LLM_CAP_21"),
        (GpuPool(name="x", instance_types=["p5.48xlarge", "p5en.48xlarge"], efa=True), "LLM_CAP_22"),
        (GpuPool(name="x", instance_types=["p5.48xlarge"], capacity=BLOCK), "LLM_CAP_23"),
        (
            GpuPool(name="x", instance_types=["p5.48xlarge"], efa=True, zones=["us-east-1a", "us-east-1b"]),
            "LLM_CAP_24",
        ),
        (GpuPool(name="x", instance_types=["m7i.xlarge"]), "LLM_CAP_25"),
        (GpuPool(name="x", instance_types=["g6.12xlarge", "g6e.12xlarge"]), "LLM_CAP_30"),
        (GpuPool(name="x", instance_types=["g6.12xlarge"], zones=["us-east-1f"]), "LLM_NET_20"),
        (
            GpuPool(
                name="x",
                instance_types=["g6.12xlarge"],
                provisioner="karpenter",
                capacity=Reservation(resource_group_arn="arn:aws:resource-groups:us-east-1:111122223333:group/g"),
            ),
            "LLM_CAP_28",
        ),
        (
            GpuPool(name="x", instance_types=["g6.xlarge"], zones=["us-east-1a"], capacity=BLOCK),
            "LLM_CAP_38",
        ),
    ],
)
def test_what_cannot_work_has_its_own_code(pool: GpuPool, expected: str) -> None:
    assert codes(pool) == [expected]


def test_all_pools_are_judged_in_one_run() -> None:
    found = codes(
        GpuPool(name="a", instance_types=["p5.47xlarge"]),
        GpuPool(name="b", instance_types=["g6.xlarge"], efa=True),
        GpuPool(name="c", instance_types=["m7i.xlarge"]),
    )
    assert found == ["LLM_CAP_20", "LLM_CAP_21", "LLM_CAP_25"]


def test_findings_carry_the_declaring_line() -> None:
    pool = GpuPool(name="x", instance_types=["p5.47xlarge"])
    finding = plan(pool)[1].items[0]
    assert finding.file == __file__
    assert finding.line == pool.origin[1]
    assert finding.path == "pools.x.instance_types[0]"
    assert "p5.48xlarge" in finding.expected


def test_support_end_is_a_warning_by_date() -> None:
    platform = Platform(name="p", region="us-east-1", cluster=Cluster(version="1.34"))
    findings = Findings()
    network = plan_network(platform, findings)
    plan_cluster(platform, network, findings, DAY)
    assert [(item.code, item.fix) for item in findings.items] == [("LLM_CAP_32", "use 1.35")]
    there = platform.model_copy(update={"cluster": ExistingCluster(name="acme", version="1.34")})
    existing = Findings()
    plan_cluster(there, network, existing, DAY)
    (item,) = [item for item in existing.items if item.code == "LLM_CAP_32"]
    assert item.fix.startswith("upgrade the cluster to 1.35 where it is declared")
    early = Findings()
    plan_cluster(platform, network, early, dt.date(2026, 1, 1))
    assert early.items == []


@pytest.mark.parametrize(
    ("version", "said"), [("1.37", "Karpenter"), ("1.32", "2026-03-23"), ("1.20", "does not offer")]
)
def test_a_version_that_no_cluster_is_made_with_says_why(version: str, said: str) -> None:
    platform = Platform(name="p", region="us-east-1", cluster=Cluster(version=version))
    findings = Findings()
    planned = plan_cluster(platform, plan_network(platform, findings), findings, DAY)
    (found,) = findings.items
    assert (found.code, found.found) == ("LLM_CAP_26", version)
    assert said in found.message
    assert planned.version in found.expected


@pytest.mark.parametrize(
    ("version", "fix"),
    [
        ("1.33", "use 1.35; a cluster that runs 1.33 goes to 1.34 first"),
        ("1.32", "use 1.35; a cluster that runs 1.32 is taken to 1.34 first, with aws eks update-cluster-version"),
        ("1.37", "use 1.35"),
        ("1.20", "use 1.35"),
    ],
)
def test_no_cluster_is_told_to_skip_a_version(version: str, fix: str) -> None:
    platform = Platform(name="p", region="us-east-1", cluster=Cluster(version=version))
    findings = Findings()
    plan_cluster(platform, plan_network(platform, findings), findings, DAY)
    assert [item.fix for item in findings.items] == [fix]


def test_karpenters_pool_needs_karpenter() -> None:
    pool = GpuPool(name="x", instance_types=["g6.xlarge"], provisioner="karpenter")
    (found,) = plan(pool, cluster=Cluster(autoscaler="cluster-autoscaler"))[1].items
    assert (found.code, found.path) == ("LLM_CAP_45", "pools.x.provisioner")
    mended = pool.model_copy(update={"provisioner": "auto"})
    assert not plan(mended, cluster=Cluster(autoscaler="cluster-autoscaler"))[1].items


def test_a_mistyped_type_is_answered_with_gpu_types() -> None:
    finding = plan(GpuPool(name="x", instance_types=["p3.8xlarge"]))[1].items[0]
    assert all(instances.get(name).gpu for name in finding.expected.split(", "))


@pytest.mark.parametrize(
    ("nodes", "code"),
    [
        (SystemNodes(instance_types=["g6.xlarge"]), "LLM_CAP_27"),
        (SystemNodes(instance_types=["m7g.xlarge"]), "LLM_CAP_27"),
        (SystemNodes(nodes=(0, 3)), "LLM_CAP_39"),
        (SystemNodes(nodes=0), "LLM_CAP_39"),
        (SystemNodes(nodes=(1, 3)), "LLM_CAP_46"),
    ],
)
def test_controllers_have_nodes_that_boot(nodes: SystemNodes, code: str) -> None:
    platform = Platform(
        name="p", region="us-east-1", cluster=Cluster(system_nodes=nodes), observability=Observability()
    )
    findings = Findings()
    plan_cluster(platform, plan_network(platform, findings), findings, DAY)
    assert [item.code for item in findings.items] == [code]


@pytest.mark.parametrize(("region", "codes"), [("us-east-1", []), ("ca-west-1", ["LLM_CAP_29"])])
def test_system_nodes_are_of_a_type_that_the_region_has(region: str, codes: list[str]) -> None:
    """EKS makes no node group of a type that is not offered, and the default one is not everywhere."""
    platform = Platform(name="p", region=region)
    findings = Findings()
    plan_cluster(platform, plan_network(platform, findings), findings, DAY)
    assert [item.code for item in findings.items] == codes
    assert [item.path for item in findings.items] == ["cluster.system_nodes.instance_types[0]"] * len(codes)


def test_one_system_node_is_enough_where_no_pod_has_a_volume() -> None:
    platform = Platform(name="p", region="us-east-1", cluster=Cluster(system_nodes=SystemNodes(nodes=1)))
    platform = platform.model_copy(update={"observability": None})
    findings = Findings()
    plan_cluster(platform, plan_network(platform, findings), findings, DAY)
    assert findings.items == []


def test_a_volume_of_prometheus_finds_a_node_in_its_zone_however_nodes_are_replaced() -> None:
    """Two nodes over three zones: the one that replaces another may come up where no volume is."""
    platform = Platform(name="p", region="us-east-1", network=Network(zones=["us-east-1a", "us-east-1b", "us-east-1c"]))
    for nodes in (SystemNodes(), SystemNodes(nodes=(3, 6))):
        changed = platform.model_copy(update={"cluster": Cluster(system_nodes=nodes)})
        findings = Findings()
        system = plan_cluster(changed, plan_network(changed, findings), findings, DAY).system_nodes
        assert system.zones == ("us-east-1a", "us-east-1b")
        assert system.min_nodes >= len(system.zones)


@pytest.mark.parametrize(
    ("name", "gpu", "expected"),
    [
        ("p5.47xlarge", True, "p5.4"),
        ("zz9.metal", True, "a size of g4dn, "),
        ("zz9.metal", False, "a size of c5, "),
        ("m7i.xlrge", False, "m7i.xlarge"),
    ],
)
def test_what_there_is_is_told_of_a_name_that_is_near_to_none(name: str, gpu: bool, expected: str) -> None:
    told = instances.like(name, gpu=gpu)
    assert told.startswith(expected)
    assert "g4dn.metal" not in told


def test_hosted_families_are_told_as_their_service_names_them() -> None:
    assert instances.like("zz9.metal", gpu=True, hosted=True).startswith("a size of ml.g4dn, ml.g5, ")
