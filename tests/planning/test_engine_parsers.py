"""What engines refuse before they load anything is refused by the plan, at the field that says it."""

import datetime as dt
from typing import Any

import pytest

from llminfra import (
    TGI,
    VLLM,
    DeepSpeedMII,
    DJLServing,
    Endpoint,
    GpuPool,
    Image,
    Model,
    ModelBucket,
    OnDemand,
    Parallelism,
    Platform,
    SGLang,
    SpecError,
    TensorRTLLM,
)
from llminfra.planning import plan_platform
from llminfra.planning.plan.endpoint import EndpointPlan

DAY = dt.date(2026, 11, 23)
POOL = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(0, 4), efa=True, capacity=OnDemand())
OWN = Image(repository="acme/server", tag="v1", efa=True)
BUCKET = ModelBucket(name="acme-weights")
QWEN, MOE, FP8 = (Model(id=f"Qwen/{name}") for name in ("Qwen3-32B", "Qwen3-30B-A3B", "Qwen3-32B-FP8"))
# Every release of TGI has code for it.
OLDER = Model(id="Qwen/Qwen2.5-32B-Instruct")


def plan(engine: Any, **options: Any) -> EndpointPlan:
    endpoint = Endpoint(name="a", engine=engine, on=POOL, **({"model": QWEN} | options))
    spec = Platform(name="p", region="us-east-1", pools=[POOL], storage=(BUCKET,), endpoints=[endpoint])
    return plan_platform(spec, today=DAY).endpoints[0]


def errors(engine: Any, **options: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(SpecError) as caught:
        plan(engine, **options)
    return [
        (item.code, item.path.removeprefix("endpoints.a."), item.message)
        for item in caught.value.diagnostics
        if item.severity == "error"
    ]


@pytest.mark.parametrize(
    ("arguments", "index", "words"),
    [
        (["--scheduling-policy=quick"], 0, "takes fcfs or priority"),
        (["--seed", "7", "--async-scheduling=true"], 2, "takes no value"),
        (["--cpu-offload-gb=much"], 0, "takes a number"),
        (["--compilation-config={level: 3}"], 0, "takes JSON"),
        (["--max-num-partial-prefills", "two"], 0, "takes a whole number"),
        (["--tokenizer-mode"], 0, "needs a value"),
        (["--tokenizer-mode", "auto", "slow"], 0, "takes one value"),
    ],
)
def test_values_of_extra_arguments_are_those_that_the_parser_takes(
    arguments: list[str], index: int, words: str
) -> None:
    found = errors(VLLM(max_model_len=8192, version="0.19.0", extra_args=arguments))
    assert [(code, path) for code, path, _ in found] == [("LLM_FIT_7", f"engine.extra_args[{index}]")]
    assert words in found[0][2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tokenizer-mode", "slow"],
        ["--no-async-scheduling"],
        ["--compilation-config.level=3", "-O3"],
        ['--compilation-config={"level": 3}'],
        ["--cpu-offload-gb", "4"],
        ["--middleware=a.b", "--middleware=c.d"],
    ],
)
def test_what_the_parser_takes_is_left_alone(arguments: list[str]) -> None:
    planned = plan(VLLM(max_model_len=8192, version="0.19.0", extra_args=arguments))
    assert planned.invocation.args[-len(arguments) :] == tuple(arguments)


def test_a_release_without_several_nodes_says_which_has_them() -> None:
    spread = Parallelism(tensor=8, pipeline=2)
    found = errors(VLLM(max_model_len=8192, version="0.10.0", image=OWN), parallelism=spread)
    assert {(code, path) for code, path, _ in found} == {("LLM_FIT_7", "engine")}
    assert any("--nnodes" in message for *_, message in found)


def test_flags_of_the_front_end_are_known_in_every_release() -> None:
    for version in ("0.28.0", "0.29.0", "0.32.0", "0.33.0"):
        engine = VLLM(max_model_len=8192, version=version, extra_args=["--api-server-count=4"])
        assert plan(engine).invocation.args[-1] == "--api-server-count=4"


