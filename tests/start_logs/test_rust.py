"""Structs as Rust prints them, on one line and on many, cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.start_logs.rust import fields

WORDS = {"BitsandbytesNf4": "bitsandbytes-nf4"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("None", None),
        ("true", True),
        ("12", 12),
        ("0.3", 0.3),
        ('"a, b: {c}"', "a, b: {c}"),
        (r'"a \"b\""', 'a "b"'),
        ('Some("it\'s")', "it's"),
        ("Some( 2, )", 2),
        ("Some(Some(3))", 3),
        ("Some(BitsandbytesNf4)", "bitsandbytes-nf4"),
        ("On", "On"),
        ("[]", []),
        ("Some( [ 1, 2, ], )", [1, 2]),
        ('["a", "b"]', ["a", "b"]),
    ],
)
def test_values(text: str, value: object) -> None:
    found = fields(f" first: 1, name: {text}, last: false }}", WORDS)
    assert found == {"first": 1, "name": value, "last": False}
    assert found.whole


@pytest.mark.parametrize("text", ["a: 1, b: 2", "a: 1, b: Some(2", 'a: 1, b: "x', "a: 1, b: [1, 2"])
def test_the_last_value_of_a_cut_line_is_none(text: str) -> None:
    found = fields(text, WORDS)
    assert (found, found.whole) == ({"a": 1}, False)


def test_nesting_without_an_end_is_a_text() -> None:
    deep = "Some(" * 100 + "1" + ")" * 100
    assert str(fields(f"a: {deep} }}", WORDS)["a"]).startswith("Some(")


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_is_read(text: str, words: dict[str, str]) -> None:
    assert all(name.isidentifier() for name in fields(text, words))
