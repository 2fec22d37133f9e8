"""Plans by hand, of every engine that has metrics."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from msgspec.structs import replace

from llminfra import VLLM, Autoscaling, Endpoint, Gateway, Model, Observability, Slo
from llminfra.catalog.engines import engine_release
from llminfra.engines.invocation import Metrics
from llminfra.observability import rule_groups
from llminfra.observability.signals import release_signals
from llminfra.planning.controllers.needs import scales
from llminfra.planning.endpoints.gateways import picker_name
from llminfra.planning.plan import CostLine, Plan
from llminfra.planning.plan.endpoint import EndpointPlan, RouterPlan
from llminfra.planning.plan.gateways import GatewayPlan, GatewayRoute
from llminfra.planning.plan.infrastructure import PoolPlan
from tests.compiler import plans
from tests.helpers.example_plans import plans_of
from tests.observability.samples import runner


def endpoint(name: str, engine: str, version: str, **changes: object) -> EndpointPlan:
    """An endpoint of an engine, with promises and autoscaling, so that every rule has its turn."""
    spec = Endpoint(
        name=name,
        model=Model(id="Qwen/Qwen3-32B"),
        engine=VLLM(),
        on=plans.L40S,
        replicas=Autoscaling(min=1, max=6),
        slo=Slo(time_to_first_token_ms=500, time_per_output_token_ms=50),
    )
    return plans.endpoint_plan(
        spec,
        **{
            "engine": engine,
            "engine_version": version,
            "served_name": 'qwen "3" \\ 32B',
            "max_replicas": 6,
            "invocation": plans.invocation(),
            **changes,
        },
    )


def fixed(name: str, replicas: int) -> EndpointPlan:
    """An endpoint with a number of replicas that nothing changes."""
    made = endpoint(name, "vllm", "0.33.0", invocation=plans.invocation(metrics=metrics("vllm", "0.33.0")))
    spec = made.spec.model_copy(update={"replicas": replicas})
    return replace(made, spec=spec, min_replicas=replicas, max_replicas=replicas)


def metrics(engine: str, version: str) -> Metrics:
    """Metrics of a release by its own names; TGI has no model label."""
    release = engine_release(engine, version)
    assert release is not None
    names = {name: item.metric for name, item in release_signals(release).items()}
    return Metrics(
        port=8000,
        path="/metrics",
        waiting=names.get("requests_waiting"),
        running=names.get("requests_running"),
        kv_usage=names.get("kv_cache_usage"),
    )


ENGINES = (
    ("vllm", "0.33.0"),
    ("vllm", "0.30.0"),
    ("vllm", "0.10.1"),
    ("vllm", "0.8.5"),
    ("sglang", "0.5.23"),
    ("sglang", "0.5.2"),
    ("tgi", "3.3.7"),
    ("trtllm", "main-00209af1"),
)


@pytest.fixture(scope="session")
def full_plan() -> Plan:
    """Every engine, a server of the user's own, and one that spans nodes over EFA, on two pools with a budget."""
    own = Metrics(port=9000, path="/m", waiting="my_queue", running=None, kv_usage=None)
    call = plans.invocation()
    call = replace(call, worker_probe=call.startup)
    wide = endpoint("wide", "vllm", "0.30.0", pool="h100", nodes=2, invocation=call)
    wide = replace(wide, resources=replace(wide.resources, efa=32))
    made = [
        *(
            endpoint(
                f"{engine}-{index}",
                engine,
                version,
                invocation=plans.invocation(metrics=metrics(engine, version)),
            )
            for index, (engine, version) in enumerate(ENGINES)
        ),
        fixed("fixed", replicas=2),
        endpoint("own", "custom", "1", invocation=plans.invocation(metrics=own)),
        endpoint("silent", "mii", "0.3.3", invocation=plans.invocation(metrics=None)),
        wide,
        *roles(),
    ]
    spec = plans.platform_spec(budget_usd_per_month=50_000, observability=Observability())
    cost = CostLine(
        spec_path="cluster", what="EKS", usd_per_hour_min=0.1, usd_per_hour_max=0.1, price_date="2026-11-01"
    )
    plan = plans.plan(*made, platform=spec, costs=(cost,), gateways=(gateway(made[0]),), routers=(router(made[-1]),))
    return replace(plan, pools=tuple(map(ending, plan.pools)))


def ending(pool: PoolPlan) -> PoolPlan:
    """A pool whose capacity block says when it ends."""
    if pool.spec.capacity.kind != "capacity-block":
        return pool
    block = pool.spec.capacity.model_copy(update={"ends": dt.date(2027, 3, 1)})
    return replace(pool, spec=pool.spec.model_copy(update={"capacity": block}))


def roles() -> list[EndpointPlan]:
    """Prefill and decode on separate pods over EFA."""
    made = [
        endpoint(f"split-{role}", "vllm", "0.33.0", pool="h100", role=role, part_of="split")
        for role in ("prefill", "decode")
    ]
    return [replace(item, resources=replace(item.resources, efa=8)) for item in made]


def router(behind: EndpointPlan) -> RouterPlan:
    """In front of both roles."""
    return RouterPlan(
        name="split",
        spec=behind.spec,
        namespace=behind.namespace,
        served_name=behind.served_name,
        port=8000,
        prefill="split-prefill",
        decode="split-decode",
        remote_from_tokens=16,
        grace_s=60,
    )


def gateway(behind: EndpointPlan) -> GatewayPlan:
    """In front of an endpoint that sleeps."""
    return GatewayPlan(
        proxy_service="gateway-llm",
        name="llm",
        spec=Gateway(name="llm", endpoints=[behind.spec]),
        namespace=behind.namespace,
        service="gateway-llm",
        url="https://llm.example.com",
        allow_from_cidrs=(),
        routes=(
            GatewayRoute(
                endpoint=behind.name, models=(behind.served_name,), picker=picker_name(behind.name), hold_s=285
            ),
        ),
    )


@pytest.fixture(scope="session")
def groups(full_plan: Plan):
    """All rules of the plan."""
    scaled = {item.name for item in full_plan.endpoints if scales(item, full_plan)}
    return rule_groups(full_plan, scaled=scaled)


@pytest.fixture(scope="session")
def promtool(groups, tmp_path_factory):
    """Feed samples, one a minute, and compare what an expression gives at a minute."""
    return runner(groups, tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="session")
def shared_promtool(full_plan, tmp_path_factory):
    """The same with rules of two platforms on one cluster, whose pools and endpoints have the same names."""
    found = []
    for name in ("ours", "theirs"):
        platform = full_plan.platform.model_copy(update={"name": name})
        plan = replace(full_plan, platform=platform, cluster=replace(full_plan.eks, shared=True))
        found += [
            group.replace(name=f"{name}-{group.name}")
            for group in rule_groups(plan, scaled=set())
            if not group.name.startswith("llm-endpoint-")
        ]
    return runner(found, tmp_path_factory.mktemp("shared"))


ROOT = Path(__file__).parents[2]
SPECS = sorted([*ROOT.glob("examples/*/spec.*"), *ROOT.glob("stacks/*.py")])


@pytest.fixture(scope="session")
def shipped_plans() -> list[Plan]:
    """Plans of every example and of this repository's own platforms."""
    found = []
    for spec in SPECS:
        found += plans_of(spec)
    assert len(found) >= len(SPECS)
    return [item for item in found if item.ok]
