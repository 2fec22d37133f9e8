"""Which rules are about a field: those that tell findings there, and those whose texts name it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

from llminfra.loading.wording.in_yaml import declared_names
from llminfra.loading.wording.python_text import Argument, Call, Items, Node, Pairs, Piece, pieces
from llminfra.reference.paths import NowhereError, Place, places_below, types_with
from llminfra.rules.registry import rules
from llminfra.rules.rule import Rule
from llminfra.spec.base.spec import Spec
from llminfra.spec.platform import Platform

_WORD = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_OPEN = "?"
_GAPS = "?*"
_ANY = ""
"""In the place of a type: a field of whatever type has it."""

Field = tuple[str, str]


def rules_about(type_name: str, field: str) -> tuple[Rule, ...]:
    """The rules about a field of a type, in the order of their codes."""
    index = _by_field()
    codes = index.get((type_name, field), frozenset()) | index.get((_ANY, field), frozenset())
    return tuple(rule for rule in rules() if rule.code in codes)


@cache
def _by_field() -> Mapping[Field, frozenset[str]]:
    found: dict[Field, set[str]] = defaultdict(set)
    for path, codes in _recorded().items():
        for place in _places(path):
            found[place.cls.__name__, place.field] |= set(codes)
    for rule in rules():
        for text in (rule.title, rule.why, rule.fix):
            for named in _named(text):
                found[named].add(rule.code)
    return {field: frozenset(codes) for field, codes in found.items()}


@cache
def _recorded() -> Mapping[str, tuple[str, ...]]:
    """Codes by the place that their findings name; ``scripts/rule_fields.py`` reads it from the source."""
    text = files("llminfra.rules").joinpath("data", "fields.json").read_text(encoding="utf-8")
    rows: dict[str, list[str]] = json.loads(text)
    return {path: tuple(codes) for path, codes in rows.items() if not path.startswith("_")}


def _places(path: str) -> tuple[Place, ...]:
    """The fields of a recorded place; what it leaves open is not guessed."""
    first, _, rest = path.partition(".")
    roots = types_with(rest.partition(".")[0]) if first == _OPEN else [Platform]
    path = rest if first == _OPEN else path
    for known in (path, path.rpartition(".")[0] if path[-1] in _GAPS else ""):
        if known and (known == path or known[-1] not in _GAPS):
            found = tuple(place for root in roots for place in _resolved(known, root))
            if found:
                return found
    return ()


def _resolved(path: str, root: type[Spec]) -> tuple[Place, ...]:
    try:
        return places_below(root, path)
    except NowhereError:
        return ()


def _named(text: str) -> Iterator[Field]:
    """Fields that a text names: in a call of their type, or by a name that says what they are."""
    types, fields = declared_names()
    waiting: list[Piece | Node] = [piece for piece, _ in pieces(text, types, fields)]
    while waiting:
        match waiting.pop():
            case Call(name, given):
                yield from ((name, key) for key, _ in given if key in fields)
                waiting += [value for _, value in given]
            case Argument(name, value):
                if "_" in name:
                    yield _ANY, name
                waiting.append(value)
            case Items(items):
                waiting += items
            case Pairs(pairs):
                waiting += [value for _, value in pairs]
            case str(words):
                yield from ((_ANY, word) for word in _WORD.findall(words) if word in fields)
            case _:
                pass
