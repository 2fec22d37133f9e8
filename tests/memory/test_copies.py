"""Quantized copies: what their recipes add up to, against the files that their makers published."""

from math import ceil

import pytest
from msgspec.structs import replace

from llminfra.catalog.models import ModelFacts, catalog_config, load_model, parse_quantization_config
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.shapes import Shards
from llminfra.planning.memory.weights.module_names import keeps_draft, scheme_for
from llminfra.planning.memory.weights.rank_weights import rank_weights

# Bytes of the files in 10^9, drafting layers with them; where each was read is the source of its entry.
FILES = {
    "QuantTrio/Qwen3.6-27B-AWQ": 21.85,
    "QuantTrio/Qwen3.6-35B-A3B-AWQ": 25.46,
    "cyankiwi/Qwen3.8-27B-AWQ-INT4": 21.018,
    "unsloth/Qwen3.8-27B-NVFP4": 23.42,
    "RadixArk/Qwen3.8-27B-NVFP4": 21.95,
    "Inferact/Qwen3.8-27B-NVFP4": 26.4,
    "sakamakismile/Qwen3.8-27B-MTP-NVFP4": 20.59,
    "unsloth/Qwen3.6-35B-A3B-NVFP4-Fast": 23.6,
    "Frozenlock/Qwen3.8-27B-int4-AutoRound": 19.0,
    "cyankiwi/gemma-4-31B-it-AWQ-4bit": 20.90,
    "cyankiwi/GLM-4.5-Air-AWQ-4bit": 63.43,
    "cyankiwi/Qwen3-30B-A3B-Instruct-2507-AWQ-4bit": 18.0945,
}

# GiB of the files, rounded up: github-text:71609133307.
WHOLE_GIB = {
    "cyankiwi/MiniMax-M2-AWQ-4bit": 122,
    "lukealonso/MiniMax-M2.1-NVFP4": 122,
    "QuantTrio/MiniMax-M2-AWQ": 113,
    "QuantTrio/MiniMax-M2.1-AWQ": 117,
    "QuantTrio/Qwen3-235B-A22B-Thinking-2507-AWQ": 116,
    "QuantTrio/Qwen3-VL-235B-A22B-Thinking-AWQ": 117,
    "mratsim/MiniMax-M2.1-FP8-INT4-AWQ": 123,
    "nvidia/Qwen3-235B-A22B-NVFP4": 125,
}


def held(model_id, *, with_mtp=True):
    facts = replace(load_model(model_id), rope_tables=())
    return rank_weights(facts, facts.quantization, Shards(), dtype="bfloat16", with_mtp=with_mtp)[0].total


@pytest.mark.parametrize(("model_id", "gigabytes"), FILES.items())
def test_recipes_add_up_to_the_published_files(model_id, gigabytes):
    assert held(model_id) / 1e9 == pytest.approx(gigabytes, rel=0.015)


@pytest.mark.parametrize(("model_id", "gib"), WHOLE_GIB.items())
def test_recipes_add_up_to_files_of_whole_gibibytes(model_id, gib):
    assert ceil(held(model_id) / 2**30) == gib


def test_a_checkpoint_without_drafting_layers_adds_up_too():
    assert held("vrfai/Qwen3.6-27B-FP8", with_mtp=False) / 1e9 == pytest.approx(35.9, rel=0.005)


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("mtp*", True), ("*mtp*", True), ("re:^mtp.*", True), ("re:.*mtp.*", True), ("mtp.layers.{0}*", True),
        ("mtp.layers.0.input_layernorm", False), ("re:.*mtp_norm", False), ("lm_head", False),
    ],
)  # fmt: skip
def test_drafting_layers_stay_in_16_bit_where_all_of_them_are_named(pattern, kept):
    config = {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": [pattern]}
    assert keeps_draft(parse_quantization_config(config)) is kept


def test_drafting_layers_that_are_quantized_are_counted_so():
    kept, quantized = "Lorbus/Qwen3.6-27B-int4-AutoRound", "Intel/Qwen3.6-27B-int4-AutoRound"
    assert held(kept, with_mtp=False) == held(quantized, with_mtp=False)
    # 0.42 billion parameters at 2 bytes instead of half a byte (github-text:61378552385 measured 0.51 GiB).
    assert (held(kept) - held(quantized)) / 2**30 == pytest.approx(0.51, abs=0.03)


def test_the_last_layers_and_the_head_of_unsloths_mixture():
    quant = load_model("unsloth/Qwen3.8-27B-NVFP4").quantization
    mlp = ("mlp.gate_proj", "mlp.gate_up_proj")
    formats = [scheme_for(quant, mlp, layer, experts=False).format for layer in (0, 55, 56, 63)]
    assert formats == ["nvfp4", "nvfp4", "fp8", "fp8"]
    assert scheme_for(quant, ("linear_attn.in_proj_ba", "linear_attn.in_proj_a"), 0, experts=False) is None
    assert quant.lm_head


def test_a_head_is_quantized_only_where_a_target_names_it():
    weights = {"num_bits": 8, "type": "float", "strategy": "channel"}
    for targets, expected in ((["Linear"], False), (["Linear", "re:.*lm_head$"], True), (["lm_head"], True)):
        config = {
            "quant_method": "compressed-tensors",
            "config_groups": {"a": {"targets": targets, "weights": weights}},
        }
        assert parse_quantization_config(config).lm_head is expected


def test_a_change_of_one_key_leaves_the_others_of_its_object():
    base, copy = catalog_config("google/gemma-4-E4B-it"), catalog_config("google/gemma-4-E4B-it-qat-w4a16-ct")
    assert copy["text_config"] == base["text_config"] | {"tie_word_embeddings": False}
    assert not load_model("google/gemma-4-E4B-it-qat-w4a16-ct").tie_word_embeddings


def test_a_head_in_the_files_is_not_loaded_where_the_configuration_ties_it():
    """Files of 23.27 GB hold a head that vLLM skips (``load_weights`` of gemma4.py 0.28.0): 18.70 GiB are loaded."""
    model = "google/gemma-4-31B-it-qat-w4a16-ct"
    facts = load_model(model)
    assert facts.tie_word_embeddings
    head = 2 * facts.vocab_size * facts.hidden_size
    assert (held(model) + head) / 1e9 == pytest.approx(23.27, rel=0.015)
    text = FitCase(model=model, gpu="L4", engine_version="0.28.0", language_model_only=True, max_model_len=2048)
    assert fit_case(text).weights_gib_per_gpu == pytest.approx(18.70, rel=0.006)


def test_experts_for_text_and_for_images_are_both_held():
    """ERNIE 4.5 VL: 64 experts of 1536 for text and 64 of 512 for images in each of 27 layers."""
    facts = load_model("baidu/ERNIE-4.5-VL-28B-A3B-PT")
    assert [layer.moe is None for layer in facts.layers[:3]] == [True, False, False]
    moe = facts.layers[1].moe
    assert (moe.experts, moe.top_k, moe.intermediate, moe.shared_intermediate) == (64, 6, 1536 + 512, 2 * 1536)
    text_only = catalog_config("baidu/ERNIE-4.5-VL-28B-A3B-PT") | {"moe_intermediate_size": 1536}
    assert ModelFacts.from_hf_config(text_only, model_id="x").layers[1].moe.intermediate == 2 * 1536
