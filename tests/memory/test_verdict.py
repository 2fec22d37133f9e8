import pytest

from llminfra.planning.memory import FitCase, fit_case


def fit(**case):
    return fit_case(FitCase(**case))


LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


def test_no_gpu_gives_arithmetic_and_no_verdict():
    result = fit(model=LLAMA)
    assert result.fits is None
    assert result.weights_gib_per_gpu == pytest.approx(14.99, abs=0.01)
    assert result.kv_bytes_per_token_per_gpu == 131072
    assert result.kv_cache_memory_gib is None


def test_weights_larger_than_the_device():
    result = fit(model="meta-llama/Llama-3.1-70B-Instruct", gpu="A100-80GB", engine_version="0.11.0")
    assert result.fits is False
    assert result.reason.startswith("LLM_MEM_1")
    assert "CUDA out of memory" in result.engine_error


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("0.7.3", "larger than the maximum number of tokens that can be stored in KV cache"),
        ("0.11.0", "To serve at least one request with the models's max seq len (131072)"),
        ("0.33.0", "To serve at least one request with the model's max seq len (131072)"),
    ],
)
def test_context_too_long_in_the_words_of_the_release(version, words):
    result = fit(model=LLAMA, gpu="A10G", engine_version=version, max_model_len=131072, max_num_batched_tokens=2048)
    assert result.reason.startswith("LLM_MEM_3")
    assert words in result.engine_error
    assert 0 < result.estimated_max_len < 131072


def test_estimated_length_starts():
    first = fit(model=LLAMA, gpu="A10G", engine_version="0.11.0", max_model_len=131072)
    second = fit(model=LLAMA, gpu="A10G", engine_version="0.11.0", max_model_len=first.estimated_max_len)
    assert first.fits is False
    assert second.fits is True


def test_nothing_left_for_the_cache():
    result = fit(model=LLAMA, gpu="L4", engine_version="0.11.0", gpu_memory_utilization=0.65)
    assert result.reason.startswith("LLM_MEM_2")
    assert "No available memory for the cache blocks" in result.engine_error


def test_utilization_that_leaves_no_room_for_the_context():
    result = fit(model=LLAMA, gpu="H100", engine_version="0.19.0", gpu_memory_utilization=0.999)
    assert result.reason.startswith("LLM_MEM_4")
    assert "is less than desired GPU memory utilization (0.999" in result.engine_error


def test_what_images_were_profiled_with_is_free_while_graphs_are_captured():
    # github-text:42514581982: four RTX 3090 start with 2.2 GiB of graphs beside 0.9 of each.
    result = fit(model="Qwen/Qwen3-VL-30B-A3B-Instruct", gpu="RTX-3090", tensor_parallel=4, engine_version="0.11.0",
                 max_model_len=65536, max_num_batched_tokens=2048, total_gpu_gib=23.57)  # fmt: skip
    assert result.tight
    assert "the largest batch or image may find" in result.reason


def test_what_the_sampler_was_profiled_with_is_wanted_again():
    # The same graphs, and a profile that the sampler's sort decides: github-text:69204229278 runs out of memory there.
    result = fit(model="Qwen/Qwen3-14B-AWQ", gpu="RTX-3080-Ti-12GB", tensor_parallel=2, engine_version="0.10.1.1",
                 gpu_memory_utilization=0.92, max_model_len=8192, total_gpu_gib=11.58)  # fmt: skip
    assert result.reason.startswith("LLM_MEM_5")


def test_buffers_of_experts_stay_beside_the_sampler_s_warm_up():
    def beside(model: str) -> float:
        lines = fit(model=model, gpu="L4", tensor_parallel=4, engine_version="0.29.0", max_num_seqs=1024,
                    max_model_len=8192, max_num_batched_tokens=2048).explain  # fmt: skip
        line = next(line for line in lines if line.startswith("warming up the sampler"))
        return float(line.split()[4])

    # Both have 151,936 words: 8 bytes of each logit more than the profile, which had the same buffers, counted.
    experts, dense = beside("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8"), beside("Qwen/Qwen3-8B")
    assert experts == pytest.approx(dense, abs=0.2)
    assert experts > 0.8


def test_graphs_beside_the_budget_can_be_too_much():
    result = fit(model="Qwen/Qwen2.5-32B-Instruct", gpu="RTX-4090", tensor_parallel=4, engine_version="0.11.0",
                 gpu_memory_utilization=0.96, max_model_len=4096)  # fmt: skip
    assert result.reason.startswith("LLM_MEM_5")
    eager = fit(model="Qwen/Qwen2.5-32B-Instruct", gpu="RTX-4090", tensor_parallel=4, engine_version="0.11.0",
                gpu_memory_utilization=0.96, max_model_len=4096, enforce_eager=True)  # fmt: skip
    assert eager.fits is True


