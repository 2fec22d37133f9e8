"""Inputs that cannot be read are told with what was given, all of a line at once."""

import json

import pytest

from llminfra.planning.memory import fit_jsonl

CASE = {"model": "Qwen/Qwen3-8B", "gpu": "L4"}


def error(line: str) -> str:
    (result,) = fit_jsonl([line])
    return str(json.loads(result)["error"]).removeprefix("line 1: ")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tensor_parallel": "two"}, 'tensor_parallel "two": expected a whole number'),
        ({"max_num_seqs": -3}, "max_num_seqs -3: expected at least 1"),
        ({"block_size": 1.5}, "block_size 1.5: expected a whole number"),
        ({"enforce_eager": "maybe"}, 'enforce_eager "maybe": expected true or false'),
        ({"gpu": ["L4"]}, 'gpu ["L4"]: expected text'),
        ({"config": "x"}, 'config "x": expected an object'),
        ({"gpu_memory_utilization": 90}, "gpu_memory_utilization 90: expected a share of the GPU's memory, such as"),
        ({"max_model_len": "16 k"}, 'max_model_len "16 k": expected a number of tokens, such as 32768'),
        ({"task": "embedd"}, 'task "embedd": did you mean embed? expected'),
        ({"expert_parallel": "x"}, 'expert_parallel "x": expected true or false or a whole number'),
        ({"limit_mm_per_prompt": {"image": "a"}}, 'limit_mm_per_prompt.image "a": expected a whole number'),
        ({"limit_mm_per_prompt": "x"}, 'limit_mm_per_prompt "x": write the most items of a request'),
    ],
)
def test_what_was_found_and_what_is_expected(given: dict[str, object], told: str) -> None:
    text = error(json.dumps({**CASE, **given}))
    assert text.startswith(told)
    assert "Input should" not in text


def test_all_that_is_wrong_with_a_line_is_told() -> None:
    text = error(json.dumps({**CASE, "tensor_paralel": 2, "max_num_seqs": 0, "block_size": "x"}))
    assert text.split("; ") == [
        "unknown key `tensor_paralel`: did you mean `tensor_parallel`?",
        "max_num_seqs 0: expected at least 1",
        'block_size "x": expected a whole number',
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[1, 2]", 'a case is a JSON object such as {"model": "Qwen/Qwen3-8B", "gpu": "L4"}, and this is [1, 2]'),
        ("not json", "not JSON: Expecting value: line 1 column 1 (char 0); the line begins with not json"),
        ('{"model": "' + "x" * 100, "…"),
    ],
)
def test_a_line_that_is_no_case_is_shown(line: str, told: str) -> None:
    assert error(line).endswith(told)


def test_a_credential_is_not_shown() -> None:
    token = "hf_" + "a" * 20
    assert token not in error(json.dumps({**CASE, "gpus_total": token}))
    assert token not in error(f'{{"token": "{token}"')
