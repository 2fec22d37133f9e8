import re

import pytest
from msgspec.structs import replace

from llminfra.catalog.models import load_model, quantization_from_name
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.releases.engine_profile import vllm_profile
from llminfra.planning.memory.releases.sglang_profile import sglang_profile
from llminfra.planning.memory.shapes import Kind, Matrix, Shards, Vector, padded_vocab, pipeline_ranges
from llminfra.planning.memory.weights.layer_parts import layer_parts
from llminfra.planning.memory.weights.rank_weights import rank_weights
from llminfra.planning.memory.weights.stored_bytes import allocated_bytes, matrix_bytes, padded_expert, triton_expert

MIB = 2**20
GIB = 2**30

# Billions of parameters as the model cards or safetensors metadata on the Hub state them.
PUBLISHED = {
    "meta-llama/Llama-3.2-11B-Vision-Instruct": 10.67,
    "google/gemma-3-27b-it": 27.43,
    "google/gemma-3-4b-it": 4.30,
    "Qwen/Qwen2.5-VL-7B-Instruct": 8.29,
    "Qwen/Qwen2.5-VL-72B-Instruct": 73.41,
    "Qwen/Qwen2.5-Omni-7B": 8.93,
    "Qwen/Qwen3-VL-30B-A3B-Instruct": 31.07,
    "Qwen/Qwen3-Next-80B-A3B-Instruct": 79.67,
    "Qwen/Qwen3.5-397B-A17B": 396.8,
    "mistralai/Mistral-Small-3.1-24B-Instruct-2503": 24.01,
    "mistralai/Mixtral-8x7B-v0.1": 46.70,
    "zai-org/GLM-4.5": 352.8,
    "zai-org/GLM-4.5-Air": 106.85,
    "zai-org/GLM-5.3-Flash": 313,
    "moonshotai/Kimi-K2-Instruct": 1026.4,
    "moonshotai/Kimi-Linear-48B-A3B-Instruct": 49.12,
    "MiniMaxAI/MiniMax-M1-80k": 456.1,
    "MiniMaxAI/MiniMax-M2": 228.7,
    "nvidia/NVIDIA-Nemotron-Nano-9B-v2": 8.89,
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": 31.58,
    "nvidia/Llama-3_3-Nemotron-Super-49B-v1": 49.87,
    "ibm-granite/granite-4.0-h-small": 32.2,
    "tiiuae/Falcon-H1-34B-Instruct": 33.64,
    "ai21labs/AI21-Jamba-1.5-Mini": 51.57,
    "LiquidAI/LFM2-8B-A1B": 8.34,
    "openai/gpt-oss-120b": 116.8,
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct": 401.6,
    "deepseek-ai/DeepSeek-R1": 671.0,
    "deepseek-ai/DeepSeek-V4.1-Flash": 552,
    "deepseek-ai/DeepSeek-V2": 235.7,
    "CohereLabs/c4ai-command-a-03-2025": 111.06,
    "tencent/Hunyuan-A13B-Instruct": 80.4,
    "databricks/dbrx-instruct": 131.6,
    "bigcode/starcoder2-15b": 15.96,
    "LGAI-EXAONE/EXAONE-4.0-1.2B": 1.28,
    "upstage/Solar-Open-100B": 102.6,
    "baidu/ERNIE-4.5-0.3B-PT": 0.361,
    "sarvamai/sarvam-105b": 106.0,
    "sarvamai/sarvam-30b": 32.1,
}

# GiB of weights in the Hub's repositories, drafting layers with them: modelFileSize of
# github.com/kaito-project/kaito@056b8280b1:presets/workspace/models/model_catalog.yaml.
CHECKPOINTS = {
    "Qwen/Qwen3.5-2B": 4.24,
    "Qwen/Qwen3.5-4B": 8.68,
    "Qwen/Qwen3.5-9B": 17.98,
    "Qwen/Qwen3.8-27B": 51.75,
    "google/gemma-4-E2B-it": 9.54,
    "google/gemma-4-E4B-it": 14.89,
    "google/gemma-4-12B-it": 22.28,
    "mistralai/Mistral-Small-4-119B-2603": 112.63,
    "mistralai/Mistral-Medium-3.5-128B": 124.43,
    "moonshotai/Kimi-K2.6": 554.32,
    "deepseek-ai/DeepSeek-V4-Flash-0731": 155.43,
    "nvidia/NVIDIA-Nemotron-3-Nano-4B-BF16": 7.40,
    "nvidia/Nemotron-Cascade-2-30B-A3B": 58.82,
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16": 230.25,
}


