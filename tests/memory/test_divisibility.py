import json
from pathlib import Path

import pytest

from llminfra.catalog.models import load_model, quantization_from_name
from llminfra.planning.memory import FitCase, divisibility_findings, fit_case, fit_line


def codes(model, tp, pp=1, **options):
    return [item.code for item in divisibility_findings(load_model(model), tp, pp, **options)]


def test_layouts_that_work_have_no_findings():
    assert codes("meta-llama/Llama-3.1-70B-Instruct", 8) == []
    assert codes("deepseek-ai/DeepSeek-R1", 16) == []


def test_heads_that_do_not_divide():
    found = divisibility_findings(load_model("Qwen/Qwen2.5-7B-Instruct"), 8)
    assert found[0].code == "LLM_SHAPE_1"
    assert found[0].fatal
    assert (
        "Total number of attention heads (28) must be divisible by tensor parallel size (8)."
        in found[0].runtime_message
    )


def test_key_value_heads_are_replicated_with_a_note():
    found = divisibility_findings(load_model("Qwen/Qwen3-30B-A3B"), 8)
    assert [item.code for item in found] == ["LLM_SHAPE_3"]
    assert not found[0].fatal
    assert "stored 2 times" in found[0].message


def test_fp8_blocks_against_the_width_of_an_expert():
    # 1536 / 8 = 192 is no multiple of 128; 1536 / 4 = 384 is.
    assert "LLM_SHAPE_6" in codes("Qwen/Qwen3-235B-A22B-FP8", 8)
    assert "LLM_SHAPE_6" not in codes("Qwen/Qwen3-235B-A22B-FP8", 4)
    assert "LLM_SHAPE_6" not in codes("Qwen/Qwen3-235B-A22B-FP8", 8, ep=8)


def test_quantization_groups():
    awq = quantization_from_name("awq")
    assert "LLM_SHAPE_6" in codes("Qwen/Qwen2.5-7B-Instruct", 4, quant=awq) or 18944 // 4 % 128 == 0
    assert "LLM_SHAPE_6" in codes("Qwen/Qwen2.5-72B-Instruct", 8, quant=awq)


@pytest.mark.parametrize("tp", [1, 2, 4, 8])
def test_expert_parallelism_needs_experts(tp):
    assert "LLM_SHAPE_5" in codes("meta-llama/Llama-3.1-70B-Instruct", tp, ep=8)
    assert "LLM_SHAPE_5" not in codes("Qwen/Qwen3-30B-A3B", tp, ep=8)


def test_more_stages_than_layers():
    assert "LLM_SHAPE_4" in codes("meta-llama/Llama-3.2-1B-Instruct", 1, pp=17)


def fit(**case):
    return fit_case(FitCase.model_validate({"gpu": "H100-80GB", "engine_version": "0.11.0", **case}))


@pytest.mark.parametrize(
    ("code", "case"),
    [
        ("LLM_SHAPE_1", {"model": "Qwen/Qwen3-32B", "tensor_parallel": 3}),
        ("LLM_SHAPE_4", {"model": "meta-llama/Llama-3.2-1B-Instruct", "pipeline_parallel": 17}),
        ("LLM_SHAPE_5", {"model": "Qwen/Qwen3-8B", "tensor_parallel": 2, "expert_parallel": True}),
        ("LLM_SHAPE_6", {"model": "Qwen/Qwen3-235B-A22B-FP8", "tensor_parallel": 8, "expert_parallel": False}),
    ],
)
def test_a_layout_that_the_engine_refuses_does_not_fit(code, case):
    result = fit(**case)
    assert result.fits is False
    assert result.reason.startswith(code)
    assert any(item.startswith(code) for item in result.findings)


def test_the_engines_words_come_with_a_refused_layout():
    words = "Total number of attention heads (64) must be divisible by tensor parallel size (3)."
    assert fit(model="Qwen/Qwen3-32B", tensor_parallel=3).engine_error == words
    assert fit(model="Qwen/Qwen3-32B", tensor_parallel=3, gpu=None).fits is False


def test_experts_may_have_been_spread_where_a_row_does_not_say():
    assert fit(model="Qwen/Qwen3-235B-A22B-FP8", tensor_parallel=8).fits is True


def test_no_measured_start_is_called_refused():
    data = Path(__file__).parents[2] / "benchmarks" / "memory" / "data"
    for file in data.glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("outcome") == "ok":
                assert not fit_line(line).reason.startswith("LLM_SHAPE"), row["id"]
