import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, estimate, fit_case
from llminfra.planning.memory.shapes import pipeline_ranges


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


def test_hybrid_models_hold_two_states_where_prefixes_are_cached():
    # Printed for a 27B model of this shape, two ranks, fp8 cache: 302,921 tokens and 2.31x of 131,072 from 208 blocks.
    case = {"tensor_parallel": 2, "kv_cache_dtype": "fp8", "max_model_len": 131072, "gpu": "RTX-3090"}
    result = fit("Qwen/Qwen3.6-27B", engine_version="0.28.0", quantization="fp8", **case)
    assert result.block_size == 1568
    page_gib = 16 * 1568 * 1024 / 2**30
    assert result.kv_needed_gib == pytest.approx((84 + 3 * 2) * page_gib, abs=1e-3)
    before = fit("Qwen/Qwen3.6-27B", engine_version="0.25.1", quantization="fp8", **case)
    assert before.kv_needed_gib == pytest.approx((84 + 3) * page_gib, abs=1e-3)
    asked = fit("Qwen/Qwen3.6-27B", engine_version="0.25.1", quantization="fp8", enable_prefix_caching=True, **case)
    assert asked.kv_needed_gib == result.kv_needed_gib


def test_releases_0_26_and_0_27_cache_prefixes_of_hybrid_models_only_when_asked():
    """Measured on four A100 of 40 GB with 0.27.0: 1,461,760 tokens from 14.38 GiB, 128 pages for 65,536 tokens."""
    case = {"tensor_parallel": 4, "max_model_len": 65536, "gpu": "A100-40GB", "kv_cache_dtype": "bfloat16"}
    page_gib = 10 * 528 * 1024 / 2**30
    for version, states in (
        ("0.25.1", 1),
        ("0.26.0", 1),
        ("0.27.0", 1),
        ("0.27.2rc1.dev77+gac7509e2b", 2),
        ("0.28.0", 2),
    ):
        found = fit("Qwen/Qwen3.6-35B-A3B", engine_version=version, **case)
        assert found.kv_needed_gib == pytest.approx((125 + 3 * states) * page_gib, abs=1e-3), version
    asked = fit("Qwen/Qwen3.6-35B-A3B", engine_version="0.27.0", enable_prefix_caching=True, **case)
    assert asked.kv_needed_gib == pytest.approx((125 + 3 * 2) * page_gib, abs=1e-3)


def test_every_drafted_token_holds_a_state():
    plain = fit("Qwen/Qwen3-Next-80B-A3B-Instruct", tensor_parallel=4, max_model_len=4096, engine_version="0.21.0")
    drafted = fit("Qwen/Qwen3-Next-80B-A3B-Instruct", tensor_parallel=4, max_model_len=4096, engine_version="0.21.0",
                  speculative_tokens=3)  # fmt: skip
    # Convolutions keep the three tokens, too, so that pages grow from 272 tokens to 288.
    assert (plain.block_size, drafted.block_size) == (272, 288)
    # Sixteen pages and three states on twelve layers; with the drafting layer fifteen pages thirteen deep, and four
    # states a group.
    expected = (15 + 3 * 4) * 13 * 288 / ((16 + 3) * 12 * 272)
    assert drafted.kv_needed_gib / plain.kv_needed_gib == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("model", "tokens", "pages"),
    [("Qwen/Qwen3.6-27B", 2, 1600), ("Qwen/Qwen3.8-27B", 3, 1600), ("Qwen/Qwen3.6-35B-A3B", 2, 2128)],
)
def test_pages_of_drafting_starts_are_as_measured(model, tokens, pages):
    # "Setting attention block size to N tokens" of starts with an fp8 cache and drafting layers, on one device
    # (benchmarks/memory/data: file-arm64-qwen36-27b-nvfp4-mtp, pr46329-pro6000-qwen38-27b-nvfp4-fp8kv,
    # file-gb10-qwen36-35b-a3b-nvfp4-mtp).
    found = fit(model, kv_cache_dtype="fp8", speculative_tokens=tokens, max_model_len=4096, engine_version="0.28.0")
    assert found.block_size == pages


