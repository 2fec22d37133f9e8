"""Writes ``llminfra/rules/data/fields.json``: which rules tell findings at which places of a spec.

Findings name their place where they are made, mostly as a text of the source such as
``f"endpoints.{endpoint.name}.on"``; names become ``*``, and ``?`` is what the source alone does not say.

Usage: ``python scripts/rule_fields.py``. A test proves that the file is what this script writes.
"""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "llminfra" / "rules" / "data" / "fields.json"
_ROOMS = ("planning", "rules/plans", "engines")
_CODE = re.compile(r"LLM_[A-Z]+_\d+")
_OPEN = "?"
_PATH = re.compile(r"[?a-z][a-z0-9_.*?]*")
_DEEPEST = 6
_PATH_AT = 2
"""Where the path stands among arguments: ``findings.error(code, at, path, …)``."""

Known = Mapping[str, ast.expr]


def rule_fields() -> dict[str, list[str]]:
    """Codes of rules by place in the spec, both sorted."""
    found: dict[str, set[str]] = defaultdict(set)
    for room in _ROOMS:
        for file in sorted((ROOT / "llminfra" / room).rglob("*.py")):
            for place, code in _of_module(ast.parse(file.read_text(encoding="utf-8"))):
                if _PATH.fullmatch(place) and place.strip("?*."):
                    found[place].add(code)
    return {place: sorted(found[place]) for place in sorted(found)}


def text() -> str:
    """The file."""
    about = "Places of findings in llminfra's own source, by scripts/rule_fields.py; * is a name, ? is not known there."
    return json.dumps({"_source": about, **rule_fields()}, indent=2) + "\n"


def _of_module(tree: ast.Module) -> Iterator[tuple[str, str]]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = {id(function): list(ast.walk(function)) for function in functions}
    known = {id(function): _assigned(inside[id(function)]) for function in functions}
    callers: dict[str, list[tuple[ast.Call, Known]]] = defaultdict(list)
    for function in functions:
        for node in inside[id(function)]:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                callers[node.func.id].append((node, known[id(function)]))
    for function in functions:
        own = known[id(function)]
        ways = [_as_called(function, call, own, theirs) for call, theirs in callers[function.name]] or [own]
        rule = _decorated(function)
        for node in inside[id(function)]:
            if isinstance(node, ast.Call) and (told := _told(node, rule)) is not None:
                code, path = told
                yield from ((_place(path, way), code) for way in ways)


def _assigned(nodes: list[ast.AST]) -> dict[str, ast.expr]:
    """What the names of a function stand for, by their first assignment."""
    found: dict[str, ast.expr] = {}
    for node in nodes:
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1):
            continue
        target, value = node.targets[0], node.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=False))
        for name, each in pairs:
            if isinstance(name, ast.Name):
                found.setdefault(name.id, each)
    return found


def _as_called(function: ast.FunctionDef, call: ast.Call, own: Known, theirs: Known) -> Known:
    """The names of a function with the places that one of its callers gives."""
    names = [argument.arg for argument in function.args.args]
    given = [*zip(names, call.args, strict=False), *((each.arg, each.value) for each in call.keywords if each.arg)]
    places = {name: _place(value, theirs) for name, value in given if name}
    return {**own, **{name: ast.Constant(place) for name, place in places.items() if place != _OPEN}}


def _decorated(function: ast.FunctionDef) -> str:
    """The code of the rule whose check the function is; empty: it is none."""
    for each in function.decorator_list:
        for keyword in each.keywords if isinstance(each, ast.Call) else ():
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return ""


def _told(call: ast.Call, rule: str) -> tuple[str, ast.expr] | None:
    """Code and place of the finding that a call makes; ``None``: it makes none, or names no place."""
    keywords = {each.arg: each.value for each in call.keywords}
    given = (*call.args, *keywords.values())
    texts = (each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str))
    code = next((each for each in texts if _CODE.fullmatch(each)), "")
    if not code:
        hit = rule and isinstance(call.func, ast.Name) and call.func.id == "Hit"
        return (rule, keywords["path"]) if hit and "path" in keywords else None
    if (field := keywords.get("field")) is not None:  # of an endpoint, for whoever plans it
        return code, ast.BinOp(ast.Constant("endpoints.*."), ast.Add(), field)
    if (path := keywords.get("path")) is not None:
        return code, path
    return (code, call.args[_PATH_AT]) if len(call.args) > _PATH_AT else None


def _place(node: ast.expr, known: Known, depth: int = 0) -> str:
    """A text of the source with names as ``*``."""
    if depth > _DEEPEST:
        return _OPEN
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=parts):
            return "".join(_place(part, known, depth + 1) for part in parts)
        case ast.FormattedValue(value=ast.Name() as name):
            return _place(name, known, depth + 1)
        case ast.FormattedValue():
            return "*"
        case ast.Name(id=name):
            return _place(known[name], known, depth + 1) if name in known else _OPEN
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _place(left, known, depth + 1) + _place(right, known, depth + 1)
        case ast.Call(func=ast.Name(id="entry_path"), args=[path, *_]):
            return f"{_place(path, known, depth + 1)}.*"
        case _:
            return _OPEN


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"{len(rule_fields())} places in {FILE.relative_to(ROOT)}")
