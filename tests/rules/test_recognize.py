"""Errors that programs printed find the rules that know them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.rules.recognize import recognize, search
from llminfra.rules.registry import rules
from tests.start_logs.texts import BFLOAT16


def codes(text: str) -> list[str]:
    return [rule.code for rule in search(text, rules())]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (BFLOAT16, "LLM_FIT_25"),
        ("bfloat16 is only supported on gpus", "LLM_FIT_25"),
        ("No available memory for the cache blocks", "LLM_FIT_9"),
        (
            "To serve at least one request with the models's max seq len (8192), (1.0 GiB KV cache is needed",
            "LLM_MEM_3",
        ),
        ("Total number of attention heads (40) must be divisible by tensor parallel size (3).", "LLM_FIT_2"),
        ("The instance type g6.2xlarge does not support Elastic Fabric Adapter", "LLM_CAP_21"),
        ("InsufficientInstanceCapacity", "LLM_CAP_2"),
        ("CUDA out of memory", "LLM_FIT_1"),
    ],
)
def test_what_is_pasted_finds_its_rule(text: str, code: str) -> None:
    assert code in codes(text)


@pytest.mark.parametrize("text", ["", "…", "a b", "hello there, General Kenobi", "error", "12345678901234567890"])
def test_what_no_rule_knows_finds_none(text: str) -> None:
    assert codes(text) == []


def test_every_text_that_a_rule_lists_finds_the_rule() -> None:
    lost = []
    for rule in rules():
        for words in rule.seen:
            filled = re.sub("…", "17", words)
            if len(words) >= 24 and not words.startswith("no message") and rule.code not in codes(filled):
                lost.append((rule.code, words))
    assert lost == []


def test_errors_of_a_log_have_their_lines() -> None:
    text = "\n".join(
        ("INFO all is well", f"ERROR ValueError: {BFLOAT16}", "RuntimeError: Engine core initialization failed.")
    )
    found = recognize(text, rules())
    assert {item.line for item in found} == {2}
    assert found[0].rule.code in {"LLM_FIT_25", "LLM_FIT_26"}
    assert recognize("INFO all is well\n", rules()) == ()


@given(st.text(max_size=400))
def test_any_text_is_searched(text: str) -> None:
    recognize(text, rules())
    search(text, rules())
