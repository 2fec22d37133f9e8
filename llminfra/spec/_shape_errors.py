"""Turns pydantic's validation errors into diagnostics: own code, spec path, what was found, what would work."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from llminfra.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_SECRET_SHAPES = re.compile(
    r"(?<![A-Za-z0-9_-])"
    r"(hf_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{8,}|AKIA[0-9A-Z]{12,}|ghp_[A-Za-z0-9]{8,}|eyJ[A-Za-z0-9_-]{10,}|xox[bap]-)"
)


def looks_like_credential(value: object) -> bool:
    """Whether a string has the shape of a token: Hugging Face, OpenAI style, AWS key id, GitHub, JWT, Slack."""
    return isinstance(value, str) and _SECRET_SHAPES.search(value) is not None


def shape_diagnostics(
    error: ValidationError, cls: type[BaseModel], data: Mapping[str, Any], origin: tuple[str, int] | None
) -> list[Diagnostic]:
    """One diagnostic per pydantic error, with the path starting at the object's section and name."""
    section = getattr(cls, "spec_section", "") or cls.__name__
    name = data.get("name")
    base = f"{section}.{name}" if isinstance(name, str) and not looks_like_credential(name) else section
    found = []
    seen: set[tuple[str, str]] = set()
    for item in error.errors(include_url=False, include_input=True):
        diagnostic = _one(item, cls, base, origin)
        if (diagnostic.path, diagnostic.message) not in seen:
            seen.add((diagnostic.path, diagnostic.message))
            found.append(diagnostic)
    return found


def _one(item: ErrorDetails, cls: type[BaseModel], base: str, origin: tuple[str, int] | None) -> Diagnostic:
    loc = [str(part) for part in item["loc"] if not _is_union_tag(part)]
    path = ".".join([base, *loc])
    file, line = origin or (None, None)
    kind, value = item["type"], item.get("input")
    field = loc[0] if loc else ""
    code, message, found, expected, fix = "LLM_SPEC_1", item["msg"], _show(value), "", ""
    if kind == "extra_forbidden":
        code, known, name = "LLM_SPEC_2", sorted(cls.model_fields), str(item["loc"][-1])
        close = difflib.get_close_matches(name, known, n=3)
        message = f"{cls.__name__} has no field {name!r}"
        path = f"{base}.{name}"
        expected = ", ".join(known)
        fix = f"did you mean {close[0]!r}?" if close else "remove it, or see `llminfra schema`"
    elif kind == "missing":
        code, message = "LLM_SPEC_3", f"{cls.__name__} needs the field {field!r}"
        found, fix = "nothing", f"add {field}=…"
    elif _wants_secret(cls, field) and isinstance(value, str):
        code, message = "LLM_SEC_1", "a literal stands where a Secret reference belongs"
        found = "a literal string (not shown)"
        expected = 'Secret(name="…"), the name of a secret in AWS Secrets Manager'
        fix = "store the value in AWS Secrets Manager, rotate it, and name it with Secret(name=…)"
    elif looks_like_credential(value):
        code, message = "LLM_SEC_1", "this looks like a credential"
        found, expected = "a literal with the shape of a token (not shown)", "a name"
        fix = "store the value in AWS Secrets Manager, rotate it, and name it with Secret(name=…)"
    else:
        message = item["msg"].removeprefix("Value error, ")
        expected = _expected(item)
        fix = f"give {field or cls.__name__} {expected}" if expected else f"change {field or cls.__name__}"
    return Diagnostic(
        code=code,
        severity=Severity.ERROR,
        path=path,
        message=message,
        found=found,
        expected=expected,
        fix=fix,
        file=file,
        line=line,
    )


def _is_union_tag(part: int | str) -> bool:
    return isinstance(part, str) and (not part.isidentifier() or part[:1].isupper())


def _expected(item: ErrorDetails) -> str:
    context = item.get("ctx") or {}
    if "expected" in context:
        return str(context["expected"])
    if "expected_tags" in context:
        return str(context["expected_tags"])
    if "class_name" in context:
        return f"a {context['class_name']} object"
    for key, words in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if key in context:
            return f"{words} {context[key]}"
    if item["type"].endswith(("_type", "_parsing")):
        return f"a {item['type'].removesuffix('_type').removesuffix('_parsing').replace('_', ' ')}"
    return ""


def _wants_secret(cls: type[BaseModel], field: str) -> bool:
    info = cls.model_fields.get(field)
    return info is not None and "Secret" in str(info.annotation)


def _show(value: object) -> str:
    if looks_like_credential(value):
        return "a literal with the shape of a token (not shown)"
    text = repr(value) if isinstance(value, str | int | float | bool | list | tuple) or value is None else f"{value!s}"
    return text if len(text) <= 120 else text[:117] + "…"