def test_graphs_are_inside_the_budget_since_020():
    before = fit(model=LLAMA, gpu="H100", engine_version="0.19.0", gpu_memory_utilization=0.9)
    after = fit(model=LLAMA, gpu="H100", engine_version="0.20.0", gpu_memory_utilization=0.9)
    assert before.kv_cache_memory_gib - after.kv_cache_memory_gib == pytest.approx(after.cuda_graph_gib, abs=0.01)


def test_default_utilization_changed_in_020():
    assert fit(model=LLAMA, engine_version="0.19.0").gpu_memory_utilization == 0.9
    assert fit(model=LLAMA, engine_version="0.20.0").gpu_memory_utilization == 0.92


@pytest.mark.parametrize(
    ("gpu", "version", "tokens", "sequences"),
    [
        ("H100", "0.11.0", 8192, 1024),
        ("A100-80GB", "0.11.0", 2048, 256),
        ("A100-80GB", "0.8.5", 8192, 1024),
        ("L4", "0.11.0", 2048, 256),
        ("L4", "0.8.3", 2048, 1024),
        ("B200", "0.33.0", 16384, 1024),
    ],
)
def test_batch_defaults_by_device_and_release(gpu, version, tokens, sequences):
    result = fit(model=LLAMA, gpu=gpu, engine_version=version)
    assert (result.max_num_batched_tokens, result.max_num_seqs) == (tokens, sequences)


def test_unnamed_release_gives_the_tightest_answer():
    unnamed = fit(model=LLAMA, gpu="RTX-3090", max_model_len=29000)
    named = [
        fit(model=LLAMA, gpu="RTX-3090", max_model_len=29000, engine_version=version)
        for version in ("0.6.3", "0.7.3", "0.9.0", "0.10.2")
    ]
    assert unnamed.kv_cache_memory_gib == min(item.kv_cache_memory_gib for item in named)
    assert any("assumed" in line for line in unnamed.explain)


def test_unnamed_release_counts_the_context_as_the_first_v1_releases_did():
    unnamed = fit(model=LLAMA, gpu="RTX-3090", max_model_len=2048, enforce_eager=True)
    named = fit(model=LLAMA, gpu="RTX-3090", max_model_len=2048, enforce_eager=True, engine_version="0.9.0")
    assert unnamed.kv_cache_memory_gib == named.kv_cache_memory_gib


def test_architecture_newer_than_the_assumed_release_moves_it():
    result = fit(model="google/gemma-4-31B-it", gpu="H100")
    assert any("0.19.0 assumed" in line for line in result.explain)


def test_driver_memory_of_the_case_wins():
    result = fit(model=LLAMA, gpu="H100", total_gpu_gib=40.0, engine_version="0.11.0")
    assert result.total_gpu_gib == 40.0
    assert result.budget_gib == pytest.approx(36.0)


def test_unknown_model_names_the_three_ways_and_close_names():
    result = fit(model="meta-llama/Llama-3.1-8B-Instuct", gpu="H100")
    assert result.fits is None
    for words in ("catalog model", "config_ref", "config.json", "meta-llama/Llama-3.1-8B-Instruct"):
        assert words in result.error


def test_config_of_the_case_wins_over_the_catalog():
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 1024,
              "intermediate_size": 4096, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2,
              "vocab_size": 32000, "max_position_embeddings": 4096}  # fmt: skip
    result = fit(model=LLAMA, config=config)
    assert result.kv_bytes_per_token_per_gpu == 4 * 2 * 128 * 2 * 2


@pytest.mark.parametrize(
    ("version", "ranks", "gpu", "fraction"),
    [
        ("0.4.2", 1, "A10G", 0.88),
        ("0.4.2", 8, "H100", 0.81),
        ("0.4.6", 8, "H200", (139.8 - 13) / 139.8),
        ("0.4.7", 8, "H200", (139.8 - 18) / 139.8),
        ("0.4.7", 8, "B200", 0.79),
        ("0.4.9", 1, "H100", (79.18 - 10) / 79.18),
    ],
)
def test_sglang_default_of_the_release(version, ranks, gpu, fraction):
    result = fit(model=LLAMA, gpu=gpu, tensor_parallel=ranks, engine="sglang", engine_version=version)
    assert result.budget_gib / result.total_gpu_gib == pytest.approx(fraction, abs=2e-3)


