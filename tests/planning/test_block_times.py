"""Capacity blocks with days: of a length that AWS sells, begun, not ended; told in the plan and by an alert."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from llminfra import (
    VLLM,
    BatchInference,
    BatchQueue,
    CapacityBlock,
    Diagnostic,
    Ec2,
    Endpoint,
    GpuPool,
    Model,
    ModelBucket,
    Platform,
    SpecError,
)
from llminfra.cli.terminal.words import bought
from llminfra.observability.alerts.fleet import fleet_alerts
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan

ID = "cr-0123456789abcdef0"
DAY = dt.date(2026, 11, 23)
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d"


def day(number: int) -> dt.date:
    return DAY + dt.timedelta(days=number)


def planned(block: CapacityBlock, **fields: Any) -> Plan:
    pool = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(1, 1), capacity=block, zones=["us-east-1b"])
    chat = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=8192), on=pool, replicas=8)
    fields = {"pools": [pool], "endpoints": [chat], **fields}
    return plan_platform(Platform(name="p", region="us-east-1", **fields), today=DAY)


def told(plan: Plan) -> list[Diagnostic]:
    return [item for item in plan.diagnostics if item.code in {"LLM_CAP_62", "LLM_CAP_63"}]


def block(starts: int | None, ends: int | None) -> CapacityBlock:
    days = [None if each is None else day(each) for each in (starts, ends)]
    return CapacityBlock(reservation_id=ID, starts=days[0], ends=days[1])


@pytest.mark.parametrize("days", [1, 2, 14, 15, 21, 22, 28, 182, 183])
def test_lengths_that_aws_sells(days: int) -> None:
    """A block of 14 days that begins at noon may end on the 15th day after that."""
    assert not told(planned(block(-1, days - 1)) if days > 1 else planned(block(0, 1)))


@pytest.mark.parametrize(("days", "near"), [(16, "14 or 21 days"), (25, "21 or 28 days"), (190, "182 days")])
def test_lengths_that_it_does_not_sell(days: int, near: str) -> None:
    (found,) = told(planned(block(-1, days - 1)))
    assert (found.code, found.path) == ("LLM_CAP_62", "pools.h100.capacity.ends")
    assert found.found.startswith(f"{days} days")
    assert found.expected.endswith(f": {near}")


@pytest.mark.parametrize(
    ("starts", "ends", "field", "words"),
    [
        (-7, -1, "ends", "has ended"),
        (None, -1, "ends", "has ended"),
        (-7, 0, "ends", "ends today: EC2 takes its instances from 11:00 UTC"),
        (1, 8, "starts", "has not begun"),
        (0, 7, "", ""),
        (None, 1, "", ""),
        (None, None, "", ""),
    ],
)
def test_a_block_is_judged_by_the_day(starts: int | None, ends: int | None, field: str, words: str) -> None:
    found = told(planned(block(starts, ends)))
    assert [item.path for item in found] == ([f"pools.h100.capacity.{field}"] if field else [])
    assert all(item.code == "LLM_CAP_63" and words in item.message for item in found)


def test_what_is_compiled_does_not_depend_on_the_day() -> None:
    """The plan of a block that has ended is the same, but for what is told of it."""
    pool = planned(block(-7, -1)).pools[0]
    assert pool.desired_nodes == planned(block(-7, 7)).pools[0].desired_nodes == 1


def test_blocks_of_instances_and_jobs_are_judged_too() -> None:
    over = block(-7, -1)
    on = Ec2(instance_type="p5.4xlarge", domain_name="a.example.com", certificate_arn=CERTIFICATE, capacity=over)
    chat = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=8192), on=on)
    queue = BatchQueue(instance_types=["p5.48xlarge"], spot=False, reservation=over)
    nightly = BatchInference(
        name="nightly",
        model=Model(id="Qwen/Qwen3-8B"),
        engine=VLLM(max_model_len=8192),
        on=queue,
        input="s3://acme-batch/in/",
        output="s3://acme-batch/out/",
    )
    plan = planned(over, pools=[], endpoints=[chat], batches=[nightly], storage=[ModelBucket(name="acme-weights")])
    paths = ["endpoints.chat.on.capacity.ends", "batches.nightly.on.reservation.ends"]
    assert [item.path for item in told(plan)] == paths


def test_days_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(SpecError) as caught:
        block(7, 7)
    (found,) = caught.value.diagnostics
    assert "begins on" in found.message
    assert "day after the start" in found.expected


def test_the_plan_says_when_the_nodes_go() -> None:
    assert bought(planned(block(0, 7)).pools[0]) == "capacity block until 2026-11-30 11:00 UTC"
    assert bought(planned(block(None, None)).pools[0]) == "capacity block"


def test_an_alert_comes_a_day_before_the_nodes_go() -> None:
    def alert(plan: Plan) -> list[str]:
        return [item.expr for item in fleet_alerts(plan, base_url=None) if item.alert == "CapacityBlockEnds"]

    before = int(dt.datetime(2026, 11, 29, 11, tzinfo=dt.UTC).timestamp())
    nodes = 'pool:llm_nodes:count{pool="h100"}'
    assert alert(planned(block(0, 7))) == [f"({nodes} and on () (vector(time()) >= {before}))"]
    assert not alert(planned(block(None, None)))


def test_a_block_draws_on_its_own_quota() -> None:
    lines = {line.code: line for line in planned(block(None, None)).quotas}
    assert lines["L-DA6814F2"].needed == 192
    assert "L-417A185B" not in lines
