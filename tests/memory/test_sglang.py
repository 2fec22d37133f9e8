"""SGLang's weights, pools, share and words, against start-ups that were measured and the source of its releases."""

from typing import Any

import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, FitResult, fit_case
from llminfra.planning.memory.budget.sglang_pools import Pools, fill_pools, token_cost
from llminfra.planning.memory.releases.engine_profile import ASSUMED_RELEASE, vllm_profile
from llminfra.planning.memory.releases.settings import resolve
from llminfra.planning.memory.releases.sglang_profile import (
    ASSUMED_SGLANG,
    captured_sizes,
    has_window_pool,
    prefill_sizes,
    sglang_data,
    sglang_profile,
    sglang_release,
)

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
GEMMA = "google/gemma-4-31B-it"
FLASH = "deepseek-ai/DeepSeek-V4-Flash"
GIB = 2**30


def fit(model: str = LLAMA, **values: Any) -> FitResult:
    return fit_case(FitCase.model_validate({"model": model, "engine": "sglang", **values}))


def pools(model: str, rest_gib: float, **values: Any) -> Pools:
    """What ``rest_gib`` after the weights becomes."""
    case = FitCase.model_validate({"model": model, "engine": "sglang", **values})
    facts = load_model(model)
    assert facts is not None
    settings = resolve(facts, case, vllm_profile(ASSUMED_RELEASE), None, None)
    profile = sglang_profile(sglang_release(case.engine_version))
    cost = token_cost(facts, case, settings, profile, facts.layers)
    return fill_pools(case, cost, profile, rest_gib * GIB)


@pytest.mark.parametrize(
    ("model", "version", "ranks", "gib"),
    [
        # "Load weight end": free before less free after; sgl-project/sglang issue numbers.
        ("Qwen/Qwen2.5-7B-Instruct", "2025-03", 1, 14.38),  # 4094
        ("meta-llama/Meta-Llama-3-8B-Instruct", "2025-05", 1, 14.98),
        ("Qwen/Qwen2-72B-Instruct", "0.3.0", 8, 16.99),  # 1386
        ("Qwen/QwQ-32B", "2025-03", 4, 15.54),  # 4127
        ("deepseek-ai/DeepSeek-R1", "0.4.3.post2", 16, 40.46),  # 4161
        ("deepseek-ai/DeepSeek-V2.5", "0.4.2", 8, 56.43),
        ("deepseek-ai/DeepSeek-V2-Lite", "0.4.2.post3", 1, 29.51),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "0.4.3.post2", 2, 30.79),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "0.2.13", 8, 10.90),
        ("Qwen/Qwen3-0.6B-FP8", "0.4.7.post1", 1, 0.74),
        ("Qwen/Qwen3-14B", "2026-06", 4, 7.08),
        ("Qwen/Qwen3.5-9B", "2026-04", 2, 8.85),
    ],
)
def test_weights_are_what_the_device_lacks(model: str, version: str, ranks: int, gib: float):
    result = fit(model, engine_version=version, tensor_parallel=ranks)
    assert result.weights_gib_per_gpu == pytest.approx(gib, rel=0.005)


def test_embeddings_of_gemma_are_whole_on_every_rank():
    # 11.07 GiB of Gemma 4 31B in AWQ on two RTX 3090 (0.5.12): 262,144 x 5,376 embeddings are 2.63 GiB of them.
    values = {"config_ref": GEMMA, "quantization": "awq", "tensor_parallel": 2, "engine_version": "0.5.12"}
    assert fit("gemma-4-31B-AWQ", **values).weights_gib_per_gpu == pytest.approx(11.07, rel=0.02)
    cut = fit_case(FitCase.model_validate({"model": "gemma-4-31B-AWQ", **values, "engine_version": None}))
    assert (cut.weights_gib_per_gpu or 0) < 10.5