def test_sglang_tokens_of_a_published_log():
    # 0.4.2, a 24 GB device with 22.76 GiB free before the weights: 105,531 tokens.
    result = fit(model="Qwen/Qwen2.5-7B-Instruct", engine="sglang", engine_version="0.4.2", gpu="RTX-4090",
                 total_gpu_gib=22.76 + 0.5)  # fmt: skip
    assert result.kv_cache_tokens == pytest.approx(105531, rel=0.03)


def test_sglang_keeps_more_for_images():
    plain = fit(model="Qwen/Qwen2.5-7B-Instruct", gpu="H100", engine="sglang", engine_version="0.5.8")
    image = fit(model="Qwen/Qwen2.5-VL-7B-Instruct", gpu="H100", engine="sglang", engine_version="0.5.8")
    assert 0.7 < image.budget_gib / plain.budget_gib < 0.95


def test_sglang_fraction_and_error():
    rows = fit(model="Qwen/Qwen3-235B-A22B-FP8", gpu="H100", engine="sglang", gpus_total=4, gpu_memory_utilization=0.93)
    assert rows.kv_cache_tokens == pytest.approx(367404, rel=0.05)
    default = fit(model=LLAMA, gpu="H100", engine="sglang", engine_version="0.5.5")
    assert default.budget_gib / default.total_gpu_gib == pytest.approx(0.832, abs=0.01)
    full = fit(model="Qwen/Qwen2.5-32B-Instruct", gpu="H100", engine="sglang", engine_version="0.5.5",
               gpu_memory_utilization=0.7)  # fmt: skip
    assert "--mem-fraction-static" in full.engine_error


def test_mixed_findings_are_listed():
    result = fit(model="Qwen/Qwen3-235B-A22B-FP8", gpu="H100", tensor_parallel=8, engine_version="0.11.0")
    assert any(item.startswith("LLM_SHAPE_6") for item in result.findings)


def test_every_figure_has_a_line_saying_where_it_comes_from():
    lines = "\n".join(fit(model=LLAMA, gpu="H100", engine_version="0.11.0").explain)
    for word in (
        "model:",
        "engine",
        "weights",
        "cache",
        "GPU",
        "budget",
        "activation peak",
        "non-torch",
        "CUDA graphs",
    ):
        assert word in lines


@pytest.mark.parametrize(("version", "expanded"), [("0.10.2", 0.0), ("0.11.0", 0.5)])
def test_latent_attention_expands_its_context_while_profiling(version, expanded):
    """64K tokens x 16 heads x (128 + 128) x 2 bytes are 0.5 GiB; 32 tokens of context need next to nothing."""
    case = {"model": "deepseek-ai/DeepSeek-V2-Lite", "engine_version": version, "gpu": "H100", "tensor_parallel": 1}
    peaks = [
        fit(**case, max_model_len=length, max_num_seqs=1, max_num_batched_tokens=1).activation_peak_gib
        for length in (32, 163840)
    ]
    assert peaks[1] - peaks[0] == pytest.approx(expanded, rel=0.05)


@pytest.mark.parametrize(
    ("name", "gib"), [("RTX-A5000-24GB", 23.16), ("RTX-4070-12GB", 11.58), ("RTX-4090-48GB (modified)", 46.32)]
)
def test_device_that_the_catalog_lacks_by_the_size_in_its_name(name, gib):
    result = fit(model="Qwen/Qwen3-1.7B", gpu=name, engine_version="0.11.0", max_model_len=4096)
    assert result.total_gpu_gib == pytest.approx(gib, abs=0.01)
    assert result.fits is True
    assert any("not in the catalog" in line for line in result.explain)


@pytest.mark.parametrize(
    "name", ["MI300X-192GB", "RTX-A5000", "96GB-class card capped to 40.5 GiB", "AMD Strix Halo", "Orin-64GB", "x"]
)
def test_no_memory_is_guessed_without_a_size_or_for_other_makers(name):
    assert fit(model="Qwen/Qwen3-1.7B", gpu=name, engine_version="0.11.0").fits is None


def llama_on_a10g(**changes):
    case = {"model": "meta-llama/Llama-3.1-8B-Instruct", "engine_version": "0.17.1", "gpu": "A10G-24GB"}
    return fit_case(FitCase.model_validate(case | changes))


