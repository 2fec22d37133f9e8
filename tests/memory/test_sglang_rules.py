"""Rules of SGLang by release, each against the place in its source that it was read in."""

from typing import Any

import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, FitResult, fit_case, fit_line
from llminfra.planning.memory.budget.sglang_pools import Pools, fill_pools, token_cost
from llminfra.planning.memory.releases.engine_profile import ASSUMED_RELEASE, vllm_profile
from llminfra.planning.memory.releases.settings import resolve
from llminfra.planning.memory.releases.sglang_profile import (
    attention_copies,
    captures_prompts,
    request_states,
    sglang_profile,
    sglang_release,
)

NEXT = "Qwen/Qwen3-Next-80B-A3B-Instruct"
VISION = "Qwen/Qwen3-VL-8B-Instruct"
GIB = 2**30


def fit(model: str, **values: Any) -> FitResult:
    return fit_case(FitCase.model_validate({"model": model, "engine": "sglang", **values}))


def captures(model: str, version: str, **values: Any) -> bool:
    case = FitCase.model_validate({"model": model, "engine": "sglang", "engine_version": version, **values})
    facts = load_model(model)
    assert facts is not None
    settings = resolve(facts, case, vllm_profile(ASSUMED_RELEASE), None, None)
    return captures_prompts(facts, case, settings, sglang_release(version))


@pytest.mark.parametrize(
    ("model", "values", "answers"),
    [
        # server_args.py _handle_piecewise_cuda_graph 0.5.10 to 0.5.14, _disable_breakable_cudagraph_if_incompatible
        # 0.5.15 to 0.5.18, arg_groups/cuda_graph_hook.py since 0.5.19.
        ("Qwen/Qwen3-8B", {}, {"0.5.9": False, "0.5.10": True, "0.5.23": True}),
        ("Qwen/Qwen3-8B", {"enforce_eager": True}, {"0.5.12": False}),
        ("Qwen/Qwen3-8B", {"pipeline_parallel": 2}, {"0.5.12": False, "0.5.15": True, "0.5.22": False}),
        ("Qwen/Qwen3-8B", {"enable_lora": True}, {"0.5.12": False, "0.5.16": False, "0.5.17": True}),
        ("Qwen/Qwen3-8B", {"speculative_tokens": 3}, {"0.5.10": False, "0.5.11": True}),
        ("Qwen/Qwen3.5-9B", {}, {"0.5.15": False, "0.5.16": True}),
        (VISION, {}, {"0.5.12": False, "0.5.23": False}),
        ("deepseek-ai/DeepSeek-V3", {}, {"0.5.14": True, "0.5.15": False, "0.5.17": False, "0.5.18": True}),
        ("deepseek-ai/DeepSeek-V3.2", {}, {"0.5.12": False, "0.5.13": True, "0.5.16": False, "0.5.17": True}),
        (NEXT, {}, {"0.5.14": False, "0.5.15": True}),
    ],
)
def test_prompts_are_captured_as_the_release_says(model: str, values: dict[str, Any], answers: dict[str, bool]) -> None:
    assert {version: captures(model, version, **values) for version in answers} == answers


@pytest.mark.parametrize(
    ("values", "fraction"),
    [
        # mem_fraction_static that bench_serving printed of Qwen3-VL-8B on one H200 (bowenwan6/sglang-vllm-profiler).
        ({"max_num_batched_tokens": 8192}, 0.838762),
        ({"max_num_batched_tokens": 512}, 0.859107),
        ({"max_num_batched_tokens": 16384}, 0.759233),
    ],
)
def test_towers_that_say_depth_pass_for_24_layers(values: dict[str, Any], fraction: float) -> None:
    # adjust_mem_fraction_for_vlm: getattr(vision_config, "num_hidden_layers", 24), so 24 x 1152² and not 27.
    result = fit(VISION, gpu="H200", engine_version="2026-04", **values)
    assert result.gpu_memory_utilization == pytest.approx(fraction, abs=1e-3)


def test_a_tower_below_another_config_leaves_the_share_as_it_is() -> None:
    # Qwen3-Omni has its vision_config in thinker_config: getattr(hf_config, "vision_config", None) is None.
    values = {"gpu": "H200", "engine_version": "0.5.9"}
    omni, text = fit("Qwen/Qwen3-Omni-30B-A3B-Instruct", **values), fit("Qwen/Qwen3-30B-A3B", **values)
    assert omni.gpu_memory_utilization == text.gpu_memory_utilization


