"""What compiling takes on a first start; figures are those of vLLM 0.27.1's models compiled by PyTorch 2.13.0."""

import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.peak.compilation import Compiling, compiling
from llminfra.planning.memory.peak.forward_peak import Batch
from llminfra.planning.memory.releases.engine_profile import vllm_profile

GIB = 2**30
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


def test_what_may_stay_reserved_is_in_the_margin_where_all_that_lies_on_the_device_counts():
    # Llama 3.2 3B on an L4, 0.27.1: 6.98 GiB consumed, 6.04 of them weights, and 0.75 of peak beside; the table: 0.73.
    table = 152064 * 3584 * 2
    assert compiling(QWEN, batch(), vllm_profile((0, 26, 0))).pinned == 0
    assert compiling(QWEN, batch(), LATEST).pinned == table
    case = {"model": "Qwen/Qwen2.5-7B-Instruct", "gpu": "L4-24GB", "engine_version": "0.27.1", "max_model_len": 32768}
    tight = fit_case(FitCase(**case, gpu_memory_utilization=0.86))
    assert tight.fits
    assert tight.reason.startswith("LLM_MEM_6")
    assert "1.02 of them on a first start alone" in tight.reason
    assert any("up to 1.02 GiB less on a first start" in line for line in tight.explain)
    later = fit_case(FitCase(**case, gpu_memory_utilization=0.86, compiled=True))
    assert later.reason.startswith("LLM_MEM_0")