def test_copies_do_not_share_experts():
    one, two = (fit("Qwen/Qwen3-30B-A3B", tensor_parallel=4, data_parallel=copies) for copies in (1, 2))
    assert one.weights_gib_per_gpu == two.weights_gib_per_gpu


def test_rotary_tables_are_fp32_since_0_4_3_and_have_no_rows_for_images():
    old, new = (fit("Qwen/Qwen2.5-VL-7B-Instruct", engine_version=item) for item in ("0.4.2", "0.4.3"))
    added = ((new.weights_gib_per_gpu or 0) - (old.weights_gib_per_gpu or 0)) * GIB
    facts = load_model("Qwen/Qwen2.5-VL-7B-Instruct")
    assert facts is not None
    assert added == pytest.approx(facts.max_position_embeddings * 128 * 2, rel=0.02)


@pytest.mark.parametrize(
    ("model", "before", "after", "fraction", "ranks", "version", "tokens"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 38.97, 24.59, 0.88, 1, "2025-03", 372945),
        ("Qwen/QwQ-32B", 21.63, 6.09, 0.85, 4, "2025-03", 46611),
        ("deepseek-ai/DeepSeek-V2-Lite", 43.85, 14.34, 0.88, 1, "0.4.2.post3", 313444),
        ("meta-llama/Meta-Llama-3-8B-Instruct", 139.20, 124.23, 0.8717961202189594, 1, "2025-05", 871371),
        ("meta-llama/Meta-Llama-3-8B-Instruct", 21.52, 17.76, 0.75, 4, "2024-06", 405784),
        ("Qwen/Qwen3-0.6B-FP8", 75.02, 74.28, 0.874, 1, "0.4.7.post1", 606832),
    ],
)
def test_tokens_of_a_printed_rest(
    model: str, before: float, after: float, fraction: float, ranks: int, version: str, tokens: int
):
    found = pools(model, after - before * (1 - fraction), tensor_parallel=ranks, engine_version=version)
    assert found.tokens == pytest.approx(tokens, rel=0.001)


@pytest.mark.parametrize(
    ("ratio", "fraction", "dtype", "tokens"),
    [
        (0.8, 0.85, "auto", 24248),
        (0.0625, 0.85, "auto", 134302),
        (0.1, 0.92, "auto", 130144),
        (0.1, 0.92, "fp8_e5m2", 260289),
    ],
)
def test_windows_have_a_pool_in_proportion(ratio: float, fraction: float, dtype: str, tokens: int):
    result = fit(
        "gemma-4-31B-AWQ", config_ref=GEMMA, quantization="awq", tensor_parallel=2, engine_version="0.5.12",
        gpu="RTX-3090-24GB", gpu_memory_utilization=fraction, swa_full_tokens_ratio=ratio, kv_cache_dtype=dtype,
    )  # fmt: skip
    assert result.kv_cache_tokens == pytest.approx(tokens, rel=0.005)


def test_recurrent_states_take_their_part_first():
    # 0.5.9 or 0.5.10, two cards: 186 states and 327,310 tokens of 22.93 GiB before and 14.08 after.
    found = pools("Qwen/Qwen3.5-9B", 14.08 - 22.93 * 0.2, tensor_parallel=2, engine_version="2026-04")
    assert found.states == pytest.approx(186, abs=1)
    assert found.tokens == pytest.approx(327310, rel=0.005)
    assert found.state_bytes / found.cache_bytes == pytest.approx(0.9, rel=0.01)
    # Without cached prefixes a state is a request's.
    alone = pools("Qwen/Qwen3.5-9B", 9.0, tensor_parallel=2, enable_prefix_caching=False, max_num_seqs=32)
    assert alone.states == 32
    values = {"tensor_parallel": 2, "engine_version": "0.5.12"}
    drafted = pools("Qwen/Qwen3.5-9B", 9.0, max_num_seqs=32, speculative_tokens=2, **values)
    assert drafted.tokens < pools("Qwen/Qwen3.5-9B", 9.0, **values).tokens