@pytest.mark.parametrize(
    ("model", "version", "twice"),
    [
        ("QuantTrio/Qwen3-VL-235B-A22B-Instruct-AWQ", "0.5.2", False),
        ("QuantTrio/Qwen3-VL-235B-A22B-Instruct-AWQ", "0.5.6.post2", True),
        ("QuantTrio/Qwen3-VL-235B-A22B-Instruct-AWQ", "0.5.9", True),
        ("QuantTrio/Qwen3-VL-235B-A22B-Instruct-AWQ", "0.5.10", False),
    ],
)
def test_repacked_experts_stay_beside_the_loaded_ones(model: str, version: str, twice: bool) -> None:
    # load_weights of qwen3_vl_moe.py 0.5.3 to 0.5.9 keeps parameters in _cached_params_dict; replace_parameter of
    # layers/quantization/utils.py registers what is repacked anew. 235 B experts of 4 bits are about 27 GiB of 4 ranks.
    values = {"config_ref": "Qwen/Qwen3-VL-235B-A22B-Instruct", "quantization": "awq", "tensor_parallel": 4}
    found = fit(model, engine_version=version, **values).weights_gib_per_gpu
    once = fit(model, engine_version="0.5.10", **values).weights_gib_per_gpu
    assert found is not None
    assert once is not None
    assert (found > 1.8 * once) is twice


def test_online_fp8_holds_16_bits_first() -> None:
    # Fp8LinearMethod.create_weights makes params_dtype where the checkpoint is not fp8 (0.4.0 to 0.5.23); 54 GB on
    # 44.5 GiB ran out there (lmsysorg/sglang:v0.5.16, an L40S), though 27 GB would be left of them.
    values = {"gpu": "L40S", "engine_version": "0.5.16", "quantization": "fp8", "max_model_len": 65536}
    result = fit("google/medgemma-27b-text-it", **values)
    assert result.fits is False
    assert result.reason.startswith("LLM_MEM_1: the weights take 50")
    assert fit("google/medgemma-27b-text-it", **{**values, "gpu": "H100"}).fits


def pools(model: str, rest_gib: float, **values: Any) -> tuple[Pools, int]:
    """What ``rest_gib`` after the weights becomes, and the bytes of one state."""
    case = FitCase.model_validate({"model": model, "engine": "sglang", **values})
    facts = load_model(model)
    assert facts is not None
    settings = resolve(facts, case, vllm_profile(ASSUMED_RELEASE), None, None)
    profile = sglang_profile(sglang_release(case.engine_version))
    cost = token_cost(facts, case, settings, profile, facts.layers)
    return fill_pools(case, cost, profile, rest_gib * GIB), cost.state


