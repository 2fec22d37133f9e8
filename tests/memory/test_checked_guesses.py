"""What the profiling run of the first runner takes to check guesses."""

import pytest

from llminfra.planning.memory import FitCase, FitResult, fit_case

QWEN = "Qwen/Qwen2.5-3B-Instruct"
VOCABULARY, GIB = 151_936, 2**30


def fit(version: str, **fields: object) -> FitResult:
    case = {"model": QWEN, "gpu": "T4-16GB", "engine_version": version, "max_model_len": 4096, "max_num_seqs": 256}
    return fit_case(FitCase.model_validate(case | fields))


@pytest.mark.parametrize(("version", "bytes_"), [("0.11.1", 46), ("0.13.0", 46), ("0.14.0", 50), ("0.17.1", 30)])
def test_each_sequence_checks_a_guess(version: str, bytes_: int) -> None:
    guessing = fit(version, speculative_method="ngram", speculative_tokens=5)
    checked = 256 * VOCABULARY * bytes_ / GIB
    assert guessing.activation_peak_gib == pytest.approx(checked, abs=0.05)
    fewer = fit(version, speculative_method="ngram", speculative_tokens=1)
    assert fewer.activation_peak_gib == guessing.activation_peak_gib


@pytest.mark.parametrize("version", ["0.10.2", "0.11.0"])
def test_16_bit_logits_that_are_sorted_take_less_than_the_sampler(version: str) -> None:
    guessing = fit(version, speculative_method="ngram", speculative_tokens=5)
    assert guessing.activation_peak_gib == fit(version).activation_peak_gib


def test_starts_with_guesses_are_as_measured() -> None:
    # T4, 0.17.1: 6.15 GiB of cache with n-grams, and 4.49 with a draft of 0.5B at a share of 0.85, were printed.
    ngram = fit("0.17.1", speculative_method="ngram", speculative_tokens=5)
    assert ngram.kv_cache_memory_gib == pytest.approx(6.15, abs=0.03)
    of_draft = {"draft_model": "Qwen/Qwen2.5-0.5B-Instruct", "speculative_tokens": 3, "gpu_memory_utilization": 0.85}
    draft = fit("0.17.1", **of_draft)
    assert draft.kv_cache_memory_gib == pytest.approx(4.49, abs=0.03)


def test_the_second_runner_checks_them_beside_the_budget() -> None:
    case = {"gpu": "A100-80GB", "model": "Qwen/Qwen3-8B"}
    plain, guessing = (fit("0.27.1", **case, speculative_tokens=count) for count in (0, 3))
    assert guessing.activation_peak_gib == pytest.approx(plain.activation_peak_gib, abs=0.01)