def test_a_way_to_experts_that_only_the_engine_itself_takes_is_none() -> None:
    engine = VLLM(max_model_len=8192, version="0.33.0", all2all_backend="passthrough")
    found = errors(engine, model=MOE, parallelism=Parallelism(tensor=1, data=4, expert=True))
    assert found[0][:2] == ("LLM_DIST_3", "engine.all2all_backend")


@pytest.mark.parametrize(("version", "streams"), [("0.5.9", False), ("0.5.10.post1", False), ("0.5.11", True)])
def test_sglang_streams_from_buckets_since_its_image_can(version: str, streams: bool) -> None:
    planned = plan(SGLang(max_model_len=8192, version=version))
    assert planned.weights.kind == ("bucket" if streams else "mountpoint")
    assert ("--load-format=runai_streamer" in planned.invocation.args) is streams


@pytest.mark.parametrize("engine", [VLLM(max_model_len=8192, version="0.20.0"), SGLang(max_model_len=8192)])
def test_weights_that_bitsandbytes_loads_are_not_streamed(engine: Any) -> None:
    planned = plan(engine, model=Model(id="Qwen/Qwen3-32B", quantization="bitsandbytes"))
    assert planned.weights.kind == "mountpoint"
    assert not any("runai" in item for item in planned.invocation.args)


def test_sglang_has_its_own_list_of_quantizations() -> None:
    found = errors(SGLang(max_model_len=8192), model=Model(id="Qwen/Qwen3-32B", quantization="experts_int8"))
    assert found[0][:2] == ("LLM_FIT_22", "model.quantization")


def test_sglang_keeps_copies_on_one_node() -> None:
    found = errors(SGLang(max_model_len=8192), parallelism=Parallelism(tensor=8, data=2))
    assert [item[:2] for item in found] == [("LLM_DIST_19", "parallelism.data")]
    assert plan(SGLang(max_model_len=8192), parallelism=Parallelism(tensor=4, data=2)).nodes == 1


def test_sglang_takes_no_name_with_a_colon() -> None:
    found = errors(SGLang(max_model_len=8192), served_name="qwen:32b")
    assert [item[:2] for item in found] == [("LLM_FIT_50", "served_name")]
    for engine in (SGLang(max_model_len=8192, version="0.5.2"), VLLM(max_model_len=8192)):
        assert plan(engine, served_name="qwen:32b").served_name == "qwen:32b"


@pytest.mark.parametrize("model", ["google/gemma-3-27b-it", "openai/gpt-oss-120b"])
def test_models_of_bfloat16_are_not_asked_for_float16(model: str) -> None:
    found = errors(VLLM(max_model_len=8192), model=Model(id=model, dtype="float16"))
    assert [item[:2] for item in found] == [("LLM_FIT_51", "model.dtype")]
    assert plan(VLLM(max_model_len=8192), model=Model(id=model, dtype="bfloat16")).fit.fits


def test_the_first_releases_take_gemma_in_float16() -> None:
    engine = VLLM(max_model_len=8192, version="0.9.0")
    assert plan(engine, model=Model(id="google/gemma-3-27b-it", dtype="float16")).fit is not None


@pytest.mark.parametrize("engine", [VLLM, DJLServing])
def test_no_e5m2_cache_beside_fp8_weights(engine: Any) -> None:
    found = errors(engine(max_model_len=8192, kv_cache_dtype="fp8_e5m2"), model=FP8)
    assert [item[:2] for item in found] == [("LLM_FIT_49", "engine.kv_cache_dtype")]
    assert plan(engine(max_model_len=8192, kv_cache_dtype="fp8_e5m2")).fit.fits
    assert plan(engine(max_model_len=8192, kv_cache_dtype="fp8_e4m3"), model=FP8).fit.fits