def parameters(model_id):
    facts = load_model(model_id)
    total = facts.vocab_size * facts.hidden_size * (1 if facts.tie_word_embeddings else 2)
    total += facts.extra_params + facts.extra_vocab_params
    total += sum(item.sharded_params + item.replicated_params for item in facts.encoders)
    for layer in facts.layers:
        for part in layer_parts(layer, facts.hidden_size, Shards()):
            if isinstance(part, Matrix):
                total += part.outputs * part.inputs * part.count
            elif part.bytes_each != 2:  # 2: engine-made copies of kv_b_proj, not parameters
                total += part.elements
    return total


@pytest.mark.parametrize(("model_id", "billions"), PUBLISHED.items())
def test_shapes_add_up_to_the_published_parameter_count(model_id, billions):
    assert parameters(model_id) / 1e9 == pytest.approx(billions, rel=0.004)


@pytest.mark.parametrize(
    ("model_id", "billions"),
    [("arcee-ai/Trinity-Mini", 26), ("arcee-ai/Trinity-Nano-Preview", 6), ("meta-models/Muse-Glimmer-30B", 30)],
)
def test_shapes_add_up_to_a_count_that_is_published_in_whole_billions(model_id, billions):
    assert round(parameters(model_id) / 1e9) == billions


@pytest.mark.parametrize(("model_id", "gib"), CHECKPOINTS.items())
def test_weights_add_up_to_the_size_of_the_checkpoint(model_id, gib):
    facts = replace(load_model(model_id), rope_tables=())
    held = rank_weights(facts, facts.quantization, Shards(), dtype="bfloat16", with_mtp=True)[0]
    assert held.total / GIB == pytest.approx(gib, rel=0.005)


def test_towers_add_up_to_their_modules():
    # Parameters of the modules in transformers 5.22.2 and vLLM 0.33.0, by hand.
    towers = {item.kind: item for item in load_model("google/gemma-4-E2B-it").encoders}
    assert towers["gemma4_audio"].sharded_params == 0
    assert towers["gemma4_audio"].replicated_params / 1e6 == pytest.approx(307.2, abs=0.1)
    (glm,) = load_model("zai-org/GLM-4.1V-9B-Thinking").encoders
    assert (glm.sharded_params + glm.replicated_params) / 1e6 == pytest.approx(892.5, abs=0.1)
    vision, audio = load_model("microsoft/Phi-4-multimodal-instruct").encoders
    assert (vision.replicated_params / 1e6, audio.replicated_params / 1e6) == pytest.approx((411.1, 466.4), abs=0.1)
    (granite,) = load_model("ibm-granite/granite-vision-3.3-2b").encoders
    assert granite.sharded_params > 27 * 15.2e6 + 4 * 1152 * 2048


def test_windowed_layers_of_laguna_have_more_heads_and_every_head_a_gate():
    layers = load_model("poolside/Laguna-S-2.1").layers
    full, local = layers[0].mixer, layers[1].mixer
    assert (full.heads, full.gate_dim, full.window) == (48, 48, None)
    assert (local.heads, local.gate_dim, local.window) == (72, 72, 512)
    assert layers[0].moe is None
    assert layers[1].moe.router_bias


def test_layers_of_trinity():
    layers = load_model("arcee-ai/Trinity-Mini").layers
    assert [layer.mlp is not None for layer in layers] == [True] * 2 + [False] * 30
    assert [index for index, layer in enumerate(layers) if layer.mixer.window is None] == list(range(3, 32, 4))
    assert {(layer.mixer.window, layer.mixer.gate_dim, layer.norms) for layer in layers} == {
        (2048, 32 * 128, 4),
        (None, 32 * 128, 4),
    }


def test_nemotron_drafts_with_attention_and_experts():
    (body,) = load_model("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16").mtp_layers
    assert body.moe is not None
    assert body.mixer.kv_heads == 2


