"""Towers for images and sound: loaded, tried and cut as the release does it."""

import json

import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, FitResult, fit_case, fit_line

OMNI, VL, QWEN = "Qwen/Qwen2.5-Omni-7B", "Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen3.6-27B-FP8"
NONE = {"image": 0, "video": 0}


def fit(model: str, **fields: object) -> FitResult:
    case = {"gpu": "H100-80GB", "max_model_len": 16384, "engine_version": "0.27.1", **fields}
    return fit_case(FitCase(model=model, **case))


def test_text_alone_leaves_the_tower_out_as_measured() -> None:
    # 27.67 GiB: vllm 0.27.1 with --language-model-only, row repo-meeting-h100-qwen36-27b-fp8 of the benchmark.
    result = fit(QWEN, max_model_len=4096, gpu_memory_utilization=0.88, language_model_only=True)
    assert result.weights_gib_per_gpu == pytest.approx(27.67, rel=0.005)
    assert any(line.startswith("towers left out") for line in result.explain)
    whole = fit(QWEN, max_model_len=4096, gpu_memory_utilization=0.88)
    assert whole.weights_gib_per_gpu == pytest.approx(28.49, rel=0.005)
    assert not any(line.startswith("towers left out") for line in whole.explain)


@pytest.mark.parametrize(
    ("version", "limits", "loaded"),
    [
        ("0.27.1", NONE, False),
        ("0.11.0", NONE, False),
        ("0.10.0", NONE, True),
        ("0.27.1", {"image": 0}, True),
        ("0.27.1", {"image": 0, "video": 1}, True),
        ("0.27.1", {"image": 1, "video": 0}, True),
    ],
)
def test_the_tower_is_loaded_while_anything_may_ask_it(version: str, limits: dict[str, int], loaded: bool) -> None:
    plain = fit(VL, engine_version=version).weights_gib_per_gpu
    limited = fit(VL, engine_version=version, limit_mm_per_prompt=limits).weights_gib_per_gpu
    assert plain is not None
    assert limited is not None
    assert (limited == plain) is loaded
    assert loaded or plain - limited == pytest.approx(1.26, abs=0.03)


def test_each_tower_goes_by_its_own_modality() -> None:
    whole, deaf, blind, text = (
        fit(OMNI, limit_mm_per_prompt=limits).weights_gib_per_gpu
        for limits in (None, {"audio": 0}, NONE, {"audio": 0, **NONE})
    )
    assert text < deaf < whole
    assert text < blind < whole
    assert whole - text == pytest.approx((whole - deaf) + (whole - blind), abs=0.01)


def test_a_release_that_loads_the_tower_still_does_not_try_it() -> None:
    plain = fit(VL, engine_version="0.9.2")
    limited = fit(VL, engine_version="0.9.2", limit_mm_per_prompt=NONE)
    assert limited.weights_gib_per_gpu == plain.weights_gib_per_gpu
    assert limited.activation_peak_gib < plain.activation_peak_gib


def test_v0_tries_as_many_images_as_one_request_may_bring() -> None:
    peaks = [
        fit(VL, engine_version="0.7.3", limit_mm_per_prompt={"image": count, "video": 0}).activation_peak_gib
        for count in (1, 4)
    ]
    assert peaks[1] == pytest.approx(4 * peaks[0], rel=0.01)
    # Nothing said is an image and a video of the largest size, as 4.93 GiB measured it on a device.
    assert fit(VL, engine_version="0.7.3").activation_peak_gib == pytest.approx(2 * peaks[0], rel=0.01)


def test_v1_tries_no_more_images_than_its_sequences_may_bring() -> None:
    case = {"engine_version": "0.15.1", "max_num_batched_tokens": 65536}
    free = fit(VL, max_num_seqs=1, max_model_len=65536, **case)
    several = fit(VL, max_num_seqs=1, max_model_len=65536, limit_mm_per_prompt={"image": 2, "video": 0}, **case)
    one = fit(VL, max_num_seqs=1, max_model_len=65536, limit_mm_per_prompt={"image": 1, "video": 0}, **case)
    short = fit(VL, max_num_seqs=1, max_model_len=16384, **case)
    assert one.activation_peak_gib < several.activation_peak_gib < free.activation_peak_gib
    assert short.activation_peak_gib == one.activation_peak_gib
    assert fit(VL, max_num_seqs=4, **case).activation_peak_gib == free.activation_peak_gib


def test_every_rank_holds_the_whole_tower_in_data_mode_as_measured() -> None:
    # 72.02 GiB a rank: vllm 0.18.0, --mm-encoder-tp-mode data, row vdb-h200-kimi-k2.5-tp8-v0.18.0-l8192-485d.
    case = {"gpu": "H200-141GB", "tensor_parallel": 8, "max_model_len": 8192, "engine_version": "0.18.0"}
    cut = fit("moonshotai/Kimi-K2.5", **case).weights_gib_per_gpu
    whole = fit("moonshotai/Kimi-K2.5", mm_encoder_tp_mode="data", **case).weights_gib_per_gpu
    assert cut < whole == pytest.approx(72.02, rel=0.003)


