"""Extra arguments that change memory are counted, refused where they do not fit, or named."""

import json

import pytest

from llminfra import (
    TGI,
    VLLM,
    Diagnostic,
    Endpoint,
    GpuPool,
    LoraAdapter,
    Model,
    ModelBucket,
    Parallelism,
    Platform,
    SGLang,
    SpecError,
)
from llminfra.engines.given import given_options, json_value, last, switched_on
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan
from llminfra.spec.base.spec import Spec

L4 = GpuPool(name="gpu", instance_types=["g6.12xlarge"], nodes=(1, 4))
L40S = GpuPool(name="gpu", instance_types=["g6e.2xlarge"], nodes=(1, 4))
L40S4 = GpuPool(name="gpu", instance_types=["g6e.12xlarge"], nodes=(1, 4))
H100 = GpuPool(name="gpu", instance_types=["p5.48xlarge"], nodes=(1, 4), zones=["us-east-1a"], efa=True)
SLOW = GpuPool(name="gpu", instance_types=["p5.48xlarge"], nodes=(1, 4))


def planned(model: str, engine: Spec, pool: GpuPool = L40S, **fields: object) -> Plan:
    endpoint = Endpoint(name="chat", model=Model(id=model), engine=engine, on=pool, **fields)
    return plan_platform(Platform(name="x", region="us-east-1", pools=[pool], endpoints=[endpoint]))


def told(model: str, engine: Spec, pool: GpuPool = L40S, **fields: object) -> list[Diagnostic]:
    try:
        return list(planned(model, engine, pool, **fields).diagnostics)
    except SpecError as error:
        return list(error.diagnostics)


def vllm(*args: str, **fields: object) -> VLLM:
    return VLLM(extra_args=args, **{"max_model_len": 8192, **fields})


def draft(model: str) -> str:
    return "--speculative-config=" + json.dumps({"model": model, "num_speculative_tokens": 4})


def test_sums_by_nccl_are_part_of_the_graphs() -> None:
    """Two ranks without NVLink: the kernels of NCCL are captured where vLLM's own are switched off."""
    two = Parallelism(tensor=2)
    off = vllm("--disable-custom-all-reduce")
    own = planned("Qwen/Qwen3-8B", vllm(), pool=L40S4, parallelism=two).endpoints[0].fit
    nccl = planned("Qwen/Qwen3-8B", off, pool=L40S4, parallelism=two).endpoints[0].fit
    assert own.cuda_graph_gib is not None
    assert nccl.cuda_graph_gib is not None
    assert nccl.cuda_graph_gib > own.cuda_graph_gib + 0.3


def test_a_draft_model_that_fits_is_taken_off_the_gpu() -> None:
    # The second runner, which would serve the model alone, knows no draft models in this release.
    first: dict[str, object] = {"env": {"VLLM_USE_V2_MODEL_RUNNER": "0"}, "max_num_seqs": 8, "enforce_eager": True}
    plain = planned("Qwen/Qwen3-8B", vllm(**first)).endpoints[0].fit
    with_draft = planned("Qwen/Qwen3-8B", vllm(draft("Qwen/Qwen3-0.6B"), **first)).endpoints[0].fit
    assert plain.kv_cache_memory_gib is not None
    assert with_draft.kv_cache_memory_gib is not None
    assert with_draft.draft_gib == pytest.approx(1.12, abs=0.02)
    assert plain.kv_cache_memory_gib - with_draft.kv_cache_memory_gib == pytest.approx(1.12, abs=0.05)
    # Keys and values of 28 more layers of eight heads.
    more = (with_draft.kv_bytes_per_token_per_gpu or 0) - (plain.kv_bytes_per_token_per_gpu or 0)
    assert more == 28 * 2 * 8 * 128 * 2


def test_a_draft_model_that_does_not_fit_is_refused() -> None:
    (item,) = [item for item in told("Qwen/Qwen3-14B", vllm(draft("Qwen/Qwen3-8B"))) if item.severity == "error"]
    assert (item.code, item.path) == ("LLM_FIT_45", "endpoints.chat.engine.extra_args[0]")
    assert "draft model Qwen/Qwen3-8B" in item.found
    assert "GiB of each GPU" in item.found


