"""Weights of the catalog against published files: their bytes, and the values that they store."""

import pytest
from msgspec.structs import replace

from llminfra.catalog.models import ModelConfigError, ModelFacts, catalog_config, load_model, parse_quantization_config
from llminfra.catalog.models.mixers import KimiDelta
from llminfra.planning.memory.shapes import Shards, Vector
from llminfra.planning.memory.weights.layer_parts import layer_parts
from llminfra.planning.memory.weights.module_names import for_draft, scheme_for
from llminfra.planning.memory.weights.rank_weights import ngram_bytes, rank_weights

# GiB of the safetensors, drafting layers with them. The text that tells each is in the model's ``source``, or it is
# github-text:59520444788 (2026-09-05), github-text:70244043853 (2026-10-06) or a start-up row's.
GIB = {
    "deepseek-ai/DeepSeek-V4-Flash-0731": 155.43,
    "deepseek-ai/DeepSeek-V4-Flash-Vision-Exp": 156.29,
    "nvidia/DeepSeek-V4-Flash-0731-NVFP4": 163.49,
    "nvidia/DeepSeek-V4-Flash-NVFP4": 156.75,
    "nvidia/DeepSeek-V4-Pro-NVFP4": 850.42,
    "moonshotai/Kimi-K2.6": 554.33,
    "moonshotai/Kimi-K3": 1453.74,
    "nvidia/Kimi-K2.6-NVFP4": 554.34,
    "lukealonso/MiniMax-M2.7-NVFP4": 125.3,
    "MiniMaxAI/MiniMax-M2.7": 214.33,
    "MiniMaxAI/MiniMax-M3": 795.51,
    "nvidia/MiniMax-M3-NVFP4": 232.93,
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4": 18.03,
    "nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4": 20.10,
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4": 74.80,
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8": 119.53,
    "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-NVFP4": 328.18,
    "nvidia/Qwen3-Next-80B-A3B-Instruct-NVFP4": 47.24,
    "nvidia/Qwen3.5-122B-A10B-NVFP4": 77.79,
    "nvidia/Qwen3.5-397B-A17B-NVFP4": 233.99,
    "nvidia/Qwen3.6-27B-NVFP4": 20.43,
    "nvidia/Qwen3.6-35B-A3B-NVFP4": 21.85,
    "Qwen/Qwen3-Next-80B-A3B-Instruct-FP8": 76.42,
    "Qwen/Qwen3.5-122B-A10B-FP8": 118.46,
    "Qwen/Qwen3.5-397B-A17B-FP8": 378.30,
    "Qwen/Qwen3.6-35B-A3B-FP8": 34.89,
    "Qwen/Qwen3.8-27B-FP8": 28.75,
    "Qwen/Qwen3.8-2.4T-A95B-FP8": 2324,
    "poolside/Laguna-S-2.1-NVFP4": 92.9,
    "zai-org/GLM-5.2-FP8": 703.77,
    "nvidia/GLM-5.2-NVFP4": 432.95,
    "zai-org/GLM-5.3": 703.74,
    "zai-org/GLM-5.3-Flash": 305.79,
    "RedHatAI/GLM-5.3-Flash-NVFP4": 184.29,
    "QuantTrio/GLM-4.6-AWQ": 184,
    "stepfun-ai/Step-3.7-Flash-FP8": 197.94,
    "XiaomiMiMo/MiMo-V2.5": 293.40,
    "XiaomiMiMo/MiMo-V2.5-Pro": 962.40,
    "XiaomiMiMo/MiMo-V2.6-Flash-RL": 161.05,
    "XiaomiMiMo/MiMo-V2.6-Pro-RL": 527.15,
    "RedHatAI/Qwen3.8-27B-INT4": 18.16,
    "RedHatAI/gemma-4-31B-it-FP8-block": 31.01,
    "RedHatAI/Hy3-NVFP4-FP8": 165.8,
    "tencent/Hy3-FP8": 279.4,
    "cyankiwi/gemma-4-26B-A4B-it-AWQ-4bit": 16.05,
    "openbmb/MiniCPM-V-4.6": 2.42,
}

# The table of n-grams is counted apart, because engines may keep it on the host: bytes of all files.
WITH_TABLE = {
    "Qwen/Qwen3.8-Flash-Next-FP8": 185_523_317_458,
    "RadixArk/Qwen3.8-Flash-Next-NVFP4": 135_253_622_894,
    "nvidia/Qwen3.8-Flash-Next-NVFP4": 132.7e9,
    "RedHatAI/Qwen3.8-Flash-Next-NVFP4": 186.5e9,
}

