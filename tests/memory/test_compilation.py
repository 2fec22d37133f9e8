"""What compiling takes on a first start; figures are those of vLLM 0.27.1's models compiled by PyTorch 2.13.0."""

import re

import pytest
from msgspec import structs

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.peak.compilation import Compiling, compiling
from llminfra.planning.memory.peak.forward_peak import Batch, Products
from llminfra.planning.memory.peak.pinned_copy import copy_stays
from llminfra.planning.memory.releases.engine_profile import vllm_profile

GIB, MIB = 2**30, 2**20
QWEN = load_model("Qwen/Qwen2.5-7B-Instruct")
LATEST = vllm_profile((0, 27, 1))


def batch(**changes):
    return Batch(**({"tokens": 2048, "sequences": 128, "length": 4096} | changes))


@pytest.mark.parametrize(
    ("model", "tokens", "tp", "gib"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 2048, 1, 1.042),
        ("Qwen/Qwen2.5-7B-Instruct", 2048, 2, 0.521),
        ("meta-llama/Llama-3.1-8B-Instruct", 8192, 1, 1.104),
        ("meta-llama/Llama-3.2-3B-Instruct", 2048, 1, 0.757),
        ("Qwen/Qwen3-8B", 2048, 1, 1.190),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", 8192, 1, 0.642),
    ],
)
def test_the_first_piece_runs_on_a_copy_of_the_table(model, tokens, tp, gib):
    found = compiling(load_model(model), batch(tokens=tokens, tp=tp), LATEST)
    assert found.peak / GIB == pytest.approx(gib, abs=0.001)


def test_tables_of_each_layers_words_are_copied_where_no_image_may_come():
    # Gemma 4 E2B: 262,144 words of 35 layers, 256 wide, in 16 bits. The decoder alone allocates 4.49 GiB, of which the
    # rest is streams beside this table.
    case = {"model": "google/gemma-4-E2B-it", "gpu": "L4-24GB", "engine_version": "0.27.1"}
    text, both = fit_case(FitCase(**case, language_model_only=True)), fit_case(FitCase(**case))
    assert any("compiling 4.38 (on a first start)" in line for line in text.explain)
    assert not any("compiling" in line for line in both.explain)


def test_words_of_models_that_take_images_are_looked_up_outside():
    # Qwen3.8-27B NVFP4 on an RTX 5090, 0.26.1: 1.9 GiB of peak, which is that of the tower; its table has 2.37.
    vision = load_model("Qwen/Qwen2.5-VL-7B-Instruct")
    assert compiling(vision, batch(), LATEST) == Compiling()


@pytest.mark.parametrize("changes", [{"eager": True}, {"compiled": True}])
def test_nothing_is_compiled_line_by_line_or_again(changes):
    assert compiling(QWEN, batch(**changes), LATEST) == Compiling()


def test_since_pytorch_2_10_counts_it():
    assert compiling(QWEN, batch(), vllm_profile((0, 16, 0))) == Compiling()
    assert compiling(QWEN, batch(), vllm_profile((0, 17, 1))).peak


def first_start(model, gpu, version="0.27.1", **case):
    """Lines that say why, of a start that finds no compiled model."""
    return fit_case(FitCase(model=model, gpu=gpu, engine_version=version, max_model_len=8192, **case))


