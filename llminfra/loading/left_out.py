"""What a Python spec builds and gives to no platform: a forgotten ``platform.add`` would look like success."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from llminfra.diagnostics import Diagnostic, Severity
from llminfra.spec.base.spec import Spec
from llminfra.spec.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_ADDED = frozenset({"endpoints", "gateways", "async_endpoints", "batches"})
"""Sections whose objects ``Platform.add`` takes."""
_SECTIONS = _ADDED | {"pools", "storage", "waivers"}
_SEES_ALL_NAMES = frozenset({"globals", "locals", "vars", "dir", "eval", "exec"})


def left_out(source: bytes, file: str, built: Sequence[Spec], names: Mapping[str, object]) -> list[Diagnostic]:
    """Objects that no platform holds, and that nothing in the file could still use.

    An object counts only where its statement does nothing else than building it, in names that the file reads nowhere:
    what a function returns, what a condition would add, and what another file imports from here by ``__all__`` is left
    alone. So is a line of which any object belongs to a platform.

    Args:
        source: Text of the spec file.
        file: How origins name it.
        built: Everything that was declared while it ran, in order.
        names: Its names when it had run.
    """
    platforms = [item for item in (*built, *names.values()) if isinstance(item, Platform)]
    held = list(_inside(platforms))
    known, lines = {id(item) for item in held}, {item.origin for item in held}
    loose: dict[tuple[str, int], Spec] = {}
    for item in built:
        origin = item.origin
        if id(item) in known or type(item).spec_section not in _SECTIONS or origin is None or origin in lines:
            continue
        if origin[0] == file:
            loose.setdefault(origin, item)
    if not loose or not platforms:
        return []
    tree = ast.parse(source)
    read = _names_read(tree)
    if read & _SEES_ALL_NAMES:
        return []
    whole = next((name for name, value in names.items() if isinstance(value, Platform)), "platform")
    found = []
    for (_, line), item in loose.items():
        targets = _only_built(tree, line, type(item).__name__)
        if targets is not None and not read & {*targets}:
            found.append(_finding(item, line, targets[0] if len(targets) == 1 else "", whole))
    return found


def _inside(values: Iterable[object]) -> Iterator[Spec]:
    """Every declared object that is part of one of the values."""
    waiting, seen = list(values), set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Platform):
            waiting += value.workloads
        if isinstance(value, Spec) and id(value) not in seen:
            seen.add(id(value))
            yield value
            waiting += value.__dict__.values()
        elif isinstance(value, tuple | list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()


def _names_read(tree: ast.Module) -> frozenset[str]:
    """Names that the file reads anywhere, or tells others to import."""
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id == "__all__" for each in node.targets
        ):
            read |= {str(part.value) for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
    return frozenset(read)


def _only_built(tree: ast.Module, line: int, type_name: str) -> tuple[str, ...] | None:
    """The names that a line's statement gives what it builds, none for a bare call; ``None``: it does more."""
    simple = (ast.Assign, ast.AnnAssign, ast.Expr)
    for node in ast.walk(tree):
        if not isinstance(node, simple) or not node.lineno <= line <= (node.end_lineno or node.lineno):
            continue
        if isinstance(node, ast.Expr):
            called = node.value.func if isinstance(node.value, ast.Call) else None
            name = getattr(called, "attr", getattr(called, "id", ""))
            return () if name == type_name else None
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        plain = [part for each in targets for part in (each.elts if isinstance(each, ast.Tuple) else [each])]
        return tuple(each.id for each in plain if isinstance(each, ast.Name)) if _all_names(plain) else None
    return None


def _all_names(targets: Sequence[ast.expr]) -> bool:
    return all(isinstance(each, ast.Name) for each in targets)


def _finding(item: Spec, line: int, name: str, platform: str) -> Diagnostic:
    section, kind = type(item).spec_section, type(item).__name__
    own = str(item.__dict__.get("name") or item.__dict__.get("rule") or "")
    what = name or f"{kind}(name={own!r}, …)"
    how = f"{platform}.add({what})" if section in _ADDED else f"Platform({section}=[…, {what}])"
    return Diagnostic(
        code="LLM_SPEC_9",
        severity=Severity.WARNING,
        path=f"{section}.{own}",
        message=f"the spec builds {own!r} and gives it to no platform: nothing is made of it",
        found=f"{name + ' = ' if name else ''}{kind}(…), which nothing uses",
        expected=how,
        fix=f"write {how}, or remove it",
        file=item.origin[0] if item.origin else None,
        line=line,
    )
