"""Sums of costs, and the budget, where prices are unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from llminfra import (
    VLLM,
    Cluster,
    CustomerKey,
    Endpoint,
    GpuPool,
    Model,
    ModelBucket,
    Network,
    Platform,
    SageMaker,
    SpecError,
)
from llminfra.catalog.datafile import read_data
from llminfra.catalog.price_file import VARIABLE, PriceFile
from llminfra.planning import plan_platform
from llminfra.planning.cost.hourly import how_to_price, total_cost
from llminfra.planning.cost.views import costs_by_stack, not_counted, unpriced
from llminfra.planning.plan import CostLine
from llminfra.planning.specs import plan_specs
from llminfra.rules.views.terraform_view import read_synth_dir
from tests.helpers.example_plans import ROOT
from tests.helpers.synthesized import Synthesized
from tests.serving_targets.platforms import POOL, TODAY, endpoint, plan


def line(path: str, least: float | None, most: float | None) -> CostLine:
    return CostLine(spec_path=path, what="", usd_per_hour_min=least, usd_per_hour_max=most, price_date=None)


def test_a_sum_names_what_is_missing_from_it() -> None:
    total = total_cost([line("cluster", 0.1, 0.1), line("pools.a", 0.0, None), line("pools.b", None, None)])
    assert (total.usd_per_hour_min, total.usd_per_hour_max) == (0.1, 0.1)
    assert total.unpriced == ("pools.a", "pools.b")
    assert total.unpriced_at_rest == ("pools.b",)


def far(**changes: Any) -> Platform:
    assert "eu-north-1" not in read_data("prices.json")["on_demand_usd_per_hour"]
    return Platform(
        name="far",
        region="eu-north-1",
        pools=[POOL],
        storage=[ModelBucket(name="acme-far")],
        endpoints=[endpoint(POOL)],
        **changes,
    )


def test_a_budget_of_unknown_prices_is_not_proved() -> None:
    planned = plan_platform(far(budget_usd_per_month=5000), today=TODAY)
    (found,) = [item for item in planned.diagnostics if item.code == "LLM_COST_2"]
    assert found.severity == "warning"
    assert found.path == "budget_usd_per_month"
    assert "pools.l40s" in found.message
    assert "cluster.system_nodes" in found.message
    assert "eu-north-1" in found.message
    # EKS costs the same everywhere: 730 hours at 0.1.
    assert found.found == "at least $73 a month, and what has no price"
    assert "llminfra catalog refresh --region eu-north-1" in found.fix
    assert "LLM_COST_2" not in {item.code for item in plan_platform(far(), today=TODAY).diagnostics}


def test_a_plan_tells_what_has_no_price_and_what_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan_platform(far(), today=TODAY)
    (missing,) = unpriced(planned)
    assert missing.how == "`llminfra catalog refresh --region eu-north-1`, then LLMINFRA_PRICES"
    without = {item.spec_path for item in planned.costs if item.usd_per_hour_max is None}
    assert (
        {item.split(" ")[0] for item in missing.lines}
        == without
        == {
            "pools.l40s",
            "cluster.system_nodes",
            "network.nat",
            "network",
            "volumes",
            "cluster",
            "storage",
            "storage.acme-far",
        }
    )
    assert "network (15 interface endpoints in 3 zones, without traffic)" in missing.lines
    path = tmp_path / "prices.json"
    path.write_text(PriceFile(version=2, region="eu-north-1", date="2026-11-24", prices={}).model_dump_json())
    monkeypatch.setenv(VARIABLE, str(path))
    told = how_to_price("eu-north-1")
    assert told.startswith("the file of 2026-11-24 that LLMINFRA_PRICES names has none; `llminfra")
    assert "CNY" in how_to_price("cn-north-1")


def test_prices_of_a_file_prove_a_budget_in_any_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hourly = {"usd_per_hour": 2.5, "source": "AWS Price List API"}
    types = {name: {"on-demand": hourly} for name in ("g6e.2xlarge", "m7i.xlarge")}
    names = ("nat_gateway_hour", "public_ipv4_hour", "vpc_endpoint_hour", "ebs_gp3_gib_month", "kms_key_month")
    names = (*names, "s3_standard_gb_month")
    services = {name: {"usd": 0.05, "unit": "hour", "source": "AWS Price List API"} for name in names}
    path = tmp_path / "prices.json"
    path.write_text(
        json.dumps({"version": 2, "region": "eu-north-1", "date": "2026-11-24", "prices": types, "services": services})
    )
    monkeypatch.setenv(VARIABLE, str(path))
    planned = plan_platform(far(budget_usd_per_month=50_000), today=TODAY)
    assert unpriced(planned) == ()
    assert not [item for item in planned.diagnostics if item.code.startswith("LLM_COST")]


def test_a_pool_of_several_types_costs_at_most_its_dearest() -> None:
    cheap, mixed = (
        planned_pool(GpuPool(name="l40s", instance_types=types, nodes=(1, 4), provisioner="managed"))
        for types in (["g6e.12xlarge"], ["g6e.12xlarge", "g6e.24xlarge"])
    )
    assert mixed.usd_per_hour_min == cheap.usd_per_hour_min
    assert mixed.usd_per_hour_max == pytest.approx(4 * 15.06559)
    assert "at rest of g6e.12xlarge, at most of g6e.24xlarge" in mixed.note
    assert "at most of" not in cheap.note


@pytest.mark.parametrize(("provisioner", "nodes"), [("karpenter", 0), ("managed", 1)])
def test_a_minimum_costs_where_somebody_keeps_it(provisioner: Literal["karpenter", "managed"], nodes: int) -> None:
    line = planned_pool(GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(1, 4), provisioner=provisioner))
    assert line.usd_per_hour_max is not None
    assert line.usd_per_hour_min == pytest.approx(nodes * line.usd_per_hour_max / 4)


def test_a_pool_with_one_type_without_a_price_has_none() -> None:
    mixed = planned_pool(GpuPool(name="h200", instance_types=["p5en.48xlarge", "p5e.48xlarge"], nodes=(0, 1)))
    assert (mixed.usd_per_hour_min, mixed.usd_per_hour_max) == (0.0, None)
    assert "p5e.48xlarge" in mixed.note


def planned_pool(pool: GpuPool) -> CostLine:
    planned = plan_platform(Platform(name="p", region="us-east-1", pools=[pool], cluster=Cluster()), today=TODAY)
    return next(item for item in planned.costs if item.spec_path == f"pools.{pool.name}")


def test_addresses_of_nat_gateways_cost_too() -> None:
    spec = Platform(name="p", region="us-east-1", network=Network(nat="per-zone"), cluster=Cluster())
    (address,) = [item for item in plan_platform(spec, today=TODAY).costs if "IPv4" in item.what]
    assert address.usd_per_hour_max == pytest.approx(0.005 * int(address.what.split()[0]))


def test_what_aws_tells_on_request_no_command_gets() -> None:
    told = line("bedrock.throughput", None, None)
    told = replace(told, note="AWS tells prices of model units on request only", on_request=True)
    planned = replace(plan_platform(far(), today=TODAY), costs=(told, line("network", None, None)))
    assert [item.how for item in unpriced(planned)] == [told.note, how_to_price("eu-north-1")]


def test_a_half_known_sum_is_a_lower_bound() -> None:
    hosted = endpoint(SageMaker(instance_type="ml.g6e.2xlarge"))
    planned = plan(hosted, budget_usd_per_month=5000)
    (found,) = [item for item in planned.diagnostics if item.code == "LLM_COST_2"]
    assert "unknown of endpoints.chat" in found.message
    assert found.found.startswith("at least $")
    with pytest.raises(SpecError, match="more than its budget") as caught:
        plan(hosted, budget_usd_per_month=1)
    (over,) = [item for item in caught.value.diagnostics if item.code == "LLM_COST_1"]
    assert over.found.startswith("at least $")


def test_a_budget_of_known_prices_is_proved() -> None:
    planned = plan(endpoint(POOL), budget_usd_per_month=50_000)
    assert not [item for item in planned.diagnostics if item.code.startswith("LLM_COST")]


def test_what_no_line_has_is_named_and_nothing_that_a_line_has() -> None:
    default = plan_platform(Platform(name="x", region="us-east-1"))
    assert any("KMS" in line.what for line in default.costs)
    assert not_counted(default) == "requests, traffic, logs, secrets and what else lies in buckets"


def test_a_key_of_somebody_else_has_no_line() -> None:
    arn = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000"
    keyed = plan_platform(
        Platform(name="x", region="us-east-1", encryption=CustomerKey(arn=arn), account_id="111122223333")
    )
    assert not any("KMS" in line.what for line in keyed.costs)
    assert "a key that is declared" in not_counted(keyed)


EXAMPLES = [
    "ec2",
    "sagemaker",
    "sagemaker-async",
    "bedrock",
    "batch-inference",
    "async-endpoint",
    "existing-cluster",
    "existing-vpc",
    "customer-key",
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_key_that_is_made_has_a_line(name: str, synthesized: Synthesized) -> None:
    spec = ROOT / "examples" / name / "spec.py"
    (planned,) = plan_specs([spec])
    stacks = read_synth_dir(synthesized(spec))
    made = {item.stack.removeprefix(f"{planned.platform.name}-") for item in stacks.resources("aws_kms_key")}
    assert {item.what.split()[5].rstrip(",") for item in planned.costs if item.what.startswith("KMS")} == made


def test_models_in_a_bucket_are_paid_once() -> None:
    bucket = ModelBucket(name="acme-models")
    one, two = (endpoint(POOL, name=name, weights=bucket) for name in ("one", "two"))
    there = Platform(name="x", region="us-east-1", pools=[POOL], storage=[bucket], endpoints=[one, two])
    planned = plan_platform(there, today=TODAY)
    (stored,) = [item for item in planned.costs if item.what.startswith("S3")]
    size_gb = planned.endpoints[0].weights.bytes_total / 2**30
    assert stored.spec_path == "storage.acme-models"
    assert stored.what == f"S3 Standard, {size_gb:,.0f} GB of 1 model"
    assert stored.usd_per_hour_max == pytest.approx(size_gb * 0.023 / 730)
    assert costs_by_stack(planned)["storage"].usd_per_hour_max >= stored.usd_per_hour_max


def test_a_bucket_that_is_only_read_is_not_paid_here() -> None:
    bucket = ModelBucket(name="acme-models", existing=True)
    there = Platform(
        name="x", region="us-east-1", pools=[POOL], storage=[bucket], endpoints=[endpoint(POOL, weights=bucket)]
    )
    assert not [item for item in plan_platform(there, today=TODAY).costs if item.what.startswith("S3")]


@pytest.mark.parametrize(
    ("zones", "replicas", "provisioner", "nodes"),
    [
        (["us-east-1a", "us-east-1b"], 2, "karpenter", 2),
        (["us-east-1a", "us-east-1b"], 5, "karpenter", 2),
        ([], 3, "karpenter", 3),
        (["us-east-1a"], 2, "karpenter", 1),
        ([], 9, "karpenter", 3),
        ([], 2, "managed", 1),
    ],
)
def test_karpenter_starts_nodes_in_every_zone_that_replicas_are_spread_over(
    zones: list[str], replicas: int, provisioner: Literal["karpenter", "managed"], nodes: int
) -> None:
    pool = GpuPool(name="l4", instance_types=["g6.12xlarge"], nodes=(0, 8), zones=zones, provisioner=provisioner)
    chat = Endpoint(
        name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=4096), on=pool, replicas=replicas
    )
    planned = plan_platform(Platform(name="p", region="us-east-1", pools=[pool], endpoints=[chat]), today=TODAY)
    assert planned.endpoints[0].parallelism.gpus == 1
    assert planned.pools[0].desired_nodes == nodes


def test_a_pool_that_stands_there_twice_costs_no_budget_twice() -> None:
    pool = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 2))
    with pytest.raises(SpecError) as raised:
        plan_platform(Platform(name="p", region="us-east-1", pools=[pool, pool], budget_usd_per_month=3_000))
    assert [item.code for item in raised.value.diagnostics] == ["LLM_SPEC_4"]


@pytest.mark.parametrize(
    ("nat", "told"),
    [
        ("single", ["1 NAT gateway, without traffic", "1 public IPv4 address of a NAT gateway"]),
        ("per-zone", ["3 NAT gateways, without traffic", "3 public IPv4 addresses of NAT gateways"]),
    ],
)
def test_one_gateway_is_told_as_one(nat: Literal["single", "per-zone"], told: list[str]) -> None:
    planned = plan_platform(Platform(name="p", region="us-east-1", network=Network(nat=nat), pools=[POOL]))
    assert [item.what for item in planned.costs if item.spec_path == "network.nat"] == told