def test_a_start_by_less_than_the_error_is_tight():
    roomy = llama_on_a10g(max_model_len=8192)
    length = roomy.kv_cache_tokens or 0
    assert (roomy.tight, roomy.reason[:9]) == (False, "LLM_MEM_0")
    edge = llama_on_a10g(max_model_len=length - 64)
    assert (edge.fits, edge.tight, edge.reason[:9]) == (True, True, "LLM_MEM_6")
    assert "spare" in edge.reason
    beyond = llama_on_a10g(max_model_len=length + 64)
    assert (beyond.fits, beyond.tight) == (False, False)


def test_little_of_the_device_beside_the_budget_is_tight():
    shares = (0.90, 0.94, 0.955)
    found = [llama_on_a10g(max_model_len=8192, gpu_memory_utilization=share) for share in shares]
    assert not found[0].tight
    assert any(item.tight and "beside the budget" in item.reason for item in found)


@pytest.mark.parametrize(
    ("gpu", "version", "sequences"),
    [("T4-16GB", "0.8.5", 256), ("V100-32GB", "0.8.0", 256), ("A10G-24GB", "0.8.0", 1024)],
)
def test_old_devices_fall_back_to_v0(gpu, version, sequences):
    # 0.8.0 on V1 samples 1024 sequences, V0 256.
    case = FitCase(model="Qwen/Qwen2.5-1.5B-Instruct", engine_version=version, gpu=gpu, max_model_len=4096)
    assert fit_case(case).max_num_seqs == sequences


def test_v1_runs_everywhere_since_0_10_2():
    case = {"model": "Qwen/Qwen2.5-1.5B-Instruct", "gpu": "T4-16GB", "max_model_len": 8192}
    before, after = (fit_case(FitCase(**case, engine_version=item)) for item in ("0.10.1", "0.10.2"))
    assert (before.max_num_batched_tokens, after.max_num_batched_tokens) == (8192, 2048)


@pytest.mark.parametrize(("version", "length"), [("0.2.0", 65536), ("0.6.0", 16384)])
def test_stretched_context_of_a_fine_tune(version, length):
    case = FitCase(
        model="Open-Orca/LlongOrca-7B-16k",
        config_ref="meta-llama/Llama-2-7b-hf",
        engine_version=version,
        gpu="RTX-6000-Ada-48GB",
    )
    assert fit_case(case).max_model_len == length


@pytest.mark.parametrize(
    ("model", "version", "gpu", "given", "measured"),
    [
        # Start-up logs: V100 falls back to V0 in 0.8.5; an RTX 3090 stands in for the RTX 2060 of the second.
        ("Qwen/Qwen2.5-7B-Instruct", "0.8.5", "V100-32GB", {"max_model_len": 32768}, 4.35),
        ("Qwen/Qwen3-4B", "0.7.3", "RTX-3090-24GB", {"max_model_len": 10000, "max_num_seqs": 1}, 0.74),
    ],
)
def test_peaks_of_v0_start_ups(model, version, gpu, given, measured):
    result = fit_case(FitCase(model=model, engine_version=version, gpu=gpu, dtype="float16", **given))
    assert result.activation_peak_gib == pytest.approx(measured, rel=0.01)


@pytest.mark.parametrize(("ranks", "gib"), [(2, 0.5), (4, 2), (8, 2.5)])
def test_communicators_between_a100(ranks, gib):
    # Logs print 2.10 GiB on each of eight, 1.39 on each of four, 0.15 between two.
    case = FitCase(model="meta-llama/Llama-3.1-70B-Instruct", engine_version="0.7.3", gpu="A100-80GB")
    result = fit_case(case.model_copy(update={"tensor_parallel": ranks, "max_model_len": 4096}))
    assert gib - 0.5 <= result.non_torch_gib <= gib


@pytest.mark.parametrize(
    ("gpu", "version", "ranks", "gib"),
    [
        # As starts print it: Huzifa1/vllm-profiling on L40S and H100, github-text:38962983769 on more than one rank.
        ("L40S", "0.10.1", 1, 0.02),
        ("L40S", "0.11.0", 1, 0.04),
        ("L40S", "0.12.0", 1, 0.07),
        ("L40S", "0.10.2", 8, 0.21),
        ("H100", "0.10.1", 1, 0.07),
        ("H100", "0.11.0", 1, 0.13),
    ],
)
def test_libraries_of_one_rank_are_as_printed(gpu, version, ranks, gib):
    result = fit(model=LLAMA, gpu=gpu, engine_version=version, tensor_parallel=ranks, max_model_len=4096)
    assert result.non_torch_gib == pytest.approx(gib, abs=0.011)
