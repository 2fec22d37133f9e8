"""Nodes that replicas take: packed on nodes as wholes, and by zone where Karpenter starts them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from llminfra import VLLM, Endpoint, GpuPool, Model, Parallelism, Platform
from llminfra.planning import plan_platform
from llminfra.rules.plans.capacity import minimum_is_kept


def planned(replicas: int, **fields: Any) -> Any:
    pool = GpuPool(name="l4", instance_types=["g6.48xlarge"], **fields)
    chat = Endpoint(
        name="chat",
        model=Model(id="Qwen/Qwen3-8B"),
        engine=VLLM(max_model_len=4096),
        on=pool,
        replicas=replicas,
        parallelism=Parallelism(pipeline=3),
    )
    platform = Platform(name="p", region="us-east-1", pools=[pool], endpoints=[chat])
    return plan_platform(platform, today=dt.date(2026, 11, 23))


@pytest.mark.parametrize(("replicas", "nodes"), [(2, 1), (3, 2), (5, 3)])
def test_a_replica_is_on_one_node(replicas: int, nodes: int) -> None:
    """Two replicas of three GPUs fit a node of eight; the two GPUs beside them are of no use to a third."""
    assert planned(replicas, provisioner="managed", nodes=(0, 8)).pools[0].desired_nodes == nodes


@pytest.mark.parametrize(("zones", "told"), [(["us-east-1a", "us-east-1b"], False), (["us-east-1a"], True)])
def test_a_minimum_that_replicas_hold_over_zones_is_kept(zones: list[str], told: bool) -> None:
    plan = planned(2, nodes=(2, 4), zones=zones)
    assert bool(list(minimum_is_kept.check(plan))) is told