def test_a_draft_takes_more_gpus_where_the_planner_may_choose() -> None:
    alone = planned("Qwen/Qwen3-8B", vllm(max_model_len=4096), L4).endpoints[0].parallelism
    both = planned("Qwen/Qwen3-8B", vllm(draft("Qwen/Qwen3-4B"), max_model_len=4096), L4).endpoints[0].parallelism
    assert both.tensor > alone.tensor


def test_a_draft_that_no_catalog_knows_is_named() -> None:
    found = [item for item in told("Qwen/Qwen3-8B", vllm(draft("acme/secret-draft"))) if item.code == "LLM_FIT_47"]
    assert [item.path for item in found] == ["endpoints.chat.engine.extra_args[0]"]
    assert "acme/secret-draft" in found[0].message


@pytest.mark.parametrize("method", ["ngram", "suffix"])
def test_guesses_without_a_model_take_no_memory(method: str) -> None:
    option = "--speculative-config=" + json.dumps({"method": method, "num_speculative_tokens": 4})
    assert "LLM_FIT_47" not in {item.code for item in told("Qwen/Qwen3-8B", vllm(option))}


def test_layers_that_guess_tokens_are_counted() -> None:
    option = '--speculative-config={"method":"mtp","num_speculative_tokens":1}'
    plain = planned("deepseek-ai/DeepSeek-R1", vllm(), H100).endpoints[0].fit
    guessing = planned("deepseek-ai/DeepSeek-R1", vllm(option), H100).endpoints[0].fit
    assert (guessing.weights_gib_per_gpu or 0) > (plain.weights_gib_per_gpu or 0)
    (item,) = [item for item in told("Qwen/Qwen3-8B", vllm(option)) if item.code == "LLM_FIT_47"]
    assert "Qwen/Qwen3-8B" in item.message


def test_places_for_adapters_are_counted() -> None:
    few = planned("Qwen/Qwen3-8B", vllm("--enable-lora", "--max-loras=4", "--max-lora-rank=64")).endpoints[0].fit
    plain = planned("Qwen/Qwen3-8B", vllm()).endpoints[0].fit
    assert (few.kv_cache_memory_gib or 0) < (plain.kv_cache_memory_gib or 0) - 0.5
    many = told("Qwen/Qwen3-8B", vllm("--enable-lora", "--max-loras", "32", "--max-lora-rank", "512"))
    (item,) = [item for item in many if item.severity == "error"]
    assert (item.code, item.path) == ("LLM_FIT_45", "endpoints.chat.engine.extra_args[1]")
    assert "places for 32 adapters of rank 512" in item.found


@pytest.mark.parametrize(
    ("engine", "path", "name"),
    [
        (vllm("--cpu-offload-gb=10"), "extra_args[0]", "--cpu-offload-gb"),
        (vllm("--config=/etc/vllm.yaml", version="0.20.2"), "extra_args[0]", "--config"),
        (vllm('--hf-overrides={"architectures":["Other"]}'), "extra_args[0]", "--hf-overrides"),
        (vllm("--hf-overrides", "not json"), "extra_args[0]", "--hf-overrides"),
        (vllm("--max-cudagraph-capture-size=1024"), "extra_args[0]", "--max-cudagraph-capture-size"),
        (
            vllm(env={"VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS": "0"}),
            "env.VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS",
            "VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS",
        ),
        (SGLang(max_model_len=8192, extra_args=["--cpu-offload-gb", "8"]), "extra_args[0]", "--cpu-offload-gb"),
    ],
)
def test_what_the_plan_cannot_count_is_named(engine: Spec, path: str, name: str) -> None:
    (item,) = [item for item in told("Qwen/Qwen3-8B", engine) if item.code == "LLM_FIT_47"]
    assert (item.severity, item.path, item.found) == ("warning", f"endpoints.chat.engine.{path}", name)
    assert item.fix


