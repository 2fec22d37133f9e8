"""Devices against quantizations, dtypes, caches and CUDA: by engine release."""

from __future__ import annotations

import pytest

from llminfra.catalog.engines import engine_release
from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import load_model, quantization_from_name
from llminfra.planning.hardware.attention_support import takes_fp8_cache
from llminfra.planning.hardware.engine_run import EngineRun
from llminfra.planning.hardware.gpu_problem import GpuProblem
from llminfra.planning.hardware.gpu_support import gpu_problems, minimum_capability
from llminfra.planning.memory import FitCase, fit_case


def problems(
    device: str,
    *,
    engine: str = "vllm",
    version: str | None = "0.27.1",
    checkpoint: str | None = None,
    requested: str | None = None,
    dtype: str | None = None,
    cache: str | None = None,
    model: str = "Qwen/Qwen3-8B",
    text_only: bool = False,
) -> dict[str, GpuProblem]:
    gpu = find_gpu(device)
    assert gpu is not None
    release = engine_release("vllm", version) if engine == "vllm" and version else None
    facts = load_model(model)
    assert facts is not None
    run = EngineRun(
        engine=engine,
        release=release,
        quant=quantization_from_name(checkpoint) if checkpoint else None,
        requested=requested,
        dtype=dtype,
        kv_cache_dtype=cache,
        text_only=text_only,
    )
    return {item.code: item for item in gpu_problems(gpu, facts, run)}


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


def test_models_that_are_not_run_in_float16_take_32_bit_before_ampere() -> None:
    found = problems("t4", model="google/gemma-3-4b-it")["LLM_FIT_26"]
    assert "falls back to float32" in found.message
    assert "dtype" not in found.fix
    assert "float32" not in problems("t4", model="google/gemma-3-4b-it", version="0.9.0")["LLM_FIT_26"].message
    case = {"model": "google/gemma-3-4b-it", "gpu": "t4", "max_model_len": 2048}
    old, new = (fit_case(FitCase(engine_version=version, **case)) for version in ("0.9.0", "0.27.1"))
    assert (new.dtype, old.dtype) == ("float32", "float16")
    assert new.weights_gib_per_gpu == pytest.approx(2 * old.weights_gib_per_gpu, rel=0.01)
    ampere = fit_case(FitCase(engine_version="0.27.1", **{**case, "gpu": "a10g"}))
    assert ampere.weights_gib_per_gpu == pytest.approx(old.weights_gib_per_gpu, rel=0.01)


@pytest.mark.parametrize(
    ("device", "model", "version", "cache", "works"),
    [
        # FlashInfer reads it on Ampere, by the size of heads, without learned sinks.
        ("a100-80gb", "Qwen/Qwen3-8B", "0.27.1", "fp8", True),
        ("a10g", "Qwen/Qwen3-8B", "0.27.1", "fp8_e5m2", True),
        ("a10g", "microsoft/phi-4", "0.27.1", "fp8", True),
        ("a10g", "openai/gpt-oss-20b", "0.27.1", "fp8", False),
        ("a10g", "microsoft/Phi-3-mini-4k-instruct", "0.27.1", "fp8", False),
        ("l4", "microsoft/Phi-3-mini-4k-instruct", "0.27.1", "fp8", True),
        ("l4", "openai/gpt-oss-20b", "0.27.1", "fp8", True),
        # Triton's compiler has E5M2 on Ampere; its backend refuses it since 0.24.
        ("a10g", "openai/gpt-oss-20b", "0.23.0", "fp8_e5m2", True),
        ("a10g", "openai/gpt-oss-20b", "0.24.0", "fp8_e5m2", False),
        # On Turing FlashInfer until 0.23, Triton since.
        ("t4", "Qwen/Qwen3-8B", "0.23.0", "fp8", True),
        ("t4", "Qwen/Qwen3-8B", "0.24.0", "fp8", False),
        # Images that attend both ways leave Triton alone.
        ("a10g", "google/gemma-3-12b-it", "0.27.1", "fp8", False),
        ("a10g", "google/gemma-3-12b-it", "0.12.0", "fp8", True),
        ("l40s", "google/gemma-3-12b-it", "0.27.1", "fp8", True),
        # Heads of two sizes, which leave Triton's kernel alone.
        ("a10g", "google/gemma-4-31B-it", "0.27.1", "fp8", False),
        ("l40s", "google/gemma-4-31B-it", "0.27.1", "fp8", True),
        # Latent attention: Triton's takes eight bits since 0.18, from Ada on; nothing takes E5M2.
        ("a100-80gb", "deepseek-ai/DeepSeek-V2-Lite", "0.27.1", "fp8", False),
        ("l40s", "deepseek-ai/DeepSeek-V2-Lite", "0.27.1", "fp8", True),
        ("l40s", "deepseek-ai/DeepSeek-V2-Lite", "0.17.1", "fp8", False),
        ("h100", "deepseek-ai/DeepSeek-V2-Lite", "0.17.1", "fp8", True),
        ("h100", "deepseek-ai/DeepSeek-V2-Lite", "0.27.1", "fp8_e5m2", False),
    ],
)
def test_a_cache_of_eight_bits(device: str, model: str, version: str, cache: str, *, works: bool) -> None:
    found = problems(device, model=model, version=version, cache=cache, dtype="float16")
    assert ("LLM_FIT_54" not in found) is works
    assert "LLM_FIT_28" not in found, "it is known"
    gpu, facts = find_gpu(device), load_model(model)
    assert gpu is not None
    assert facts is not None
    if cache == "fp8":
        assert takes_fp8_cache(gpu, facts, "vllm", engine_release("vllm", version)) is works


