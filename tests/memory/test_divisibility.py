from pathlib import Path

import pytest

from benchmarks.memory.scoring import scores_of
from llminfra.catalog.models import ModelFacts, catalog_config, load_model, quantization_from_name
from llminfra.planning.memory import FitCase, divisibility_findings, fit_case


def codes(model, tp, pp=1, **options):
    return [item.code for item in divisibility_findings(load_model(model), tp, pp, **options)]


def test_layouts_that_work_have_no_findings():
    assert codes("meta-llama/Llama-3.1-70B-Instruct", 8) == []
    assert codes("deepseek-ai/DeepSeek-R1", 16) == []


def test_heads_that_do_not_divide():
    found = divisibility_findings(load_model("Qwen/Qwen2.5-7B-Instruct"), 8)
    assert found[0].code == "LLM_SHAPE_1"
    assert found[0].fatal
    assert (
        "Total number of attention heads (28) must be divisible by tensor parallel size (8)."
        in found[0].runtime_message
    )


def test_key_value_heads_are_replicated_with_a_note():
    found = divisibility_findings(load_model("Qwen/Qwen3-30B-A3B"), 8)
    assert [item.code for item in found] == ["LLM_SHAPE_3"]
    assert not found[0].fatal
    assert "stored 2 times" in found[0].message


def test_fp8_blocks_against_the_width_of_an_expert():
    # 1536 / 8 = 192 is no multiple of 128; 1536 / 4 = 384 is.
    assert "LLM_SHAPE_6" in codes("Qwen/Qwen3-235B-A22B-FP8", 8)
    assert "LLM_SHAPE_6" not in codes("Qwen/Qwen3-235B-A22B-FP8", 4)
    assert "LLM_SHAPE_6" not in codes("Qwen/Qwen3-235B-A22B-FP8", 8, ep=8)


def fatal(model, tp, **options):
    found = divisibility_findings(load_model(model), tp, **options)
    return [item.code for item in found if item.fatal]


def test_a_guessed_group_refuses_nothing():
    # Checkpoints of the same architecture have other groups, and Qwen padded the width of its own.
    awq = quantization_from_name("awq")
    found = divisibility_findings(load_model("Qwen/Qwen2.5-72B-Instruct"), 8, quant=awq)
    assert [(item.code, item.fatal) for item in found] == [("LLM_SHAPE_6", False)]


@pytest.mark.parametrize("tp", [2, 4, 8])
@pytest.mark.parametrize("base", ["Qwen/Qwen2-72B-Instruct", "Qwen/Qwen2.5-72B-Instruct", "Qwen/Qwen2-VL-72B-Instruct"])
@pytest.mark.parametrize("kind", ["AWQ", "GPTQ-Int4", "GPTQ-Int8"])
def test_official_checkpoints_whose_width_was_padded(base, kind, tp):
    # QwenLM/Qwen3#578: 29568 became 29696, which eight ranks divide into whole groups.
    assert codes(f"{base}-{kind}", tp) == []


def test_a_checkpoint_whose_width_was_not_padded():
    # vllm-project/vllm#13640: 29568 / 2 = 14784 = 115.5 groups.
    found = divisibility_findings(load_model("Qwen/Qwen2.5-VL-72B-Instruct-AWQ"), 2)
    assert [(item.code, item.fatal) for item in found] == [("LLM_SHAPE_6", True)]
    assert "mlp.down_proj" in found[0].message
    assert "The input size is not aligned with the quantized weight shape." in found[0].runtime_message


def test_the_input_of_the_attention_output_is_cut_too():
    # intel/auto-round#643: 896 / 2 = 448 = 3.5 groups; the width, 4864 / 2 = 2432, is whole.
    found = divisibility_findings(load_model("Qwen/Qwen2.5-0.5B-Instruct-AWQ"), 2)
    assert [(item.code, item.fatal) for item in found] == [("LLM_SHAPE_6", True)]
    assert "self_attn.o_proj" in found[0].message


def test_a_shared_expert_is_cut_even_where_routed_ones_are_dealt_out():
    # 512 / 8 = 64, half a block; routed experts are whole.
    found = divisibility_findings(load_model("Qwen/Qwen3-Next-80B-A3B-Instruct-FP8"), 8, ep=8)
    assert [item.message for item in found if item.code == "LLM_SHAPE_6"] == [
        "512 inputs of mlp.shared_experts.down_proj over 8 ranks are 64, no multiple of the weight block 128"
    ]
    # Copies that share experts keep the shared one whole (sequence parallelism of vLLM).
    assert fatal("Qwen/Qwen3-Next-80B-A3B-Instruct-FP8", 8, ep=16) == []