def test_the_engine_of_a_release_that_has_two_is_planned_with() -> None:
    fits = [
        planned("Qwen/Qwen3-8B", vllm(env={"VLLM_USE_V1": asked}, version="0.10.2")).endpoints[0].fit
        for asked in ("0", "1")
    ]
    assert fits[0].activation_peak_gib != fits[1].activation_peak_gib


def test_the_model_runner_that_is_asked_for_is_planned_with() -> None:
    # 0.24 runs a quantized Qwen3 with its second runner, which reserves no graphs, unless it is told not to.
    asked = {"0": False, "1": True}
    for value, second in asked.items():
        found = planned("Qwen/Qwen3-8B", vllm(env={"VLLM_USE_V2_MODEL_RUNNER": value}, version="0.24.0")).endpoints[0]
        assert any(line.startswith("model runner V2") for line in found.fit.explain) is second
    items = told("Qwen/Qwen3-8B", vllm(env={"VLLM_USE_V2_MODEL_RUNNER": "0"}, version="0.24.0"))
    assert "LLM_FIT_47" not in {item.code for item in items}


def test_positions_that_are_stretched_are_counted() -> None:
    option = '--hf-overrides={"rope_scaling":{"rope_type":"yarn","factor":2,"original_max_position_embeddings":40960}}'
    assert "LLM_FIT_47" not in {item.code for item in told("Qwen/Qwen3-8B", vllm(option))}


@pytest.mark.parametrize(
    "option", ['--hf-overrides={"text_config":{"num_hidden_layers":2}}', "--hf-overrides.vocab_size=9"]
)
def test_another_model_is_refused(option: str) -> None:
    (item,) = [item for item in told("Qwen/Qwen3-8B", vllm(option)) if item.severity == "error"]
    assert (item.code, item.path) == ("LLM_FIT_46", "endpoints.chat.engine.extra_args[0]")


@pytest.mark.parametrize("flag", ["--kv-cache-memory-bytes=1000000000", "--num-gpu-blocks-override=100"])
def test_what_sizes_the_cache_is_refused(flag: str) -> None:
    assert "LLM_FIT_42" in {item.code for item in told("Qwen/Qwen3-8B", vllm(flag))}


def test_the_size_of_a_block_is_planned_with() -> None:
    assert planned("Qwen/Qwen3-8B", vllm("--block-size=64")).endpoints[0].fit.block_size == 64


def test_context_ranks_share_out_the_cache() -> None:
    spread = {"pool": H100, "parallelism": Parallelism(tensor=8)}
    plain = planned("Qwen/Qwen3-30B-A3B", vllm(), **spread).endpoints[0].fit
    shared = planned("Qwen/Qwen3-30B-A3B", vllm("-dcp", "2"), **spread).endpoints[0].fit
    assert (shared.kv_bytes_per_token_per_gpu or 0) * 2 == plain.kv_bytes_per_token_per_gpu


def test_context_ranks_without_a_copy_to_share_are_refused() -> None:
    engine = vllm("--decode-context-parallel-size=2")
    (item,) = [
        item
        for item in told("Qwen/Qwen3-8B", engine, H100, parallelism=Parallelism(tensor=8))
        if item.severity == "error"
    ]
    assert item.code == "LLM_SHAPE_7"
    assert "greater than the model's total number of KV heads (8)" in (item.runtime_message or "")


def test_tgi_refuses_more_shards_than_key_value_heads() -> None:
    found = told("Qwen/Qwen2.5-7B-Instruct", TGI(max_model_len=8192), SLOW, parallelism=Parallelism(tensor=4))
    assert "LLM_SHAPE_2" not in {item.code for item in found}
    found = told("Qwen/Qwen2.5-0.5B-Instruct", TGI(max_model_len=8192), SLOW, parallelism=Parallelism(tensor=7))
    assert "LLM_SHAPE_2" in {item.code for item in found if item.severity == "error"}


