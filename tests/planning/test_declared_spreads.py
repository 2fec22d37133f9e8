"""Declared spreads: what is refused, once and in one place, and what is only named as waste."""

import datetime as dt
from itertools import product

import pytest

from llminfra import (
    TGI,
    VLLM,
    CustomServer,
    Diagnostic,
    Endpoint,
    GpuPool,
    Image,
    Model,
    Parallelism,
    Platform,
    SGLang,
    SpecError,
)
from llminfra.catalog.models import load_model
from llminfra.cli.terminal.memory_bar import legend
from llminfra.planning import plan_platform
from llminfra.planning.memory import divisibility_findings
from llminfra.planning.plan import Plan
from llminfra.spec.engines.engine import Engine

POOL = GpuPool(name="pool", instance_types=["p5.48xlarge"], nodes=(0, 2))
OWN = CustomServer(image=Image(repository="acme/server", tag="1.0"), command=["serve"])
SMALL, FEW_HEADS, EXPERTS = "Qwen/Qwen3-8B", "Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen3-235B-A22B-FP8"
SPREADS = [
    Parallelism(tensor=tensor, pipeline=pipeline, expert=expert)
    for tensor, pipeline, expert in product((1, 2, 3, 4, 7, 8), (1, 2), (False, True))
]


def planned(model: str, engine: Engine, spread: Parallelism | None) -> tuple[Plan | None, list[Diagnostic]]:
    endpoint = Endpoint(name="chat", model=Model(id=model), engine=engine, on=POOL, parallelism=spread)
    try:
        plan = plan_platform(
            Platform(name="p", region="us-east-1", pools=[POOL], endpoints=[endpoint]), today=dt.date(2026, 11, 23)
        )
    except SpecError as error:
        return None, error.diagnostics
    return plan, list(plan.diagnostics)


def shapes(found: list[Diagnostic]) -> list[tuple[str, str]]:
    return [(item.code, item.severity.value) for item in found if item.code.startswith("LLM_SHAPE")]


@pytest.mark.parametrize("model", [SMALL, FEW_HEADS, EXPERTS])
@pytest.mark.parametrize(
    "engine",
    [VLLM(max_model_len=4096), SGLang(max_model_len=4096), TGI(max_model_len=4096)],
    ids=lambda item: item.kind,
)
def test_nothing_is_planned_that_an_engine_refuses_to_cut(model: str, engine: Engine) -> None:
    refused, facts = 0, load_model(model)
    assert facts is not None
    for spread in SPREADS:
        plan, found = planned(model, engine, spread)
        errors = [code for code, severity in shapes(found) if severity == "error"]
        assert len(errors) == len({item.message for item in found if item.code in errors}), "each is reported once"
        if plan is not None:
            assert not errors
            version = plan.endpoints[0].engine_version if engine.kind == "vllm" else None
            ranks = spread.tensor if spread.expert else 1
            cuts = divisibility_findings(
                facts, spread.tensor, spread.pipeline, ep=ranks, engine=engine.kind, version=version
            )
            assert not [item.message for item in cuts if item.fatal]
        refused += bool(errors)
    assert refused


def test_a_refused_spread_is_told_what_does_and_an_accepted_one_what_it_wastes() -> None:
    _, found = planned(SMALL, VLLM(max_model_len=4096), Parallelism(tensor=3))
    assert shapes(found) == [("LLM_SHAPE_1", "error"), ("LLM_SHAPE_2", "error")]
    assert "tensor=1; tensor=2; tensor=4; tensor=8" in found[0].expected
    plan, found = planned(FEW_HEADS, SGLang(max_model_len=4096), Parallelism(tensor=7))
    assert shapes(found) == [("LLM_SHAPE_2", "error")]
    plan, found = planned(EXPERTS, VLLM(max_model_len=4096), Parallelism(tensor=8, expert=True))
    assert plan is not None
    assert shapes(found) == [("LLM_SHAPE_3", "warning")]


