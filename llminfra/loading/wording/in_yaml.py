"""Findings in the words of a YAML spec: the texts of rules and plans say Python where something is to be written.

``use VLLM(…), or set Model(dtype="float16")`` becomes ``use engine: {kind: vllm, …}, or set model: {dtype: float16}``.
Which fields hold a type, and which kind it is, comes from the declared types; nothing is known of single texts. What is
not understood, names of fields and types that there are not among it, stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.loading.wording.python_text import GAP, Argument, Call, Items, Leaf, Node, Pairs, Piece, Quote, pieces
from llminfra.loading.yaml.types import item_type, section_names, section_of, spec_options, value_type
from llminfra.spec.errors.expectations import kind_of
from llminfra.spec.platform import Platform

if TYPE_CHECKING:
    from llminfra.diagnostics import Diagnostic
    from llminfra.spec.base.spec import Spec

_PLAIN = re.compile(r"(?:[A-Za-z0-9_./…]|-(?=[\w-]))[\w./+@*=…-]*(?::[\w./@+…-]+)*")
_NO_TEXT = re.compile(r"[-+.\d][\d_.eE+-]*|true|false|null|~|yes|no|on|off", re.IGNORECASE)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_LONGEST = 4000
_PRODUCTS = frozenset({"SageMaker", "SGLang"})
"""Types that are called as the product is: alone in a text the product is meant."""


def finding_in_yaml(item: Diagnostic, places: Mapping[str, str] = MappingProxyType({})) -> Diagnostic:
    """A finding as somebody reads it who writes YAML; what engines and AWS would say stays theirs."""
    texts = ("message", "found", "expected", "fix")
    return replace(item, **{name: in_yaml(getattr(item, name), item.path, places) for name in texts})


def in_yaml(text: str, path: str = "", places: Mapping[str, str] = MappingProxyType({})) -> str:
    """A text with YAML in the places of Python.

    Args:
        text: A sentence of a finding or a plan.
        path: Spec path that it is about; fields of an item on it need no path of their own.
        places: By the name of a type, where the object of it that the path uses is declared.
    """
    if len(text) > _LONGEST or not ("=" in text or "(" in text or _bare().search(text)):
        return text
    out = ""
    parts = list(pieces(text, _types().keys(), _fields()))
    for (piece, written), (_, behind) in pairwise([*parts, ("", "")]):
        told = _piece(piece, written, path, places)
        if isinstance(piece, Call) and (label := re.match(r"(\w+): ", told)):
            out = re.sub(rf"\b{label[1]} $", "", out)  # "run it on Ec2(…)" says the field already
        closed = isinstance(piece, Call | Argument) and told != written and behind.startswith(":")
        out += f"`{told}`" if closed else told  # "set min: 1: callers wait" has one colon too many
    return out


def _piece(piece: Piece, written: str, path: str, places: Mapping[str, str]) -> str:
    match piece:
        case Quote(text):
            return text
        case str():
            return _bare_names(piece)
        case Argument(name, value):
            told = _value(value)
            return written if told is None else f"{name}: {told}"
        case _:
            told = _alone(piece, path, places)
            return written if told is None else told


@cache
def _walked() -> tuple[Mapping[str, type[Spec]], Mapping[str, frozenset[tuple[str, bool]]]]:
    """Every type that a spec can hold, by name; for each the fields that hold one, and whether they hold a list."""
    types: dict[str, type[Spec]] = {}
    holders: dict[str, set[tuple[str, bool]]] = {}
    waiting: list[type[Spec]] = [Platform]
    while waiting:
        cls = waiting.pop()
        if cls.__name__ in types:
            continue
        types[cls.__name__] = cls
        for name, info in cls.model_fields.items():
            for each, listed in _held(info.annotation):
                holders.setdefault(each.__name__, set()).add((name, listed))
                waiting.append(each)
    return types, {name: frozenset(fields) for name, fields in holders.items()}


def _types() -> Mapping[str, type[Spec]]:
    return _walked()[0]


def declared_names() -> tuple[frozenset[str], frozenset[str]]:
    """Names of all types that a spec can hold, and of all their fields, as texts of findings use them."""
    return frozenset(_types()), _fields()


@cache
def _fields() -> frozenset[str]:
    return frozenset(name for cls in _types().values() for name in cls.model_fields if name != "kind")


def _held(annotation: object) -> Iterator[tuple[type[Spec], bool]]:
    yield from ((each, False) for each in spec_options(annotation))
    for inner in (item_type(annotation), value_type(annotation)):
        if inner is not None:
            yield from ((each, True) for each in spec_options(inner))


def _alone(call: Call, path: str, places: Mapping[str, str]) -> str | None:
    """An object that stands for itself: its fields with the place that they have in a spec; ``None``: no YAML."""
    cls = _types()[call.name]
    section = "" if cls is Platform else section_of(cls)
    fields = _given(call, cls)
    if fields is None:
        return None
    if place := places.get(call.name):
        return _placed(place, call, cls, fields)
    single = _only_named(call) if kind_of(cls) is None else None
    if section == "" or section in section_names():
        return _item(call, cls, section or "", path, fields)
    label, listed = _label(cls)
    if single and label and not listed:
        return f"{label}.{single}"
    whole = f"{{{', '.join([*_kind(cls), *fields])}}}"
    return f"{label}: {f'[{whole}]' if listed else whole}" if label else whole


def _item(call: Call, cls: type[Spec], section: str, path: str, fields: list[str]) -> str | None:
    """An item of a section, or the platform: by its name, as one of those on the path, or as any."""
    name = next((value.text for key, value in call.given if key == "name" and isinstance(value, Leaf)), None)
    named = name.strip("'\"") if name and name != GAP else ""
    own = [each for each in fields if not each.startswith("name: ")] if named and section else fields
    if not section or (not named and path.startswith(f"{section}.")):
        return (_only_named(call) or ", ".join(own)) if own else None
    where = f"{section}.{named or '*'}"
    return where if named and own == [GAP] else _placed(where, call, cls, own)


def _placed(where: str, call: Call, cls: type[Spec], fields: list[str]) -> str:
    """Fields at a place of the file."""
    whole = [*_kind(cls), *fields]
    single = _only_named(call) or (whole[0] if len(whole) == 1 and whole != [GAP] else None)
    return f"{where}.{single}" if single else f"{where}: {{{', '.join(whole)}}}"


def _only_named(call: Call) -> str | None:
    """The field of a call that only names it: ``raise GpuPool(root_volume_gib=…)``."""
    match call.given:
        case ((str(name), Leaf(text="…") | Items((Leaf(text="…"),))),) if name:
            return name
    return None


@cache
def _label(cls: type[Spec]) -> tuple[str, bool]:
    """The field that holds objects of a type, and whether in a list; no name where the choice says nothing."""
    holders = _walked()[1].get(cls.__name__, frozenset())
    if len(holders) == 1:
        return next(iter(holders))
    own = (re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(), False)
    return own if own in holders and kind_of(cls) is None else ("", False)


def _kind(cls: type[Spec]) -> list[str]:
    kind = kind_of(cls)
    return [f"kind: {kind}"] if kind else []


def _given(call: Call, cls: type[Spec]) -> list[str] | None:
    """The arguments of a call; ``None`` where one of them is no field, or cannot be told."""
    told = []
    for name, value in call.given:
        if not name:
            told.append(GAP)
            continue
        text = _value(value) if name in cls.model_fields else None
        if text is None:
            return None
        told.append(f"{name}: {text}")
    return told


def _value(node: Node) -> str | None:
    match node:
        case Leaf():
            return _scalar(node)
        case Items(items):
            parts = [_value(each) for each in items]
            return None if None in parts else f"[{', '.join(str(each) for each in parts)}]"
        case Pairs(pairs):
            told = [(_value(key), _value(each)) for key, each in pairs]
            whole = f"{{{', '.join(f'{key}: {each}' for key, each in told)}}}"
            return None if any(None in pair for pair in told) else whole
        case Call(name, given):
            cls = _types()[name]
            if section_of(cls) in section_names():  # items of sections are named where they are used
                return next((_value(value) for key, value in given if key == "name"), None)
            fields = _given(node, cls)
            return None if fields is None else f"{{{', '.join([*_kind(cls), *fields])}}}"


def _scalar(leaf: Leaf) -> str | None:
    if not leaf.quoted and (cls := _types().get(leaf.text)) is not None:
        kind = _kind(cls)
        return f"{{{kind[0]}}}" if kind else None
    if not leaf.quoted:
        return _WORDS.get(leaf.text, leaf.text)
    text = leaf.text
    if text == GAP or (_PLAIN.fullmatch(text) and not _NO_TEXT.fullmatch(text)):
        return text
    return f"'{text}'" if '"' in text and "'" not in text else json.dumps(text, ensure_ascii=False)


@cache
def _bare() -> re.Pattern[str]:
    """Names of types that are words of no language, alone or with others: ``VLLM or SGLang``, ``a GpuPool``."""
    names = "|".join(sorted(_types(), key=len, reverse=True))
    one = rf"(?:(?:[Aa]n?|another|the|one|each|every|no|own) )?(?:{names})"
    return re.compile(
        rf"(?<![\w.`@/-])(?<!Amazon )(?<!AWS ){one}(?:(?:, | or | and |, or ){one})*(?![\w(`]|[.:-]\w|'s)"
    )


def _bare_names(text: str) -> str:
    return _bare().sub(lambda found: _bare_run(found[0]), text)


def _bare_run(text: str) -> str:
    """A name, or several with commas; those that may be something else are taken for types beside one that is one."""
    parts = re.split(r"(, or |, | or | and )", text)
    names = [part.split()[-1] for part in parts[::2]]
    if not any(_is_no_word(name) for name in names):
        return text
    return "".join(part if index % 2 else _bare_name(part) for index, part in enumerate(parts))


def _is_no_word(name: str) -> bool:
    return name not in _PRODUCTS and re.search(r"[a-z][A-Z0-9]|^[A-Z]{3}[A-Z]?[A-Z]", name) is not None


def _bare_name(text: str) -> str:
    before, _, name = text.rpartition(" ")
    cls = _types()[name]
    section, kind = section_of(cls), kind_of(cls)
    article = before.lower() in {"a", "an"}
    if kind:
        told = f"{{kind: {kind}}} in `{section}`" if section else f"{{kind: {kind}}}"
        return f"{before[:1] if article else before} {told}".lstrip()
    if section not in section_names():
        return text
    which = f"{before[:1]}n" if article else before or "an"
    return f"{which} item of `{section}`"