@pytest.mark.parametrize("spread", [Parallelism(tensor=16), Parallelism(tensor=8, pipeline=2)])
def test_ranks_of_several_nodes_over_tcp_are_named(spread: Parallelism) -> None:
    model = "Qwen/Qwen2.5-72B-Instruct"
    (item,) = [item for item in told(model, vllm(), SLOW, parallelism=spread) if item.code == "LLM_DIST_18"]
    assert item.severity == "warning"
    assert "set efa=True" in item.fix
    assert "LLM_DIST_18" not in {item.code for item in told(model, vllm(), H100, parallelism=spread)}


def test_options_in_every_spelling() -> None:
    found = given_options("vllm", ["--a_b.c-d=1", "--x", "2", "--on", "-q", "fp8"], {"SM_VLLM_BLOCK_SIZE": "32"}, None)
    assert [(item.flag, item.key, item.value) for item in found] == [
        ("--a-b", "c_d", "1"),
        ("--x", "", "2"),
        ("--on", "", ""),
        ("-q", "", "fp8"),
        ("--block-size", "", "32"),
    ]
    assert json_value(found, "--a-b") == {"c_d": 1}
    assert last(found, "--block-size") is found[-1]
    assert last(found, "--none") is None


def test_a_release_that_refines_blocks_is_not_refused() -> None:
    spread = {"pool": SLOW, "parallelism": Parallelism(tensor=8)}
    model = "Qwen/Qwen3-235B-A22B-FP8"
    assert "LLM_SHAPE_6" in {item.code for item in told(model, vllm(), **spread)}
    assert "LLM_SHAPE_6" not in {item.code for item in told(model, vllm(version="0.29.0"), **spread)}


@pytest.mark.parametrize(
    "arguments", [("--max-lora-rank=24",), ("--max_lora_rank", "24"), ("--max-loras=4", "--max_cpu_loras=2")]
)
def test_options_are_seen_however_they_are_spelled(arguments: tuple[str, ...]) -> None:
    assert "LLM_FIT_35" in {item.code for item in told("Qwen/Qwen3-8B", vllm(*arguments))}


VISION = "Qwen/Qwen2.5-VL-7B-Instruct"


@pytest.mark.parametrize(
    "engine",
    [
        vllm(language_model_only=True),
        vllm(limit_mm_per_prompt={"image": 0, "video": 0}),
        vllm("--language-model-only"),
        vllm('--limit-mm-per-prompt={"image": 0, "video": {"count": 0}}'),
        vllm("--limit-mm-per-prompt.image=0", "--limit-mm-per-prompt.video=0"),
    ],
)
def test_text_alone_is_counted_however_it_is_said(engine: VLLM) -> None:
    whole, text = planned(VISION, vllm()).endpoints[0].fit, planned(VISION, engine).endpoints[0].fit
    assert whole.weights_gib_per_gpu - text.weights_gib_per_gpu == pytest.approx(1.26, abs=0.03)
    # Words of text alone are looked up in what is compiled, so that a first start copies their table (1.02 GiB).
    assert text.kv_cache_memory_gib > whole.kv_cache_memory_gib + 0.4


@pytest.mark.parametrize(
    "arguments", [("--no-language-model-only",), ("--language-model-only", "--no_language_model_only")]
)
def test_a_switch_that_is_turned_off_is_off(arguments: tuple[str, ...]) -> None:
    whole, off = planned(VISION, vllm()).endpoints[0].fit, planned(VISION, vllm(*arguments)).endpoints[0].fit
    assert off.weights_gib_per_gpu == whole.weights_gib_per_gpu
    told_of = told(VISION, vllm("--no-skip-mm-profiling"))
    assert "LLM_FIT_47" not in {item.code for item in told_of}
    assert "LLM_FIT_47" in {item.code for item in told(VISION, vllm("--skip-mm-profiling"))}


def test_a_variable_that_is_false_turns_a_switch_off() -> None:
    on, off = (given_options("vllm", (), {"SM_VLLM_ENABLE_LORA": text}, None) for text in ("true", "False"))
    assert switched_on(on, "--enable-lora") is on[0]
    assert switched_on(off, "--enable-lora") is None