def test_waste_of_the_planners_own_choice_is_not_named() -> None:
    plan, found = planned("Qwen/Qwen3-235B-A22B", VLLM(max_model_len=4096), None)
    assert plan is not None
    assert plan.endpoints[0].parallelism.tensor == 8, "each of 4 heads is stored twice"
    assert shapes(found) == []
    _, found = planned("Qwen/Qwen3-235B-A22B", VLLM(max_model_len=4096), plan.endpoints[0].parallelism)
    assert shapes(found) == [("LLM_SHAPE_3", "warning")]


@pytest.mark.parametrize(
    ("model", "ranks", "words"),
    [(SMALL, 2, "leave --decode-context-parallel-size out"), ("Qwen/Qwen3-30B-A3B", 4, "parallel-size to 2")],
)
@pytest.mark.parametrize("spread", [None, Parallelism(tensor=8)], ids=["planned", "declared"])
def test_context_ranks_without_copies_are_given_fewer(
    model: str, ranks: int, words: str, spread: Parallelism | None
) -> None:
    def engine(count: int) -> VLLM:
        return VLLM(max_model_len=4096, extra_args=["--decode-context-parallel-size", str(count)])

    plan, found = planned(model, engine(ranks), spread)
    assert plan is None
    (item,) = [item for item in found if item.severity.value == "error"]
    assert item.code == ("LLM_SHAPE_7" if spread else "LLM_FIT_2")
    assert words in item.fix
    plan, found = planned(model, engine(2) if "to 2" in words else VLLM(max_model_len=4096), spread)
    assert plan is not None
    assert "LLM_SHAPE_3" not in {item.code for item in found}, "context ranks share out what would be stored twice"


def test_how_a_server_of_ones_own_cuts_a_model_is_its_own_business() -> None:
    plan, found = planned(SMALL, OWN, Parallelism(tensor=3))
    assert plan is not None
    assert plan.endpoints[0].resources.gpus == 3
    assert shapes(found) == [("LLM_SHAPE_1", "warning"), ("LLM_SHAPE_2", "warning")]
    assert {item.runtime_message for item in found if item.code.startswith("LLM_SHAPE")} == {None}


@pytest.mark.parametrize("gpus", [12, 16, 64])
def test_a_server_of_ones_own_has_no_ranks_on_other_nodes(gpus: int) -> None:
    plan, found = planned(SMALL, OWN, Parallelism(tensor=gpus))
    assert plan is None
    assert [item.code for item in found if item.severity.value == "error"] == ["LLM_FIT_16"]


@pytest.mark.parametrize("model", [SMALL, "BAAI/bge-reranker-v2-m3"])
def test_of_a_server_of_ones_own_only_the_weights_are_told(model: str) -> None:
    plan, _ = planned(model, OWN, None)
    assert plan is not None
    (endpoint,) = plan.endpoints
    fit = endpoint.fit
    assert fit.weights_gib_per_gpu
    assert (fit.kv_cache_tokens, fit.kv_cache_memory_gib, fit.max_concurrency) == (None, None, None)
    assert (endpoint.performance, endpoint.usd_per_million_tokens) == (None, None)
    assert all(line.startswith(("model: ", "weights ", "GPU ")) for line in fit.explain)
    assert "weights" in (told := legend(fit).plain)
    assert "other" not in told
    assert "KV cache" not in told


def test_the_nodes_that_a_spread_needs_are_told() -> None:
    plan, found = planned(EXPERTS, VLLM(max_model_len=4096), Parallelism(tensor=8, pipeline=3))
    assert plan is None
    (few,) = [item for item in found if item.code == "LLM_FIT_6"]
    assert (few.found, few.expected) == ("24 GPUs", "at most 16 (2 × 8)")
    assert few.fix == "raise nodes of 'pool' to at least 3, or lower the parallelism"