@pytest.mark.parametrize(
    ("model", "gpu", "version", "case", "gib"),
    [
        # Small blocks are left by the rotary table (Qwen2.5 7B), or taken by a stream (Llama 3.2 3B, Qwen3 4B).
        ("Qwen/Qwen2.5-7B-Instruct", "L4-24GB", "0.27.1", {}, 1.00),
        ("Qwen/Qwen2.5-7B-Instruct", "A10G-24GB", "0.28.0", {"max_num_seqs": 128}, 1.00),
        ("meta-llama/Llama-3.2-3B-Instruct", "L4-24GB", "0.27.1", {}, 0.72),
        ("Qwen/Qwen3-4B", "L4-24GB", "0.29.0", {}, 0.71),
        # Beside the sampler's buffers 10 and 12 MiB are free, and the streams need more.
        ("Qwen/Qwen3-8B", "RTX-4090-24GB", "0.27.1", {}, 0),
        ("Qwen/Qwen3-14B", "L40S-48GB", "0.28.0", {}, 0),
        ("meta-llama/Llama-3.1-8B-Instruct", "RTX-3090-24GB", "0.28.0", {}, 0),
        # The first runner: no other segment has 45 MiB for the sampler's buffer.
        ("openai/gpt-oss-20b", "L4-24GB", "0.28.0", {}, 1.02),
        # Its first layer is a delta one: attention comes in a later piece, with kernels that are fused side by side.
        ("Qwen/Qwen3.8-27B", "RTX-3090-24GB", "0.27.1", {"quantization": "w4a16", "language_model_only": True}, 0),
        # No product of the layers is cuBLAS's.
        ("Qwen/Qwen3-14B-AWQ", "L4-24GB", "0.28.0", {}, 0),
        # Line by line, compiled before, and by a release that does not count it.
        ("Qwen/Qwen2.5-7B-Instruct", "L4-24GB", "0.27.1", {"enforce_eager": True}, 0),
        ("Qwen/Qwen2.5-7B-Instruct", "L4-24GB", "0.27.1", {"compiled": True}, 0),
        ("Qwen/Qwen2.5-7B-Instruct", "L4-24GB", "0.26.0", {}, 0),
    ],
)
def test_the_copy_counts_twice_where_cublas_finds_no_other_place_for_its_workspace(model, gpu, version, case, gib):
    found = first_start(model, gpu, version, **case)
    text = " ".join(found.explain)
    stays = re.search(r"compiler's copy (\d\.\d\d) GiB: it stays reserved", text)
    assert (float(stays[1]) if stays else 0) == pytest.approx(gib, abs=0.005)
    assert "less on a first start" not in text
    later = first_start(model, gpu, version, **{**case, "compiled": True})
    assert (found.later_cache_gib or found.kv_cache_memory_gib) == pytest.approx(later.kv_cache_memory_gib, abs=0.1)


def test_other_rows_of_the_rotary_table_leave_other_places():
    # Two starts of 0.28.0 on an RTX 3090 whose copy was given back: the same model with 262,144 positions.
    plain = {"tokens": 2048, "sequences": 256, "products": Products.CUBLAS, "workspace_bytes": 8519680}
    assert copy_stays(QWEN, batch(**plain), 0) == 1040 * MIB - 2 * 8519680
    assert copy_stays(structs.replace(QWEN, rope_tables=((262144, 128),)), batch(**plain), 0) == 0


def test_logits_of_more_sequences_than_the_copy_holds_have_other_segments():
    many = {"max_num_seqs": 512}
    text = " ".join(first_start("openai/gpt-oss-20b", "L4-24GB", "0.28.0", **many).explain)
    assert "up to 1.08 GiB less on a first start" in text


def test_what_may_stay_reserved_is_in_the_margin_where_it_is_not_known():
    # Two ranks: what their sums allocate is not modelled. Small matrices share segments, whose rest is not known.
    table = 152064 * 3584 * 2
    assert compiling(QWEN, batch(), vllm_profile((0, 26, 0))) == Compiling(peak=table + 2 * 2048 * 3584 * 2)
    assert compiling(QWEN, batch(), LATEST).may_stay == table
    assert any(
        "up to 1.02 GiB less" in line for line in first_start(QWEN.model_id, "L4-24GB", enable_lora=True).explain
    )
    assert any("up to 0.43 GiB less" in line for line in first_start("Qwen/Qwen2.5-1.5B-Instruct", "L4-24GB").explain)
    tight = first_start("Qwen/Qwen2.5-7B-Instruct", "L4-24GB", tensor_parallel=2, gpu_memory_utilization=0.41)
    assert tight.fits
    assert tight.reason.startswith("LLM_MEM_6")
    assert "0.51 of them on a first start alone" in tight.reason
    later = first_start(
        "Qwen/Qwen2.5-7B-Instruct", "L4-24GB", tensor_parallel=2, gpu_memory_utilization=0.41, compiled=True
    )
    assert later.reason.startswith("LLM_MEM_0")