@pytest.mark.parametrize(("version", "counted"), [("0.5.13", 3), ("0.5.16", 5)])
def test_states_of_guessed_tokens_come_out_of_the_part_of_states(version: str, counted: int) -> None:
    # handle_max_mamba_cache 0.5.13: size x per_req x (1 + D / ratio) is 0.9 / 1.9 of the rest.
    found, state = pools(NEXT, 20.0, engine_version=version, speculative_tokens=4)
    part = 20 * GIB * 0.9 / 1.9
    assert found.states == int(part // (state * (1 + 4 / counted)))
    assert found.state_bytes == pytest.approx(state * (found.states + min(48, found.states // counted) * 4))
    assert found.cache_bytes >= 20 * GIB - part - state
    # Before, those of 48 requests came first, and the parts were of what they left.
    before, _ = pools(NEXT, 20.0, engine_version="0.5.12", speculative_tokens=4)
    assert before.states == int((20 * GIB - state * 48 * 4) * 0.9 / 1.9 // state)


def test_states_of_a_request_by_release() -> None:
    # _calculate_mamba_ratio: three, and two more with extra_buffer, which 'auto' takes since server_args.py 0.5.14.
    case = FitCase(model=NEXT, engine="sglang")
    by_release = {(0, 5, 8, 0): 3, (0, 5, 13, 0): 3, (0, 5, 14, 0): 5, (0, 5, 23, 0): 5}
    assert {item: request_states("Qwen3NextForCausalLM", case, item) for item in by_release} == by_release
    assert request_states("JambaForCausalLM", case, (0, 5, 23, 0)) == 3
    assert (
        request_states("Qwen3NextForCausalLM", case.model_copy(update={"enable_prefix_caching": False}), (0, 5, 23, 0))
        == 1
    )


@pytest.mark.parametrize(
    ("version", "words"),
    [
        # tp_worker.py 0.5.12; _resolve_max_num_reqs of model_runner_kv_cache_mixin.py 0.5.13.
        ("0.5.12", "AssertionError: max_running_request is zero"),
        ("0.5.16", "state cache is too small to serve any requests. max_mamba_cache_size=4, mamba_ratio=5"),
    ],
)
def test_a_pool_of_states_that_holds_no_request(version: str, words: str) -> None:
    share = 0.7833 if version == "0.5.16" else 0.7755
    result = fit("Qwen/Qwen3.5-9B", gpu="RTX 4090", gpu_memory_utilization=share, engine_version=version)
    assert result.fits is False
    assert result.reason.startswith("LLM_MEM_7: a request needs ")
    assert words in (result.engine_error or "")


COPIES = {"data_parallel": 8, "data_parallel_attention": True}
DRAFT = {"speculative_method": "mtp", "speculative_tokens": 4}


@pytest.mark.parametrize(
    ("model", "gpu", "ranks", "values", "floor"),
    [
        # token_capacity of MEMORY_CAPACITY_FLOORS, 0.99 of what SGLang's CI measured on 2026-07-17 (stored public file
        # ids 66450170794, 66757907911, 66558698851, 67041599198, 66719478338). None of it was fitted to.
        ("Qwen/Qwen3.5-397B-A17B-FP8", "B200", 8, {"gpu_memory_utilization": 0.8}, 3418605),
        ("Qwen/Qwen3.5-397B-A17B-FP8", "B200", 8, {"gpu_memory_utilization": 0.8, **COPIES}, 1565049),
        ("Qwen/Qwen3.5-397B-A17B-FP8", "B200", 8, {"gpu_memory_utilization": 0.8, **COPIES, **DRAFT}, 1952121),
        ("Qwen/Qwen3.5-397B-A17B-FP8", "H200", 8, {"gpu_memory_utilization": 0.8}, 2305676),
        ("Qwen/Qwen3.5-397B-A17B-FP8", "H200", 8, {"gpu_memory_utilization": 0.8, **COPIES}, 1012264),
        ("Qwen/Qwen3.5-397B-A17B-FP8", "H200", 8, {"gpu_memory_utilization": 0.8, **COPIES, **DRAFT}, 1190941),
        ("zai-org/GLM-5.2-FP8", "H200", 8, {"gpu_memory_utilization": 0.8, **DRAFT}, 199330),
        ("Qwen/Qwen3.5-35B-A3B", "H100", 4, {"gpu_memory_utilization": 0.8}, 2476576),
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8", "H100", 2, {}, 17823337),
        ("deepseek-ai/DeepSeek-V4-Flash", "B200", 4, {**COPIES, "data_parallel": 4, **DRAFT}, 10714176),
    ],
)
def test_tokens_are_what_the_engines_own_tests_measured(
    model: str, gpu: str, ranks: int, values: dict[str, Any], floor: int
) -> None:
    result = fit(model, gpu=gpu, tensor_parallel=ranks, engine_version="2026-07-17", **values)
    assert result.kv_cache_tokens == pytest.approx(floor / 0.99, rel=0.04)


@pytest.mark.parametrize(
    ("values", "floor"),
    [({}, 724553), (COPIES, 532287), ({**COPIES, **DRAFT}, 474186)],
)
def test_sparse_attention_caches_fp8_on_blackwell(values: dict[str, Any], floor: int) -> None:
    # _dsa_kv_cache_dtype_default and trtllm's plain layout, where Hopper has 16 bit: the CI's floors are 0.99 of the
    # mean of one start on H200 and one on B200 (stored public file id 67051385740).
    both = [
        fit("zai-org/GLM-5.2-FP8", gpu=gpu, tensor_parallel=8, gpu_memory_utilization=0.85, engine_version="2026-07-17",
            **values)
        for gpu in ("H200", "B200")
    ]  # fmt: skip
    mean = sum(item.kv_cache_tokens or 0 for item in both) / 2
    assert mean == pytest.approx(floor / 0.99, rel=0.01)


@pytest.mark.parametrize(
    ("version", "gpu", "dtype", "each"),
    [
        ("0.5.4", "B200", None, 2 * 576 + 132),
        ("0.5.5", "B200", None, 576 + 132),  # server_args.py: fp8 where nothing is said
        ("0.5.23", "B200", None, 576 + 132),
        ("0.5.23", "H200", None, 2 * 576 + 132),
        ("0.5.16", "H200", "fp8_e4m3", 576 + 132),  # _compute_cell_size leaves the scales out until then
        ("0.5.17", "H200", "fp8_e4m3", 656 + 132),
    ],
)
def test_bytes_of_a_token_of_sparse_attention(version: str, gpu: str, dtype: str | None, each: int) -> None:
    values = {"gpu": gpu, "tensor_parallel": 8, "engine_version": version, "kv_cache_dtype": dtype}
    assert fit("deepseek-ai/DeepSeek-V3.2", **values).kv_bytes_per_token_per_gpu == 61 * each


@pytest.mark.parametrize(
    ("version", "gpu", "kept"),
    [("0.5.9", "B200", 80), ("0.5.10", "B200", 0), ("0.5.16", "H200", 80), ("0.5.17", "H200", 0)],
)
def test_scales_of_sparse_attention_come_beside_the_share(version: str, gpu: str, kept: int) -> None:
    # DSATokenToKVPool keeps 656 bytes where the cache was sized for 576, but for trtllm's layout (0.5.10).
    values = {"gpu": gpu, "tensor_parallel": 8, "engine_version": version, "kv_cache_dtype": "fp8_e4m3"}
    result = fit("deepseek-ai/DeepSeek-V3.2", **values)
    line = next(item for item in result.explain if item.startswith("beside the budget"))
    scales = kept * 61 * (result.kv_cache_tokens or 0) / GIB
    assert (f"scales {scales:.2f}" in line) is bool(kept)


def test_sparse_attention_was_whole_on_every_rank_at_first() -> None:
    # "DP attention is enabled for DeepSeek NSA": dp_size = tp_size in server_args.py 0.5.3 to 0.5.5.
    values = {"gpu": "H200", "tensor_parallel": 8}
    weights = {
        version: fit("deepseek-ai/DeepSeek-V3.2", engine_version=version, **values).weights_gib_per_gpu
        for version in ("0.5.3", "0.5.5", "0.5.6")
    }
    assert weights["0.5.3"] == weights["0.5.5"]
    assert (weights["0.5.5"] or 0) > (weights["0.5.6"] or 0) + 10


def test_copies_of_attention() -> None:
    # server_args.py 0.4.2: dp_size = tp_size; 0.4.5: --dp-size says how many of the ranks.
    case = FitCase(model="deepseek-ai/DeepSeek-V3", engine="sglang", data_parallel_attention=True, data_parallel=2)
    assert attention_copies(case.model_copy(update={"engine_version": "0.4.2"}), 8) == 8
    assert attention_copies(case.model_copy(update={"engine_version": "0.4.5"}), 8) == 2
    assert attention_copies(case.model_copy(update={"data_parallel_attention": None}), 8) == 1
    both = fit("deepseek-ai/DeepSeek-V3", gpus_total=8, data_parallel=8, data_parallel_attention=True)
    assert (both.tensor_parallel, both.data_parallel) == (8, 8)


@pytest.mark.parametrize(("version", "mib"), [("0.5.1", 4096), ("0.5.9", 512 * 8 * 4.5)])
def test_copies_of_attention_take_of_the_default_share(version: str, mib: float) -> None:
    # server_args.py 0.5.1: 4 GiB; 0.5.3 to 0.5.23: three MiB for each captured batch and copy, half as
    # much again above 300.
    values = {"model": "deepseek-ai/DeepSeek-V3", "gpu": "H200", "tensor_parallel": 8, "engine_version": version}
    plain, copied = fit(**values), fit(**values, **COPIES)
    less = (plain.gpu_memory_utilization or 0) - (copied.gpu_memory_utilization or 0)
    assert less * 143771 == pytest.approx(mib, abs=200)


def test_the_flag_of_the_engine_is_a_key() -> None:
    line = fit_line(
        '{"model": "deepseek-ai/DeepSeek-V3", "engine": "sglang", "tp": 8, "dp": 8, "enable_dp_attention": true}'
    )
    assert line.weights_gib_per_gpu == fit("deepseek-ai/DeepSeek-V3", tensor_parallel=8, **COPIES).weights_gib_per_gpu


@pytest.mark.parametrize(
    ("model", "counted"), [(NEXT, False), ("Qwen/Qwen3.5-9B", False), ("deepseek-ai/DeepSeek-V3", True)]
)
def test_layers_of_a_draft_count_where_its_path_is_set(model: str, counted: bool) -> None:
    # eagle_draft_num_layers goes by --speculative-draft-model-path, which speculative_hook.py 0.5.14 sets for some.
    plain, drafted = fit(model, engine_version="0.5.15"), fit(model, engine_version="0.5.15", **DRAFT)
    assert (drafted.kv_bytes_per_token_per_gpu != plain.kv_bytes_per_token_per_gpu) is counted
