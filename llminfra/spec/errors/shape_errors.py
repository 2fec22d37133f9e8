"""Turns pydantic's validation errors into diagnostics: own code, spec path, what was found, what would work."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from llminfra.diagnostics import Diagnostic, Severity
from llminfra.spec.errors.expectations import (
    REFUSED,
    annotation_at,
    as_written,
    assignment,
    enumerated,
    example_of,
    figure,
    has_keys,
    holds_objects,
    missing,
    noun,
    options,
    quoted,
    secret_reference,
    sketch,
)
from llminfra.spec.errors.field_docs import field_phrase
from llminfra.spec.errors.field_hints import fix_for_unknown, where_it_belongs
from llminfra.spec.errors.near_values import near_value, nearest, other_server
from llminfra.spec.errors.repairs import LEAVE_OUT, how_to_write
from llminfra.spec.errors.salvage import contradicting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_SECRET_SHAPES = re.compile(
    r"(?<![A-Za-z0-9_-])"
    r"(hf_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{8,}|AKIA[0-9A-Z]{12,}|ghp_[A-Za-z0-9]{8,}|eyJ[A-Za-z0-9_-]{10,}|xox[bap]-"
    # Whoever knows the address of a webhook may post (Slack developer documentation, "Sending messages using incoming
    # webhooks").
    r"|hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9])"
)
_PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def looks_like_credential(value: object) -> bool:
    """Whether a string has the shape of a credential: Hugging Face, OpenAI, AWS, GitHub, JWT, Slack's two kinds."""
    return isinstance(value, str) and _SECRET_SHAPES.search(value) is not None


def shape_diagnostics(
    error: ValidationError, cls: type[BaseModel], data: Mapping[str, Any], origin: tuple[str, int] | None
) -> list[Diagnostic]:
    """What is wrong with the data of an object, with paths starting at its section and name.

    The alternatives of one field that all refuse a value make one finding, not one each.
    """
    base = _base_path(cls, data)
    found: dict[tuple[str, str], Diagnostic] = {}
    for item in error.errors(include_url=False, include_input=True):
        diagnostic = _one(item, cls, base, data, origin)
        several = len(options(annotation_at(cls, item["loc"]))) > 1
        found.setdefault((diagnostic.path, "" if several else diagnostic.message), diagnostic)
    misspelt = {f"{base}.{field}" for item in found.values() for field in meant_by(item)}
    return [item for item in found.values() if not (item.code == MISSING and item.path in misspelt)]


SINGLE = frozenset({"cluster", "network"})
"""Sections of one object, whose own name is no part of its path."""


def _base_path(cls: type[BaseModel], data: Mapping[str, Any]) -> str:
    section = getattr(cls, "spec_section", "") or cls.__name__
    name = data.get("name") if section not in SINGLE else None
    return f"{section}.{name}" if isinstance(name, str) and not looks_like_credential(name) else section


def with_names(
    cls: type[BaseModel], values: Sequence[Any], data: Mapping[str, Any], origin: tuple[str, int] | None
) -> tuple[dict[str, Any], Diagnostic]:
    """Values without the names of their fields: what they were probably meant for, and the finding."""
    open_fields = [name for name in cls.model_fields if name not in data and name != "kind"]
    named = dict(zip(open_fields, values, strict=False))
    file, line = origin or (None, None)
    written = ", ".join(f"{name}={show(value)}" for name, value in named.items())
    hidden = any(looks_like_credential(value) for value in values)
    return {**named, **data}, Diagnostic(
        code="LLM_SPEC_1",
        severity=Severity.ERROR,
        path=_base_path(cls, {**named, **data}),
        message=f"{cls.__name__} takes its fields by their names",
        found=", ".join(map(show, values)),
        expected=f"{cls.__name__}({next(iter(named), '')}=…)",
        fix=f"write {cls.__name__}({'name=…' if hidden or not named else written}{', …' if data else ''})",
        file=file,
        line=line,
    )


MISSING = "LLM_SPEC_3"
_UNKNOWN = "LLM_SPEC_2"


def meant_by(item: Diagnostic) -> tuple[str, ...]:
    """The field that an unknown one is a slip of: that it is missing needs no finding of its own."""
    found = re.fullmatch(r"did you mean '(\w+)'\?", item.fix) if item.code == _UNKNOWN else None
    return (found[1],) if found else ()


