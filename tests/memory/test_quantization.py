import pytest

from llminfra.catalog.models import WeightFormat, load_model, parse_quantization_config, quantization_from_name
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.weights.module_names import scheme_for


@pytest.mark.parametrize(
    ("name", "method", "fmt"),
    [
        ("fp8", "fp8", WeightFormat.FP8),
        ("awq_marlin", "awq", WeightFormat.INT4),
        ("awq-4bit (compressed-tensors)", "compressed-tensors", WeightFormat.INT4),
        ("compressed-tensors int4 g32", "compressed-tensors", WeightFormat.INT4),
        ("nvfp4 (modelopt)", "modelopt_fp4", WeightFormat.NVFP4),
        ("mxfp4", "mxfp4", WeightFormat.MXFP4),
        ("bitsandbytes", "bitsandbytes", WeightFormat.BNB_NF4),
        ("gptq_marlin", "gptq", WeightFormat.INT4),
        ("Meta-Llama-3.1-8B-Instruct-quantized.w8a8", "compressed-tensors", WeightFormat.INT8),
        ("Qwen3-8B-FP8-dynamic", "fp8", WeightFormat.FP8),
    ],
)
def test_names(name, method, fmt):
    parsed = quantization_from_name(name)
    assert (parsed.method, parsed.rules[0].scheme.format) == (method, fmt)


@pytest.mark.parametrize("name", ["", "auto", "bfloat16", "half", "none", "Qwen3-8B-Instruct"])
def test_names_without_a_format(name):
    assert quantization_from_name(name) is None


def test_group_size_in_a_name():
    assert quantization_from_name("compressed-tensors int4 g32").rules[0].scheme.group == 32


def test_specific_targets_win_and_layers_in_braces_are_expanded():
    parsed = parse_quantization_config(
        {
            "quant_method": "modelopt",
            "quant_algo": "MIXED_PRECISION",
            "quantized_layers": {
                "model.layers.{0-2}.mlp.experts": {"quant_algo": "NVFP4"},
                "model.layers.{0-3}.self_attn.q_proj": {"quant_algo": "FP8"},
            },
        }
    )
    assert scheme_for(parsed, ("mlp.experts",), 1, experts=True).format is WeightFormat.NVFP4
    assert scheme_for(parsed, ("mlp.experts",), 3, experts=True) is None
    assert scheme_for(parsed, ("self_attn.q_proj",), 3, experts=False).format is WeightFormat.FP8
    assert scheme_for(parsed, ("self_attn.k_proj",), 0, experts=False) is None


@pytest.mark.parametrize(
    "pattern", ["re:.*mlp\\.gate$", "model.layers.0.mlp.gate", "*mlp.gate", "model.layers.{0-5}.mlp.gate"]
)
def test_ignore_patterns(pattern):
    parsed = parse_quantization_config({"quant_method": "fp8", "modules_to_not_convert": [pattern]})
    assert scheme_for(parsed, ("mlp.gate",), 0, experts=False) is None
    assert scheme_for(parsed, ("mlp.gate_proj",), 0, experts=False) is not None


def test_a_broken_expression_matches_nothing():
    parsed = parse_quantization_config({"quant_method": "fp8", "modules_to_not_convert": ["re:(["]})
    assert scheme_for(parsed, ("mlp.up_proj",), 0, experts=False) is not None


def test_fp8_cache_is_read_from_both_places():
    assert load_model("nvidia/DeepSeek-V3.1-NVFP4").quantization.kv_cache_fp8
    assert not load_model("deepseek-ai/DeepSeek-R1").quantization.kv_cache_fp8


def test_unknown_methods_are_none():
    assert parse_quantization_config({"quant_method": "from-the-future"}) is None
    assert parse_quantization_config({}) is None


def test_mxfp4_experts_on_hopper():
    # Measured: 65.97 GiB with Marlin, 64.38 GiB with Triton, whose module the wheels carry since 0.12.0.
    weights = [
        fit_case(FitCase(model="openai/gpt-oss-120b", engine_version=version, gpu="H100-80GB")).weights_gib_per_gpu
        for version in ("0.11.0", "0.14.1")
    ]
    assert weights == pytest.approx([65.97, 64.38], rel=0.005)


@pytest.mark.parametrize(
    ("model", "bits"),
    [("acme/Qwen2-72B-GPTQ-Int8", 8), ("Qwen2-72B GPTQ 8-bit", 8), ("acme/Qwen2-72B-GPTQ-Int4", 4), ("acme/own", 4)],
)
def test_the_name_tells_the_bits_that_the_option_gptq_does_not(model, bits):
    case = FitCase(model=model, config_ref="Qwen/Qwen2-72B-Instruct", quantization="gptq_marlin", gpu="H100")
    heavy = fit_case(case).weights_gib_per_gpu
    plain = fit_case(FitCase(model="Qwen/Qwen2-72B-Instruct", gpu="H100")).weights_gib_per_gpu
    assert heavy / plain == pytest.approx(0.54 if bits == 8 else 0.29, abs=0.02)