def test_small_tensors_are_exact_and_large_ones_keep_a_rest_of_up_to_one_mib():
    assert allocated_bytes(3 * MIB) == 3 * MIB
    assert allocated_bytes(259 * MIB) == 260 * MIB
    assert allocated_bytes(258.5 * MIB) == 258.5 * MIB
    assert allocated_bytes(260 * MIB) == 260 * MIB
    unsplit = Shards(unsplit_mib=20)
    assert allocated_bytes(258.5 * MIB, unsplit) == 260 * MIB
    assert allocated_bytes(18.5 * MIB, unsplit) == 18.5 * MIB
    assert allocated_bytes(18.5 * MIB, Shards(whole_segments=True)) == 20 * MIB


@pytest.mark.parametrize(
    ("version", "ranks", "measured"),
    [("0.19.1", 1, 14.25), ("0.22.0", 1, 14.29), ("0.26.0", 2, 7.16), ("0.19.0", 4, 3.55), ("0.26.0", 4, 3.63)],
)
def test_tensors_keep_their_segments_since_0_22(version, ranks, measured):
    case = FitCase(model="Qwen/Qwen2.5-7B-Instruct", engine_version=version, tensor_parallel=ranks)
    assert fit_case(case).weights_gib_per_gpu == pytest.approx(measured, abs=0.006)


def test_vocabulary_is_padded_to_64_rows_then_cut():
    assert padded_vocab(49155, 1) == 49216
    assert padded_vocab(151936, 8) == 18992


@pytest.mark.parametrize(
    ("name", "bytes_per_weight"),
    [("fp8", 1.0), ("nvfp4", 0.5625), ("mxfp4", 0.53125), ("awq", 0.5 + 2 / 128 + 0.5 / 128), ("gptq", 0.5 + 2 / 128)],
)
def test_bytes_per_weight_of_a_scheme(name, bytes_per_weight):
    scheme = quantization_from_name(name).rules[0].scheme
    stored, side = matrix_bytes(Matrix(Kind.MLP, ("mlp.up_proj",), 4096, 4096), scheme, 2)
    assert (stored + side) / 4096**2 == pytest.approx(bytes_per_weight, rel=1e-4)


def test_pipeline_remainder_goes_before_the_last_stage():
    assert [len(item) for item in pipeline_ranges(30, 4)] == [7, 8, 8, 7]
    assert [len(item) for item in pipeline_ranges(61, 4)] == [15, 15, 16, 15]
    assert [len(item) for item in pipeline_ranges(64, 1)] == [64]


def test_pipeline_remainder_goes_where_the_release_puts_it():
    sizes = {rest: [len(item) for item in pipeline_ranges(61, 4, rest)] for rest in ("last", "middle", "end")}
    assert sizes == {"last": [15, 15, 15, 16], "middle": [15, 15, 16, 15], "end": [15, 15, 15, 16]}
    assert [len(item) for item in pipeline_ranges(62, 4, "last")] == [15, 15, 15, 17]
    assert [len(item) for item in pipeline_ranges(62, 4, "end")] == [15, 15, 16, 16]
    assert vllm_profile((0, 7, 3)).rest_layers == "last"
    assert vllm_profile((0, 8, 0)).rest_layers == "middle"
    assert sglang_profile((0, 5, 5, 0)).rest_layers == "last"
    assert sglang_profile((0, 5, 6, 0)).rest_layers == "end"


def test_tied_embedding_is_on_both_ends_of_a_pipeline():
    facts = load_model("meta-llama/Llama-3.2-1B-Instruct")
    first, last = rank_weights(facts, None, Shards(pp=2), dtype="bfloat16")
    assert first.by_kind[Kind.EMBEDDING] == last.by_kind[Kind.EMBEDDING]
    assert Kind.HEAD not in last.by_kind