def test_routed_experts_of_awq_and_gptq_have_a_kernel_with_smaller_groups():
    # 768 / 4 = 192: moe_wna16 repeats the scales of 128 for groups of 64 (vLLM since 0.8.5).
    assert fatal("Qwen/Qwen3-30B-A3B-GPTQ-Int4", 4) == []
    assert fatal("Qwen/Qwen3-30B-A3B-GPTQ-Int4", 8) == []
    assert fatal("Qwen/Qwen3-30B-A3B-GPTQ-Int4", 4, version="0.13.0") == []


@pytest.mark.parametrize("version", ["0.8.5", "0.9.1", "0.12.0"])
def test_releases_whose_kernel_for_smaller_groups_takes_steps_of_128(version):
    # vllm-project/vllm#17604: groups of 64 load, and the first decode finds that 192 is no multiple of 128.
    found = divisibility_findings(load_model("Qwen/Qwen3-235B-A22B-GPTQ-Int4"), 8, version=version)
    step = [item for item in found if item.code == "LLM_SHAPE_6"]
    assert [(item.fatal, item.runtime_message) for item in step] == [(True, "size_k must divisible by BLOCK_SIZE_K")]
    assert "mlp.experts.down_proj over 8 ranks are 192" in step[0].message
    assert fatal("Qwen/Qwen3-235B-A22B-GPTQ-Int4", 4, version=version) == []
    assert fatal("Qwen/Qwen3-235B-A22B-GPTQ-Int4", 8, version=version, ep=8) == []


def test_releases_that_refine_the_blocks_of_experts():
    assert fatal("Qwen/Qwen3-235B-A22B-FP8", 8, version="0.28.0") == ["LLM_SHAPE_6"]
    assert fatal("Qwen/Qwen3-235B-A22B-FP8", 8, version="0.29.0") == []
    assert fatal("Qwen/Qwen3-235B-A22B-FP8", 8, engine="sglang", version="0.29.0") == ["LLM_SHAPE_6"]


def test_an_ignored_module_has_no_groups():
    base = catalog_config("Qwen/Qwen2.5-0.5B-Instruct-AWQ")
    kept = {**base["quantization_config"], "modules_to_not_convert": ["self_attn.o_proj"]}
    facts = ModelFacts.from_hf_config({**base, "quantization_config": kept}, model_id="kept")
    assert divisibility_findings(facts, 2) == ()


def merged(method):
    """Key and value parts of 64 outputs, half an FP8 block, in one matrix with the queries."""
    block = {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]}
    quant = {
        "fp8": {"quant_method": "fp8", "weight_block_size": [128, 128]},
        "compressed-tensors": {
            "quant_method": "compressed-tensors",
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": block}},
        },
    }[method]
    config = {**catalog_config("meta-llama/Llama-3.2-1B-Instruct"), "quantization_config": quant}
    return ModelFacts.from_hf_config(config, model_id="merged")


@pytest.mark.parametrize(
    ("method", "version", "refused"),
    [
        ("fp8", "0.13.0", True),
        ("fp8", "0.15.1", False),
        ("fp8", None, False),
        ("compressed-tensors", "0.33.0", True),
    ],
)
def test_merged_parts_against_the_outputs_of_a_block(method, version, refused):
    # 8 key-value heads of 64 on 8 ranks.
    found = divisibility_findings(merged(method), 8, version=version)
    assert [item.code for item in found if item.fatal] == ["LLM_SHAPE_6"] * refused
    if refused:
        assert "block_n = 128" in found[0].runtime_message


@pytest.mark.parametrize(("version", "found"), [("0.23.0", ["LLM_SHAPE_6"]), ("0.24.0", []), (None, [])])
def test_tiles_of_marlin_before_it_padded(version, found):
    # 2432 / 4 inputs of groups of 32 are whole groups, but no multiple of 128 inputs.
    base = catalog_config("Qwen/Qwen2.5-0.5B-Instruct-GPTQ-Int4")
    quant = {**base["quantization_config"], "group_size": 32}
    facts = ModelFacts.from_hf_config({**base, "quantization_config": quant}, model_id="narrow")
    assert [item.code for item in divisibility_findings(facts, 2, version=version)] == found
    assert not any(item.fatal for item in divisibility_findings(facts, 2, version=version))


@pytest.mark.parametrize("tp", [1, 2, 4, 8])
def test_expert_parallelism_needs_experts(tp):
    assert "LLM_SHAPE_5" in codes("meta-llama/Llama-3.1-70B-Instruct", tp, ep=8)
    assert "LLM_SHAPE_5" not in codes("Qwen/Qwen3-30B-A3B", tp, ep=8)


