"""vLLM's second model runner: which models it runs, and what it does about memory."""

import pytest
from msgspec.structs import replace

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.releases.engine_profile import vllm_profile
from llminfra.planning.memory.releases.model_runner import Guessing, runner_rules, sampler_state_bytes, second_runner
from llminfra.planning.memory.releases.settings import resolve

LLAMA, QWEN3, QWEN3_MOE = "meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-8B", "Qwen/Qwen3-30B-A3B"
HYBRID = "Qwen/Qwen3-Next-80B-A3B-Instruct"


@pytest.mark.parametrize(
    ("model", "version", "quantized", "taken"),
    [
        (QWEN3, (0, 21, 0), False, False),
        (QWEN3, (0, 22, 0), False, True),
        (QWEN3, (0, 22, 0), True, False),
        (QWEN3, (0, 24, 0), True, True),
        (LLAMA, (0, 22, 0), False, False),
        (LLAMA, (0, 23, 0), False, True),
        ("google/gemma-3-4b-it", (0, 24, 0), False, False),
        ("google/gemma-3-4b-it", (0, 25, 0), False, True),
        (QWEN3_MOE, (0, 28, 0), False, False),
        (QWEN3_MOE, (0, 29, 0), False, True),
        (HYBRID, (0, 28, 0), False, False),
        (HYBRID, (0, 29, 0), False, True),
    ],
)
def test_which_models_a_release_runs_with_it(model, version, quantized, taken):
    assert second_runner(load_model(model), vllm_profile(version), quantized=quantized) is taken


def test_what_is_asked_for_wins_where_the_release_has_it():
    facts = load_model(QWEN3_MOE)
    assert second_runner(facts, vllm_profile((0, 22, 0)), quantized=True, asked=True)
    assert not second_runner(facts, vllm_profile((0, 29, 0)), quantized=False, asked=False)
    assert not second_runner(facts, vllm_profile((0, 21, 0)), quantized=False, asked=True)


def test_models_that_generate_nothing_wait_for_029():
    embedder = replace(load_model(QWEN3), generative=False)
    assert not second_runner(embedder, vllm_profile((0, 28, 0)), quantized=False)
    assert second_runner(embedder, vllm_profile((0, 29, 0)), quantized=False)


def test_rules_of_the_first_runner_are_left_alone():
    profile = vllm_profile((0, 25, 0))
    assert runner_rules(load_model(QWEN3_MOE), profile, quantized=False) is profile


@pytest.mark.parametrize(
    ("version", "sampler", "graphs", "images"),
    [
        ((0, 26, 0), "copy", False, False),
        ((0, 27, 0), "raw", False, True),
        ((0, 28, 0), "raw", False, True),
        ((0, 29, 0), "raw", True, True),
        ((0, 33, 0), "flashinfer", True, True),
    ],
)
def test_rules_of_the_second_runner_by_release(version, sampler, graphs, images):
    rules = runner_rules(load_model(QWEN3), vllm_profile(version), quantized=False)
    assert (rules.sampler, rules.reserves_cuda_graphs, rules.profiles_encoder) == (sampler, graphs, images)
    assert rules.warms_up_sampler is (sampler != "flashinfer")


def test_counts_for_penalties_take_four_bytes_and_a_bit_for_each_token():
    facts, profile = load_model(QWEN3), vllm_profile((0, 27, 1))
    settings = resolve(facts, FitCase(model=QWEN3, max_num_seqs=256), profile, None, None)
    rules = runner_rules(facts, profile, quantized=False)
    assert sampler_state_bytes(facts, rules, settings) == 256 * (151936 * 4 + 151936 // 8)
    assert sampler_state_bytes(facts, profile, settings) == 0


def test_counts_are_in_the_budget_since_027_and_beside_it_before():
    case = {"model": QWEN3, "gpu": "L40S", "max_num_seqs": 256}
    inside = fit_case(FitCase(**case, engine_version="0.27.1"))
    before = fit_case(FitCase(**case, engine_version="0.26.0"))
    assert any("of counts for penalties" in line and line.startswith("non-torch") for line in inside.explain)
    assert any(line.startswith("counts for penalties 0.15 GiB") for line in before.explain)


def test_first_start_on_a_4090_as_measured():
    # Qwen3-8B on an RTX 4090, 0.27.1: 35,792 tokens, which only the compiler's copy of the embeddings explains.
    result = fit_case(FitCase(model=QWEN3, gpu="RTX-4090", engine_version="0.27.1", max_model_len=32768))
    assert any("compiling 1.19 (on a first start)" in line for line in result.explain)
    assert result.kv_cache_tokens == pytest.approx(35792, rel=0.02)


def test_eager_starts_compile_nothing():
    result = fit_case(FitCase(model=QWEN3, gpu="RTX-4090", engine_version="0.27.1", enforce_eager=True))
    assert not any("compiling" in line for line in result.explain)


def test_later_starts_compile_nothing_either():
    # Qwen3-14B-AWQ on an L4, 0.28.0: 10.33 GiB on the second of two machines, 9.10 on the first start.
    later, first = (
        fit_case(
            FitCase(model="Qwen/Qwen3-14B-AWQ", engine_version="0.28.0", gpu="L4-24GB", compiled=compiled)
        ).kv_cache_memory_gib
        for compiled in (True, None)
    )
    assert later == pytest.approx(10.33, rel=0.01)
    assert first == pytest.approx(9.10, rel=0.02)


@pytest.mark.parametrize(
    ("method", "stages", "since"),
    [
        ("eagle", 1, (0, 23, 0)),
        ("eagle3", 1, (0, 23, 0)),
        ("eagle3", 2, (0, 30, 0)),
        ("mtp", 2, (0, 23, 0)),
        ("dflash", 1, (0, 24, 0)),
        ("draft_model", 1, (0, 31, 0)),
        ("ngram", 1, (0, 32, 0)),
        ("medusa", 1, (0, 33, 0)),
        ("suffix", 1, None),
    ],
)
def test_ways_to_guess_that_the_second_runner_lacks_run_with_the_first(method, stages, since):
    llama, guessing = load_model("meta-llama/Llama-3.1-8B-Instruct"), Guessing(method, stages)
    for minor in range(23, 34):
        profile = vllm_profile((0, minor, 0))
        taken = second_runner(llama, profile, quantized=False, guessing=guessing)
        assert taken is (since is not None and (0, minor, 0) >= since), minor
        assert second_runner(llama, profile, quantized=False, asked=True, guessing=guessing)


def test_a_case_with_ngrams_has_the_first_runner_s_sampler():
    case = {"model": "Qwen/Qwen3-8B", "gpu": "A100-80GB", "engine_version": "0.27.1", "max_num_seqs": 1024}
    plain, guessed = (
        fit_case(FitCase(**case, **more)) for more in ({}, {"speculative_method": "ngram", "speculative_tokens": 4})
    )
    assert guessed.activation_peak_gib - plain.activation_peak_gib > 2.0
