"""The text under each field of a declared type, read from the source when it is needed: at import it would cost."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

_EXAMPLE = re.compile(r"(?:for example|such as|default) ``(.+?)``")


def field_docs(cls: type[BaseModel]) -> dict[str, str]:
    """The text under each field, own and inherited."""
    docs: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if each.__module__.startswith("llminfra."):
            docs.update(_module_docs(each.__module__).get(each.__name__, {}))
    return docs


def field_phrase(cls: type[BaseModel], field: str) -> str:
    """What a field holds, as a phrase for a finding: without what its default means; empty where nothing is said."""
    text = field_docs(cls).get(field, "").partition("; ``None``")[0].partition("; empty:")[0].partition(". ")[0]
    return text.removesuffix(".").replace("``", "")


def field_example(cls: type[BaseModel], field: str) -> str:
    """The example that the text under a field gives, or nothing."""
    found = _EXAMPLE.search(field_docs(cls).get(field, ""))
    return found[1] if found else ""


@cache
def _module_docs(module: str) -> dict[str, dict[str, str]]:
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, KeyError):  # no source beside the bytecode: findings are shorter then
        return {}
    found: dict[str, dict[str, str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            pairs = zip(node.body, node.body[1:], strict=False)
            found[node.name] = {
                field.target.id: " ".join(str(text.value.value).split())
                for field, text in pairs
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            }
    return found
