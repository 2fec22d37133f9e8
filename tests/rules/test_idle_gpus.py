"""Nodes that a pool always has, against those that its replicas can fill (LLM_CAP_60)."""

from collections.abc import Sequence

import pytest

from llminfra import VLLM, CapacityBlock, Endpoint, GpuPool, Model, Parallelism, Platform
from llminfra.planning import plan_platform
from llminfra.rules.plans.idle_gpus import nodes_are_used
from llminfra.rules.rule import Hit

BLOCK = CapacityBlock(reservation_id="cr-0123456789abcdef0")
QWEN = Model(id="Qwen/Qwen3-32B")


def hits(pool: GpuPool, replicas: Sequence[int]) -> list[Hit]:
    endpoints = [
        Endpoint(
            name=f"chat{index}",
            model=QWEN,
            engine=VLLM(max_model_len=8192),
            on=pool,
            replicas=count,
            parallelism=Parallelism(tensor=2),
        )
        for index, count in enumerate(replicas)
    ]
    platform = Platform(name="p", region="us-east-1", pools=[pool], endpoints=endpoints)
    return list(nodes_are_used.check(plan_platform(platform)))


def pool(nodes: tuple[int, int], **fields: object) -> GpuPool:
    return GpuPool.model_validate({"name": "h100", "instance_types": ["p5.48xlarge"], "nodes": nodes, **fields})


def test_a_block_that_replicas_never_fill_is_told_with_its_price_and_both_ways_out() -> None:
    (hit,) = hits(pool((0, 4), capacity=BLOCK, zones=["us-east-1b"]), [4])
    assert hit.path == "pools.h100.nodes"
    assert "3 of 4 nodes" in hit.message
    assert "$165.12 an hour" in hit.message
    assert hit.fix == "let chat0 have up to 16 replicas, or take 1 node"


def test_several_endpoints_are_named() -> None:
    (hit,) = hits(pool((0, 4), capacity=BLOCK, zones=["us-east-1b"]), [2, 3])
    assert "2 of 4 nodes" in hit.message
    assert hit.fix == "raise the most replicas of chat0, chat1, or take 2 nodes"


@pytest.mark.parametrize(
    ("nodes", "fields", "replicas"),
    [
        ((0, 2), {"capacity": BLOCK, "zones": ["us-east-1b"]}, [5]),
        ((0, 4), {}, [1]),
        ((2, 4), {"provisioner": "managed"}, [4]),
        ((1, 4), {"provisioner": "managed"}, [1]),
        ((2, 2), {"capacity": BLOCK, "zones": ["us-east-1b"]}, []),
    ],
)
def test_nodes_that_come_and_go_one_for_rollouts_and_pools_without_replicas_are_left_alone(
    nodes: tuple[int, int], fields: dict[str, object], replicas: list[int]
) -> None:
    assert not hits(pool(nodes, **fields), replicas)


def test_a_managed_pool_that_never_shrinks_to_what_its_replicas_fill_is_told() -> None:
    (hit,) = hits(pool((4, 6), provisioner="managed"), [4])
    assert "2 of 4 nodes" in hit.message
    assert hit.fix == "let chat0 have up to 16 replicas, or take 2 nodes"
