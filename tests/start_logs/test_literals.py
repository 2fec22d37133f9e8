"""What Python prints of arguments is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.start_logs.literals import arguments

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)


@given(st.dictionaries(_NAMES, _VALUES, max_size=5))
def test_a_dictionary_is_read_as_it_was(values: dict[str, object]) -> None:
    assert arguments(repr(values)) == values


@given(st.dictionaries(_NAMES, _VALUES, max_size=5))
def test_arguments_of_a_call_are_read_as_they_were(values: dict[str, object]) -> None:
    text = ", ".join(f"{name}={value!r}" for name, value in values.items())
    assert arguments(f"({text}) and more, a=1") == values
    assert arguments(text) == values


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert isinstance(arguments(text), dict)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{'a': Draft(method='mtp', n=3), 'b': <Mode.X: 3>}", {"a": {"method": "mtp", "n": 3}, "b": "<Mode.X: 3>"}),
        ("{'a': 1, 'b': 'cut in its mi", {"a": 1}),
        ("{'a': 1, 'b': [1, 2", {"a": 1}),
        ("dtype=torch.bfloat16, n=2", {"dtype": "torch.bfloat16", "n": 2}),
        ("{'path': PosixPath('/a,b'), 'c': 'it\\'s, so'}", {"path": "PosixPath('/a,b')", "c": "it's, so"}),
    ],
)
def test_what_is_no_literal(text: str, found: dict[str, object]) -> None:
    assert arguments(text) == found
