from pathlib import Path

import pytest

from llminfra.cli.plain_call import PlainCall, plain_call


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["plan", "a.py"], PlainCall("plan", (Path("a.py"),), None, False)),
        (["plan", "--json", "a.py", "b.yaml"], PlainCall("plan", (Path("a.py"), Path("b.yaml")), None, True)),
        (["synth", "a.py"], PlainCall("synth", (Path("a.py"),), None, False)),
        (["synth", "-o", "out", "a.py"], PlainCall("synth", (Path("a.py"),), Path("out"), False)),
        (["synth", "a.py", "--out", "out", "--json"], PlainCall("synth", (Path("a.py"),), Path("out"), True)),
    ],
)
def test_usual_calls_are_read_without_typer(words, expected):
    assert plain_call(words) == expected


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["plan"],
        ["plan", "--help"],
        ["plan", "-o", "x", "a.py"],
        ["synth", "a.py", "-o"],
        ["synth", "a.py", "-o", "--json"],
        ["synth", "a.py", "--out=out"],
        ["check", "a.py"],
        ["--version"],
    ],
)
def test_everything_else_is_typers(words):
    assert plain_call(words) is None
