"""YAML as a tree in which every value knows its line, with YAML 1.2's meaning of scalars.

YAML 1.1 reads the key ``on`` as true and ``1.30`` as 1.3; both stand in every spec. Here only ``true`` and ``false``
are booleans, and every scalar keeps its text, so that a field that wants text gets what the user wrote.
"""

from __future__ import annotations

import re
import unicodedata

import yaml
from msgspec import Struct, field

from llminfra.diagnostics import entry_names, entry_path
from llminfra.loading.yaml.syntax import open_path, syntax_of
from llminfra.spec.errors.shape_errors import looks_like_credential

_LARGEST = 100_000
"""Values in one file after aliases are expanded: far above any real spec, far below what nested aliases can reach."""

_DEEPEST = 40
"""Levels of nesting: specs have about eight."""

_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("bool", "float", "int", "map", "merge", "null", "seq", "str", "timestamp", "value")
)
_INVISIBLE = frozenset({"Zs", "Cf"})
"""Unicode's categories of spaces and of format characters, such as the no-break space and the zero-width space."""
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class TreeError(Exception):
    """The file is not usable YAML; ``code`` tells a syntax error from a recursive alias."""

    def __init__(
        self, code: str, message: str, line: int, found: str = "", fix: str = "", path: str = "", expected: str = "YAML"
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.line, self.found, self.fix, self.path = code, message, line, found, fix, path
        self.expected = expected


class Scalar(Struct, frozen=True):
    """A leaf: its value, and its text as written."""

    line: int
    value: str | int | float | bool | None
    text: str


class Seq(Struct, frozen=True):
    """A list."""

    line: int
    items: tuple[Tree, ...]


class Map(Struct, frozen=True):
    """A mapping with text keys; ``repeated`` holds keys that were written twice, with their lines."""

    line: int
    items: dict[str, Tree]
    key_lines: dict[str, int] = field(default_factory=dict)
    repeated: tuple[tuple[str, int], ...] = ()

    def without(self, *keys: str) -> Map:
        """The mapping without some keys."""
        return Map(self.line, {key: value for key, value in self.items.items() if key not in keys}, self.key_lines)


Tree = Scalar | Seq | Map


def parse(text: str) -> list[Tree]:
    """The documents of a YAML text.

    Raises:
        TreeError: invalid YAML, a recursive alias, or aliases that expand to an unreasonable size.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = list(yaml.compose_all(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        told = syntax_of(text, error)
        path = open_path(text, error, loader)
        raise TreeError(
            "LLM_SPEC_5", told.message, told.line, told.found, told.fix, path, expected=told.expected
        ) from None
    except yaml.reader.ReaderError as error:
        # The parser's position counts bytes or characters, by its implementation: look for the character instead.
        code = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or " ")
        line = text.count("\n", 0, max(0, text.find(chr(code)))) + 1
        message, expected = "the spec has a character that YAML does not allow", "characters that can be printed"
        raise TreeError("LLM_SPEC_5", message, line, f"U+{code:04X}", "remove it", expected=expected) from None
    except RecursionError:
        raise _too_deep(1, "more than can be read") from None
    converter = _Converter()
    return [converter.convert(node, "", 0) for node in documents if node is not None]


def _label(node: yaml.Node, label: str) -> str:
    """What an entry of a list has under a key; empty: nothing that a path could show."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    found = (value.value for key, value in pairs if key.value == label and isinstance(value, yaml.ScalarNode))
    text = str(next(found, ""))
    return "" if looks_like_credential(text) else text


def _too_deep(line: int, found: str, path: str = "") -> TreeError:
    expected = f"at most {_DEEPEST} levels"
    return TreeError("LLM_SPEC_5", "the YAML is nested too deeply", line, found, "flatten it", path, expected=expected)


class _Converter:
    """Turns PyYAML's nodes into trees; counts them, and knows which ones it is inside of."""

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self._count = 0

    def convert(self, node: yaml.Node, path: str, depth: int) -> Tree:
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > _LARGEST:
            message, expected = f"the YAML expands to more than {_LARGEST} values", "a spec that can be read"
            raise TreeError("LLM_SPEC_5", message, line, "nested aliases", "repeat less", expected=expected)
        if depth > _DEEPEST:
            raise _too_deep(line, f"{depth} levels", path)
        if node.tag not in _TAGS:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            fix = "write the value itself: a spec is one file, and parts are reused by `extends`, anchors and aliases"
            raise TreeError(
                "LLM_SPEC_5", "tags have no meaning in a spec", line, tag, fix, path, expected="a value without a tag"
            )
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, line)
        if id(node) in self._inside:
            raise TreeError(
                "LLM_REF_4",
                "an alias contains itself",
                line,
                "a recursive YAML alias",
                "write the value out",
                path,
                expected="a finite value",
            )
        self._inside.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                names = entry_names((_label(each, "name"), _label(each, "rule")) for each in node.value)
                children = (
                    self.convert(each, entry_path(path, index, name), depth + 1)
                    for index, (each, name) in enumerate(zip(node.value, names, strict=True))
                )
                return Seq(line, tuple(children))
            if isinstance(node, yaml.MappingNode):
                return self._map(node, line, path, depth)
        finally:
            self._inside.discard(id(node))
        raise TreeError("LLM_SPEC_5", f"unknown YAML node {node.tag}", line)

    def _map(self, node: yaml.MappingNode, line: int, path: str, depth: int) -> Map:
        own: dict[str, Tree] = {}
        merged: dict[str, Tree] = {}
        lines: dict[str, int] = {}
        repeated: list[tuple[str, int]] = []
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                what = "a list as a key" if isinstance(key_node, yaml.SequenceNode) else "a mapping as a key"
                fix = "write a word and a colon; a value such as {{ … }} needs quotes"
                raise TreeError("LLM_SPEC_5", "a key must be text", key_line, what, fix, path, expected="text")
            key = str(key_node.value)
            where = f"{path}.{key}" if path else key
            if odd := next((mark for mark in key if mark != " " and unicodedata.category(mark) in _INVISIBLE), None):
                message = f"the key {key.strip()!r} has a character that looks like a space, or like nothing"
                found, expected = f"U+{ord(odd):04X} {unicodedata.name(odd, '')}".strip(), "ordinary spaces"
                raise TreeError("LLM_SPEC_5", message, key_line, found, "write the line anew", path, expected=expected)
            value = self.convert(value_node, where, depth + 1)
            if key == "<<" and not key_node.style:
                for base in value.items if isinstance(value, Seq) else (value,):
                    if not isinstance(base, Map):
                        raise TreeError(
                            "LLM_SPEC_5",
                            "`<<` merges mappings only",
                            key_line,
                            "a list" if isinstance(base, Seq) else repr(base.text),
                            "name a mapping by an alias, such as <<: *common",
                            where,
                            expected="an alias of a mapping, or a list of those",
                        )
                    for name, each in base.items.items():
                        merged.setdefault(name, each)
                        lines.setdefault(name, base.key_lines.get(name, base.line))
            elif key in own:
                repeated.append((key, key_line))
            else:
                own[key] = value
                lines[key] = key_line
        return Map(line, {**merged, **own}, lines, tuple(repeated))


def _scalar(node: yaml.ScalarNode, line: int) -> Scalar:
    text = str(node.value)
    if node.style:  # plain is None in Python and "" in libyaml
        return Scalar(line, text, text)
    if text in _NULL:
        return Scalar(line, None, text)
    if text in _BOOL:
        return Scalar(line, _BOOL[text], text)
    if _INT.fullmatch(text):
        return Scalar(line, int(text), text) if len(text) < 100 else Scalar(line, text, text)
    if _FLOAT.fullmatch(text):
        return Scalar(line, float(text), text)
    return Scalar(line, text, text)
