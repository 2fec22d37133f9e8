"""What an engine does after its weights: how long, by release, model and GPU, and what a probe allows for it."""

from __future__ import annotations

import pytest

from benchmarks.start.run import PAGE, page, read
from llminfra.catalog import instances
from llminfra.catalog.engines import engine_release, inner_release, known_versions
from llminfra.catalog.models import ModelFacts, load_model
from llminfra.planning.facts import numbers
from llminfra.planning.start.assumed import assumed_start
from llminfra.planning.start.engine_times import EngineTimes, capability_of, engine_times, times_of


def facts(model: str) -> ModelFacts:
    found = load_model(model)
    assert found is not None
    return found


def times(
    model: str = "Qwen/Qwen3-8B",
    *,
    kind: str = "vllm",
    version: str | None = "0.27.1",
    capability: int | None = 90,
    gpus: int = 2,
) -> EngineTimes:
    return times_of(kind, version, facts(model), capability=capability, gpus=gpus)


@pytest.mark.parametrize(("version", "seconds"), [("0.9.2", 60), ("0.10.0", 60), ("0.10.1", 0), (None, 0)])
def test_vllm_tries_pairs_of_gpus_until_0_10_0(version: str | None, seconds: float) -> None:
    assert times(version=version).peers == seconds
    assert times(version=version, gpus=1).peers == 0


def test_graphs_are_captured_faster_since_0_10_and_slower_on_several_ranks() -> None:
    old, new = times(version="0.9.2"), times(version="0.10.0")
    assert old.graphs_a_layer > new.graphs_a_layer > times(version="0.10.0", gpus=1).graphs_a_layer
    assert times(version="development build").graphs_a_layer == new.graphs_a_layer


@pytest.mark.parametrize(
    ("model", "capability", "what"),
    [
        ("nvidia/MiniMax-M3-NVFP4", 100, "FlashInfer"),
        ("openai/gpt-oss-120b", 103, "FlashInfer"),
        ("openai/gpt-oss-120b", 90, "profiling run"),
        ("openai/gpt-oss-120b", None, "profiling run"),
        ("deepseek-ai/DeepSeek-V4-Flash", 100, "FlashInfer"),
        ("deepseek-ai/DeepSeek-V4-Flash", 90, "DeepGEMM"),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 90, "Triton"),
        ("nvidia/Qwen3.6-27B-NVFP4", 100, "Triton"),
        ("meta-llama/Llama-3.3-70B-Instruct", 100, "profiling run"),
    ],
)
def test_the_warm_up_goes_by_what_the_model_is_made_of(model: str, capability: int | None, what: str) -> None:
    found = times(model, capability=capability).warmup
    assert found is not None
    assert what in found.what
    assert found.longest >= found.seconds


def test_engines_that_nobody_measured_have_what_is_assumed() -> None:
    assert times(kind="djl-lmi").warmup is None
    assert times(kind="trtllm").peers == 60
    assert times(kind="trtllm").compiles is None
    assert times(kind="mii").graphs_a_layer == 0 < times(kind="trtllm").graphs_a_layer


def test_tgi_tries_no_pairs_and_captures_six_sizes_since_2_0() -> None:
    old, new = times(kind="tgi", version="1.4.5"), times(kind="tgi", version="3.3.7")
    assert (old.peers, new.peers, old.compiles, new.compiles) == (0, 0, None, None)
    assert old.graphs_a_layer == 0
    # 1 s of 32 layers (github-text:4957697114).
    one = times("meta-llama/Llama-3.1-8B-Instruct", kind="tgi", version="2.0.3", gpus=1)
    assert one.graphs_a_layer * 32 == pytest.approx(1.0, 0.05)
    assert new.warmup is not None
    assert (new.warmup.seconds, new.warmup.longest) == (2.6, 8)


def test_sglang_captures_prompts_since_0_5_10_and_compiles_nothing_twice() -> None:
    old, new = (times(kind="sglang", version=version, gpus=1) for version in ("0.5.9", "0.5.10"))
    assert old.graphs_a_layer < new.graphs_a_layer == times(kind="sglang", version=None).graphs_a_layer
    assert new.kept_a_layer == 0 < new.compile_a_layer
    assert new.warmup is not None
    assert "first request" in new.warmup.what
    fp4 = times("openai/gpt-oss-120b", kind="sglang", capability=100).warmup
    assert fp4 is not None
    assert "DeepGEMM" in fp4.what


def budget(model: str, instance: str, gpus: int, *, eager: bool = False) -> int:
    on = instances.get(instance)
    assert on is not None
    started = assumed_start(
        facts(model),
        on,
        bytes_total=10**11,
        gpus=gpus,
        engine="vllm",
        release=engine_release("vllm", "0.27.1"),
        streams=True,
        eager=eager,
    )
    return started.startup.budget_s


def test_a_probe_waits_for_the_longest_warm_up_that_was_measured() -> None:
    longest = numbers("engine_start")["vllm"]["warmup"][0]["longest"]
    assert budget("openai/gpt-oss-120b", "p6-b200.48xlarge", 1) > longest
    assert budget("openai/gpt-oss-120b", "p5.48xlarge", 1) == 600
    assert budget("openai/gpt-oss-120b", "p6-b200.48xlarge", 1, eager=True) > longest


def test_every_instance_type_with_a_gpu_has_a_capability() -> None:
    assert all(capability_of(item) for item in instances.all_gpu_types())


def test_measured_starts_end_before_a_probe_does() -> None:
    told = [start for start in read() if start.outlasts is not None]
    assert len(told) >= 80
    assert sum(bool(start.outlasts) for start in told) <= 1


def test_the_page_has_the_figures_of_today() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(read(), text) == text, "run: python -m benchmarks.start.run --page"


def test_every_figure_has_its_source() -> None:
    for name, engine in numbers("engine_start").items():
        if name.startswith("_"):
            continue
        rows = [engine["peers"], engine["compile_s_per_layer"], *engine["graphs_s_per_layer"], *engine["warmup"]]
        assert all(row["_source"] for row in rows)
        graphs = engine["graphs_s_per_layer"]
        assert engine["graphs_source"] if not graphs else "until" not in graphs[-1]


def test_a_container_takes_as_long_as_the_vllm_inside() -> None:
    release = engine_release("djl-lmi", known_versions("djl-lmi")[0])
    assert release is not None
    inside = inner_release(release)
    of = {"capability": 90, "gpus": 2}
    assert inside.engine == "vllm"
    found = engine_times("djl-lmi", release, facts("Qwen/Qwen3-8B"), **of)
    assert found == times_of("vllm", inside.version, facts("Qwen/Qwen3-8B"), **of)
    assert found.warmup is not None
