"""Kernels for routed experts: which is taken, and what it allocates."""

import pytest

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.budget.expert_choice import experts_of, kernel_data
from llminfra.planning.memory.peak.expert_kernels import ExpertKernel, Experts, Routed, kept_bytes, passing_bytes
from llminfra.planning.memory.peak.forward_peak import Batch, eager_delta, forward_peak
from llminfra.planning.memory.releases.engine_profile import parse_version, vllm_profile
from llminfra.planning.memory.releases.settings import resolve

GIB = 2**30
SIXTEEN, BLOCK, NVFP4 = "Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "nvidia/Qwen3.6-35B-A3B-NVFP4"
GEMMA = "google/gemma-4-26B-A4B-it"
# Qwen3.6 35B: 16,384 tokens of 2,048 values to 8 of 256 experts that are 512 wide.
QWEN = Routed(tokens=16384, top_k=8, experts=256, hidden=2048, width=512, gated=True, element=2)


def taken(model, version, gpu, **changes):
    facts, profile = load_model(model), vllm_profile(parse_version(version))
    device = find_gpu(gpu) if gpu else None
    case = FitCase(model=model, engine_version=version, gpu=gpu, **changes)
    return experts_of(facts, resolve(facts, case, profile, device, 80.0), profile, device)


@pytest.mark.parametrize(
    ("model", "version", "gpu", "kernel"),
    [
        (SIXTEEN, "0.19.1", "H200-141GB", "triton"),
        (SIXTEEN, "0.20.0", "H200-141GB", "flashinfer_cutlass"),
        (SIXTEEN, "0.23.0", "H200-141GB", "triton"),
        (SIXTEEN, "0.26.0", "RTX-5090-32GB", "flashinfer_cutlass"),
        (SIXTEEN, "0.26.0", "B200-180GB", "flashinfer_trtllm"),
        (SIXTEEN, "0.26.0", "A100-80GB", "triton"),
        (BLOCK, "0.14.1", "H200-141GB", "triton"),
        (BLOCK, "0.16.0", "H200-141GB", "flashinfer_cutlass"),
        (BLOCK, "0.18.0", "H200-141GB", "triton"),
        (BLOCK, "0.18.0", "B200-180GB", "flashinfer_trtllm"),
        (BLOCK, "0.18.0", "A100-80GB", "marlin"),
        (BLOCK, "0.18.0", "L40S-48GB", "triton"),
        (NVFP4, "0.14.1", "RTX-5090-32GB", "cutlass"),
        (NVFP4, "0.24.0", "RTX-5090-32GB", "flashinfer_cutlass"),
        (NVFP4, "0.24.0", "B200-180GB", "flashinfer_trtllm"),
        (NVFP4, "0.24.0", "H100-80GB", "marlin"),
    ],
)
def test_kernel_goes_by_format_device_and_release(model, version, gpu, kernel):
    assert taken(model, version, gpu).kernel == kernel


def test_kernel_that_is_asked_for_is_taken():
    assert taken(NVFP4, "0.20.0", "RTX-5090-32GB", moe_backend="cutlass").kernel is ExpertKernel.CUTLASS
    assert taken(NVFP4, "0.20.0", "RTX-5090-32GB", moe_backend="auto").kernel is ExpertKernel.FLASHINFER_CUTLASS


@pytest.mark.parametrize(
    ("model", "changes", "kernel"),
    [
        (BLOCK, {"tensor_parallel": 2, "expert_parallel": True}, "flashinfer_cutlass"),
        (BLOCK, {"tensor_parallel": 2}, "triton"),
        (SIXTEEN, {"data_parallel": 2}, "triton"),
        (SIXTEEN, {"enable_lora": True}, "triton"),
        (SIXTEEN, {}, "flashinfer_cutlass"),
        (GEMMA, {}, "triton"),
    ],
)
def test_ranks_adapters_and_activations_decide_too(model, changes, kernel):
    version = "0.18.0" if model == BLOCK else "0.20.0"
    assert taken(model, version, "H200-141GB", **changes).kernel == kernel


@pytest.mark.parametrize(
    ("changes", "version", "managed"),
    [
        ({}, "0.13.0", False),
        ({}, "0.14.0", True),
        ({"quantization": "gptq"}, "0.19.1", False),
        ({"quantization": "gptq"}, "0.20.0", True),
        ({"quantization": "awq"}, "0.20.2", False),
        ({"quantization": "awq"}, "0.22.0", True),
    ],
)
def test_buffers_stay_since_the_format_takes_them_from_the_manager(changes, version, managed):
    assert taken(SIXTEEN, version, "A100-80GB", **changes).managed is managed


def test_device_that_is_not_known_keeps_buffers():
    assert taken(SIXTEEN, "0.26.0", None) == Experts(kernel=ExpertKernel.TRITON, managed=True)


def test_flashinfer_takes_as_much_as_a_log_shows():
    # github-text:62467092363: 1.04 GiB for 16,384 tokens.
    how = Experts(kernel=ExpertKernel.FLASHINFER_CUTLASS, managed=True, input_bytes=0.5)
    assert passing_bytes(QWEN, how) / GIB == pytest.approx(1.04, abs=0.01)
    assert kept_bytes(QWEN, how) == 16384 * 2048 * 2


