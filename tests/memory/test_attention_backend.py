"""FlashInfer's workspace lies beside the budget, or in the estimate for graphs, where vLLM takes FlashInfer."""

import pytest

from llminfra.planning.memory import FitCase, fit_case

LINE = "FlashInfer's workspace 0.38 GiB, outside the budget"


def explained(**fields: object) -> tuple[str, ...]:
    case = {"model": "meta-llama/Llama-3.1-8B-Instruct", "gpu": "L4-24GB", "max_model_len": 8192, **fields}
    return fit_case(FitCase(engine_version=case.pop("engine_version", "0.27.1"), **case)).explain


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({}, False),
        ({"kv_cache_dtype": "fp8"}, True),
        ({"kv_cache_dtype": "fp8", "engine_version": "0.10.2"}, False),
        ({"kv_cache_dtype": "fp8", "gpu": "H100-80GB"}, False),
        ({"gpu": "B200-180GB"}, True),
        ({"gpu": "RTX-5090-32GB"}, False),
        ({"gpu": "RTX-5090-32GB", "kv_cache_dtype": "fp8_e4m3"}, True),
        ({"gpu": "T4-16GB", "engine_version": "0.13.0"}, True),
        ({"gpu": "T4-16GB", "engine_version": "0.23.0"}, True),
        ({"gpu": "T4-16GB", "engine_version": "0.24.0"}, False),
        ({"gpu": "T4-16GB"}, False),
        ({"gpu": "V100-32GB", "engine_version": "0.13.0"}, False),
        ({"gpu": "B200-180GB", "model": "deepseek-ai/DeepSeek-V3.1"}, False),
        ({"gpu": "B200-180GB", "model": "openai/gpt-oss-120b", "engine_version": "0.13.0"}, True),
        ({"gpu": "T4-16GB", "model": "openai/gpt-oss-20b", "engine_version": "0.13.0"}, False),
        ({"gpu": "B200-180GB", "engine": "sglang", "engine_version": "0.5.23"}, False),
    ],
)
def test_flashinfer_is_taken_where_the_release_takes_it(fields: dict[str, object], taken: bool) -> None:
    assert (LINE in explained(**fields)) is taken


@pytest.mark.parametrize(
    ("fields", "outside"),
    [
        ({}, False),
        ({"enforce_eager": True}, True),
        ({"speculative_tokens": 3}, True),
        ({"engine_version": "0.19.0"}, True),
    ],
)
def test_the_estimate_for_whole_graphs_includes_it(fields: dict[str, object], outside: bool) -> None:
    model = {"model": "Qwen/Qwen3.6-35B-A3B", "gpu": "RTX-PRO-6000-Blackwell-96GB", "engine_version": "0.24.0"}
    wide = {**model, "max_num_seqs": 1, "kv_cache_dtype": "fp8", **fields}
    lines = explained(**wide)
    assert (LINE in lines) is outside
    graphs = next(line for line in lines if line.startswith("CUDA graphs"))
    assert (float(graphs.split()[2]) > 0.38) is not outside


def test_a_start_that_ran_out_of_memory_for_it_is_refused() -> None:
    # vllm-project/vllm#19445: RTX 2080 Ti, Llama 3.1 8B in AWQ, 0.13.0, "warming up sampler with 256 dummy requests".
    result = fit_case(
        FitCase(
            model="hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4",
            gpu="RTX-2080Ti-11GB",
            total_gpu_gib=10.57,
            max_model_len=10_000,
            engine_version="0.13.0",
        )
    )
    assert result.fits is False
    assert result.reason.startswith("LLM_MEM_5")
    assert "FlashInfer's workspace" in result.reason


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({"kv_cache_dtype": "fp8", "attention_backend": "TRITON_ATTN"}, False),
        ({"attention_backend": "FLASHINFER"}, True),
        ({"attention_backend": "flashinfer"}, True),
        ({"kv_cache_dtype": "fp8", "attention_backend": ""}, True),
    ],
)
def test_a_kernel_that_is_asked_for_is_taken(fields: dict[str, object], taken: bool) -> None:
    assert (LINE in explained(**fields)) is taken
