"""Declared values as a line: what was given of an object, and only the name of what is declared elsewhere."""

from __future__ import annotations

from typing import Any

from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.shape_errors import looks_like_credential

_LONGEST = 160


def written(value: Any) -> str:
    """A value as Python writes it: ``VLLM(max_model_len=16384)``, ``GpuPool(name='h100', …)``, ``(0, 4)``."""
    text = _written(value, inside=False)
    if looks_like_credential(text):
        return "a literal with the shape of a token (not shown)"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _written(value: Any, *, inside: bool) -> str:
    if isinstance(value, Spec):
        return _object(value, inside=inside)
    if isinstance(value, tuple | list):
        opened, closed = (
            "()" if value and isinstance(value, tuple) and all(isinstance(each, int) for each in value) else "[]"
        )
        return f"{opened}{', '.join(_written(each, inside=True) for each in value)}{closed}"
    return repr(value)


def _object(value: Spec, *, inside: bool) -> str:
    given = {name: value.__dict__.get(name) for name in type(value).model_fields if name in value.model_fields_set}
    given.pop("kind", None)
    name = given.get("name")
    if isinstance(name, str) and (inside or value.spec_section):
        return f"{type(value).__name__}(name={name!r}{', …' if len(given) > 1 else ''})"
    fields = (f"{key}={_written(each, inside=True)}" for key, each in given.items())
    return f"{type(value).__name__}({', '.join(fields)})"