# Values that 16-bit files store: github-text:69468411049, github-text:71142266638 and the entry's ``source``.
STORED = {
    "tencent/Hy3": 298_786_155_776,
    "Qwen/Qwen3.8-2.4T-A95B": 2_446_182_725_504,
    "stepfun-ai/Step-3.5-Flash": 199_384_301_376,
    "PrimeIntellect/INTELLECT-3": 106_852_251_264,
    "cerebras/GLM-4.5-Air-REAP-82B-A12B": 81_932_181_504,
    "poolside/Laguna-XS-2.1": 33_442_617_088,
    "ibm-granite/granite-4.2-8b": 8_791_592_960,
}

# Exact counts of small models, whose matrices the allocator rounds up: github-text:61151678324 (a list of the Hub's
# own counts), github-text:59708932611, github-text:71065672390.
STORED_EXACTLY = {
    "LiquidAI/LFM2.5-230M": 229_693_184,
    "LiquidAI/LFM2.5-1.2B-Instruct": 1_170_340_608,
    "openbmb/MiniCPM5-1B": 1_080_632_832,
}
# As makers state them, or half the bytes of files: github.com/vllm-project/recipes@8959cf6, the entries' sources.
ABOUT = {
    "arcee-ai/Trinity-Large-Thinking": 398e9,
    "JetBrains/Mellum2-12B-A2.5B-Thinking": 12e9,
    "LiquidAI/LFM2.5-8B-A1B": 16.9e9 / 2,
    "inclusionAI/Ling-mini-2.0": 16e9,
    "inclusionAI/Ling-lite-1.5": 16.8e9,
}


def stored(facts):
    parts = [part for layer in facts.layers for part in layer_parts(layer, facts.hidden_size, Shards())]
    ends = facts.vocab_size * facts.hidden_size * (1 if facts.tie_word_embeddings else 2) + facts.hidden_size
    return ends + sum(
        part.elements
        if isinstance(part, Vector)
        else part.count * part.outputs * (part.inputs + (1 if part.bias else 0))
        for part in parts
    )


def held(model_id, *, with_mtp=True, shards=None):
    facts = replace(load_model(model_id), rope_tables=())
    stages = rank_weights(facts, facts.quantization, shards or Shards(), dtype="bfloat16", with_mtp=with_mtp)
    return stages[0].total


@pytest.mark.parametrize(("model_id", "gib"), GIB.items())
def test_weights_add_up_to_the_files(model_id, gib):
    assert held(model_id) / 2**30 == pytest.approx(gib, rel=0.015)


@pytest.mark.parametrize(("model_id", "size"), WITH_TABLE.items())
def test_weights_and_table_of_n_grams_add_up_to_the_files(model_id, size):
    facts = load_model(model_id)
    assert held(model_id) + ngram_bytes(facts, Shards(), 2) == pytest.approx(size, rel=0.003)


@pytest.mark.parametrize(("model_id", "values"), STORED.items())
def test_values_are_as_many_as_the_files_store(model_id, values):
    assert held(model_id) / 2 == pytest.approx(values, rel=0.0004)


@pytest.mark.parametrize(("model_id", "values"), STORED_EXACTLY.items())
def test_small_models_store_what_the_hub_counts(model_id, values):
    assert stored(load_model(model_id)) == values


@pytest.mark.parametrize(("model_id", "values"), ABOUT.items())
def test_values_are_about_what_makers_state(model_id, values):
    assert stored(load_model(model_id)) == pytest.approx(values, rel=0.02)


def test_files_without_drafting_layers_add_up_too():
    # 23,839,095,472 bytes beside a file for MTP alone: github-text:70396269998.
    assert held("RedHatAI/Qwen3.8-27B-NVFP4", with_mtp=False) == pytest.approx(23_839_095_472, rel=0.005)


def test_ranks_hold_what_logs_say():
    # 39.99 and 69.28 GiB a rank at TP4 without MTP: github-text:62052094636.
    for model_id, gib in (("RedHatAI/Hy3-NVFP4-FP8", 39.99), ("tencent/Hy3-FP8", 69.28)):
        assert held(model_id, with_mtp=False, shards=Shards(tp=4)) / 2**30 == pytest.approx(gib, rel=0.015)
    # 86.22 GiB a rank at TP2 with half the table: github-text:68629413369.
    model_id = "Qwen/Qwen3.8-Flash-Next-FP8"
    halves = held(model_id, with_mtp=False, shards=Shards(tp=2)) + ngram_bytes(load_model(model_id), Shards(tp=2), 2)
    assert halves / 2**30 == pytest.approx(86.22, rel=0.015)


def test_kimi_k3_has_a_whole_gate_in_every_layer_and_two_shared_experts():
    facts = load_model("moonshotai/Kimi-K3")
    moe = facts.layers[-1].moe
    assert (moe.shared_intermediate, moe.top_k, moe.latent_plain) == (2 * 3072, 16, True)
    assert all(
        layer.mixer.full_gate if isinstance(layer.mixer, KimiDelta) else layer.mixer.gated for layer in facts.layers
    )