def test_cache_of_deepseek_v4_in_pages_of_256():
    # Two start-ups of one machine, without and with a draft, left the same memory: 120,576 and 73,472 tokens.
    plain = pools(FLASH, 1.785, tensor_parallel=8, engine_version="0.5.13")
    assert plain.tokens == pytest.approx(120576, rel=0.005)
    drafted = pools(FLASH, 1.785, tensor_parallel=8, engine_version="0.5.13", speculative_tokens=2)
    assert drafted.tokens == pytest.approx(73472, rel=0.005)
    assert plain.tokens % 256 == drafted.tokens % 256 == 0


def test_max_total_tokens_caps_the_cache():
    result = fit("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", gpu="A100-40GB", tensor_parallel=2,
                 max_total_tokens=10240, engine_version="0.4.3.post4")  # fmt: skip
    assert result.kv_cache_tokens == 10240
    assert result.kv_cache_memory_gib == pytest.approx(0.94, abs=0.01)


def test_draft_layers_count_since_0_5_14():
    values = {"tensor_parallel": 8, "gpu": "H200", "gpu_memory_utilization": 0.88}
    plain = fit("deepseek-ai/DeepSeek-R1", engine_version="0.5.13", **values)
    before = fit("deepseek-ai/DeepSeek-R1", engine_version="0.5.13", speculative_tokens=2, **values)
    after = fit("deepseek-ai/DeepSeek-R1", engine_version="0.5.14", speculative_tokens=2, **values)
    assert plain.kv_cache_tokens == before.kv_cache_tokens
    assert (after.kv_cache_tokens or 0) < 0.98 * (before.kv_cache_tokens or 0)
    assert after.kv_bytes_per_token_per_gpu == pytest.approx(62 / 61 * (plain.kv_bytes_per_token_per_gpu or 0))


@pytest.mark.parametrize(
    ("model", "values", "tokens"),
    [
        ("Qwen/Qwen2-72B-Instruct", {"gpu": "H100", "tensor_parallel": 8, "gpu_memory_utilization": 0.83,
                                     "engine_version": "0.3.0"}, 1218251),
        ("deepseek-ai/DeepSeek-R1", {"gpu": "H800", "tensor_parallel": 16, "gpu_memory_utilization": 0.7,
                                     "engine_version": "0.4.3.post2"}, 201681),
        ("Qwen/Qwen3-14B", {"gpu": "RTX-4090", "tensor_parallel": 4, "gpu_memory_utilization": 0.8,
                            "engine_version": "2026-06"}, 298447),
        ("Qwen/Qwen3-VL-8B-Instruct", {"gpu": "H200", "gpu_memory_utilization": 0.8388}, 729090),
        ("TheBloke/Mixtral-8x7B-Instruct-v0.1-AWQ", {"config_ref": "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpu": "A10",
                                                     "quantization": "awq", "tensor_parallel": 2,
                                                     "engine_version": "2024-02"}, 115621),
    ],
)  # fmt: skip
def test_tokens_of_whole_start_ups(model: str, values: dict[str, Any], tokens: int):
    assert fit(model, **values).kv_cache_tokens == pytest.approx(tokens, rel=0.03)


@pytest.mark.parametrize(
    ("version", "gpu", "ranks", "fraction"),
    [
        ("0.3.0", "H100", 8, 0.83),
        ("0.4.0", "H100", 8, 0.81),
        ("0.4.7.post1", "H100", 1, 0.874),
        ("2025-05", "H200", 1, (143771 - 13 * 1024) / 143771),
        ("0.5.2", "H100", 1, 0.874),
        ("0.5.3", "L4", 1, 1 - (512 + 2048 * 1.5 + 16 * 2 + 128) / 23034),
        ("0.5.8", "L4", 1, 1 - (512 + 2048 * 1.5 + 24 * 2 + 128) / 23034),
        ("0.5.12", "L4", 1, 1 - (512 + 2048 * 1.5 + 24 * 2 + 128 + 42 * 8) / 23034),
        ("0.5.23", "L4", 1, 1 - (512 + 4096 * 1.5 + 48 * 2 + 128 + 50 * 8) / 23034),
    ],
)
def test_default_share_of_the_release(version: str, gpu: str, ranks: int, fraction: float):
    result = fit("Qwen/Qwen2.5-0.5B-Instruct", gpu=gpu, tensor_parallel=ranks, engine_version=version)
    assert result.gpu_memory_utilization == pytest.approx(fraction, abs=2e-3)


