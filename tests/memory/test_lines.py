import json
import subprocess
import sys

from llminfra.planning.memory import fit_jsonl, fit_line


def test_one_result_a_line_in_order_and_bad_lines_do_not_stop():
    lines = [
        json.dumps({"id": "a", "model": "Qwen/Qwen3-8B"}),
        "{not json",
        json.dumps([1, 2]),
        "",
        json.dumps({"id": "b", "model": "Qwen/Qwen3-8B", "tensor_parallel": "many"}),
        json.dumps({"id": "c", "model": "no/such-model"}),
        json.dumps({"id": "d", "model": "Qwen/Qwen3-8B", "outcome": "ok", "kv_cache_tokens": 7, "unknown": None}),
    ]
    results = [json.loads(text) for text in fit_jsonl(lines)]
    assert [item["id"] for item in results] == ["a", None, None, "b", "c", "d"]
    assert [bool(item["error"]) for item in results] == [False, True, True, True, True, False]
    assert "tensor_parallel" in results[3]["error"]


def test_measured_columns_are_not_inputs():
    stated = fit_line(
        json.dumps({"model": "Qwen/Qwen3-8B", "gpu": "L4", "kv_cache_tokens": 1, "weights_gib_per_gpu": 1})
    )
    plain = fit_line(json.dumps({"model": "Qwen/Qwen3-8B", "gpu": "L4"}))
    assert stated == plain


def test_infinite_and_huge_numbers_are_refused_or_computed():
    for text in (
        '{"model": "Qwen/Qwen3-8B", "total_gpu_gib": Infinity}',
        '{"model": "Qwen/Qwen3-8B", "max_model_len": 1e30}',
    ):
        result = fit_line(text)
        assert result.error or result.weights_gib_per_gpu


def test_imports_stay_light():
    heavy = ("rich", "cdktf", "typer", "jsii")
    code = f"import sys, llminfra.planning.memory; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"