def test_expert_parallelism_deals_out_whole_experts():
    facts = load_model("Qwen/Qwen3-30B-A3B")
    cut = rank_weights(facts, None, Shards(tp=8), dtype="bfloat16")[0]
    dealt = rank_weights(facts, None, Shards(tp=8, ep=8), dtype="bfloat16")[0]
    assert dealt.by_kind[Kind.EXPERTS] == pytest.approx(cut.by_kind[Kind.EXPERTS], rel=0.01)
    wide = rank_weights(facts, None, Shards(tp=1, ep=16), dtype="bfloat16")[0]
    assert wide.by_kind[Kind.EXPERTS] == pytest.approx(dealt.by_kind[Kind.EXPERTS] / 2, rel=0.01)
    assert wide.by_kind[Kind.ATTENTION] > 7 * dealt.by_kind[Kind.ATTENTION] / 2


def test_mtp_layers_weigh_only_when_asked_for():
    facts = load_model("deepseek-ai/DeepSeek-R1")
    plain = rank_weights(facts, facts.quantization, Shards(tp=8), dtype="bfloat16")[0].total
    drafted = rank_weights(facts, facts.quantization, Shards(tp=8), dtype="bfloat16", with_mtp=True)[0].total
    assert 1.0 < (drafted - plain) / GIB < 2.0


def test_ignored_modules_stay_in_sixteen_bit():
    plain = load_model("Qwen/Qwen3.5-122B-A10B")
    quantized = load_model("nvidia/Qwen3.5-122B-A10B-NVFP4")
    full = rank_weights(plain, None, Shards(), dtype="bfloat16")[0].by_kind
    small = rank_weights(quantized, quantized.quantization, Shards(), dtype="bfloat16")[0].by_kind
    assert small[Kind.EXPERTS] / full[Kind.EXPERTS] == pytest.approx(0.5625 / 2, rel=0.001)
    assert small[Kind.HEAD] == full[Kind.HEAD]
    assert small[Kind.ATTENTION] > 0.75 * full[Kind.ATTENTION]


def test_vectors_are_replicated():
    parts = list(layer_parts(load_model("Qwen/Qwen3-8B").layers[0], 4096, Shards(tp=4)))
    assert sum(part.elements for part in parts if isinstance(part, Vector)) == 2 * 4096 + 2 * 128


def test_experts_beside_a_dense_part_have_a_name_of_their_own() -> None:
    # The checkpoint leaves the dense part and attention in 16 bit and has its experts in NVFP4.
    kinds = fit_case(FitCase(model="nvidia/Gemma-4-26B-A4B-NVFP4", gpu="H100-80GB")).explain[2]
    whole = fit_case(FitCase(model="google/gemma-4-26B-A4B-it", gpu="H100-80GB")).explain[2]
    parts, before = (dict(re.findall(r"(attention|experts|mlp) ([\d.]+)", text)) for text in (kinds, whole))
    assert (parts["attention"], parts["mlp"]) == (before["attention"], before["mlp"])
    assert float(parts["experts"]) < 0.3 * float(before["experts"])


@pytest.mark.parametrize(("device", "expands"), [("RTX-3090-24GB", True), ("L4-24GB", False), ("H100-80GB", False)])
def test_block_scales_are_expanded_where_the_device_has_no_fp8(device: str, expands: bool) -> None:
    plain, ampere = (
        fit_case(FitCase(model="Qwen/Qwen3-8B-FP8", gpu=name, max_model_len=4096)).weights_gib_per_gpu
        for name in ("H100-80GB", device)
    )
    assert (ampere > plain + 0.08) is expands


@pytest.mark.parametrize(("release", "expands"), [("0.28.0", False), ("0.29.0", True), ("0.30.0", True)])
def test_marlin_multiplies_block_fp8_on_ada_since_0_29(release: str, expands: bool) -> None:
    dense, hopper = (
        fit_case(FitCase(model="Qwen/Qwen3-8B-FP8", gpu=name, engine_version=release, max_model_len=4096))
        for name in ("L4-24GB", "H100-80GB")
    )
    # A 16-bit scale of every output for 128 inputs: a 64th of what is in FP8.
    more = dense.weights_gib_per_gpu - hopper.weights_gib_per_gpu
    assert more == pytest.approx(6.47 / 64 if expands else 0.0, abs=0.01)


def test_triton_has_the_experts_in_block_fp8_on_ada_all_the_same() -> None:
    experts = {
        name: re.search(r"experts ([\d.]+)", fit_case(case).explain[2])
        for name in ("L4-24GB", "H100-80GB")
        if (case := FitCase(model="Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", gpu=name, engine_version="0.29.0"))
    }
    found = {match.group(1) for match in experts.values() if match is not None}
    assert len(found) == 1