def test_more_stages_than_layers():
    assert "LLM_SHAPE_4" in codes("meta-llama/Llama-3.2-1B-Instruct", 1, pp=17)


def fit(**case):
    return fit_case(FitCase.model_validate({"gpu": "H100-80GB", "engine_version": "0.11.0", **case}))


@pytest.mark.parametrize(
    ("code", "case"),
    [
        ("LLM_SHAPE_1", {"model": "Qwen/Qwen3-32B", "tensor_parallel": 3}),
        ("LLM_SHAPE_4", {"model": "meta-llama/Llama-3.2-1B-Instruct", "pipeline_parallel": 17}),
        ("LLM_SHAPE_5", {"model": "Qwen/Qwen3-8B", "tensor_parallel": 2, "expert_parallel": True}),
        ("LLM_SHAPE_6", {"model": "Qwen/Qwen3-235B-A22B-FP8", "tensor_parallel": 8, "expert_parallel": False}),
    ],
)
def test_a_layout_that_the_engine_refuses_does_not_fit(code, case):
    result = fit(**case)
    assert result.fits is False
    assert result.reason.startswith(code)
    assert any(item.startswith(code) for item in result.findings)


def test_the_engines_words_come_with_a_refused_layout():
    words = "Total number of attention heads (64) must be divisible by tensor parallel size (3)."
    assert fit(model="Qwen/Qwen3-32B", tensor_parallel=3).engine_error == words
    assert fit(model="Qwen/Qwen3-32B", tensor_parallel=3, gpu=None).fits is False


@pytest.mark.parametrize("tp", [2, 4, 8])
@pytest.mark.parametrize(
    ("model", "config_ref", "quantization"),
    [
        # QwenLM/Qwen3#603: started with four ranks.
        ("Qwen/Qwen2-72B-Instruct-GPTQ-Int4", "Qwen/Qwen2-72B-Instruct", "gptq"),
        ("Qwen/Qwen2-72B-Instruct-AWQ", "Qwen/Qwen2-72B-Instruct", "awq"),
        # mattbucci/2x-3090-GA102-300-A1-sglang-inference: started with two ranks, and 2112 / 2 is no multiple of 128.
        ("mattbucci/gemma-4-26B-AWQ", "google/gemma-4-26B-A4B", "compressed-tensors awq int4"),
    ],
)
def test_a_model_that_only_refers_to_an_architecture_is_not_refused_by_it(model, config_ref, quantization, tp):
    result = fit(model=model, config_ref=config_ref, quantization=quantization, tensor_parallel=tp)
    assert not result.reason.startswith("LLM_SHAPE_6")


def test_experts_may_have_been_spread_where_a_row_does_not_say():
    assert fit(model="Qwen/Qwen3-235B-A22B-FP8", tensor_parallel=8).fits is True


def test_no_measured_start_is_called_refused():
    data = Path(__file__).parents[2] / "benchmarks" / "memory" / "data"
    for file in data.glob("*.jsonl"):
        for item in scores_of(file):
            if item.row.get("outcome") == "ok":
                assert not item.result.reason.startswith("LLM_SHAPE"), item.row["id"]


def test_a_shape_from_memory_refuses_nothing():
    assert fatal("QuantTrio/GLM-4.6-AWQ", 8, ep=8) == []


@pytest.mark.parametrize(
    ("model", "tp", "dcp", "words"),
    [
        ("Qwen/Qwen3-8B", 8, 2, "to be greater than the model's total number of KV heads (8)"),
        ("Qwen/Qwen3-30B-A3B", 8, 4, "exceeds the maximum supported value (2)"),
        ("Qwen/Qwen3-30B-A3B", 8, 3, "tp_size=8 must be divisible by dcp_size=3"),
        ("Qwen/Qwen2.5-7B-Instruct", 28, 2, "number of query heads per KV head (7) must be divisible"),
        ("deepseek-ai/DeepSeek-R1", 8, 3, "tp_size=8 must be divisible by dcp_size=3"),
    ],
)
def test_context_ranks_that_have_nothing_to_share(model, tp, dcp, words):
    found = [item for item in divisibility_findings(load_model(model), tp, dcp=dcp) if item.code == "LLM_SHAPE_7"]
    assert len(found) == 1
    assert found[0].fatal
    assert words in found[0].runtime_message


@pytest.mark.parametrize(("model", "tp", "dcp"), [("Qwen/Qwen3-30B-A3B", 8, 2), ("deepseek-ai/DeepSeek-R1", 8, 8)])
def test_context_ranks_that_share_the_cache(model, tp, dcp):
    assert fatal(model, tp, dcp=dcp) == []