def test_share_of_models_with_images():
    values = {"model": "Qwen/Qwen2.5-VL-7B-Instruct", "gpu": "H100", "gpu_memory_utilization": 0.8}
    assert fit(**values, engine_version="0.3.0").gpu_memory_utilization == pytest.approx(0.76)
    assert fit(**values, engine_version="0.4.8").gpu_memory_utilization == pytest.approx(0.72)
    assert fit(**values, engine_version="0.4.9").gpu_memory_utilization == pytest.approx(0.8)


def test_share_with_a_draft():
    values = {"model": "deepseek-ai/DeepSeek-R1", "gpu": "H200", "tensor_parallel": 8}
    for version, mib in (("0.5.2", 2048), ("0.5.12", 4096), ("0.5.14", 0)):
        plain, drafted = (fit(**values, engine_version=version, speculative_tokens=item) for item in (None, 2))
        less = (plain.gpu_memory_utilization or 0) - (drafted.gpu_memory_utilization or 0)
        assert less * 143771 == pytest.approx(mib, abs=200)


def test_pools_of_windows_by_release():
    assert not has_window_pool("GptOssForCausalLM", (0, 5, 7, 0))
    assert has_window_pool("GptOssForCausalLM", (0, 5, 8, 0))
    assert not has_window_pool("Gemma3ForConditionalGeneration", ASSUMED_SGLANG)
    full, split = (fit("openai/gpt-oss-20b", engine_version=item) for item in ("0.5.7", "0.5.8"))
    assert split.kv_bytes_per_token_per_gpu == pytest.approx(0.9 * (full.kv_bytes_per_token_per_gpu or 0), rel=0.01)


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("0.4.3.post2", (0, 4, 3, 2)),
        ("v0.5.12", (0, 5, 12, 0)),
        ("2025-06-15", (0, 4, 7, 0)),
        ("2024-01", (0, 1, 17, 0)),
        ("0.0.0.dev1+ga4cf2ea12", ASSUMED_SGLANG),
        ("main", ASSUMED_SGLANG),
        (None, ASSUMED_SGLANG),
    ],
)
def test_release_of_a_version_string(text: str | None, release: tuple[int, ...]):
    assert sglang_release(text) == release


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("0.4.2", "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static."),
        ("0.5.5", "Current value: self.server_args.mem_fraction_static=0.7"),
        ("0.5.12", "Current value: mem_fraction_static=0.7"),
        ("0.5.14", "ValueError: Loaded weights leave no GPU memory for the KV cache under --mem-fraction-static=0.7."),
    ],
)
def test_words_of_an_empty_cache(version: str, words: str):
    result = fit("Qwen/Qwen2.5-32B-Instruct", gpu="H100", engine_version=version, gpu_memory_utilization=0.7)
    assert result.reason.startswith("LLM_MEM_2")
    assert words in (result.engine_error or "")


def test_weights_larger_than_the_device():
    result = fit("meta-llama/Llama-3.1-70B-Instruct", gpu="H100")
    assert result.reason.startswith("LLM_MEM_1")
    assert "CUDA out of memory" in (result.engine_error or "")