def test_weights_of_a_start_that_drafts():
    drafted = fit("Qwen/Qwen3-Next-80B-A3B-Instruct", tensor_parallel=4, max_model_len=4096, engine_version="0.21.0",
                  speculative_tokens=3)  # fmt: skip
    # The measured start with its draft layer: 37.99 GiB a rank.
    assert drafted.weights_gib_per_gpu == pytest.approx(37.99, rel=0.002)


def test_windows_reserve_every_batch_under_way_since_026():
    case = {"max_model_len": 131072, "max_num_batched_tokens": 8192, "gpu": "H100-80GB"}
    before = fit("openai/gpt-oss-20b", engine_version="0.25.1", **case)
    after = fit("openai/gpt-oss-20b", engine_version="0.26.0", **case)
    # Twelve layers of 2 KiB a token; the window group holds 8192 more tokens.
    assert (after.kv_needed_gib - before.kv_needed_gib) * 2**30 == pytest.approx(12 * 2048 * 8192, rel=0.01)


def test_uneven_stages_take_the_fewest_blocks_of_all():
    facts = load_model("Qwen/Qwen2.5-7B-Instruct")
    case = {"gpu": "L4", "tensor_parallel": 1, "max_model_len": 4096, "engine_version": "0.11.0"}
    result = fit("Qwen/Qwen2.5-7B-Instruct", pipeline_parallel=3, **case)
    # 28 layers on three stages: 9, 10, 9. The outer two carry the vocabulary, the middle one the most cache.
    layer = 2 * 4 * 128 * 2
    assert [len(stage) for stage in pipeline_ranges(facts.num_layers, 3)] == [9, 10, 9]
    assert result.kv_bytes_per_token_per_gpu == 10 * layer
    tokens = result.kv_cache_memory_gib * 2**30 / (10 * layer)  # printed memory is rounded
    assert result.kv_cache_tokens == pytest.approx(tokens, rel=1e-4)
    # Where little is left, the stage with more weights has fewer blocks although each is smaller.
    tight = fit("Qwen/Qwen2.5-7B-Instruct", pipeline_parallel=3, gpu_memory_utilization=0.32, **case)
    assert tight.kv_cache_tokens == tight.kv_cache_memory_gib * 2**30 // (16 * 9 * layer) * 16
    assert tight.kv_cache_tokens > 0


def test_stages_with_indexer_or_draft_layers_hold_their_own_layers_only():
    whole = fit("deepseek-ai/DeepSeek-V3.2", tensor_parallel=8)
    half = fit("deepseek-ai/DeepSeek-V3.2", tensor_parallel=8, pipeline_parallel=2)
    assert half.kv_bytes_per_token_per_gpu == pytest.approx(whole.kv_bytes_per_token_per_gpu * 31 / 61, rel=1e-3)


def test_states_go_by_the_type_that_is_asked_for_as_measured() -> None:
    # "setting attention block size to 800 tokens" and 2.1 GiB for one request: vllm 0.24.0 with --mamba-ssm-cache-dtype
    # float16, row n-ghf-a10-qwen36-27b-awq-64k-graphs of the benchmark.
    case = {
        "model": "Qwen/Qwen3.6-27B",
        "engine_version": "0.24.0",
        "kv_cache_dtype": "fp8",
        "max_model_len": 64000,
        "max_num_batched_tokens": 1024,
        "enable_prefix_caching": True,
    }
    asked = fit_case(FitCase(**case, mamba_ssm_cache_dtype="float16"))
    assert asked.block_size == 800
    assert asked.kv_needed_gib == pytest.approx(2.10, abs=0.005)
    own = fit_case(FitCase(**case))
    assert own.block_size > asked.block_size
    assert own == fit_case(FitCase(**case, mamba_ssm_cache_dtype="auto"))


@pytest.mark.parametrize(("tp", "expected"), [(1, 2 * 61440 + 57 * 256), (2, 61440 + 57 * 256), (4, 30720 + 57 * 256)])
def test_minimax_m3_keeps_a_key_of_its_indexer_on_every_rank(tp, expected):
    """``MiniMaxM3IndexerCache`` of vllm/models/minimax_m3/common/indexer.py 0.24.0; two B200 print 76,059 bytes."""
    case = FitCase(
        model="MiniMaxAI/MiniMax-M3", gpu="B200", engine_version="0.24.0", tensor_parallel=tp, max_model_len=8192
    )
    assert fit_case(case).kv_bytes_per_token_per_gpu == expected