def _one(
    item: ErrorDetails, cls: type[BaseModel], base: str, data: Mapping[str, Any], origin: tuple[str, int] | None
) -> Diagnostic:
    loc = _parts(cls, item)
    path = _path(cls, base, loc)
    file, line = origin or (None, None)
    kind, value = item["type"], item.get("input")
    field = loc[0] if loc else ""
    if len(loc) > 1 and kind == "missing" and isinstance(data.get(field), list | tuple):  # half of a pair
        kind, loc, value = "too_short", loc[:1], data[field]
        path = _path(cls, base, loc)
    code, found = "LLM_SPEC_1", show(value)
    if kind == "extra_forbidden":
        code, known, name = "LLM_SPEC_2", sorted(cls.model_fields), str(item["loc"][-1])
        message = f"{cls.__name__} has no field {name!r}"
        path = f"{base}.{name}"
        expected = ", ".join(known)
        owner, given = (cls, data) if len(item["loc"]) == 1 else (None, None)
        taking = [type(value)] if isinstance(value, BaseModel) and owner else []
        fix = fix_for_unknown(name, known, owner, given, taking)
    elif kind == "missing":
        code, message = "LLM_SPEC_3", missing(cls, field)
        annotation = annotation_at(cls, item["loc"])
        found, expected = "nothing", noun(annotation) if holds_objects(annotation) else ""
        expected = expected or field_phrase(cls, field) or noun(annotation)
        fix = f"add {assignment(field, example_of(cls, field) or sketch(annotation))}"
    elif _wants_secret(cls, field) and isinstance(value, str):
        code, message = "LLM_SEC_1", "a literal stands where a Secret reference belongs"
        found = "a literal string (not shown)"
        expected = f"{secret_reference()}, the name of a secret in AWS Secrets Manager"
        fix = f"store the value in AWS Secrets Manager, rotate it, and name it with {secret_reference()}"
        if not looks_like_credential(value):
            fix = f"write {secret_reference()} if the text is the secret's name; if it is its value, {fix}"
    elif looks_like_credential(value):
        code, message = "LLM_SEC_1", "this looks like a credential"
        found, expected = "a literal with the shape of a token (not shown)", "a name"
        fix = f"store the value in AWS Secrets Manager, rotate it, and name it with {secret_reference()}"
    elif not loc:
        message, found, expected, fix = _together(item, cls, data)
    elif kind in {"too_short", "too_long"} and (pair := how_to_write_pair(cls, field, value)):
        message, expected, fix = pair
        found = show(value)
    else:
        message, expected, fix = _value(item, cls, field, value, data.get(field))
    return Diagnostic(
        code=_own_code(item) or code,
        severity=Severity.ERROR,
        path=path,
        message=message,
        found=found,
        expected=expected,
        fix=fix,
        file=file,
        line=line,
    )


def _own_code(item: ErrorDetails) -> str:
    """The code that a validator has of its own; empty: none."""
    return str((item.get("ctx") or {}).get("code", "")) if item["type"] == REFUSED else ""


def _path(cls: type[BaseModel], base: str, loc: Sequence[str]) -> str:
    """The spec path of a value, with entries of lists in brackets."""
    return _below(base, loc, keys=bool(loc) and has_keys(cls, loc[0]))


def _below(base: str, loc: Sequence[str], *, keys: bool) -> str:
    places = (f"[{part}]" if part.isdecimal() and not keys else f".{part}" for part in loc)
    return (base + "".join(places)).removeprefix(".")


def _is_union_tag(part: int | str) -> bool:
    return isinstance(part, str) and (not part.isidentifier() or part[:1].isupper())


