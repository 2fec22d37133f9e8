"""Quantized weights that a release has no kernel for on a GPU: refused there, and nowhere else."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from benchmarks.memory.run import DATASETS
from benchmarks.memory.scoring import scores_of
from llminfra.catalog.engines import engine_release, is_since, known_versions, release_numbers
from llminfra.catalog.gpus import find_gpu, gpus
from llminfra.catalog.models import ModelFacts, load_model
from llminfra.catalog.models.quantization import QuantFacts, QuantRule, WeightFormat, WeightScheme
from llminfra.planning.facts import numbers
from llminfra.planning.hardware.engine_run import EngineRun
from llminfra.planning.hardware.gpu_problem import GpuProblem
from llminfra.planning.memory.device import problems_on
from llminfra.planning.memory.weights.quantized_parts import quantized_parts
from llminfra.planning.memory.weights.weight_kernels import is_within, weight_problems

NEW_CODES = ("LLM_FIT_58", "LLM_FIT_59", "LLM_FIT_60")


def facts_of(model: str) -> ModelFacts:
    facts = load_model(model)
    assert facts is not None
    return facts


def fatal(
    device: str, version: str, model: str, *, dtype: str | None = None, requested: str | None = None
) -> dict[str, GpuProblem]:
    gpu, release, facts = find_gpu(device), engine_release("vllm", version), facts_of(model)
    assert gpu is not None
    assert release is not None
    run = EngineRun(engine="vllm", release=release, quant=facts.quantization, requested=requested, dtype=dtype)
    found = problems_on(gpu, facts, run)
    return {item.code: item for item in found if item.fatal}


INT4 = "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16"
INT4_PACKED = "RedHatAI/DeepSeek-R1-Distill-Llama-8B-quantized.w4a16"
INT8 = "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8"
FP8_CHANNELS = "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic"
NVFP4_PACKED = "RedHatAI/Qwen3-8B-NVFP4"
NVFP4_EXPERTS = "nvidia/Qwen3-30B-A3B-NVFP4"
UNGATED = "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B"
SCOUT = "RedHatAI/Llama-4-Scout-17B-16E-Instruct-FP8-dynamic"


@pytest.mark.parametrize(
    ("device", "version", "model", "works"),
    [
        # vllm-project/vllm#14040, #29732: schemes of compressed-tensors on Turing.
        ("t4", "0.11.2", INT4_PACKED, False),
        ("t4", "0.12.0", INT4_PACKED, True),
        ("a10g", "0.8.5", INT4_PACKED, True),
        ("v100-16gb", "0.19.1", INT4_PACKED, False),
        ("v100-16gb", "0.19.1", INT4, True),
        ("t4", "0.8.5", INT8, True),
        ("v100-16gb", "0.10.2", INT8, False),
        ("t4", "0.15.1", FP8_CHANNELS, False),
        ("t4", "0.16.0", FP8_CHANNELS, True),
        ("a100-40gb", "0.8.5", FP8_CHANNELS, True),
        ("h100", "0.8.5", NVFP4_PACKED, False),
        ("h100", "0.9.0", NVFP4_PACKED, True),
        # vllm-project/vllm#17581, #17764: FP8 in blocks, and experts in FP8, before Marlin took them.
        ("a100-80gb", "0.8.5", "Qwen/Qwen3-8B-FP8", False),
        ("a100-80gb", "0.9.0", "Qwen/Qwen3-8B-FP8", True),
        ("l4", "0.8.5", "Qwen/Qwen3-8B-FP8", True),
        ("a10g", "0.8.5.post1", "Qwen/Qwen3-30B-A3B-FP8", False),
        ("a10g", "0.9.0", "Qwen/Qwen3-30B-A3B-FP8", True),
        ("a100-80gb", "0.8.5", "RedHatAI/Mixtral-8x7B-Instruct-v0.1-FP8", False),
        ("h100", "0.8.5", "RedHatAI/Mixtral-8x7B-Instruct-v0.1-FP8", True),
        ("a100-80gb", "0.9.1", SCOUT, False),
        ("a100-80gb", "0.9.2", SCOUT, True),
        ("l40s", "0.9.1", SCOUT, True),
        ("a100-80gb", "0.15.1", "mistralai/Mistral-Large-3-675B-Instruct-2512", False),
        ("a100-80gb", "0.16.0", "mistralai/Mistral-Large-3-675B-Instruct-2512", True),
        ("h100", "0.15.1", "mistralai/Mistral-Large-3-675B-Instruct-2512", True),
        # vllm-project/vllm#21648: blocks on consumer Blackwell.
        ("rtx-pro-6000", "0.10.0", "Qwen/Qwen3-8B-FP8", False),
        ("rtx-pro-6000", "0.10.1", "Qwen/Qwen3-8B-FP8", True),
        ("b200", "0.10.0", "Qwen/Qwen3-8B-FP8", True),
        # vllm-project/vllm#55008: CUTLASS before Marlin, on GPUs where it has no FP8.
        ("a100-80gb", "0.28.0", "tencent/Hy3-FP8", True),
        ("a100-80gb", "0.29.0", "nvidia/Llama-3.1-8B-Instruct-FP8", False),
        ("a100-80gb", "0.30.0", "nvidia/Qwen3.6-27B-NVFP4", False),
        ("a100-80gb", "0.31.0", "nvidia/Qwen3.6-27B-NVFP4", True),
        ("l4", "0.30.0", "nvidia/Llama-3.1-8B-Instruct-FP8", True),
        ("a100-80gb", "0.30.0", "Qwen/Qwen3-8B-FP8", True),
        ("a100-80gb", "0.30.0", FP8_CHANNELS, True),
        # vllm-project/vllm#24921, #29242: grouped NVFP4 products for consumer Blackwell.
        ("rtx-pro-6000", "0.11.2", NVFP4_EXPERTS, False),
        ("rtx-pro-6000", "0.12.0", NVFP4_EXPERTS, True),
        ("b200", "0.11.2", NVFP4_EXPERTS, True),
        ("h100", "0.11.2", NVFP4_EXPERTS, True),
        ("rtx-pro-6000", "0.11.2", "nvidia/Qwen3-8B-NVFP4", True),
        ("b200", "0.8.5", "nvidia/DeepSeek-R1-FP4", False),
        # Experts on GPUs before Ampere.
        ("t4", "0.9.1", "TechxGenus/DeepSeek-Coder-V2-Lite-Instruct-AWQ", False),
        ("t4", "0.9.2", "TechxGenus/DeepSeek-Coder-V2-Lite-Instruct-AWQ", True),
        ("a10g", "0.9.1", "TechxGenus/DeepSeek-Coder-V2-Lite-Instruct-AWQ", True),
        ("t4", "0.10.0", "Qwen/Qwen3-30B-A3B-GPTQ-Int4", False),
        ("t4", "0.10.1", "Qwen/Qwen3-30B-A3B-GPTQ-Int4", True),
        ("t4", "0.8.5", "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", True),
        # Experts without a gate.
        ("l40s", "0.15.1", f"{UNGATED}-FP8", False),
        ("l40s", "0.14.1", f"{UNGATED}-FP8", True),
        ("l40s", "0.16.0", f"{UNGATED}-FP8", True),
        ("h100", "0.15.1", f"{UNGATED}-FP8", True),
        ("h100", "0.13.0", f"{UNGATED}-NVFP4", False),
        ("h100", "0.14.1", f"{UNGATED}-NVFP4", False),
        ("h100", "0.15.1", f"{UNGATED}-NVFP4", False),
        ("h100", "0.16.0", f"{UNGATED}-NVFP4", True),
        ("b200", "0.15.1", f"{UNGATED}-NVFP4", True),
        ("b200", "0.11.2", f"{UNGATED}-NVFP4", False),
        # Matrices in several formats.
        ("b200", "0.16.0", "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4", False),
        ("b200", "0.17.0", "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4", True),
        # Formats with a kernel everywhere they are allowed.
        ("a10g", "0.10.2", "openai/gpt-oss-20b", True),
        ("l4", "0.11.2", "openai/gpt-oss-20b", True),
    ],
)
def test_a_format_is_refused_where_no_kernel_takes_it(device: str, version: str, model: str, works: bool) -> None:
    assert ("LLM_FIT_58" not in fatal(device, version, model)) is works


def test_the_finding_names_what_would_work() -> None:
    found = fatal("t4", "0.11.2", INT4_PACKED)["LLM_FIT_58"]
    assert "vllm 0.11.2 has no kernel on NVIDIA T4 16GB for compressed-tensors weights in INT4" in found.message
    assert found.expected.startswith("vllm 0.12.0 or later, or compute capability 8.0 or above")
    assert found.fix.startswith("set version='0.12.0' or a later one, or use a GPU with compute capability 8.0")
    assert found.runtime_message is not None
    assert "Min capability: 80. ', 'Current capability: 75." in found.runtime_message


def test_what_no_later_release_has_is_not_promised() -> None:
    found = fatal("v100-16gb", "0.19.1", INT4_PACKED)["LLM_FIT_58"]
    assert "version=" not in found.fix
    assert "compute capability 7.5 or above" in found.fix


def test_older_gpus_are_named_where_the_newest_have_no_kernel() -> None:
    found = fatal("rtx-pro-6000", "0.11.2", NVFP4_EXPERTS)["LLM_FIT_58"]
    assert "experts in NVFP4 (modelopt_fp4)" in found.message
    assert "compute capability 8.0 to 10.3" in found.expected
    assert "set version='0.12.0'" in found.fix


def test_weights_that_are_quantized_while_loading_have_the_same_kernels() -> None:
    assert "LLM_FIT_58" in fatal("a100-80gb", "0.8.5", "Qwen/Qwen3-30B-A3B", requested="fp8")
    assert "LLM_FIT_58" not in fatal("a100-80gb", "0.8.5", "Qwen/Qwen3-8B", requested="fp8")
    assert "LLM_FIT_58" in fatal("h100", "0.9.2", "Qwen/Qwen3-30B-A3B", requested="bitsandbytes")
    assert "LLM_FIT_58" not in fatal("h100", "0.10.0", "Qwen/Qwen3-30B-A3B", requested="bitsandbytes")


def made(base: str, scheme: WeightScheme, method: str = "compressed-tensors", **settings: object) -> ModelFacts:
    """A copy of a model in another format."""
    quant = QuantFacts(method=method, rules=(QuantRule(scheme=scheme),), ignore=("lm_head",), **settings)  # type: ignore[arg-type]  # fields by name
    return replace(facts_of(base), quantization=quant)


def refused(facts: ModelFacts, device: str, version: str) -> str | None:
    gpu, release = find_gpu(device), engine_release("vllm", version)
    assert gpu is not None
    assert release is not None
    found = weight_problems(gpu, facts, engine="vllm", release=release, quant=facts.quantization)
    return next((item.runtime_message for item in found), None)


def test_zero_points_of_experts() -> None:
    scheme = WeightScheme(format=WeightFormat.INT4, bits=4, group=32, zero_points=True)
    experts, dense = made("Qwen/Qwen3-30B-A3B", scheme), made("Qwen/Qwen3-8B", scheme)
    assert refused(experts, "h100", "0.22.1") == "AssertionError: Only symmetric quantization is supported for MoE"
    assert refused(experts, "h100", "0.24.0") is None
    assert refused(dense, "h100", "0.22.1") is None
    assert refused(made("Qwen/Qwen3-30B-A3B", replace(scheme, zero_points=False)), "h100", "0.22.1") is None


def test_experts_that_bitsandbytes_stored() -> None:
    four = made("Qwen/Qwen3-30B-A3B", WeightScheme(format=WeightFormat.BNB_NF4, bits=4, group=64), "bitsandbytes")
    eight = made("Qwen/Qwen3-30B-A3B", WeightScheme(format=WeightFormat.BNB_INT8, bits=8), "bitsandbytes")
    assert "Prequant" in (refused(four, "h100", "0.10.0") or "")
    assert refused(four, "h100", "0.10.1") is None
    assert "8bit models with FusedMoE" in (refused(eight, "h100", "0.19.1") or "")


def test_experts_in_a_format_that_only_dense_layers_had() -> None:
    whole = WeightScheme(format=WeightFormat.INT8, bits=8, activation_bits=8)
    assert "Unsupported FusedMoe scheme" in (refused(made("Qwen/Qwen3-30B-A3B", whole), "a100-80gb", "0.8.5") or "")
    assert refused(made("Qwen/Qwen3-30B-A3B", whole), "a100-80gb", "0.9.0") is None
    nvfp4 = WeightScheme(format=WeightFormat.NVFP4, bits=4, group=16)
    assert "Unsupported FusedMoe scheme" in (refused(made("Qwen/Qwen3-30B-A3B", nvfp4), "h100", "0.9.1") or "")
    assert refused(made("Qwen/Qwen3-30B-A3B", nvfp4), "h100", "0.9.2") is None


CHANNELS = WeightScheme(format=WeightFormat.FP8, bits=8, group=0)


@pytest.mark.parametrize(
    ("base", "scheme", "method", "since", "words"),
    [
        ("Qwen3-8B", "mxfp4", "compressed-tensors", "0.14.0", "No compressed-tensors compatible scheme"),
        ("Qwen3-30B-A3B", "mxfp4", "compressed-tensors", "0.15.0", "Unsupported FusedMoe scheme"),
        ("Qwen3-8B", "mxfp8", "compressed-tensors", "0.20.0", "No compressed-tensors compatible scheme"),
        ("Qwen3-30B-A3B", "mxfp8", "compressed-tensors", "0.20.0", "Unsupported FusedMoe scheme"),
        ("Qwen3-8B", "mxfp8", "modelopt", "0.16.0", "ModelOpt currently only supports"),
        ("Qwen3-8B", "fp8", "modelopt", "0.14.0", "ModelOpt currently only supports"),
    ],
)
def test_formats_that_came_with_a_release(base: str, scheme: str, method: str, since: str, words: str) -> None:
    """Experts alone are in MXFP of a copy of a mixture of experts; a release before has none for them."""
    stored = {
        "mxfp4": WeightScheme(format=WeightFormat.MXFP4, bits=4, group=32, experts_only="A3B" in base),
        "mxfp8": WeightScheme(format=WeightFormat.MXFP8, bits=8, group=32, experts_only="A3B" in base),
        "fp8": CHANNELS,
    }[scheme]
    facts, versions = made(f"Qwen/{base}", stored, method), known_versions("vllm")
    assert refused(facts, "b200", since) is None
    assert words in (refused(facts, "b200", versions[versions.index(since) - 1]) or "")


def test_what_the_checkpoint_leaves_in_16_bit_needs_no_kernel() -> None:
    facts = made("Qwen/Qwen3-30B-A3B", WeightScheme(format=WeightFormat.INT4, bits=4, group=32))
    assert facts.quantization is not None
    spared = replace(facts.quantization, ignore=("lm_head", "re:.*self_attn.*"))
    assert {part.experts for part in quantized_parts(facts, facts.quantization)} == {True, False}
    assert {part.experts for part in quantized_parts(facts, spared)} == {True}


def test_nothing_is_told_of_other_engines_and_unknown_releases() -> None:
    gpu, facts = find_gpu("t4"), facts_of(INT4_PACKED)
    assert gpu is not None
    for engine, release in (("trtllm", engine_release("sglang", "0.5.17")), ("vllm", None), ("sglang", None)):
        assert not list(weight_problems(gpu, facts, engine=engine, release=release, quant=facts.quantization))


def test_the_catalog_says_what_w8a8_multiplies_with() -> None:
    assert "LLM_FIT_55" in fatal("b200", "0.27.1", INT8)
    assert "LLM_FIT_55" in fatal("rtx-pro-6000", "0.33.0", INT8)
    assert not fatal("h100", "0.27.1", INT8)


def test_a_checkpoint_whose_method_the_release_dropped() -> None:
    model = "unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit"
    found = fatal("a10g", "0.28.0", model)["LLM_FIT_22"]
    assert found.field == "engine.version"
    assert "version='0.27.1'" in found.fix
    assert "LLM_FIT_22" not in fatal("a10g", "0.27.1", model)
    assert "LLM_FIT_22" not in fatal("h100", "0.33.0", "Qwen/Qwen3-32B-FP8-Static-PerTensor")


def test_several_formats_of_modelopt_have_a_method_of_their_own() -> None:
    # get_min_capability of ModelOptMixedPrecisionConfig: 8.9 until 0.23.0, 7.5 since 0.24.0.
    assert "LLM_FIT_5" in fatal("a100-80gb", "0.23.0", "nvidia/Qwen3.6-27B-NVFP4")
    assert not fatal("a100-80gb", "0.24.0", "nvidia/Qwen3.6-27B-NVFP4")
    assert "LLM_FIT_5" in fatal("a100-80gb", "0.26.0", "nvidia/Llama-3.1-8B-Instruct-FP8")


@pytest.mark.parametrize(
    ("device", "version", "model", "dtype", "works"),
    [
        # vllm-project/vllm#28857.
        ("t4", "0.11.0", "gaunernst/gemma-3-27b-it-int4-awq", None, False),
        ("t4", "0.33.0", "gaunernst/gemma-3-27b-it-int4-awq", None, False),
        ("t4", "0.9.0", "gaunernst/gemma-3-27b-it-int4-awq", None, True),
        ("a10g", "0.11.0", "gaunernst/gemma-3-27b-it-int4-awq", None, True),
        ("t4", "0.11.0", "Qwen/Qwen3-8B-AWQ", None, True),
        ("t4", "0.11.0", "unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit", "float32", True),
        ("a10g", "0.11.0", "Qwen/Qwen3-8B-AWQ", "float32", False),
        ("a10g", "0.10.0", INT4_PACKED, "float32", False),
        ("a10g", "0.10.1", INT4_PACKED, "float32", True),
    ],
)
def test_few_methods_multiply_in_float32(device: str, version: str, model: str, dtype: str | None, works: bool) -> None:
    found = fatal(device, version, model, dtype=dtype)
    assert ("LLM_FIT_59" not in found) is works
    if not works:
        assert "torch.float32 is not supported for quantization method" in (found["LLM_FIT_59"].runtime_message or "")


@pytest.mark.parametrize(("engine", "earliest"), [("vllm", "0.9.0"), ("sglang", "0.5.2")])
def test_every_row_has_a_source_and_speaks_of_a_known_release(engine: str, earliest: str) -> None:
    versions = [release_numbers(item) for item in known_versions(engine)]
    capabilities = {gpu.capability for gpu in gpus().values()}
    for row in numbers("weight_kernels")["rows"][engine]:
        assert row["_source"]
        assert row["words"]
        assert set(row["formats"]) <= set(WeightFormat)
        assert any(is_within(capability, row, version) for version in versions for capability in capabilities)
        for bound in ("since", "before"):
            if bound in row:
                release = engine_release(engine, row[bound])
                assert release is not None
                assert is_since(release, earliest)


@pytest.mark.parametrize(
    ("device", "version", "model", "words"),
    [
        ("t4", "0.5.17", INT4_PACKED, "Min capability: 80"),
        ("a100-40gb", "0.5.17", INT4_PACKED, None),
        ("a100-40gb", "0.5.6.post2", INT8, "Min capability: 89"),
        ("a100-40gb", "0.5.7", INT8, None),
        ("l4", "0.5.6.post2", INT8, None),
        ("t4", "0.5.23", INT8, "Min capability: 80"),
        ("b200", "0.5.23", INT8, "No implemented int8_scaled_mm"),
        ("rtx-pro-6000", "0.5.13.post1", INT8, "No implemented int8_scaled_mm"),
        ("rtx-pro-6000", "0.5.23", INT8, None),
        ("t4", "0.5.17", FP8_CHANNELS, "Min capability: 80"),
        ("a10g", "0.5.17", FP8_CHANNELS, None),
        ("h100-80gb", "0.5.21", NVFP4_PACKED, "does not support w4a4 nvfp4"),
        ("h100-80gb", "0.5.22", NVFP4_PACKED, None),
        ("b200", "0.5.21", NVFP4_PACKED, None),
        ("b200", "0.5.6.post2", NVFP4_PACKED, "No compressed-tensors compatible scheme"),
        ("h100-80gb", "0.5.12.post1", NVFP4_EXPERTS, None),
    ],
)
def test_schemes_of_sglang_by_release_and_gpu(device: str, version: str, model: str, words: str | None) -> None:
    gpu, release, facts = find_gpu(device), engine_release("sglang", version), facts_of(model)
    assert gpu is not None
    found = list(weight_problems(gpu, facts, engine="sglang", release=release, quant=facts.quantization))
    assert [item.code for item in found] == (["LLM_FIT_58"] if words else [])
    assert all(words in str(item.runtime_message) for item in found if words)
    assert all("vllm" not in item.message + item.expected + item.fix for item in found)


def test_sglang_has_no_experts_in_w8a8_int8_on_any_nvidia_gpu() -> None:
    facts = made(
        "Qwen/Qwen3-30B-A3B", WeightScheme(format=WeightFormat.INT8, bits=8, activation_bits=8), "compressed-tensors"
    )
    for device in ("a100-40gb", "h100-80gb"):
        gpu = find_gpu(device)
        assert gpu is not None
        for version in ("0.5.7", "0.5.23"):
            release = engine_release("sglang", version)
            (found,) = weight_problems(gpu, facts, engine="sglang", release=release, quant=facts.quantization)
            assert found.expected == "weights in another format", "no release and no GPU has them"


def test_no_start_that_was_measured_is_refused() -> None:
    for file in DATASETS.values():
        for score in scores_of(file):
            if score.row.get("outcome") == "ok":
                told = [text for text in score.result.findings if text.startswith(NEW_CODES)]
                assert not told, (score.row["id"], told)
