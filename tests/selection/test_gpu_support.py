"""Devices against quantizations, dtypes, caches and CUDA: by engine release."""

from __future__ import annotations

import pytest

from llminfra.catalog.engines import engine_release
from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import load_model, quantization_from_name
from llminfra.planning.hardware.gpu_support import GpuProblem, gpu_problems, minimum_capability


def problems(
    device: str,
    *,
    engine: str = "vllm",
    version: str | None = "0.27.1",
    checkpoint: str | None = None,
    requested: str | None = None,
    dtype: str | None = None,
    cache: str | None = None,
) -> dict[str, GpuProblem]:
    gpu = find_gpu(device)
    assert gpu is not None
    release = engine_release("vllm", version) if engine == "vllm" and version else None
    found = gpu_problems(
        gpu,
        engine=engine,
        release=release,
        quant=quantization_from_name(checkpoint) if checkpoint else None,
        requested=requested,
        dtype=dtype,
        checkpoint_dtype="bfloat16" if dtype is None else dtype,
        kv_cache_dtype=cache,
    )
    return {item.code: item for item in found}


@pytest.mark.parametrize(
    ("device", "version", "checkpoint", "code"),
    [
        ("t4", "0.10.2", "fp8", "LLM_FIT_5"),
        ("t4", "0.27.1", "fp8", "LLM_FIT_24"),
        ("a100-80gb", "0.27.1", "fp8", "LLM_FIT_24"),
        ("h100", "0.27.1", "nvfp4", "LLM_FIT_24"),
        ("h100", "0.8.5", "nvfp4", "LLM_FIT_5"),
        ("t4", "0.27.1", "mxfp4", "LLM_FIT_5"),
        ("v100-16gb", "0.9.2", "awq", "LLM_FIT_5"),
    ],
)
def test_quantization_by_generation_and_release(device: str, version: str, checkpoint: str, code: str) -> None:
    found = problems(device, version=version, checkpoint=checkpoint, dtype="float16")
    assert code in found
    assert found[code].fatal is (code == "LLM_FIT_5")


@pytest.mark.parametrize(
    ("device", "checkpoint"),
    [("h100", "fp8"), ("l4", "fp8"), ("b200", "nvfp4"), ("t4", "awq"), ("a10g", "gptq"), ("a100-80gb", "mxfp4")],
)
def test_what_runs_is_not_reported(device: str, checkpoint: str) -> None:
    assert not problems(device, checkpoint=checkpoint, dtype="float16")


def test_the_words_of_the_engine() -> None:
    item = problems("t4", version="0.10.2", checkpoint="fp8", dtype="float16")["LLM_FIT_5"]
    assert item.runtime_message == (
        "The quantization method fp8 is not supported for the current GPU. Minimum capability: 80. "
        "Current capability: 75."
    )


def test_removed_methods() -> None:
    assert "LLM_FIT_22" in problems("h100", version="0.30.0", requested="bitsandbytes")
    assert "LLM_FIT_22" not in problems("h100", version="0.27.1", requested="bitsandbytes")


@pytest.mark.parametrize("method", ["awq", "gptq", "compressed-tensors", "nvfp4", "mxfp4"])
def test_plain_weights_are_not_made_into_these(method: str) -> None:
    assert "LLM_FIT_23" in problems("b200", requested=method)
    held = "compressed-tensors int4 g128" if method == "compressed-tensors" else method
    assert "LLM_FIT_23" not in problems("b200", requested=method, checkpoint=held)


def test_fp8_is_made_while_loading() -> None:
    assert not problems("h100", requested="fp8")


def test_bfloat16_before_ampere() -> None:
    assert problems("t4", dtype="bfloat16")["LLM_FIT_25"].fatal
    assert not problems("t4")["LLM_FIT_26"].fatal
    assert not problems("a10g", dtype="bfloat16")


def test_fp8_cache() -> None:
    assert "LLM_FIT_28" in problems("a100-80gb", cache="fp8")
    assert "LLM_FIT_28" not in problems("l40s", cache="fp8_e4m3")


def test_volta_and_cuda_13() -> None:
    assert "LLM_FIT_27" in problems("v100-32gb", dtype="float16")
    assert "LLM_FIT_27" not in problems("v100-32gb", version="0.10.2", dtype="float16")


def test_other_engines_have_their_own_table() -> None:
    assert minimum_capability("sglang", None, "modelopt_fp4") == 100
    assert minimum_capability("sglang", None, "nvfp4") == 100, "the same by another name"
    assert minimum_capability("sglang", None, "unknown") is None
    assert minimum_capability("custom", None, "fp8") is None
    assert "LLM_FIT_5" in problems("h100", engine="sglang", checkpoint="nvfp4")


def test_a_catalog_model_on_the_gpus_that_its_card_names() -> None:
    facts = load_model("openai/gpt-oss-20b")
    assert facts is not None
    assert facts.quantization is not None
    gpu = find_gpu("h100")
    assert gpu is not None
    assert not gpu_problems(
        gpu,
        engine="vllm",
        release=engine_release("vllm", "0.27.1"),
        quant=facts.quantization,
        requested=None,
        dtype=None,
        checkpoint_dtype=facts.dtype,
        kv_cache_dtype=None,
    )
