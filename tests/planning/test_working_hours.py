"""More replicas by day: hours as triggers of KEDA, what they cost in the mean of a week, and where they cannot be."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    CapacityBlock,
    Cluster,
    Diagnostic,
    Ec2,
    Endpoint,
    Gateway,
    GpuPool,
    Model,
    Observability,
    Platform,
    SpecError,
    WorkingHours,
)
from llminfra.charts.llm_server import Autoscaling as Scaling
from llminfra.cli.terminal.hours import hours_words
from llminfra.compiler.releases.scaling import autoscaling_values
from llminfra.planning import plan_platform, references
from llminfra.planning.cost.views import endpoint_costs
from llminfra.planning.plan import Plan
from llminfra.planning.served.hours import fewest_by_minute, hours_a_month, mean_nodes, mean_replicas
from llminfra.rules import run_plan

DAY = dt.date(2026, 11, 23)
L40S = GpuPool(name="l40s", instance_types=["g6e.xlarge"], nodes=(0, 6))
BY_DAY = WorkingHours(min=2, time_zone="Europe/Berlin")
SATURDAY = WorkingHours(min=1, time_zone="Europe/Berlin", days=["sat"], start="10:30", end="16:00")
SLEEPS = Autoscaling(min=0, max=4, working_hours=[BY_DAY, SATURDAY])


def planned(replicas: Autoscaling | int = SLEEPS, on: Any = L40S, **fields: Any) -> Plan:
    chat = Endpoint(
        name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=8192), on=on, replicas=replicas
    )
    pools = [on] if isinstance(on, GpuPool) else []
    given = {name: value(chat) if callable(value) else value for name, value in fields.items()}
    given = {"observability": Observability(), **given} if pools else given
    return plan_platform(Platform(name="p", region="us-east-1", pools=pools, endpoints=[chat], **given), today=DAY)


def scaling(plan: Plan) -> Scaling:
    found = autoscaling_values(plan.endpoints[0], plan, "")
    assert found is not None
    return found


def told(plan: Plan, code: str) -> list[Diagnostic]:
    return [item for item in (*plan.diagnostics, *run_plan(plan)) if item.code == code]


def test_each_of_the_hours_is_a_trigger() -> None:
    values = scaling(planned())
    assert values.cron_triggers is not None
    assert [(item.start, item.end, item.timezone, item.desired_replicas) for item in values.cron_triggers] == [
        ("0 8 * * 1,2,3,4,5", "0 20 * * 1,2,3,4,5", "Europe/Berlin", 2),
        ("30 10 * * 6", "0 16 * * 6", "Europe/Berlin", 1),
    ]
    assert (values.min_replicas, values.max_replicas) == (0, 4)


def test_nobody_to_tell_at_night_is_no_fault() -> None:
    """A query without a value is an error, and its fallback would start a replica."""
    asleep, awake = planned(), planned(Autoscaling(min=1, max=4, working_hours=[BY_DAY]))
    assert all(item.query.endswith(" or vector(0)") for item in scaling(asleep).triggers)
    assert not any("vector" in item.query for item in scaling(awake).triggers)
    (cache,) = (item for item in scaling(asleep).triggers if item.name == "cache")
    assert cache.activation_threshold == cache.threshold
    assert told(asleep, "LLM_SRV_69") == []


def test_a_gateway_holds_requests_outside_of_the_hours() -> None:
    plan = planned(gateways=lambda chat: [Gateway(name="llm", endpoints=[chat], exposure="cluster")])
    values = scaling(plan)
    assert [item.name for item in values.triggers] == ["held", "running", "cache"]
    assert len(values.cron_triggers or ()) == 2


def test_without_a_prometheus_the_hours_are_kept() -> None:
    values = scaling(planned(observability=None))
    assert values.triggers == []
    assert len(values.cron_triggers or ()) == 2


def test_money_at_rest_is_that_of_the_mean_week() -> None:
    plan, always = planned(), planned(Autoscaling(min=2, max=4))
    replicas = (2 * 60 + 5.5) / 168
    # Each of six days a node stays for the cooldown and for as long as Karpenter waits, 45 minutes together.
    nodes = (2 * (60 + 5 * 0.75) + 5.5 + 0.75) / 168
    assert plan.pools[0].mean_nodes == pytest.approx(nodes)
    for found, two, mean in (
        (plan.costs[0], always.costs[0], nodes),
        (endpoint_costs(plan)[0], endpoint_costs(always)[0], replicas),
    ):
        assert two.usd_per_hour_min
        assert found.usd_per_hour_min == pytest.approx(two.usd_per_hour_min * mean / 2)
        assert found.usd_per_hour_max == two.usd_per_hour_max
    assert "mean of a week" in plan.costs[0].note
    assert plan.pools[0].desired_nodes == 0
    assert hours_a_month(BY_DAY) == pytest.approx(260.7, abs=0.1)


@pytest.mark.parametrize(("zones", "at_once"), [(("us-east-1b",), 1), (("us-east-1a", "us-east-1b"), 2), ((), 2)])
def test_the_mean_week_has_the_nodes_that_replicas_over_zones_take(zones: tuple[str, ...], at_once: int) -> None:
    """Two replicas fit one node of four GPUs, and Karpenter starts one in each zone that they are spread over."""
    on = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 6), zones=zones)
    by_day, always = (planned(replicas, on) for replicas in (Autoscaling(min=0, max=4, working_hours=[BY_DAY]), 2))
    assert always.pools[0].desired_nodes == at_once
    assert by_day.pools[0].mean_nodes == pytest.approx(at_once * (60 + 5 * 0.75) / 168)


@pytest.mark.parametrize(
    ("pool", "fields", "nodes"),
    [
        ({}, {}, None),
        ({"nodes": (2, 6), "provisioner": "managed"}, {}, 2),
        ({"nodes": (0, 6)}, {"cluster": Cluster(autoscaler="cluster-autoscaler")}, None),
        ({"nodes": (2, 2), "capacity": CapacityBlock(reservation_id="cr-0123456789abcdef0")}, {}, 2),
    ],
)
def test_where_nodes_stay_they_are_paid_for(pool: dict[str, Any], fields: dict[str, Any], nodes: int | None) -> None:
    on = GpuPool(**{"name": "l40s", "instance_types": ["g6e.xlarge"], "nodes": (0, 6), "zones": ["us-east-1b"], **pool})
    plan = planned(Autoscaling(min=0, max=2, working_hours=[BY_DAY]), on, **fields)
    found = told(plan, "LLM_CAP_58")
    assert [item.path for item in found] == ([] if nodes is None else ["endpoints.chat.replicas"])
    assert (plan.pools[0].mean_nodes is None) == (nodes is not None)
    if nodes is not None:
        assert plan.pools[0].desired_nodes == nodes


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: WorkingHours(min=1, time_zone="Europe/Berlin", start="22:00", end="06:00"), "before they start"),
        (lambda: Autoscaling(min=2, max=4, working_hours=[BY_DAY]), "between 2 and 4 anyway"),
        (lambda: Autoscaling(min=0, max=1, working_hours=[BY_DAY]), "between 0 and 1 anyway"),
    ],
)
def test_hours_that_say_nothing_are_refused(make: Any, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        make()
    (found,) = caught.value.diagnostics
    assert words in found.message
    assert found.fix


def test_a_zone_that_nobody_knows_is_told_with_those_that_are_near(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Autoscaling(min=0, max=2, working_hours=[BY_DAY.model_copy(update={"time_zone": "Berlin"})])
    monkeypatch.setattr(references, "available_timezones", lambda: {"Europe/Berlin", "Asia/Tokyo"})
    with pytest.raises(SpecError) as caught:
        planned(lost)
    (found,) = caught.value.diagnostics
    assert (found.code, found.path) == ("LLM_REF_7", "endpoints.chat.replicas.working_hours[0].time_zone")
    assert found.fix == "set time_zone='Europe/Berlin'"
    monkeypatch.setattr(references, "available_timezones", set)
    assert planned(lost).endpoints


def test_outside_the_cluster_nobody_keeps_them() -> None:
    certificate = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d"
    on = Ec2(instance_type="g6e.2xlarge", domain_name="a.example.com", certificate_arn=certificate)
    (found,) = told(planned(Autoscaling(min=1, max=2, working_hours=[BY_DAY]), on), "LLM_SPEC_8")
    assert found.path == "endpoints.chat.replicas.working_hours"
    assert "KEDA" in found.message


def test_hours_in_words() -> None:
    assert hours_words(BY_DAY) == "at least 2 replicas mon–fri 08:00–20:00 Europe/Berlin, 261 hours a month"
    assert "1 replica sat 10:30–16:00" in hours_words(SATURDAY)


def by_day(time_zone: str, **fields: Any) -> Endpoint:
    hours = WorkingHours(min=1, time_zone=time_zone, start="08:00", end="16:00", **fields)
    return Endpoint(
        name="chat",
        model=Model(id="Qwen/Qwen3-8B"),
        engine=VLLM(max_model_len=8192),
        on=L40S,
        replicas=Autoscaling(min=0, max=4, cooldown_s=60, working_hours=[hours]),
    )


def nodes_of(*zones: str, gpus_per_node: int) -> float:
    # gone as soon as the hours end
    return mean_nodes(map(by_day, zones), lambda counts: -(-sum(counts) // gpus_per_node), empty_s=-60)


@pytest.mark.parametrize(
    ("zones", "hours_a_day"),
    [
        (("Europe/Berlin", "Europe/Paris"), 8),
        # Nine hours apart, with or without daylight saving time in both: no hour is shared.
        (("Europe/Berlin", "America/Los_Angeles"), 16),
        # Eight hours from Berlin in winter and seven in summer: one hour is shared half of the year.
        (("Europe/Berlin", "Asia/Tokyo"), (16 + 15) / 2),
        (("Asia/Tokyo", "Asia/Seoul"), 8),
    ],
)
def test_hours_of_two_time_zones_are_laid_on_one_clock(zones: tuple[str, str], hours_a_day: float) -> None:
    # Two GPUs a node: where hours overlap, one node has both replicas.
    assert nodes_of(*zones, gpus_per_node=2) == pytest.approx(5 * hours_a_day / (7 * 24))
    # A node for each: how they overlap changes nothing.
    assert nodes_of(*zones, gpus_per_node=1) == pytest.approx(5 * 16 / (7 * 24))


def test_hours_of_one_endpoint_by_two_clocks_count_once_where_they_overlap() -> None:
    berlin, tokyo = (WorkingHours(min=1, time_zone=zone) for zone in ("Europe/Berlin", "Asia/Tokyo"))
    both = by_day("UTC").model_copy(update={"replicas": Autoscaling(min=0, max=4, working_hours=[berlin, tokyo])})
    # 08:00 to 20:00 is 23 to 11 o'clock UTC in Tokyo, and 7 to 19 in Berlin's winter, 6 to 18 in its summer.
    assert mean_replicas(both) == pytest.approx(5 * ((20 + 19) / 2) / (7 * 24))


def test_a_week_begins_on_the_sunday_of_utc_where_clocks_are_ahead() -> None:
    week = fewest_by_minute(by_day("Asia/Tokyo", days=["mon"]), season=dt.date(2026, 1, 15))
    assert [week[index] for index in (-61, -60, -1, 0, 7 * 60 - 1, 7 * 60)] == [0, 1, 1, 1, 1, 0]


def test_a_clock_that_nobody_knows_is_left_to_its_own_finding() -> None:
    assert mean_replicas(by_day("Europe/Atlantis")) == pytest.approx(5 * 8 / (7 * 24))
    assert nodes_of("Europe/Atlantis", "UTC", gpus_per_node=2) == pytest.approx(5 * 8 / (7 * 24))
