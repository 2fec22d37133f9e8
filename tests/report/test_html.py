"""Nothing that comes from a spec can become markup."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.cli.page.html import document, el, number, safe_text, write
from tests.report.page import read

ANYTHING = st.text() | st.sampled_from(
    [
        "</title><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "<!-- <![CDATA[ ]]> -->",
        "</svg><style>*{display:none}</style>",
        "&lt;script&gt;&amp;#x3c;",
        "javascript:alert(1)",
        "\u202egnp.exe\x00\ud800",
    ]
)


@given(text=ANYTHING, value=ANYTHING)
def test_text_and_attributes_come_back_as_they_are(text: str, value: str) -> None:
    page = read(write(el("p", el("b", text, title=value), text)))
    assert [name for name, _ in page.elements] == ["p", "b"]
    # A parser joins line ends; nothing else changes.
    shown = safe_text(text).replace("\r\n", "\n").replace("\r", "\n")
    assert page.text.replace("\r", "\n") == shown * 2
    assert page.attribute("title") == [safe_text(value)]
    assert page.problems == []


@given(title=ANYTHING, text=ANYTHING)
def test_a_document_holds_only_what_was_built(title: str, text: str) -> None:
    page = read(document(title, "p { color: red }", "abc", [el("p", text)]))
    names = [name for name, _ in page.elements]
    assert names == ["html", "head", "meta", "meta", "meta", "meta", "meta", "title", "style", "body", "p"]
    assert page.style == "p { color: red }"


@pytest.mark.parametrize("name", ["script", "style", "iframe", "p onclick", "p>", "", "foreignObject"])
def test_elements_that_run_or_load_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no element"):
        el(name)


@pytest.mark.parametrize("name", ["onclick", "style", "on_load", "a b", "x>"])
def test_attributes_that_run_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no attribute"):
        el("p", **{name: "x"})


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//example.com", "", " https://x"])
def test_links_lead_to_pages_only(link: str) -> None:
    with pytest.raises(ValueError, match="a link must be"):
        el("a", "x", href=link)


def test_a_style_sheet_cannot_end_its_element() -> None:
    with pytest.raises(ValueError, match="style sheet"):
        document("t", "p{} </style><script>", "", [])


@given(st.floats(min_value=-1e6, max_value=1e6))
def test_numbers_are_short_and_exact_to_a_hundredth(value: float) -> None:
    text = number(value)
    assert abs(float(text) - value) <= 0.00501
    assert "e" not in text
    assert text != "-0"


def test_what_is_none_is_left_out() -> None:
    assert write(el("p", None, ["a", None, ("b", ["c"])], class_=None, id="x")) == '<p id="x">abc</p>'