def test_a_recipe_that_names_drafting_layers_is_followed_there():
    layers = 48
    quant = load_model("nvidia/Qwen3.8-Flash-Next-NVFP4").quantization
    experts = ("mlp.experts.0.up_proj", "mlp.experts")
    assert scheme_for(quant, experts, 0, experts=True).format == "nvfp4"
    drafting = for_draft(quant, layers)
    assert scheme_for(drafting, experts, layers, experts=True).format == "fp8"
    assert scheme_for(drafting, ("self_attn.q_proj",), layers, experts=False) is None
    kept = parse_quantization_config({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["mtp*"]})
    assert for_draft(kept, layers) is None


def test_a_regular_expression_tells_layers_apart():
    """``layers\\.45`` in RedHatAI's GLM-5.3-Flash is the drafting layer, whose experts stay in FP8."""
    facts = replace(load_model("RedHatAI/GLM-5.3-Flash-NVFP4"), rope_tables=())
    moe = facts.mtp_layers[0].moe
    experts = moe.experts * 3 * facts.hidden_size * moe.intermediate
    drafting = held("RedHatAI/GLM-5.3-Flash-NVFP4") - held("RedHatAI/GLM-5.3-Flash-NVFP4", with_mtp=False)
    assert drafting > experts


def test_step_has_more_heads_in_windows_and_dense_drafting_layers_with_heads_of_their_own():
    facts = load_model("stepfun-ai/Step-3.7-Flash")
    heads = {(layer.mixer.window is not None, layer.mixer.heads) for layer in facts.layers}
    assert heads == {(False, 64), (True, 96)}
    assert [layer.moe is None for layer in facts.layers[:4]] == [True, True, True, False]
    assert [(layer.moe, layer.mixer.window) for layer in facts.mtp_layers] == [(None, 512)] * 3
    assert facts.mtp_layers[0].extra_params == (2 * 4096 + 128_896) * 4096
    # 1.98 billion beside 196.96 billion of text: the 198B of its card.
    towers = sum(tower.sharded_params + tower.replicated_params for tower in facts.encoders)
    assert towers == pytest.approx(1.98e9, rel=0.01)


def test_mimo_v2_drafts_with_one_dense_layer_and_keeps_output_projections_in_16_bit():
    facts = load_model("XiaomiMiMo/MiMo-V2.6-Flash-RL")
    assert [(layer.moe, layer.mixer.kv_heads) for layer in facts.mtp_layers] == [(None, 8)]
    assert scheme_for(facts.quantization, ("mlp.experts.0.up_proj",), 1, experts=True).format == "mxfp4"
    assert scheme_for(facts.quantization, ("self_attn.qkv_proj",), 1, experts=False).format == "fp8"
    assert scheme_for(facts.quantization, ("self_attn.o_proj",), 1, experts=False) is None
    towers = {tower.kind: tower.sharded_params + tower.replicated_params for tower in facts.encoders}
    # Sums over the tensors that github-text:62758385424 lists.
    assert towers["mimo_v2"] == pytest.approx(728_590_000, rel=0.001)
    assert towers["mimo_v2_audio"] == pytest.approx(261_130_000, rel=0.001)


def test_deepseek_v4_has_a_tower_where_its_config_has_the_towers_keys():
    facts = load_model("deepseek-ai/DeepSeek-V4-Flash-Vision-Exp")
    (tower,) = facts.encoders
    assert facts.architecture == "DeepseekV4ForConditionalGeneration"
    assert (tower.max_tokens, tower.patch_merge) == (384, 9)
    # 932,836,352 bytes of the tower and of what routes its tokens: github-text:68656494754.
    assert 2 * (tower.sharded_params + tower.replicated_params) == pytest.approx(932_836_352, rel=0.002)
    text = load_model("deepseek-ai/DeepSeek-V4-Flash-0731")
    assert (text.encoders, text.architecture) == ((), "DeepseekV4ForCausalLM")


def test_tables_of_speech_codes_are_one_for_each_channel():
    config = catalog_config("XiaomiMiMo/MiMo-V2.5")
    audio = config["audio_config"]

    def params(**changes):
        facts = ModelFacts.from_hf_config(config | {"audio_config": audio | changes}, model_id="x")
        return facts.encoders[1].replicated_params

    assert params(speech_vocab_size="-".join(["1280"] * 20)) == params()
    assert params() - params(speech_vocab_size="280") == 20 * 1000 * 1024
    with pytest.raises(ModelConfigError, match="vocab_size"):
        ModelFacts.from_hf_config(config | {"vocab_size": "152576"}, model_id="x")