def test_a_fit_with_context_ranks_that_the_engine_refuses():
    assert fit(model="Qwen/Qwen3-8B", tensor_parallel=8, decode_context_parallel=2).reason.startswith("LLM_SHAPE_7")


def test_tgi_does_not_repeat_key_value_heads():
    # server/…/custom_modeling/flash_llama_modeling.py; vLLM keeps each of the four heads twice.
    found = divisibility_findings(load_model("Qwen/Qwen3-30B-A3B"), 8, engine="tgi")
    assert [(item.code, item.fatal) for item in found] == [("LLM_SHAPE_2", True)]
    assert "`num_key_value_heads` must be divisible by `num_shards`" in found[0].runtime_message
    assert fatal("Qwen/Qwen3-30B-A3B", 4, engine="tgi") == []
    assert fatal("tiiuae/falcon-7b-instruct", 71, engine="tgi") == []


def test_a_shared_cache_is_on_the_stage_of_its_readers():
    # Layers 15 to 34 of Gemma 4 E2B read the caches of layers 13 and 14.
    (found,) = [item for item in divisibility_findings(load_model("google/gemma-4-E2B-it"), 1, 2) if item.fatal]
    assert found.code == "LLM_SHAPE_4"
    assert "Specified KV sharing target layer" in found.runtime_message
    assert fatal("google/gemma-4-E2B-it", 1, pp=2, engine="sglang") == []
    assert fatal("google/gemma-4-31B-it", 1, pp=2) == []


@pytest.mark.parametrize(
    ("model", "tp", "capability", "version", "works"),
    [
        # vllm-project/vllm#22821, #28363: 10944 / 2 = 5472 and 1408 / 4 = 352 are no multiples of 64.
        ("zai-org/GLM-4.5V-FP8", 2, 80, "0.11.0", False),
        ("zai-org/GLM-4.5V-FP8", 4, 80, "0.11.0", False),
        ("zai-org/GLM-4.5V-FP8", 4, 90, "0.11.0", True),
        ("zai-org/GLM-4.5V-FP8", 4, None, "0.11.0", True),
        ("zai-org/GLM-4.5V-FP8", 4, 80, None, True),
        # Dense matrices are padded since 0.24.0, experts since 0.25.0.
        ("zai-org/GLM-4.5V-FP8", 2, 80, "0.24.0", True),
        ("zai-org/GLM-4.5V-FP8", 4, 80, "0.24.0", False),
        ("zai-org/GLM-4.5V-FP8", 4, 80, "0.25.0", True),
        ("RedHatAI/Qwen2.5-72B-Instruct-FP8-dynamic", 2, 80, "0.13.0", True),
        ("RedHatAI/Qwen2.5-72B-Instruct-FP8-dynamic", 4, 80, "0.13.0", False),
        ("nvidia/Qwen3-30B-A3B-NVFP4", 4, 90, "0.13.0", True),
        ("nvidia/Qwen3-30B-A3B-NVFP4", 8, 90, "0.13.0", False),
        ("nvidia/Qwen3-30B-A3B-NVFP4", 8, 100, "0.13.0", True),
        ("nvidia/Qwen3-30B-A3B-NVFP4", 8, 90, "0.24.0", True),
        # Blocks end where tiles do.
        ("Qwen/Qwen3-30B-A3B-FP8", 2, 80, "0.13.0", True),
        # Four RTX 3090 started with it: club446-3090x4-qwen36-27b-fp8 of the measured rows.
        ("Qwen/Qwen3.6-27B-FP8", 4, 86, "0.19.1", True),
    ],
)
def test_tiles_of_marlin_on_gpus_without_the_format(model, tp, capability, version, works):
    assert ("LLM_SHAPE_6" not in fatal(model, tp, capability=capability, version=version)) is works


def test_weights_that_are_made_while_loading_have_the_widths_of_the_model():
    # vllm-project/vllm#42390: Gemma 4 in FP8 on two RTX 3090.
    fp8, nvfp4 = quantization_from_name("fp8"), quantization_from_name("nvfp4")
    found = divisibility_findings(
        load_model("google/gemma-4-26B-A4B-it"), 2, quant=fp8, version="0.20.2", capability=86
    )
    assert [item.fatal for item in found] == [True, True]
    assert "MKN = […, 352, 2816]" in found[1].runtime_message
    assert "vLLM pads to tiles since 0.25.0" in found[1].message
    assert not fatal("google/gemma-4-26B-A4B-it", 1, quant=fp8, version="0.20.2", capability=86)
    # Another's copy may be of padded widths.
    assert not fatal("google/gemma-4-26B-A4B-it", 2, quant=nvfp4, version="0.20.2", capability=86)
