"""GPUs of a node that no replica takes (LLM_CAP_61): told with their price and a smaller type, or not at all."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    CapacityBlock,
    Endpoint,
    GpuPool,
    Mig,
    Model,
    Parallelism,
    Platform,
    Reservation,
    TimeSlicing,
)
from llminfra.planning import plan_platform
from llminfra.rules.plans.partly_used import whole_nodes_are_used
from llminfra.rules.rule import Hit

BLOCK = CapacityBlock(reservation_id="cr-0123456789abcdef0")
ONE, TWO, FOUR = (Parallelism(tensor=size) for size in (1, 2, 4))


def hits(*endpoints: dict[str, Any], region: str = "us-east-1", **pool: Any) -> list[Hit]:
    on = GpuPool(**{"name": "gpus", "instance_types": ["p5.48xlarge"], "nodes": (0, 4), **pool})
    served = [
        Endpoint(
            **{
                "name": f"chat{index}",
                "model": Model(id="Qwen/Qwen3-8B"),
                "engine": VLLM(max_model_len=8192),
                "on": on,
                "parallelism": ONE,
                **fields,
            }
        )
        for index, fields in enumerate(endpoints)
    ]
    platform = Platform(name="p", region=region, pools=[on], endpoints=served)
    return list(whole_nodes_are_used.check(plan_platform(platform, today=dt.date(2026, 11, 23))))


def test_seven_of_eight_gpus_are_told_with_the_type_that_has_one() -> None:
    (hit,) = hits({})
    assert hit.path == "pools.gpus.instance_types"
    assert hit.message == "7 of 8 GPUs of pool gpus run no replica at any load: $35,157 a month"
    assert hit.found == "1 node of p5.48xlarge with 1 replica of chat0 with 1 GPU"
    assert hit.expected == "1 node of p5.4xlarge at $6.88/h with the same GPU, instead of 1 at $55.04/h"
    assert hit.fix == (
        "set instance_types=['p5.4xlarge']; or let chat0 have up to 8 replicas on as many nodes of one zone, "
        "GpuPool(zones=['us-east-1a'])"
    )


def test_in_one_zone_more_replicas_are_as_near() -> None:
    (hit,) = hits({}, zones=["us-east-1b"])
    assert hit.fix.endswith("; or let chat0 have up to 8 replicas on as many nodes")


def test_all_endpoints_of_a_pool_are_counted_together() -> None:
    (hit,) = hits({}, {"replicas": 2})
    assert "14 of 16 GPUs" not in hit.message
    assert hit.fix.endswith("; or put another endpoint on the pool")
    assert "nodes=(0, " not in hit.fix
    assert not hits({"replicas": 4}, {"replicas": 4}, zones=["us-east-1b"])


def test_replicas_over_zones_have_nodes_of_their_own() -> None:
    """Karpenter starts a node in each of two zones for two replicas of half a node each."""
    spread: dict[str, Any] = {"replicas": 2, "parallelism": FOUR, "model": Model(id="Qwen/Qwen3-32B")}
    assert not hits(spread, zones=["us-east-1b"])
    (hit,) = hits({"replicas": 4}, instance_types=["g6e.12xlarge"], zones=["us-east-1a", "us-east-1b"])
    assert hit.message.startswith("4 of 8 GPUs")
    assert "4 nodes of g6e.xlarge" in hit.expected


def test_what_scales_to_zero_is_paid_while_it_runs() -> None:
    (hit,) = hits({"replicas": Autoscaling(min=0, max=1)})
    assert hit.message == "7 of 8 GPUs of pool gpus run no replica while it has nodes: $48.16 an hour"
    bought = Reservation(reservation_id="cr-0123456789abcdef0")
    (hit,) = hits({"replicas": Autoscaling(min=0, max=1)}, capacity=bought, zones=["us-east-1b"])
    assert hit.message.endswith("at any load: $35,157 a month")


@pytest.mark.parametrize(
    ("capacity", "fix"),
    [
        (BLOCK, "set instance_types=['p5.4xlarge'] with the next block"),
        (Reservation(reservation_id="cr-0123456789abcdef0"), "set instance_types=['p5.4xlarge'] with a reservation"),
    ],
)
def test_what_has_to_be_bought_before_is_said(capacity: Any, fix: str) -> None:
    (hit,) = hits({}, capacity=capacity, nodes=(1, 1), zones=["us-east-1b"])
    assert hit.fix.startswith(fix)


def test_what_is_told_of_a_day_keeps_no_type_out() -> None:
    """The block ended long ago: of the other type the same is told, on whatever day the plan is made."""
    ended = BLOCK.model_copy(update={"ends": dt.date(2026, 11, 25)})
    (hit,) = hits({}, capacity=ended, nodes=(1, 1), zones=["us-east-1b"])
    assert hit.fix.startswith("set instance_types=['p5.4xlarge'] with the next block")


def test_slices_are_counted_as_gpus_and_more_nodes_are_asked_for() -> None:
    sharing = Mig(profile="3g.40gb", tenants=["a"])
    (hit,) = hits({"replicas": 4, "parallelism": None}, sharing=sharing, nodes=(1, 1))
    assert hit.message.startswith("6 of 8 GPUs")
    assert "4 replicas of chat0 with 1 share each" in hit.found
    assert hit.fix.startswith("set instance_types=['p5.4xlarge'] and nodes=(1, 2)")


def test_another_gpu_is_named_where_it_is_cheaper_and_no_slower() -> None:
    wide: dict[str, Any] = {"parallelism": None, "model": Model(id="Qwen/Qwen3-32B")}
    (hit,) = hits(wide, instance_types=["g6e.12xlarge"])
    assert "another GPU, estimated to be no slower" in hit.expected


@pytest.mark.parametrize(
    ("endpoint", "pool"),
    [
        ({"replicas": Autoscaling(min=1, max=8)}, {}),  # a load that fills the node
        ({"replicas": 8}, {"zones": ["us-east-1b"]}),
        ({}, {"instance_types": ["p5.4xlarge"]}),  # the smallest there is
        (
            {"model": Model(id="Qwen/Qwen3-1.7B")},
            {"instance_types": ["g6.12xlarge"], "sharing": TimeSlicing(replicas=2, tenants=["a"])},
        ),
        # What holds it for less has other GPUs, and answers later.
        ({"parallelism": FOUR, "model": Model(id="Qwen/Qwen3-32B")}, {}),
        # No smaller type has the memory that a pod needs while it loads, without a warning.
        ({"parallelism": TWO}, {"instance_types": ["p4d.24xlarge"]}),
        # Ranks over nodes take whole nodes.
        (
            {"parallelism": Parallelism(tensor=8, pipeline=2), "model": Model(id="Qwen/Qwen3-32B")},
            {"efa": True, "nodes": (2, 2), "zones": ["us-east-1b"]},
        ),
    ],
)
def test_what_nobody_can_save_is_left_alone(endpoint: dict[str, Any], pool: dict[str, Any]) -> None:
    assert not hits(endpoint, **pool)