def test_what_comes_beside_the_share():
    # 4,096 slots of 131,076 positions are 2.0 GiB; 1 % of an H100 is 0.8.
    slots = fit(gpu="H100", gpu_memory_utilization=0.99, engine_version="0.5.8")
    assert slots.reason.startswith("LLM_MEM_5")
    graphs = fit("Qwen/Qwen3-32B", gpu="H100", gpu_memory_utilization=0.995, max_num_seqs=256, max_model_len=2048)
    assert graphs.reason.startswith("LLM_MEM_5")
    assert "Capture CUDA graph failed" in (graphs.engine_error or "")
    eager = fit("Qwen/Qwen3-32B", gpu="H100", gpu_memory_utilization=0.995, max_num_seqs=256, max_model_len=2048,
                enforce_eager=True)  # fmt: skip
    assert eager.reason.startswith("LLM_MEM_6")
    assert fit(gpu="H100").reason.startswith("LLM_MEM_0")


def test_pool_of_windows_that_holds_no_request():
    result = fit(GEMMA, gpu="H100", tensor_parallel=2, swa_full_tokens_ratio=0.001, engine_version="0.5.16")
    assert result.reason.startswith("LLM_MEM_3")
    assert "cannot hold even one request" in (result.engine_error or "")
    assert fit(GEMMA, gpu="H100", tensor_parallel=2, swa_full_tokens_ratio=0.001, engine_version="0.5.15").fits


def test_a_context_longer_than_the_cache_starts():
    result = fit(gpu="A10G", gpu_memory_utilization=0.8, max_model_len=131072, max_num_seqs=16)
    assert result.fits is True
    assert (result.max_concurrency or 0) < 1


def test_every_term_is_explained():
    lines = "\n".join(fit("Qwen/Qwen3.5-9B", gpu="H100").explain)
    for words in (
        "rules of SGLang 0.5.23 are taken",
        "non-torch",
        "budget",
        "beside the budget",
        "recurrent states",
        "cache",
    ):
        assert words in lines


def test_captured_sizes():
    assert captured_sizes(24) == 7
    assert captured_sizes(256) == 36
    assert prefill_sizes(8192) == 58


def test_every_rule_names_its_source():
    data = sglang_data()
    assert data["_source"]
    assert all(entry["where"] for entry in data["releases"])
    assert all(data[name]["where"] for name in ("window_pools", "whole_embedding", "cut_towers", "published"))


@pytest.mark.parametrize(
    ("gpu", "version", "each"),
    [
        ("H200-141GB", "0.5.15", 0.5 + 1 / 32 + 4 / 32),
        ("H200-141GB", "0.5.16", 0.5 + 1 / 32),
        ("B200-180GB", "0.5.15", 0.5 + 1 / 32),
        ("L40S-48GB", "0.5.16", 1 + 4 / 128**2),
    ],
)
def test_fp4_experts_of_deepseek_v4_go_by_device_and_release(gpu: str, version: str, each: float) -> None:
    facts = load_model(FLASH)
    assert facts is not None
    moe = facts.layers[0].moe
    assert moe is not None
    result = fit(FLASH, gpu=gpu, engine_version=version, tensor_parallel=8)
    held = sum(layer.moe is not None for layer in facts.layers) * moe.experts * 3 * facts.hidden_size
    experts = held * moe.intermediate // 8 * each / GIB
    line = next(item for item in result.explain if item.startswith("weights "))
    assert f"experts {experts:.2f}" in line


def test_a_start_of_deepseek_v4_pro_fails_for_scales_that_stay() -> None:
    # SemiAnalysisAI/InferenceX#2128: 125.65 GiB of weights on each of eight H200, no memory for the cache.
    case = {"gpu": "H200-141GB", "tensor_parallel": 8, "gpu_memory_utilization": 0.88}
    failed = fit("deepseek-ai/DeepSeek-V4-Pro", **case, engine_version="2026-07-09")
    assert failed.weights_gib_per_gpu == pytest.approx(125.65, rel=0.01)
    assert failed.reason.startswith("LLM_MEM_2")
    assert fit("deepseek-ai/DeepSeek-V4-Pro", **case, engine_version="0.5.16").fits