def _together(item: ErrorDetails, cls: type[BaseModel], data: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Fields that contradict one another: only they are shown."""
    context = item.get("ctx") or {}
    message = item["msg"].removeprefix("Value error, ")
    fields = contradicting(cls, item)
    shown = [assignment(name, show(data[name])) for name in fields if name in data]
    either = enumerated(list(fields)) or cls.__name__
    found = ", ".join(shown) or (f"no {either}" if len(fields) > 1 else f"{cls.__name__} as it is")
    return message, found, str(context.get("expected", "")), str(context.get("fix", "")) or f"change {either}"


def how_to_write_pair(cls: type[BaseModel], field: str, value: object) -> tuple[str, str, str] | None:
    """Message, what would work, and the fix, where a pair has more or less than two; ``None``: it is no pair."""
    annotation = annotation_at(cls, [field])
    expected = noun(annotation)
    if not expected.startswith("a pair") or not isinstance(value, list | tuple):
        return None
    count = {0: "nothing", 1: "one entry"}.get(len(value), f"{len(value)} entries")
    written = how_to_write(cls, field, annotation, list(value)) or assignment(field, example_of(cls, field))
    return f"{field} has {count}, and takes two", f"{expected}, or one number that is both", f"write {written}"


def _value(item: ErrorDetails, cls: type[BaseModel], field: str, value: object, whole: object) -> tuple[str, str, str]:
    """Message, what would work, and the fix, of a value in a field; ``whole`` is all that the field was given."""
    kind, context = item["type"], item.get("ctx") or {}
    annotation = annotation_at(cls, item["loc"])
    phrase, example = field_phrase(cls, field), example_of(cls, field)
    if kind == REFUSED:
        return item["msg"], str(context["expected"]), str(context["fix"])
    for key, words, problem in _BOUNDS:
        if key in context:
            if key == "le" and context[key] == 1 and isinstance(value, int | float) and 2 <= value <= _PERCENT:
                return f"{field} is too {problem}", "at most 1", f"write {assignment(field, f'{value / _PERCENT:g}')}"
            limit = figure(context[key]) if isinstance(context[key], int | float) else context[key]
            bound = f"{words} {limit}"
            return f"{field} is too {problem}", bound, f"set {_below('', _parts(cls, item), keys=False)} to {bound}"
    for key, words, problem in (("min_length", "at least", "short"), ("max_length", "at most", "long")):
        if key in context:
            one, many = ("character", "characters") if isinstance(value, str) else ("entry", "entries")
            count = f"{words} {context[key]} {one if context[key] == 1 else many}"
            return f"{field} is too {problem}", count, f"give {field} {count}"
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        expected = phrase or f"text that matches {pattern}"
        near = near_value(value, pattern) if isinstance(value, str) and len(_parts(cls, item)) == 1 else ""
        fix = f"write it like {assignment(field, example)}" if example else f"give {field} in that form"
        fix = f"write {assignment(field, quoted(near))}" if near else fix
        return f"{field} does not have the right form", expected, fix
    if isinstance(value, BaseModel) and (place := where_it_belongs(cls, field, value)):
        return f"{field} takes no {type(value).__name__}", noun(annotation) or phrase, place
    if kind == "literal_error" or kind.startswith("union_tag"):
        choices = str(context.get("expected_tags") or context.get("expected") or noun(annotation))
        problem = "wants an object, and this is a type" if isinstance(value, type) else "has no such choice"
        return f"{field} {problem}", choices, _choose(field, value, choices)
    if kind == "finite_number":
        return f"{field} is no finite number", noun(annotation), f"set {field} to {noun(annotation)}"
    if kind in {"value_error", "assertion_error"}:
        fix = f"write it like {assignment(field, example)}" if example else f"correct {field}"
        return item["msg"].removeprefix("Value error, "), phrase or "a value as the message says", fix
    expected = noun(annotation) or phrase
    if not expected:
        return item["msg"], phrase, f"correct {field}"
    if expected.startswith("a pair") and example:
        expected = f"{expected}, such as {example}"
    parts = _parts(cls, item)
    # Of an entry the whole list is written anew; an example's would not be the user's own.
    given, of = (value, annotation) if len(parts) == 1 else (whole, annotation_at(cls, [field]))
    written = how_to_write(cls, field, of, given)
    if len(parts) > 1 and example and written == assignment(field, example):
        written = ""
    fix = f"write {written}" if written else f"set {_below('', parts, keys=has_keys(cls, field))} to {expected}"
    fix = written if written.startswith(LEAVE_OUT) else fix
    return f"{field} has a value of the wrong type", expected, fix


def _parts(cls: type[BaseModel], item: ErrorDetails) -> list[str]:
    """Where an error is, without the names of alternatives; keys of a mapping are kept whatever they look like."""
    first, *rest = item["loc"] or ("",)
    if has_keys(cls, str(first)):
        keys = [str(part) for part in rest if part != "[key]"]
        return [str(first), *("(not shown)" if looks_like_credential(key) else key for key in keys)]
    return [str(part) for part in item["loc"] if not _is_union_tag(part)]


def _choose(field: str, value: object, choices: str) -> str:
    if isinstance(value, type):
        return f"write {assignment(field, f'{value.__name__}(…)')}: the object and not its type"
    known = re.findall(r"'([^']+)'", choices)
    given = value.get("kind") if isinstance(value, dict) else value
    if other := other_server(str(given), known):
        return other
    close = nearest(str(given), known)
    return f"did you mean {close!r}?" if close else f"set {field} to one of them"


_PERCENT = 100
_BOUNDS = (
    ("ge", "at least", "small"),
    ("gt", "more than", "small"),
    ("le", "at most", "large"),
    ("lt", "less than", "large"),
)


def _wants_secret(cls: type[BaseModel], field: str) -> bool:
    info = cls.model_fields.get(field)
    return info is not None and "Secret" in str(info.annotation)


def show(value: object) -> str:
    """A value for a finding: short, and without what looks like a credential."""
    if isinstance(value, BaseModel):
        name = getattr(value, "name", None)
        text = f"{type(value).__name__}({f'name={name!r}, ' if isinstance(name, str) else ''}…)"
    elif isinstance(value, list | tuple) and any(isinstance(each, BaseModel) for each in value):
        text = f"[{', '.join(map(show, value))}]"
    elif isinstance(value, str | int | float | bool | list | tuple | dict) or value is None:
        text = as_written(value)
    elif isinstance(value, type):
        text = value.__name__
    elif type(value).__str__ is object.__str__ and type(value).__repr__ is object.__repr__:
        text = f"a {type(value).__name__}"  # anything else is an address in memory, another one each time
    else:
        text = f"{value!s}"
    text = re.sub(r"<(\w+)\b.* at 0x[0-9a-f]+>", r"a \1", text)
    text = _PASSWORD_IN_URL.sub(r"\1…@", text)
    if _SECRET_SHAPES.search(text):
        return "a literal with the shape of a token (not shown)"
    return text if len(text) <= 120 else text[:117] + "…"
