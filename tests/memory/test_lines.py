import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.memory.scoring import scores_of
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


def results(*lines):
    return [json.loads(text) for text in fit_jsonl(lines)]


def test_a_byte_that_is_not_utf8_spoils_its_line_alone():
    case = json.dumps({"model": "Qwen/Qwen3-8B"}).encode()
    first, second, third = results(case + b"\n", b'{"model": "\xff"}\n', b"\xef\xbb\xbf" + case)
    assert "line 2: not UTF-8" in second["error"]
    assert (first["error"], third["error"]) == (None, None)


def test_half_of_a_surrogate_pair_is_answered():
    first, second = results(r'{"id": "\ud800", "model": "Qwen/Qwen3-8B"}', r'{"model": "\ud800"}')
    assert first["weights_gib_per_gpu"]
    assert "unknown model" in second["error"]


def test_deep_nesting_is_an_error_of_its_line():
    (result,) = results("[" * 100_000)
    assert "not JSON" in result["error"]


def test_errors_name_their_line_and_no_rule_that_is_not_broken():
    lines = ["", "{broken", "[]", '{"model": "Qwen/Qwen3-8B", "tensor_parallel": 0}', '{"model": "no/such"}']
    found = results(*lines)
    assert [item["error"].partition(":")[0] for item in found] == ["line 2", "line 3", "line 4", "line 5"]
    assert not any("LLM_FIT_9" in item["reason"] for item in found)
    assert found[-1]["reason"].startswith("LLM_FIT_3: unknown model")


@pytest.mark.parametrize(("given", "told"), [(5, "5"), ("5", "5"), (None, None)])
def test_whole_numbers_name_a_row(given, told):
    (result,) = results(json.dumps({"id": given, "model": "Qwen/Qwen3-8B"}))
    assert (result["id"], result["error"]) == (told, None)
    (broken,) = results(json.dumps({"id": given, "model": "Qwen/Qwen3-8B", "tensor_parallel": "x"}))
    assert broken["id"] == told


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("tensor_paralel", "tensor_parallel"),
        ("tensor_parallelism", "tensor_parallel"),
        ("gpus", "gpus_total"),
        ("max_len", "max_model_len"),
        ("max-model-len", "max_model_len"),
        ("gpu_util", "gpu_memory_utilization"),
        ("kv_dtype", "kv_cache_dtype"),
    ],
)
def test_a_key_that_is_nearly_an_input_is_reported(key, meant):
    (result,) = results(json.dumps({"id": "a", "model": "Qwen/Qwen3-8B", "gpu": "H100-80GB", key: 2}))
    assert (result["id"], result["fits"]) == ("a", None)
    assert f"`{key}`: did you mean `{meant}`?" in result["error"]


def test_a_key_beside_the_right_one_is_ignored():
    case = {"model": "Qwen/Qwen3-8B", "gpu": "H100-80GB", "tensor_parallel": 2}
    assert fit_line(json.dumps(case | {"tp": 2, "gpus": 2, "version": None})) == fit_line(json.dumps(case))


def test_rows_of_measurements_have_no_key_that_is_reported():
    data = Path(__file__).parents[2] / "benchmarks" / "memory" / "data"
    for file in data.glob("*.jsonl"):
        assert not [item for item in scores_of(file) if "did you mean" in (item.result.error or "")]


def test_unknown_gpus_keep_their_arithmetic_and_say_so():
    result = fit_line(json.dumps({"model": "Qwen/Qwen3-8B", "gpu": "NOPE"}))
    assert result.fits is None
    assert result.weights_gib_per_gpu
    assert "the GPU 'NOPE' is not known" in result.reason


@pytest.mark.parametrize("name", ["p5.48xlarge", "P5.48xlarge", "ml.p5.48xlarge"])
def test_an_instance_type_stands_for_one_of_its_gpus(name):
    typed = fit_line(json.dumps({"model": "Qwen/Qwen3-8B", "gpu": name}))
    assert typed == fit_line(json.dumps({"model": "Qwen/Qwen3-8B", "gpu": "H100-80GB"}))
    assert typed.fits is True


def test_ranks_beyond_any_cluster_are_refused_before_lists_of_them_are_made():
    assert fit_line(json.dumps({"model": "Qwen/Qwen3-8B", "pipeline_parallel": 10**9})).error
