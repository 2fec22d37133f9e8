import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, estimate


def fit(model, **case):
    return estimate(load_model(model), FitCase(model=model, **{"engine_version": "0.11.0"} | case))


@pytest.mark.parametrize(
    ("model", "case", "expected"),
    [
        # Layers x key-value heads x head size x two x bytes.
        ("meta-llama/Llama-3.1-8B-Instruct", {}, 131072),
        ("meta-llama/Llama-3.1-8B-Instruct", {"kv_cache_dtype": "fp8"}, 65536),
        ("meta-llama/Llama-3.1-8B-Instruct", {"tensor_parallel": 2}, 65536),
        # Eight heads on sixteen ranks: one each, stored twice.
        ("meta-llama/Llama-3.1-70B-Instruct", {"tensor_parallel": 16}, 80 * 128 * 2 * 2),
        ("meta-llama/Llama-3.1-8B-Instruct", {"pipeline_parallel": 2}, 65536),
        # Latent attention does not shrink with tensor parallelism.
        ("deepseek-ai/DeepSeek-R1", {"tensor_parallel": 8}, 61 * 576 * 2),
        ("deepseek-ai/DeepSeek-R1", {"tensor_parallel": 16}, 61 * 576 * 2),
        ("deepseek-ai/DeepSeek-R1", {"tensor_parallel": 8, "decode_context_parallel": 8}, 61 * 576 * 2 / 8),
        # Latent plus the indexer's fp8 key and its scale.
        ("deepseek-ai/DeepSeek-V3.2", {"tensor_parallel": 8}, 61 * (576 * 2 + 132)),
        # Window and full layers in two groups of twelve: 0.13 printed 282,624 tokens for 12.94 GiB.
        ("openai/gpt-oss-20b", {"engine_version": "0.13.0"}, 49152),
        # Ten full and fifty-two window layers: seven groups of ten.
        ("google/gemma-3-27b-it", {"engine_version": "0.10.2", "tensor_parallel": 2}, 7 * 10 * 4096),
        # Without the hybrid manager every layer keeps every token.
        ("google/gemma-3-27b-it", {"engine_version": "0.8.5", "tensor_parallel": 2}, 62 * 4096),
        # Printed for NVFP4 on 0.19: 467,712 tokens of 21.43 GiB.
        ("nvidia/Qwen3.5-122B-A10B-NVFP4", {"engine_version": "0.19.0"}, 49152),
    ],
)
def test_cache_bytes_per_token(model, case, expected):
    assert fit(model, **case).kv_bytes_per_token_per_gpu == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("model", "case", "block"),
    [
        # Printed by vLLM: "Setting attention block size to N tokens".
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", {"tensor_parallel": 4}, 272),
        ("Qwen/Qwen3.6-27B", {"engine_version": "0.19.0"}, 784),
        ("Qwen/Qwen3.6-27B", {"engine_version": "0.27.1", "kv_cache_dtype": "fp8"}, 1568),
        ("nvidia/Qwen3.6-35B-A3B-NVFP4", {"engine_version": "0.19.0", "kv_cache_dtype": "fp8"}, 2096),
        ("meta-llama/Llama-3.1-8B-Instruct", {}, 16),
        ("meta-llama/Llama-3.1-8B-Instruct", {"block_size": 32}, 32),
    ],
)
def test_block_size_after_the_engine_raised_it_for_recurrent_states(model, case, block):
    assert fit(model, **case).block_size == block


def test_printed_tokens_are_whole_blocks_until_021_and_concurrency_times_length_after():
    old = fit("openai/gpt-oss-20b", gpu="H100-80GB", engine_version="0.19.0", max_model_len=131072)
    new = fit("openai/gpt-oss-20b", gpu="H100-80GB", engine_version="0.21.0", max_model_len=131072)
    assert old.kv_cache_tokens % 16 == 0
    assert new.kv_cache_tokens == pytest.approx(new.max_concurrency * 131072, rel=0.01)
    assert new.kv_cache_tokens > 1.5 * old.kv_cache_tokens


def test_window_layers_hold_no_more_than_their_window():
    short = fit("openai/gpt-oss-20b", gpu="H100-80GB", engine_version="0.21.0", max_model_len=4096)
    long = fit("openai/gpt-oss-20b", gpu="H100-80GB", engine_version="0.21.0", max_model_len=131072)
    assert long.kv_needed_gib < 20 * short.kv_needed_gib


def test_recurrent_model_reports_no_growth_in_its_linear_layers():
    result = fit("nvidia/NVIDIA-Nemotron-Nano-9B-v2", gpu="L40S-48GB", engine_version="0.22.0")
    assert result.fits
    # Four attention layers of 4 KiB a token, and seven groups that hold one state each.
    assert 4 * 4096 < result.kv_bytes_per_token_per_gpu < 1.2 * 4 * 4096


def test_checkpoint_that_asks_for_an_fp8_cache_gets_one():
    assert fit("nvidia/Llama-3.3-70B-Instruct-FP8", tensor_parallel=4).kv_cache_dtype == "fp8"
    assert (
        fit("nvidia/Llama-3.3-70B-Instruct-FP8", tensor_parallel=4, kv_cache_dtype="bfloat16").kv_cache_dtype
        == "bfloat16"
    )