def test_scales_of_bitsandbytes_are_expanded_since_0_9() -> None:
    before, after = (
        fit_case(
            FitCase(
                model="Qwen/Qwen2.5-7B-Instruct", quantization="bitsandbytes", engine_version=version, gpu="L4-24GB"
            )
        ).weights_gib_per_gpu
        for version in ("0.8.5", "0.16.0")
    )
    # 4 bytes for each 64 weights instead of one and a little.
    assert after - before == pytest.approx(6.53e9 * (4 - 1.0156) / 64 / 2**30, rel=0.02)


@pytest.mark.parametrize(("ranks", "whole"), [(1, False), (5, False), (4, True), (8, True)])
def test_attention_of_a_tower_is_not_cut_where_its_heads_do_not_divide(ranks: int, whole: bool) -> None:
    facts = load_model("OpenGVLab/InternVL3-78B")
    (tower,) = facts.encoders
    assert (tower.heads, tower.attention_params) == (25, 4 * 45 * 3200**2)
    held = rank_weights(facts, None, Shards(tp=ranks), dtype="bfloat16")[0].by_kind[Kind.OTHER]
    cut = rank_weights(replace(facts, encoders=(replace(tower, heads=0),)), None, Shards(tp=ranks), dtype="bfloat16")
    more = held - cut[0].by_kind[Kind.OTHER]
    assert more == pytest.approx(tower.attention_params * 2 * (1 - 1 / ranks) if whole else 0)


@pytest.mark.parametrize(("version", "width"), [("0.11.2", 928), ("0.13.0", 1024), ("0.16.0", 1024), ("0.20.0", 1024)])
def test_nvfp4_experts_without_a_gate_are_padded_since_0_13(version: str, width: int) -> None:
    """Measured: 9.83 GiB on one of two ranks of Nemotron 3 Nano, whose experts are 928 wide there (0.13, Blackwell)."""
    model = "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4"
    case = FitCase(model=model, engine_version=version, gpu="RTX-5070Ti-16GB", tensor_parallel=2)
    experts = 23 * 128 * 2 * 2688 * width * (4 + 8 / 16) / 8 / GIB
    plain = 23 * 128 * 2 * 2688 * 928 * (4 + 8 / 16) / 8 / GIB
    assert fit_case(case).weights_gib_per_gpu == pytest.approx(9.07 + experts - plain, abs=0.08)


@pytest.mark.parametrize(
    ("model", "version", "tp", "measured"),
    [
        # Loaded scales stay beside those in Triton's layout until 0.24; values have wider tiles in 0.17 to 0.20
        # (hopper_value.py, convert_gpt_oss_weight_to_mxfp4_moe_kernel_format).
        ("openai/gpt-oss-120b", "0.14.1", 1, 64.38),
        ("openai/gpt-oss-20b", "0.19.0", 1, 13.64),
        ("openai/gpt-oss-20b", "0.19.0", 2, 7.01),
        ("openai/gpt-oss-120b", "0.25.1", 1, 61.29),
    ],
)
def test_fp4_experts_in_tritons_layout_for_hopper(model, version, tp, measured):
    case = FitCase(model=model, gpu="H100", engine_version=version, tensor_parallel=tp, max_model_len=8192)
    assert fit_case(case).weights_gib_per_gpu == pytest.approx(measured, rel=0.002)


def test_triton_pads_values_and_scales_to_tiles():
    part = Matrix(Kind.EXPERTS, ("experts.0.down_proj",), 2880, 1440, bias=True)
    padded = padded_expert(part, 90, triton=True)
    assert (padded.outputs, padded.inputs) == (2880, 1472)
    narrow = triton_expert(padded, Shards(capability=90, triton_mxfp4=True))
    assert narrow == (2880 * 1472 / 2, 3072 * 46 + 4 * 2880)
    wide = triton_expert(padded, Shards(capability=90, triton_mxfp4=True, wide_fp4_tiles=True, keeps_fp4_scales=True))
    assert wide == (2880 * 1536 / 2, 3072 * 46 + 2880 * 46 + 4 * 2880)