def test_text_alone_is_no_limit_of_images() -> None:
    with pytest.raises(SpecError) as caught:
        vllm(language_model_only=True, limit_mm_per_prompt={"image": 4, "video": 0})
    (item,) = caught.value.diagnostics
    assert "lets them bring image" in item.message
    assert vllm(language_model_only=True, limit_mm_per_prompt={"image": 0}).language_model_only


def test_who_says_text_alone_twice_is_told_which_field_says_it() -> None:
    engine = vllm("--no-language-model-only", language_model_only=True)
    (item,) = [item for item in told(VISION, engine) if item.severity == "error"]
    assert (item.code, item.expected) == ("LLM_FIT_42", "VLLM(language_model_only=…)")


def test_limits_are_said_once() -> None:
    engine = vllm("--limit-mm-per-prompt", '{"image": 2}', limit_mm_per_prompt={"image": 0, "video": 0})
    (item,) = [item for item in told(VISION, engine) if item.severity == "error"]
    assert (item.code, item.found) == ("LLM_FIT_42", "--limit-mm-per-prompt")


def test_an_old_release_refuses_limits_for_a_model_of_text() -> None:
    engine = vllm(limit_mm_per_prompt={"image": 0}, version="0.9.2")
    (item,) = [item for item in told("Qwen/Qwen3-8B", engine) if item.severity == "error"]
    assert (item.code, item.path) == ("LLM_FIT_48", "endpoints.chat.engine.limit_mm_per_prompt")
    assert item.runtime_message == "ValueError: `limit_mm_per_prompt` is only supported for multimodal models."
    assert item.code not in {item.code for item in told("Qwen/Qwen3-8B", vllm(language_model_only=True))}


def test_the_type_of_states_is_counted() -> None:
    hybrid = "Qwen/Qwen3.6-27B-FP8"
    own, half = vllm(), vllm("--mamba-ssm-cache-dtype=bfloat16")
    assert "LLM_FIT_47" not in {item.code for item in told(hybrid, half, H100)}
    tokens = [planned(hybrid, engine, H100).endpoints[0].fit.block_size for engine in (own, half)]
    assert tokens[1] < tokens[0]


def test_the_kernel_of_experts_is_counted() -> None:
    """FlashInfer's own takes no buffers that stay, on Hopper with FP8 in blocks."""
    experts = "Qwen/Qwen3-30B-A3B-Instruct-2507-FP8"
    own, asked = vllm(), vllm("--moe-backend=flashinfer_cutlass")
    left = [planned(experts, engine, H100).endpoints[0].fit.kv_cache_memory_gib for engine in (own, asked)]
    assert left[1] > left[0]


def test_the_kernel_of_attention_is_counted() -> None:
    """FlashInfer, which an FP8 cache takes on Ada, has a workspace among the graphs; Triton's has none."""
    options = {"kv_cache_dtype": "fp8", "max_model_len": 8192}
    own, asked = vllm(**options), vllm("--attention-backend=TRITON_ATTN", **options)
    experts = "Qwen/Qwen3-30B-A3B-Instruct-2507-FP8"
    left = [planned(experts, engine).endpoints[0].fit.kv_cache_memory_gib for engine in (own, asked)]
    assert left[1] - left[0] == pytest.approx(394 / 1024, abs=0.01)


def test_another_model_hides_nothing_else_that_is_wrong() -> None:
    options = ('--hf-overrides={"num_hidden_layers":2}', "--bogus")
    engine = vllm(*options, max_model_len=999_999, max_num_batched_tokens=1)
    adapters = [LoraAdapter(name="a", bucket=ModelBucket(name="acme-elsewhere"), key="a", rank=8)] * 2
    found = {item.code for item in told("Qwen/Qwen3-8B", engine, adapters=adapters)}
    assert {"LLM_FIT_46", "LLM_FIT_4", "LLM_FIT_43", "LLM_FIT_7", "LLM_FIT_40", "LLM_REF_2"} <= found
