"""Every change that a finding proposes makes the model start; what changes nothing is not proposed."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from llminfra import (
    VLLM,
    Diagnostic,
    Ec2,
    Endpoint,
    GpuPool,
    Image,
    LoraAdapter,
    Model,
    ModelBucket,
    Parallelism,
    Platform,
    SageMaker,
    SGLang,
    SpecError,
    TimeSlicing,
)
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan

DAY = dt.date(2026, 11, 23)
BUCKET = ModelBucket(name="acme-weights")
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
SMALL, LARGE = "Qwen/Qwen3-8B", "meta-llama/Llama-3.3-70B-Instruct"
MIXED, DEEPSEEK = "Qwen/Qwen3-235B-A22B-FP8", "deepseek-ai/DeepSeek-V3.1"
SHORT = {"max_model_len": 8192}


def pool(*types: str, **fields: object) -> GpuPool:
    given = {"name": "pool", "instance_types": list(types), "nodes": (0, 8), **fields}
    return GpuPool(**given)  # type: ignore[arg-type]  # fields by name


L4, H100 = pool("g6.xlarge"), pool("p5.48xlarge")


def plan(on: GpuPool, model: str, engine: VLLM | SGLang | None = None, **fields: object) -> Plan:
    quantization = fields.pop("quantization", None)
    weights = Model(id=model, quantization=quantization)  # type: ignore[arg-type]  # by name
    given = {"name": "chat", "model": weights, "engine": engine or VLLM(**SHORT), "on": on, **fields}
    endpoint = Endpoint(**given)  # type: ignore[arg-type]  # fields by name
    spec = Platform(name="p", region="us-east-1", pools=[on], storage=[BUCKET], endpoints=[endpoint])
    return plan_platform(spec, today=DAY)


def refused(on: GpuPool, model: str, engine: VLLM | SGLang | None = None, **fields: object) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        plan(on, model, engine, **fields)
    return next(item for item in caught.value.diagnostics if item.severity.value == "error")


def number_after(words: str, text: str) -> float:
    found = re.search(re.escape(words) + r" ([\d.,]*\d)", text)
    assert found, f"{words!r} is not in {text!r}"
    return float(found.group(1).replace(",", ""))


def test_more_stages_than_layers_is_a_finding() -> None:
    item = refused(H100, SMALL, parallelism=Parallelism(pipeline=64))
    assert item.code == "LLM_SHAPE_4"
    assert "36 layers on 64 pipeline stages" in item.message


def test_spreads_that_are_named_fit() -> None:
    item = refused(H100, LARGE, parallelism=Parallelism(tensor=3))
    assert item.code == "LLM_SHAPE_1"
    assert item.expected == "tensor=2; tensor=4; tensor=8", "131 GiB on one GPU do not fit"
    assert "Parallelism(tensor=2)" in item.fix


def test_experts_that_cannot_be_cut_are_cut_less_or_spread() -> None:
    item = refused(H100, MIXED, parallelism=Parallelism(tensor=8))
    assert item.code == "LLM_SHAPE_6"
    assert "tensor=4" in item.fix
    assert "expert=True" in item.fix
    # Dealt out on four, they have a kernel that leaves more for the cache, so that is told, too.
    assert item.expected == "tensor=4; tensor=4, expert=True; tensor=8, expert=True"
    for spread in (Parallelism(tensor=4), Parallelism(tensor=8, expert=True)):
        assert plan(H100, MIXED, parallelism=spread).endpoints


def test_a_dense_model_has_no_experts_to_spread() -> None:
    assert refused(H100, LARGE, parallelism=Parallelism(tensor=8, expert=True)).fix.startswith("set expert=False")


@pytest.mark.parametrize(("version", "share"), [(None, 0.99), ("0.10.2", 0.97)])
def test_too_large_a_share_is_lowered(version: str | None, share: float) -> None:
    item = refused(L4, SMALL, VLLM(**SHORT, version=version, gpu_memory_utilization=share))
    assert item.code in {"LLM_MEM_4", "LLM_MEM_5"}
    assert "max_model_len" not in item.fix
    lower = number_after("lower gpu_memory_utilization to", item.fix)
    assert lower < share
    assert plan(L4, SMALL, VLLM(**SHORT, version=version, gpu_memory_utilization=lower)).endpoints


def test_too_small_a_share_is_raised() -> None:
    item = refused(L4, SMALL, VLLM(**SHORT, gpu_memory_utilization=0.5))
    share = number_after("raise gpu_memory_utilization to", item.fix)
    assert plan(L4, SMALL, VLLM(**SHORT, gpu_memory_utilization=share)).endpoints


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("max_num_seqs", {"max_num_seqs": 4096, "max_num_batched_tokens": 4096}),
        ("max_num_batched_tokens", {"max_num_batched_tokens": 131_072}),
    ],
)
def test_too_large_a_batch_is_lowered(field: str, given: dict[str, int]) -> None:
    item = refused(L4, SMALL, VLLM(**SHORT, **given))
    size = int(number_after(f"lower {field} to", item.fix))
    assert size < given[field]
    assert plan(L4, SMALL, VLLM(**{**SHORT, **given, field: size})).endpoints


def test_a_model_that_is_quantized_goes_over_nodes() -> None:
    item = refused(H100, DEEPSEEK)
    assert "quantize" not in item.fix
    assert "set efa=True on pool 'pool': TP 8 × PP 2 over 2 nodes" in item.fix
    wide = pool("p5.48xlarge", efa=True, zones=["us-east-1a"])
    assert plan(wide, DEEPSEEK).endpoints[0].nodes == 2


def test_experts_that_were_to_be_spread_stay_so() -> None:
    wide = pool("p5.48xlarge", efa=True, nodes=2, zones=["us-east-1a"])
    item = refused(wide, DEEPSEEK, parallelism=Parallelism(expert=True))
    assert item.fix.startswith("set parallelism=Parallelism(tensor=8, data=2, expert=True), or leave it out")
    assert plan(wide, DEEPSEEK, parallelism=Parallelism(tensor=8, data=2, expert=True)).endpoints


@pytest.mark.parametrize(("model", "stretched"), [(SMALL, True), ("openai/whisper-large-v3", False)])
def test_only_computed_positions_can_be_stretched(model: str, stretched: bool) -> None:
    image = Image(repository="acme/vllm-audio", tag="v0.27.1", audio=True)
    item = refused(L4, model, VLLM(max_model_len=262_144, image=image))
    assert item.code == "LLM_FIT_4"
    assert ("stretched" in item.fix) is stretched


@pytest.mark.parametrize(
    ("type_name", "region", "fix"),
    [
        ("g6.2xlarge", "eu-west-1", "use g5.2xlarge, which eu-west-1 offers, or another region"),
        ("p5en.48xlarge", "eu-west-1", "use another region or type"),
    ],
)
def test_a_type_that_the_region_lacks_has_one_like_it(type_name: str, region: str, fix: str) -> None:
    small = pool(type_name)
    endpoint = Endpoint(name="chat", model=Model(id=SMALL), engine=VLLM(**SHORT), on=small)
    spec = Platform(name="p", region=region, pools=[small], storage=[BUCKET], endpoints=[endpoint])
    (item,) = [item for item in plan_platform(spec, today=DAY).diagnostics if item.path.startswith("pools.")]
    assert item.code == "LLM_CAP_29"
    assert item.fix.startswith(fix)


def test_misfits_are_told_in_short() -> None:
    found = refused(H100, DEEPSEEK).found
    assert found.count("TP ") <= 5
    assert found.endswith("other spreads that come no nearer")
    assert found.startswith("TP 8: "), "the nearest first"


def test_a_pool_that_is_too_small_names_a_type_that_is_not() -> None:
    item = refused(pool("g6e.xlarge"), LARGE)
    found = re.search(r"use (\S+), where TP \d holds it \(\$", item.fix)
    assert found
    assert plan(pool(found.group(1)), LARGE).endpoints


def test_length_and_concurrency_that_are_named_hold() -> None:
    long = refused(L4, SMALL, VLLM(max_model_len=40_960), concurrency=8)
    length = int(number_after("set max_model_len to at most", long.fix))
    assert (plan(L4, SMALL, VLLM(max_model_len=length), concurrency=8).endpoints[0].fit.max_concurrency or 0) >= 8
    many = refused(L4, SMALL, concurrency=60)
    held = int(number_after("lower concurrency to at most", many.fix))
    assert plan(L4, SMALL, concurrency=held).endpoints


def test_two_changes_where_one_is_too_little() -> None:
    item = refused(L4, SMALL, SGLang(max_model_len=40_960), concurrency=3)
    assert item.fix.startswith('set kv_cache_dtype="fp8" and quantize the weights with Model(quantization="fp8")')
    engine = SGLang(max_model_len=40_960, kv_cache_dtype="fp8")
    assert plan(L4, SMALL, engine, quantization="fp8", concurrency=3).endpoints


def test_a_setting_is_named_once() -> None:
    item = refused(L4, SMALL, SGLang(**SHORT, gpu_memory_utilization=0.5))
    assert item.fix.count("gpu_memory_utilization") == 1


def test_a_tight_fit_is_told_what_gives_room() -> None:
    refusal = refused(L4, SMALL, VLLM(**SHORT, gpu_memory_utilization=0.99))
    share = number_after("lower gpu_memory_utilization to", refusal.fix)
    found = plan(L4, SMALL, VLLM(**SHORT, gpu_memory_utilization=round(share + 0.01, 2)))
    (item,) = [item for item in found.diagnostics if item.code == "LLM_MEM_6"]
    assert "raise gpu_memory_utilization" not in item.fix, "what is short lies beside the budget"
    roomy = number_after("lower gpu_memory_utilization to", item.fix)
    fixed = plan(L4, SMALL, VLLM(**SHORT, gpu_memory_utilization=roomy))
    assert "LLM_MEM_6" not in {item.code for item in fixed.diagnostics}


def test_a_share_of_a_gpu_gives_way_to_the_whole() -> None:
    shared = pool("g6.xlarge", sharing=TimeSlicing(replicas=2, tenants=["chat"]))
    item = refused(shared, SMALL)
    assert "leave sharing out of pool 'pool': TP 1 of whole GPUs" in item.fix
    assert plan(L4, SMALL).endpoints


def test_too_few_nodes_are_counted() -> None:
    one = pool("p5.48xlarge", efa=True, zones=["us-east-1a"], nodes=(0, 1))
    assert "set nodes=(0, 2) on pool 'pool': TP 8 × PP 2 over 2 nodes" in refused(one, DEEPSEEK).fix


def adapters(count: int, rank: int) -> list[LoraAdapter]:
    return [LoraAdapter(name=f"a{n}", bucket=BUCKET, key=f"adapters/{n}", rank=rank) for n in range(count)]


def test_room_for_adapters_is_a_term_of_its_own() -> None:
    item = refused(L4, SMALL, adapters=adapters(8, 512))
    assert re.search(r"the adapters reserve 2\d\.\d\d GiB beside 15\.\d\d GiB of weights", item.found)
    assert "22.03 GiB" in item.found
    assert "quantize" not in item.fix
    rank = int(number_after("a rank of at most", item.fix))
    (endpoint,) = plan(L4, SMALL, adapters=adapters(8, rank)).endpoints
    assert any(line.startswith("adapters ") for line in endpoint.fit.explain)
    assert endpoint.fit.reserved_gib
    assert endpoint.fit.total_gpu_gib == pytest.approx(22.03, abs=0.01), "the GPU is as large as it is"


def test_an_unknown_model_names_three_ways_that_exist() -> None:
    from llminfra.cli.main import main

    for name in ("acme/unknown", "Qwen/Qwen3-8"):
        item = refused(L4, name)
        assert item.code == "LLM_FIT_3"
        assert "--list" not in item.expected
        assert ("these ids" in item.fix) is (name == "Qwen/Qwen3-8")
        assert "Model(config=" in item.fix
        assert f"llminfra model fetch {name}" in item.fix
        assert "llminfra[hub]" in item.fix
    assert main(["model", "fetch", "--help"]) == 0


@pytest.mark.parametrize(
    ("types", "words"),
    [
        (("g6.xlarge", "g6.12xlarge"), "the same number of GPUs"),
        (("g6.12xlarge", "g6e.12xlarge"), "GPUs of one kind"),
    ],
)
def test_mixed_types_are_told_apart_and_one_is_named(types: tuple[str, str], words: str) -> None:
    item = refused(pool(*types), SMALL)
    assert item.code == "LLM_CAP_30"
    assert words in item.message
    assert f"{types[0]} is the cheapest that holds chat" in item.fix


STRETCHED = '{"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}}'
BIG = pool("g6e.xlarge")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hf-overrides", STRETCHED],
        [f"--hf-overrides={STRETCHED}"],
        ["--hf_overrides", STRETCHED.replace("rope_scaling", "rope_parameters")],
        ["--hf-overrides.max_position_embeddings=131072"],
    ],
)
def test_declared_rope_scaling_stretches_the_context(arguments: list[str]) -> None:
    found = plan(BIG, SMALL, VLLM(max_model_len=131_072, extra_args=arguments))
    assert "LLM_FIT_4" not in {item.code for item in found.diagnostics}
    assert found.endpoints[0].fit.max_model_len == 131_072


def test_a_context_beyond_the_declared_scaling_is_refused() -> None:
    item = refused(BIG, SMALL, VLLM(max_model_len=200_000, extra_args=["--hf-overrides", STRETCHED]))
    assert item.code == "LLM_FIT_4"
    assert item.expected == "at most 131,072"


def test_the_engines_own_opt_out_is_a_warning() -> None:
    engine = VLLM(max_model_len=131_072, env={"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"})
    (item,) = [item for item in plan(BIG, SMALL, engine).diagnostics if item.code == "LLM_FIT_4"]
    assert item.severity.value == "warning"
    refusal = refused(BIG, SMALL, VLLM(max_model_len=131_072))
    assert refusal.code == "LLM_FIT_4"
    assert "--hf-overrides" in refusal.fix
    assert "Model(config=…)" in refusal.fix
    assert "VLLM_ALLOW_LONG_MAX_MODEL_LEN" in refusal.fix


def test_towers_that_text_needs_not_are_named_where_they_are_what_is_missing() -> None:
    vision, length = "Qwen/Qwen2.5-VL-7B-Instruct", 80_000
    fix = refused(L4, vision, VLLM(max_model_len=length)).fix
    assert "if requests bring text alone, set language_model_only=True" in fix
    text = plan(L4, vision, VLLM(max_model_len=length, language_model_only=True)).endpoints[0].fit
    assert text.fits
    assert "language_model_only" not in refused(L4, SMALL, VLLM(max_model_len=40_000)).fix
    limited = refused(L4, vision, VLLM(max_model_len=length, limit_mm_per_prompt={"image": 1})).fix
    assert "set language_model_only=True instead of limit_mm_per_prompt" in limited


def test_a_type_that_sagemaker_hosts_is_named() -> None:
    on = SageMaker(instance_type="ml.g6.xlarge")
    given = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-32B"), engine=VLLM(**SHORT), on=on)
    spec = Platform(name="p", region="us-east-1", storage=[BUCKET], endpoints=[given])
    with pytest.raises(SpecError) as caught:
        plan_platform(spec, today=DAY)
    found = re.search(r"use (ml\.\S+), where", caught.value.diagnostics[0].fix)
    assert found, caught.value.diagnostics[0].fix
    larger = given.model_copy(update={"on": SageMaker(instance_type=found[1])})
    mended = plan_platform(spec.model_copy(update={"endpoints": (larger,)}), today=DAY)
    assert mended.sagemaker[0].serving.fit.fits


@pytest.mark.parametrize(
    ("on", "place"),
    [
        (L4, "pool 'pool'"),
        (Ec2(instance_type="g6.xlarge", domain_name="chat.acme.com", certificate_arn=CERTIFICATE), "g6.xlarge"),
        (SageMaker(instance_type="ml.g6.xlarge"), "ml.g6.xlarge"),
    ],
)
def test_a_machine_that_is_no_pool_is_not_called_one(on: GpuPool | Ec2 | SageMaker, place: str) -> None:
    given = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-32B"), engine=VLLM(**SHORT), on=on)
    pools = [on] if isinstance(on, GpuPool) else []
    with pytest.raises(SpecError) as caught:
        plan_platform(
            Platform(name="p", region="us-east-1", storage=[BUCKET], pools=pools, endpoints=[given]), today=DAY
        )
    assert f"Qwen/Qwen3-32B does not fit {place}" in [item.message for item in caught.value.diagnostics]


def test_the_type_that_is_proposed_is_the_cheapest_though_the_region_has_no_price_of_it() -> None:
    endpoint = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-14B"), engine=SGLang(**SHORT), on=L4)
    with pytest.raises(SpecError) as caught:
        plan_platform(Platform(name="p", region="us-west-2", pools=[L4], endpoints=[endpoint]), today=DAY)
    item = next(item for item in caught.value.diagnostics if item.code == "LLM_FIT_1")
    # 27.5 GiB of weights: one L40S of 48 GB, and not one H100, whose price in us-west-2 happens to be known.
    assert "use g6e.xlarge, where TP 1 holds it" in item.fix
    assert "$" not in item.fix