def test_the_other_eight_bits_are_named_where_they_do() -> None:
    latent = {"model": "deepseek-ai/DeepSeek-V2-Lite", "cache": "fp8_e5m2", "dtype": "bfloat16"}
    assert "kv_cache_dtype='fp8'" in problems("l40s", **latent)["LLM_FIT_54"].fix
    assert "fp8" not in problems("a100-80gb", **latent)["LLM_FIT_54"].fix


def test_heads_of_several_sizes_are_named_as_what_no_kernel_takes() -> None:
    found = problems("a10g", model="google/gemma-4-E4B-it", cache="fp8")["LLM_FIT_54"]
    assert "no kernel for attention with heads of several sizes" in found.message


def test_a_model_without_its_images_attends_one_way() -> None:
    assert "LLM_FIT_54" not in problems("a10g", model="google/gemma-3-12b-it", cache="fp8", text_only=True)


def test_a_cache_of_eight_bits_where_kernels_are_not_known() -> None:
    assert "LLM_FIT_28" in problems("a100-80gb", version="0.10.2", cache="fp8")
    assert "LLM_FIT_28" in problems("a100-80gb", engine="sglang", cache="fp8")
    assert not problems("l40s", engine="sglang", cache="fp8_e4m3")


@pytest.mark.parametrize(
    ("device", "model", "version", "works"),
    [
        ("a100-80gb", "deepseek-ai/DeepSeek-V3.2", "0.27.1", False),
        ("a100-80gb", "deepseek-ai/DeepSeek-V3.2", None, False),
        ("l40s", "zai-org/GLM-5", "0.33.0", False),
        ("h200", "deepseek-ai/DeepSeek-V3.2", "0.11.0", True),
        ("b200", "zai-org/GLM-5", "0.27.1", True),
        ("rtx-pro-6000", "deepseek-ai/DeepSeek-V3.2", "0.23.0", False),
        ("rtx-pro-6000", "deepseek-ai/DeepSeek-V3.2", "0.24.0", True),
        ("a100-80gb", "deepseek-ai/DeepSeek-V4-Flash", "0.27.1", False),
        ("h100", "deepseek-ai/DeepSeek-V4-Flash", "0.27.1", True),
        ("a100-80gb", "deepseek-ai/DeepSeek-V3", "0.27.1", True),
    ],
)
def test_sparse_attention_has_kernels_from_hopper_on(
    device: str, model: str, version: str | None, *, works: bool
) -> None:
    found = problems(device, model=model, version=version)
    assert ("LLM_FIT_53" not in found) is works
    if not works:
        assert found["LLM_FIT_53"].fatal
        assert found["LLM_FIT_53"].expected.startswith("compute capability 9.0 to 10.9")
    if device == "a100-80gb":
        assert ("LLM_FIT_53" not in problems(device, model=model, engine="sglang")) is works


@pytest.mark.parametrize(
    ("device", "works"), [("h100", True), ("a10g", True), ("b200", False), ("rtx-pro-6000", False)]
)
def test_products_of_eight_bit_integers_end_with_hopper(device: str, *, works: bool) -> None:
    assert ("LLM_FIT_55" not in problems(device, checkpoint="w8a8 int8")) is works
    assert "LLM_FIT_55" not in problems(device, checkpoint="w8a16"), "inputs of 16 bit have other kernels"
    assert "LLM_FIT_55" not in problems(device, checkpoint="w8a8 int8", engine="sglang")


def test_volta_and_cuda_13() -> None:
    assert "LLM_FIT_27" in problems("v100-32gb", dtype="float16")
    assert "LLM_FIT_27" not in problems("v100-32gb", version="0.10.2", dtype="float16")


def test_other_engines_have_their_own_table() -> None:
    assert minimum_capability("sglang", None, "modelopt_fp4") == 100
    assert minimum_capability("sglang", None, "nvfp4") == 100, "the same by another name"
    assert minimum_capability("sglang", engine_release("sglang", "0.5.12.post1"), "nvfp4") == 100
    assert minimum_capability("sglang", engine_release("sglang", "0.5.13.post1"), "nvfp4") == 80, "by Marlin, of itself"
    assert minimum_capability("sglang", engine_release("sglang", "0.5.17"), "awq") == 75
    assert minimum_capability("sglang", None, "unknown") is None
    assert minimum_capability("custom", None, "fp8") is None
    assert "LLM_FIT_5" in problems("h100", engine="sglang", version="0.5.12.post1", checkpoint="nvfp4")


@pytest.mark.parametrize(
    ("version", "least"), [("0.5.1.post3", 100), ("0.5.12.post1", 100), ("0.5.13.post1", 80), ("0.5.23", 80)]
)
def test_sglang_serves_nvfp4_of_modelopt_by_marlin_since_a_release(version: str, least: int) -> None:
    release = engine_release("sglang", version)
    assert minimum_capability("sglang", release, "modelopt_fp4") == least
    assert minimum_capability("sglang", release, "awq") == 75, "the same in each"


def test_a_catalog_model_on_the_gpus_that_its_card_names() -> None:
    facts = load_model("openai/gpt-oss-20b")
    assert facts is not None
    assert facts.quantization is not None
    gpu = find_gpu("h100")
    assert gpu is not None
    run = EngineRun(engine="vllm", release=engine_release("vllm", "0.27.1"), quant=facts.quantization)
    assert not gpu_problems(gpu, facts, run)


@pytest.mark.parametrize(
    ("device", "version", "works"),
    [("b200", "0.8.5", False), ("rtx-pro-6000", "0.8.5", False), ("b200", "0.9.0", True), ("h100", "0.8.5", True)],
)
def test_cuda_from_before_blackwell(device: str, version: str, works: bool) -> None:
    found = problems(device, version=version)
    assert ("LLM_FIT_27" not in found) is works
    if not works:
        assert "version='0.9.0'" in found["LLM_FIT_27"].fix