def test_heads_that_do_not_divide_are_counted_once_where_the_tower_is_whole() -> None:
    """InternViT-6B has 25 heads: cut over eight ranks, its attention is whole on each all the same."""
    case = {"tensor_parallel": 8, "engine_version": "0.27.1"}
    cut, whole, without = (
        fit("OpenGVLab/InternVL3-78B", **case, **given).weights_gib_per_gpu
        for given in ({}, {"mm_encoder_tp_mode": "data"}, {"language_model_only": True})
    )
    assert cut is not None
    assert whole is not None
    assert without is not None
    assert without < cut < whole
    facts = load_model("OpenGVLab/InternVL3-78B")
    assert facts is not None
    (tower,) = facts.encoders
    assert whole - without == pytest.approx((tower.sharded_params + tower.replicated_params) * 2 / 2**30, rel=0.01)


def test_a_tower_that_cannot_is_cut_in_data_mode_too() -> None:
    case = {"tensor_parallel": 2, "engine_version": "0.27.1"}
    assert fit("google/gemma-3-27b-it", **case, mm_encoder_tp_mode="data") == fit("google/gemma-3-27b-it", **case)


def test_limits_mean_nothing_to_a_model_of_text() -> None:
    assert fit("Qwen/Qwen3-8B", language_model_only=True, limit_mm_per_prompt=NONE) == fit("Qwen/Qwen3-8B")


@pytest.mark.parametrize(
    "written",
    [NONE, json.dumps(NONE), "image=0,video=0", " image = 0 , video = 0 ", {"image": {"count": 0}, "video": 0}],
)
def test_limits_are_read_as_vllm_reads_them(written: object) -> None:
    line = {"model": VL, "gpu": "H100-80GB", "max_model_len": 16384, "engine_version": "0.27.1"}
    result = fit_line(json.dumps({**line, "limit_mm_per_prompt": written}))
    assert result.weights_gib_per_gpu == fit(VL, limit_mm_per_prompt=NONE).weights_gib_per_gpu


@pytest.mark.parametrize("written", ["four", {"image": -1}, {"image": {"width": 512}}, ["image"], 4])
def test_limits_that_are_none_are_refused(written: object) -> None:
    result = fit_line(json.dumps({"model": VL, "gpu": "H100-80GB", "limit_mm_per_prompt": written}))
    assert result.error is not None
    assert "limit_mm_per_prompt" in result.error
    assert "Value error" not in result.error


@pytest.mark.parametrize(
    ("model", "version", "given", "batch"),
    [
        ("google/gemma-4-26B-A4B-it", "0.25.1", None, 2496),
        ("nvidia/Gemma-4-31B-IT-NVFP4", "0.28.0", None, 2496),
        ("google/gemma-4-12B-it", "0.28.0", None, 2496),
        ("google/gemma-4-E2B-it", "0.28.0", None, 2048),
        ("google/gemma-4-26B-A4B-it", "0.21.0", None, 2048),
        ("google/gemma-4-26B-A4B-it", "0.25.1", 2048, 2048),
        ("google/gemma-3-27b-it", "0.25.1", None, 2048),
    ],
)
def test_a_batch_holds_the_largest_item_that_is_looked_at_both_ways(
    model: str, version: str, given: int | None, batch: int
) -> None:
    result = fit(model, gpu="L40S-48GB", engine_version=version, max_num_batched_tokens=given)
    assert result.max_num_batched_tokens == batch


def test_a_measured_request_of_gemma_4_needs_windows_of_that_batch() -> None:
    # Row n-ghf-l40s-gemma4-26b-a4b-fp8: 12.75 GiB for 9.81 requests.
    result = fit("google/gemma-4-26B-A4B-it", gpu="L40S-48GB", engine_version="0.25.1", max_model_len=32768)
    assert result.kv_needed_gib == pytest.approx(12.75 / 9.81, rel=0.002)


def test_whole_attention_of_a_tower_takes_fp32_queries_of_every_head() -> None:
    # Row n-repo-l40s-x8-internvl3-78b-066: 15.73 GiB with 16 images of 13 tiles; 25 heads do not divide by 8 ranks.
    case = {"gpu": "L40S-48GB", "engine_version": "0.6.6", "tensor_parallel": 8, "max_model_len": 8192}
    result = fit("OpenGVLab/InternVL3-78B", **case, limit_mm_per_prompt={"image": 16})
    patches = 16 * 13 * 1024
    assert result.activation_peak_gib == pytest.approx(patches * 11 * 3200 * 2 / 2**30, rel=0.001)
    cut = fit("OpenGVLab/InternVL3-78B", **case | {"tensor_parallel": 5}, limit_mm_per_prompt={"image": 16})
    embedded = 2 * patches // 4 * 8192
    assert cut.activation_peak_gib == pytest.approx(
        (patches * (4 * 3200 + 2 * 12800 / 5) + embedded) * 2 / 2**30, abs=1e-3
    )
