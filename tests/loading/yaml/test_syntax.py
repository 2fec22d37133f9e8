"""A text that is no YAML: the line that has to change, the key, what stands there, and what would work."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from llminfra.diagnostics import Diagnostic
from llminfra.loading.load import load

HEAD = "name: acme\nregion: us-east-1\n"
GPU = HEAD + "pools:\n  gpu:\n"


@pytest.fixture(params=["libyaml", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """PyYAML's two parsers word their errors differently."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    return str(request.param)


def only(folder: Path, text: str, name: str = "spec.yaml") -> Diagnostic:
    path = folder / name
    path.write_bytes(text.encode())
    (item,) = load(path).diagnostics
    assert item.file == str(path)
    return item


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "path", "line", "found", "expected", "fix"),
    [
        (GPU + "  \tnodes: 1\n", "pools.gpu", 5, "→nodes: 1", "spaces", "replace the tab in line 5 by spaces"),
        (HEAD + "tags:\n  a: foo: bar\n", "tags", 4, "a: foo: bar", "a text in quotes", 'write a: "foo: bar"'),
        (GPU + "    nodes:3\n    efa: true\n", "pools", 5, "nodes:3", "a colon and a space", "write nodes: 3"),
        (
            GPU + "    efa: true\n    nodes:[0, 3]\nstorage:\n",
            "pools.gpu",
            6,
            "nodes:[0, 3]",
            "a colon and a space",
            "write nodes: [0, 3]",
        ),
        (
            HEAD + "tags:\u00a0{}\n",
            "",
            3,
            "tags:\u00a0{}",
            "ordinary spaces",
            "write tags: {}, with a space of the keyboard",
        ),
        (
            "name:\u00a0acme\nregion: us-east-1\n",
            "",
            1,
            "name:\u00a0acme",
            "ordinary spaces",
            "write name: acme, with a space of the keyboard",
        ),
        (GPU + "    nodes 3\n    efa: true\n", "pools", 5, "nodes 3", "a key, a colon and a space", "write nodes: 3"),
        (HEAD + "pools\n", "", 3, "pools", "a key, a colon and a space", "write pools: and its value"),
        (
            GPU + "    nodes: 1\n     efa: true\n",
            "pools.gpu",
            6,
            "efa: true",
            "keys of equal indent",
            "indent it by 4 spaces, as line 5",
        ),
        (
            GPU + "    nodes: 1\n   efa: true\n",
            "pools.gpu",
            6,
            "efa: true",
            "4 or 2 or 0 spaces",
            "indent it by 4 spaces, as line 5",
        ),
        (
            GPU + "    zones: [a\n    efa: true\n",
            "pools.gpu.zones",
            5,
            "zones: [a",
            "a comma or ]",
            "write ] before line 6",
        ),
        (HEAD + "tags: {a: b\n", "tags", 3, "tags: {a: b", "a comma or }", "write } before line 4"),
        (
            '{"name": "a" "region": "b"}',
            "",
            1,
            '{"name": "a" "region": "b"}',
            "a comma or }",
            'write } or a comma before "region": "b"}',
        ),
        (
            HEAD + "tags: {a: b,, c: d}\n",
            "tags",
            3,
            "tags: {a: b,, c: d}",
            "a value",
            "write what is missing, or remove ,",
        ),
        (
            HEAD + "tags: {a: ${B}}\n",
            "tags",
            3,
            "tags: {a: ${B}}",
            "a value",
            "write the value itself, or put the text in quotes",
        ),
        (
            HEAD + "tags: {a: b // c\n  d: e}\n",
            "tags",
            3,
            "tags: {a: b // c",
            "# before a comment",
            "start the comment with #, or remove it",
        ),
        (HEAD + "tags:\n  a: 'foo\n", "tags.a", 4, "a: 'foo", "a second '", "write ' at its end"),
        (
            HEAD + 'tags:\n  a: "C:\\path"\n',
            "tags.a",
            4,
            'a: "C:\\path"',
            "a text in single quotes",
            "put the text in single quotes, or double the backslash",
        ),
        (HEAD + "tags:\n  a: @b # c\n", "tags.a", 4, "@b", "a text in quotes", 'put it in quotes: "@b"'),
        (HEAD + "waivers:\n  - scope: *\n", "waivers[0].scope", 4, "*", "a text in quotes", 'put it in quotes: "*"'),
        (HEAD + "x-a: &comon {a: b}\ntags: *common\n", "tags", 4, "*common", "one of: *comon", "did you mean *comon?"),
        (
            HEAD + "tags: *none\n",
            "tags",
            3,
            "*none",
            "a value marked &none before",
            "write &none before the value that it stands for",
        ),
        (HEAD + "x-a: &a b\nx-b: &a c\n", "x-b", 4, "x-b: &a c", "a name of its own", "rename one of the two"),
        (
            HEAD + "pools:\n  - name: a\n  b: 1\n",
            "pools[0]",
            5,
            "b: 1",
            "a line that starts with -",
            "start it with - or indent it like the item before",
        ),
        (
            HEAD + "pools: - a\n",
            "pools",
            3,
            "pools: - a",
            "[…], or lines that start with -",
            "write [a], or - a on a line of its own",
        ),
        (
            HEAD + "<<<<<<< HEAD\ntags: {}\n=======\n>>>>>>> x\n",
            "",
            3,
            "<<<<<<< HEAD",
            "one of the two sides",
            "resolve the conflict",
        ),
        (
            HEAD + "...\nfoo: bar\n",
            "",
            4,
            "foo: bar",
            "--- between documents",
            "write --- before it, or remove the line with ...",
        ),
        (
            HEAD + "tags: !Sub x\n",
            "tags",
            3,
            "!Sub",
            "a value without a tag",
            "write the value itself: a spec is one file, and parts are reused by `extends`, anchors and aliases",
        ),
        (
            HEAD + "tags: {a: !!binary aGk=}\n",
            "tags.a",
            3,
            "!!binary",
            "a value without a tag",
            "write the value itself: a spec is one file, and parts are reused by `extends`, anchors and aliases",
        ),
        (
            HEAD + "tags: {{ a }}\n",
            "tags",
            3,
            "a mapping as a key",
            "text",
            "write a word and a colon; a value such as {{ … }} needs quotes",
        ),
        (HEAD + "\u00a0tags: {}\n", "", 3, "U+00A0 NO-BREAK SPACE", "ordinary spaces", "write the line anew"),
        (
            HEAD + "tags:\n  <<: [b]\n",
            "tags.<<",
            4,
            "'b'",
            "an alias of a mapping, or a list of those",
            "name a mapping by an alias, such as <<: *common",
        ),
    ],
)
def test_a_syntax_error_says_what_to_change(
    tmp_path: Path, text: str, path: str, line: int, found: str, expected: str, fix: str
) -> None:
    item = only(tmp_path, text)
    assert (item.path, item.line, item.found, item.expected, item.fix) == (path, line, found, expected, fix)
    assert item.message


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "text",
    [
        HEAD + "tags:\n  a: hf_abcdefghijklmnop: x\n",
        HEAD + "tags:\n  hf_abcdefghijklmnop: {a: b\n",
        HEAD + "tags:\n  a: @hf_abcdefghijklmnop\n",
        HEAD + "api_key: hunter2: hunter2\n",
        HEAD + "token: @hunter2\n",
    ],
)
def test_a_line_with_a_secret_is_not_shown(tmp_path: Path, text: str) -> None:
    item = only(tmp_path, text)
    assert "hf_abc" not in str(item)
    assert "hunter2" not in str(item)


def test_json_is_read_as_yaml(tmp_path: Path) -> None:
    item = only(tmp_path, '{"name": "a", // why\n "region": "b"}', "spec.json")
    assert (item.line, item.fix) == (1, "start the comment with #, or remove it")


def test_an_empty_spec_says_what_one_needs(tmp_path: Path) -> None:
    item = only(tmp_path, "x-only: 7\n")
    assert (item.code, item.line, item.expected) == ("LLM_SPEC_7", 1, "name: and region: of one, or platforms:")


def test_nothing_in_a_mapping_of_text_is_told(tmp_path: Path) -> None:
    item = only(tmp_path, HEAD + "tags: {a b}\n")
    assert (item.path, item.found) == ("tags.a b", "nothing")


def test_an_error_that_is_not_known_names_its_line(tmp_path: Path) -> None:
    item = only(tmp_path, HEAD + "tags: {a: b}}\n")
    assert item.line == 3
    assert item.fix == "correct line 3"