def test_cutlass_keeps_less_than_triton_and_passes_more():
    cutlass = Experts(kernel=ExpertKernel.CUTLASS, managed=True, input_bytes=0.5)
    triton = Experts(managed=True)
    assert kept_bytes(QWEN, cutlass) == QWEN.rows * (2048 + 1024) * 2
    assert kept_bytes(QWEN, triton) == QWEN.rows * (2048 + 2048) * 2
    assert passing_bytes(QWEN, cutlass) == (3 * QWEN.rows + QWEN.tokens) * 2048 * 2
    assert passing_bytes(QWEN, triton) == 0


def test_buffers_that_go_are_as_large_as_they_were():
    how = Experts(kernel=ExpertKernel.MARLIN)
    assert kept_bytes(QWEN, how) == 0
    assert passing_bytes(QWEN, how) == QWEN.rows * (2048 + 512) * 2


@pytest.mark.parametrize("input_bytes", [0.5, 1.0, 2.0])
def test_trtllm_fills_rows_up_and_keeps_nothing(input_bytes):
    how = Experts(kernel=ExpertKernel.FLASHINFER_TRTLLM, managed=True, input_bytes=input_bytes)
    last = QWEN.rows * QWEN.hidden * 2
    assert kept_bytes(QWEN, how) == 0
    assert last < passing_bytes(QWEN, how) < 3 * last


def test_every_row_names_a_kernel_and_its_source():
    families = set(kernel_data()["families"].values())
    for rows in kernel_data()["taken"].values():
        assert set(rows[0]) >= families, "the first row has an answer for every device"
        for row in rows:
            assert row["where"]
            assert parse_version(row["from"]) is not None
            assert {ExpertKernel(row[family]) for family in families if family in row}


def test_experts_that_are_compiled_have_what_attention_made_beside_them():
    facts, profile = load_model(NVFP4), vllm_profile((0, 24, 0))
    how = Experts(kernel=ExpertKernel.FLASHINFER_CUTLASS, managed=True, input_bytes=0.5)
    given = Batch(tokens=16384, sequences=16, length=32768, expert_rows=0, experts=how)
    mixer = facts.layers[0].mixer
    projections = 2 * mixer.key_heads * mixer.key_dim + 2 * mixer.value_heads * mixer.value_dim
    held = 16384 * (projections + mixer.value_heads * mixer.value_dim) * 2
    assert forward_peak(facts, given, profile) > held + passing_bytes(QWEN, how) + kept_bytes(QWEN, how)


def test_delta_layers_line_by_line():
    facts = load_model("Qwen/Qwen3.5-122B-A10B")
    given = Batch(tokens=1, sequences=1, length=32768, tp=4, eager=True)
    # Projections of 5,120 columns, a copy of the gate and the gated output of 2,048 each.
    assert eager_delta(facts, given, vllm_profile((0, 18, 0))) == (7 * 3072 + 5120 + 2 * 2048) * 2
    assert eager_delta(facts, given, vllm_profile((0, 26, 0))) == (6 * 3072 + 5120 + 2 * 2048) * 2
    assert eager_delta(load_model(SIXTEEN), given, vllm_profile((0, 18, 0))) == 0


@pytest.mark.parametrize(("tokens", "measured"), [(32768, 0.48), (65536, 0.96)])
def test_two_measured_batches_on_four_l40s(tokens, measured):
    """Until delta layers were counted line by line, so much more was planned to be left than was."""
    row = {"model": "RedHatAI/Qwen3.5-122B-A10B-FP8-dynamic", "engine_version": "0.18.0", "gpu": "L40S-48GB",
           "tensor_parallel": 4, "enforce_eager": True, "max_num_seqs": 1, "max_model_len": 32768,
           "gpu_memory_utilization": 0.95, "language_model_only": True}  # fmt: skip
    result = fit_case(FitCase.model_validate(row | {"max_num_batched_tokens": tokens}))
    before = tokens * (8 * 2 * 3072 + 3 * 5120 + 3 * 3072) * 2 / GIB
    assert result.activation_peak_gib - before == pytest.approx(measured, rel=0.25)


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("0.13.0", "experts: Triton kernel, with buffers that go with each call"),
        ("0.18.0", "experts: Triton kernel, with 0.50 GiB of buffers that stay"),
        ("0.20.0", "experts: FlashInfer's CUTLASS kernel, with 0.03 GiB of buffers that stay"),
    ],
)
def test_readers_are_told_the_kernel(version, line):
    assert line in fit_case(FitCase(model=SIXTEEN, engine_version=version, gpu="H200-141GB")).explain


def test_dense_models_have_no_word_on_experts():
    told = fit_case(FitCase(model="Qwen/Qwen3-8B", engine_version="0.20.0", gpu="H200-141GB")).explain
    assert not any(line.startswith("experts") for line in told)