@pytest.mark.parametrize(
    ("declared", "told"), [("fp8", "fp8_e4m3fn"), ("fp8_e4m3", "fp8_e4m3fn"), ("fp8_e5m2", "fp8_e5m2")]
)
def test_tgi_has_its_own_names_of_caches(declared: Any, told: str) -> None:
    planned = plan(TGI(max_model_len=8192, kv_cache_dtype=declared), model=OLDER)
    assert f"--kv-cache-dtype={told}" in planned.invocation.args


def test_old_releases_of_tgi_are_told_what_they_know() -> None:
    planned = plan(TGI(max_model_len=8192, version="2.3.1", prefix_caching=False), model=OLDER).invocation
    assert planned.env["USE_PREFIX_CACHING"] == "0"
    assert not any("graceful" in item for item in planned.args)
    assert "--graceful-termination-timeout=120" in plan(TGI(max_model_len=8192)).invocation.args
    later = plan(TGI(max_model_len=8192, version="2.4.0", prefix_caching=False), model=OLDER).invocation
    assert later.env["PREFIX_CACHING"] == "0"


def test_tgi_reads_a_prompt_in_pieces_since_2_4() -> None:
    found = errors(TGI(max_model_len=8192, version="2.3.1", max_num_batched_tokens=4096), model=OLDER)
    assert [item[:2] for item in found] == [("LLM_FIT_43", "engine.max_num_batched_tokens")]
    assert plan(TGI(max_model_len=8192, version="2.4.0", max_num_batched_tokens=4096), model=OLDER).fit is not None


@pytest.mark.parametrize(
    ("engine", "field", "spread"),
    [
        (TGI(max_model_len=8192), "pipeline", Parallelism(tensor=2, pipeline=2)),
        (TGI(max_model_len=8192), "data", Parallelism(tensor=2, data=2)),
        (TGI(max_model_len=8192), "expert", Parallelism(tensor=4, expert=True)),
        (DJLServing(max_model_len=8192), "pipeline", Parallelism(tensor=2, pipeline=2)),
        (DJLServing(max_model_len=8192), "data", Parallelism(tensor=2, data=2)),
        (DeepSpeedMII(max_model_len=8192, image=OWN), "pipeline", Parallelism(tensor=2, pipeline=2)),
        (TensorRTLLM(max_model_len=8192, image=OWN), "data", Parallelism(tensor=2, data=2)),
    ],
)
def test_spreads_that_a_server_cannot_be_told(engine: Any, field: str, spread: Parallelism) -> None:
    assert ("LLM_FIT_44", f"parallelism.{field}") in [
        item[:2] for item in errors(engine, model=MOE, parallelism=spread)
    ]


def test_djl_deals_experts_out_whole() -> None:
    spread = Parallelism(tensor=4, expert=True)
    planned = plan(DJLServing(max_model_len=8192), model=MOE, parallelism=spread)
    assert planned.invocation.env["OPTION_ENABLE_EXPERT_PARALLEL"] == "true"
    assert "OPTION_ENABLE_EXPERT_PARALLEL" not in plan(DJLServing(max_model_len=8192)).invocation.env


@pytest.mark.parametrize("engine", [TensorRTLLM, DeepSpeedMII])
def test_what_a_server_cannot_be_told_of_the_model(engine: Any) -> None:
    found = errors(engine(max_model_len=8192, image=OWN), model=Model(id="Qwen/Qwen3-32B", quantization="fp8"))
    assert ("LLM_FIT_44", "model.quantization") in [item[:2] for item in found]
    found = errors(engine(max_model_len=8192, image=OWN), model=Model(id="Qwen/Qwen3-32B", dtype="float16"))
    assert ("LLM_FIT_44", "model.dtype") in [item[:2] for item in found]


def test_what_a_checkpoint_says_itself_needs_no_telling() -> None:
    said = Model(id="Qwen/Qwen3-32B-FP8", quantization="fp8")
    assert plan(TensorRTLLM(max_model_len=8192, image=OWN), model=said).fit is not None
    # MII does not read it, and is not asked to make it.
    assert [code for code, _, _ in errors(DeepSpeedMII(max_model_len=8192, image=OWN), model=said)] == ["LLM_FIT_63"]
