"""Every instance type as a home for a model."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from llminfra import VLLM, Endpoint, GpuPool, Model, Parallelism, Platform
from llminfra.catalog.engines import EngineRelease, engine_release
from llminfra.catalog.instances import all_gpu_types
from llminfra.catalog.models import ModelFacts, load_model
from llminfra.catalog.price_file import VARIABLE
from llminfra.cli.main import main
from llminfra.planning.memory import FitCase
from llminfra.planning.performance import Load
from llminfra.planning.platform import plan_platform
from llminfra.planning.selection import Option, SortBy, list_options

Capture = pytest.CaptureFixture[str]
LLAMA = "meta-llama/Llama-3.3-70B-Instruct"


def facts(name: str) -> ModelFacts:
    found = load_model(name)
    assert found is not None
    return found


def release() -> EngineRelease:
    found = engine_release("vllm", "0.27.1")
    assert found is not None
    return found


def listed(
    name: str = LLAMA, *, sort_by: SortBy = "replica", concurrency: int = 8, over_nodes: bool = False, **case: object
) -> tuple[Option, ...]:
    asked = FitCase.model_validate({"model": name, "engine_version": "0.27.1", "max_model_len": 8192, **case})
    return list_options(
        facts(name),
        asked,
        "us-east-1",
        concurrency=concurrency,
        release=release(),
        sort_by=sort_by,
        over_nodes=over_nodes,
    )


def one(options: tuple[Option, ...], name: str) -> Option:
    return next(item for item in options if item.instance_type == name)


def test_every_gpu_type_is_listed_once() -> None:
    assert sorted(item.instance_type for item in listed()) == sorted(item.name for item in all_gpu_types())


def test_those_that_fit_come_first_by_price() -> None:
    options = listed()
    fits = [item.fits for item in options]
    assert fits == sorted(fits, reverse=True)
    priced = [item.usd_per_replica_hour for item in options if item.fits and item.usd_per_replica_hour is not None]
    assert priced == sorted(priced)
    assert len(priced) > 5


@pytest.mark.parametrize(("sort_by", "figure"), [("instance", "usd_per_hour"), ("tokens", "usd_per_million_tokens")])
def test_other_orders(sort_by: SortBy, figure: str) -> None:
    priced = [item for item in listed(sort_by=sort_by) if item.fits and item.usd_per_hour is not None]
    values = [getattr(item, figure) * (item.nodes if sort_by == "instance" else 1) for item in priced]
    assert values == sorted(values)


def test_unpriced_types_come_last_among_those_that_fit() -> None:
    good = [item for item in listed() if item.fits]
    assert good[-1].instance_type == "p5e.48xlarge"
    assert good[-1].usd_per_hour is None
    assert good[-1].tokens_per_s is not None, "speed does not need a price"


def test_the_smallest_spread_that_holds_the_requests() -> None:
    few, many = one(listed(concurrency=1), "p5.48xlarge"), one(listed(concurrency=40), "p5.48xlarge")
    assert few.parallelism is not None
    assert many.parallelism is not None
    assert few.parallelism.tensor in {2, 4}
    assert many.parallelism.tensor > few.parallelism.tensor
    assert few.replicas == 8 // few.parallelism.tensor
    assert (few.headroom_gib or 0) > 0
    assert few.usd_per_replica_hour == pytest.approx((few.usd_per_hour or 0) / few.replicas)


def test_price_of_tokens_is_hours_by_tokens() -> None:
    item = one(listed(), "p5.48xlarge")
    assert item.full_load_tokens_per_s is not None
    hour = item.full_load_tokens_per_s * 3600 * item.replicas
    assert item.usd_per_million_tokens == pytest.approx((item.usd_per_hour or 0) / hour * 1e6)


def test_why_a_type_does_not_fit() -> None:
    options = listed()
    assert "weights take" in one(options, "g6.xlarge").reason
    assert "has no code for" in one(options, "p3dn.24xlarge").reason, "CUDA 13 and Volta"
    assert all(item.reason for item in options if not item.fits)
    assert "requests of full length" in one(listed("Qwen/Qwen3-8B", concurrency=60), "g6.xlarge").reason


def test_experts_are_dealt_out_where_cutting_them_does_not_divide() -> None:
    options = listed("Qwen/Qwen3-235B-A22B-FP8", concurrency=1)
    item = one(options, "p4d.24xlarge")
    assert item.parallelism is not None
    assert (item.parallelism.tensor, item.parallelism.expert) == (8, True), "1536 / 8 is no multiple of the block 128"


@pytest.mark.parametrize(
    ("name", "types", "settings"),
    [
        ("Qwen/Qwen3-32B", ("g6.12xlarge", "g6.48xlarge", "p4de.24xlarge"), {"max_model_len": 32_768}),
        (
            "Qwen/Qwen2.5-72B-Instruct",
            ("g6.48xlarge", "g6e.12xlarge"),
            {"quantization": "fp8", "max_model_len": 32_768},
        ),
        ("deepseek-ai/DeepSeek-V3", ("p6-b200.48xlarge", "p5en.48xlarge"), {"max_model_len": 32_768}),
    ],
)
def test_the_list_and_a_plan_choose_the_same_spread(
    name: str, types: tuple[str, ...], settings: dict[str, object]
) -> None:
    options = listed(name, concurrency=1, over_nodes=True, max_num_seqs=256, **settings)
    quantization = settings.get("quantization")
    for kind in types:
        pool = GpuPool(name="gpus", instance_types=[kind], nodes=(1, 1))
        platform = Platform(name="acme", region="us-east-1", pools=[pool])
        model = Model.model_validate({"id": name, "quantization": quantization})
        engine = VLLM.model_validate({"version": "0.27.1", "max_model_len": settings["max_model_len"]})
        platform.add(Endpoint(name="chat", model=model, engine=engine, on=pool))
        (planned,) = plan_platform(platform).endpoints
        found = one(options, kind)
        assert found.parallelism == planned.parallelism, kind
        assert found.usd_per_million_tokens == pytest.approx(planned.usd_per_million_tokens, rel=0.05)


def test_what_fits_by_a_hair_gives_way_to_what_fits() -> None:
    hair = one(listed("google/gemma-3-27b-it", concurrency=1, max_model_len=131_072), "p4de.24xlarge")
    assert not hair.tight


def test_copies_that_are_asked_for_are_kept() -> None:
    option = one(listed("Qwen/Qwen3-8B", concurrency=1, data_parallel=2, tensor_parallel=2), "g6.12xlarge")
    assert option.parallelism == Parallelism(tensor=2, data=2)
    assert option.replicas == 1


def test_a_model_without_a_home() -> None:
    options = listed("meta-llama/Llama-3.1-405B-Instruct", concurrency=1, max_model_len=131_072)
    assert one(options, "p5.48xlarge").fits is False


def test_a_model_larger_than_an_instance_is_offered_over_several() -> None:
    def over_nodes(**case: object) -> tuple[Option, ...]:
        return listed("deepseek-ai/DeepSeek-R1-0528", concurrency=1, over_nodes=True, **case)  # type: ignore[arg-type]  # by name

    found = one(over_nodes(), "p5.48xlarge")
    assert found.fits
    assert (found.nodes, found.replicas) == (2, 1)
    assert found.parallelism is not None
    assert (found.parallelism.tensor, found.parallelism.pipeline) == (8, 2)
    assert found.usd_per_replica_hour == pytest.approx(2 * (found.usd_per_hour or 0))
    assert found.usd_per_million_tokens == pytest.approx(
        2 * (found.usd_per_hour or 0) / 3600 / (found.full_load_tokens_per_s or 1) * 1e6
    )
    assert one(over_nodes(), "p5en.48xlarge").nodes == 1
    assert not one(over_nodes(engine="tgi"), "p5.48xlarge").fits
    assert not one(over_nodes(tensor_parallel=16), "p5.48xlarge").fits
    assert not one(listed("deepseek-ai/DeepSeek-R1-0528", concurrency=1), "p5.48xlarge").fits


def test_a_spread_that_is_asked_for_may_take_several_instances() -> None:
    asked = listed("Qwen/Qwen3-32B", concurrency=1, over_nodes=True, tensor_parallel=8, pipeline_parallel=2)
    assert (one(asked, "p5.48xlarge").fits, one(asked, "p5.48xlarge").nodes) == (True, 2)


def test_requests_are_cut_to_the_context() -> None:
    found = list_options(
        facts("Qwen/Qwen3-8B"),
        FitCase(model="Qwen/Qwen3-8B", max_model_len=512),
        "us-east-1",
        load=Load(prompt_tokens=100_000, output_tokens=100_000),
    )
    assert found[0].fits
    assert "1 caller, 256 tokens in, 256 out" in found[0].explain[0]


def test_unknown_region_has_no_prices_but_speeds() -> None:
    found = list_options(facts("Qwen/Qwen3-8B"), FitCase(model="Qwen/Qwen3-8B", max_model_len=4096), "eu-central-2")
    assert all(item.usd_per_hour is None for item in found)
    assert any(item.fits and item.tokens_per_s for item in found)
    good = [item for item in found if item.fits and item.order_usd_per_hour is not None]
    order = [(item.order_usd_per_hour or 0) / item.replicas * item.nodes for item in good]
    assert order == sorted(order)
    assert len(order) > 5
    assert all(item.order_usd_per_hour is None for item in listed())


@pytest.mark.parametrize("name", [LLAMA, "deepseek-ai/DeepSeek-R1-0528", "Qwen/Qwen3-235B-A22B-FP8"])
def test_a_listing_is_quick(name: str) -> None:
    started = time.process_time()
    listed(name)
    assert time.process_time() - started < 2, "a fraction of a second on an idle machine"


def test_command_lists_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "Qwen/Qwen3-32B", "--max-model-len", "16384", "--concurrency", "4"]) == 0
    out = capsys.readouterr().out
    assert "g6e.12xlarge" in out
    assert "does not fit:" in out
    assert "estimates" in out


def test_command_lists_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "Qwen/Qwen3-32B", "--max-model-len", "16384", "--sort", "tokens", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(all_gpu_types())
    assert rows[0]["fits"] is True
    assert rows[0]["parallelism"]["tensor"] >= 1
    assert rows[0]["usd_per_million_tokens"] > 0


def test_command_exits_with_1_where_nothing_holds_it() -> None:
    assert main(["fit", "Qwen/Qwen3-32B", "--max-model-len", "16384", "--concurrency", "100000"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "Qwen/Qwen3-32B", "--sort", "colour"),
        ("fit", "Qwen/Qwen3-32B", "--region", "us-east-99"),
        ("fit", "acme/unknown"),
    ],
)
def test_wrong_calls_are_usage_errors(arguments: tuple[str, ...]) -> None:
    assert main(list(arguments)) == 2


def test_prices_of_other_ways_to_buy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    row = {"usd_per_hour": 4.0, "source": "test"}
    path = tmp_path / "prices.json"
    path.write_text(
        json.dumps({"region": "us-east-1", "date": "2026-11-23", "prices": {"g6e.12xlarge": {"spot": row}}})
    )
    asked = ("fit", "Qwen/Qwen3-32B", "--max-model-len", "8192", "--purchase", "spot")
    assert main(list(asked)) == 0
    assert "no spot price is known" in capsys.readouterr().out
    monkeypatch.setenv(VARIABLE, str(path))
    assert main([*asked, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["instance_type"], first["purchase"], first["usd_per_hour"]) == ("g6e.12xlarge", "spot", 4.0)
    assert first["usd_per_hour_by_purchase"]["on-demand"] > 4.0
    assert first["usd_per_hour_by_purchase"]["capacity-block"] is None
    assert first["usd_per_replica_hour"] == pytest.approx(4.0 * first["parallelism"]["tensor"] / 4)
    assert main([*asked[:-1], "rent"]) == 2
    assert "--purchase is one of on-demand" in capsys.readouterr().err
