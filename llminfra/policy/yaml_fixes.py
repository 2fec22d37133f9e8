"""Mechanical fixes in YAML specs: one key set or dropped, with comments and layout as they were."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence

from llminfra.loading.yaml.tree import Map, Scalar, Seq, Tree, TreeError, parse
from llminfra.policy.yaml_text import Place, read_places

_SECTIONS = ("models", "pools", "storage", "endpoints", "async_endpoints", "batches")


def apply_yaml_edit(
    source: str, platform: str, path: str, argument: str, value: str | None, *, as_json: bool = False
) -> str | None:
    """The source with one argument of one object set or dropped.

    Args:
        source: Text of the spec.
        platform: Name of the platform.
        path: Spec path of the object; empty: the platform.
        argument: Name of the argument; ``env[NAME]`` is an entry of a mapping.
        value: Python source of the new value; ``None`` drops the argument.
        as_json: Whether the file is JSON, where keys stand in quotes.

    Returns:
        ``None`` where the object is not written out: it comes by an alias, a merge or ``extends``, several objects
        share it, or a comment stands in the way.
    """
    roots = [root for document in read_places(source) if (root := _platform(document, platform)) is not None]
    if len(roots) != 1:
        return None
    name, _, entry = argument.partition("[")
    parts = [part for part in (*path.split("."), *([name] if entry else [])) if part]
    chain = _walk(roots[0], parts)
    if chain is None:
        return None
    key, target = entry.rstrip("]") or name, chain[-1]
    if _inherited(roots[0], parts, name):
        return None
    written = None if value is None else json.dumps(ast.literal_eval(value))
    changed = _drop(source, target, key) if written is None else _set(source, target, key, written, as_json=as_json)
    if changed is None or not _only(source, changed, key, written):
        return None
    return changed


def key_line(source: str, line: int, path: str) -> int:
    """Line of the innermost key of a spec path in the mapping that was declared at ``line``; else the line itself."""
    names = [part.partition("[")[0] for part in path.split(".")]
    held = [place for document in read_places(source) for place in _at(document, line, None)]
    for name in reversed(names):
        for place in held:
            pair = place.get(name)
            if pair is not None:
                return pair[0].line
    return line


def _at(place: Place, line: int, key: Place | None) -> list[Place]:
    """Mappings that start on a line, or whose key does."""
    found = [place] if place.kind == "map" and line in (place.line, key.line if key else 0) else []
    for name, value in place.pairs:
        found += _at(value, line, name)
    for value in place.items:
        found += _at(value, line, None)
    return found


def _platform(document: Place, name: str) -> Place | None:
    several = document.get("platforms")
    if several is not None:
        return _named(several[1], name)
    label = document.get("name")
    return document if label is not None and label[1].text == name else None


def _named(section: Place, name: str) -> Place | None:
    if section.kind == "map":
        pair = section.get(name)
        return pair[1] if pair is not None else None
    for item in section.items:
        label = item.get("name")
        if label is not None and label[1].text == name:
            return item
    return None


def _walk(root: Place, parts: Sequence[str]) -> list[Place] | None:
    """The objects on a path; ``None`` where one of them is not written out in this file."""
    chain, rest, place = [root], list(parts), root
    while rest:
        pair = place.get(rest[0])
        if pair is None:
            return None
        name, place = rest[0], pair[1]
        rest = rest[1:]
        if name in _SECTIONS and chain == [root]:
            size = next((size for size in range(1, len(rest) + 1) if _named(place, ".".join(rest[:size]))), 0)
            found = _named(place, ".".join(rest[:size])) if size else None
            if found is None:
                return None
            place, rest = found, rest[size:]
        elif place.kind == "scalar" and place.text:
            place = _referred(root, place.text) or place
        chain.append(place)
    return chain


def _inherited(root: Place, parts: Sequence[str], key: str) -> bool:
    """Whether another item starts as a copy of the one on the path and would change with it."""
    pair = root.get(parts[0]) if parts and parts[0] in _SECTIONS else None
    if pair is None or pair[1].kind not in ("map", "seq"):
        return False
    inside = parts[2] if len(parts) > 2 else key
    items = [value for _, value in pair[1].pairs] or list(pair[1].items)
    bases = [base[1].text for item in items if (base := item.get("extends")) is not None and item.get(inside) is None]
    return any(".".join(parts[1:]).startswith(base) for base in bases)


def _referred(root: Place, name: str) -> Place | None:
    """The item of a section that a word names."""
    for section in _SECTIONS:
        held = root.get(section)
        if held is not None and (found := _named(held[1], name)) is not None:
            return found
    return None


def _set(source: str, target: Place, key: str, value: str, *, as_json: bool) -> str | None:
    name = json.dumps(key) if as_json else key
    if target.kind == "scalar" and not target.literal:
        if not target.text:  # an item with nothing but defaults
            return f"{source[: target.start]} {{{name}: {value}}}{source[target.end :]}"
        kind = source[target.start : target.end]  # a word for a kind with nothing but defaults
        first = json.dumps("kind") if as_json else "kind"
        return f"{source[: target.start]}{{{first}: {kind}, {name}: {value}}}{source[target.end :]}"
    if target.kind != "map":
        return None
    pair = target.get(key)
    if pair is not None:
        return _replace(source, *pair, value)
    if target.flow:
        if not target.pairs:
            return f"{source[: target.start]}{{{name}: {value}}}{source[target.end :]}"
        at = target.pairs[-1][1].end
        return f"{source[:at]}, {name}: {value}{source[at:]}"
    # Plain facts stand before the sections; a new one goes behind the last of them.
    plain = 0
    while plain < len(target.pairs) and target.pairs[plain][1].kind == "scalar" and not target.pairs[plain][1].literal:
        plain += 1
    last = target.pairs[plain - 1 if plain else -1][1]
    if last.literal:
        return None
    at = _line_end(source, last.end)
    return f"{source[:at]}\n{' ' * target.column}{name}: {value}{source[at:]}"


def _replace(source: str, key: Place, held: Place, value: str) -> str | None:
    between = source[key.end : held.start]
    if "#" in between or held.literal or ("#" in source[held.start : held.end] and held.kind != "scalar"):
        return None
    colon = key.end + between.index(":") + 1
    return f"{source[:colon]} {value}{source[held.end :]}"


def _drop(source: str, target: Place, key: str) -> str | None:
    pair = target.get(key) if target.kind == "map" else None
    if pair is None or len(target.pairs) == 1 or pair[1].literal:
        return None
    start, end = pair[0].start, pair[1].end
    if target.flow:
        after = source[end : target.end].lstrip()
        if after.startswith(","):
            end += len(source[end:]) - len(source[end:].lstrip()) + 1
            return source[:start] + source[end:].lstrip(" ")
        before = source[:start].rstrip()
        return before.removesuffix(",") + source[end:] if before.endswith(",") else None
    first = source.rfind("\n", 0, start) + 1
    if source[first:start].strip():  # behind the dash of a list, or beside something else
        return None
    return source[:first] + source[_line_end(source, end) + 1 :]


def _line_end(source: str, at: int) -> int:
    """Offset of the end of a line; a comment behind the value stays with it."""
    found = source.find("\n", at)
    return len(source) if found < 0 else found


def _only(before: str, after: str, key: str, value: str | None) -> bool:
    """Whether exactly one value of the spec, with this key, has changed as it should."""
    try:
        old, new = parse(before), parse(after)
    except TreeError:
        return False
    if len(old) != len(new):
        return False
    wanted = None if value is None else _plain(parse(value)[0])
    changes = [each for a, b in zip(old, new, strict=True) for each in _changes(a, b)]
    return changes == [(key, wanted)]


def _changes(old: Tree | None, new: Tree | None, key: str = "") -> list[tuple[str, object]]:
    """Keys whose values differ, with the new value; ``None`` for one that went."""
    if isinstance(old, Map) and isinstance(new, Map):
        names = dict.fromkeys((*old.items, *new.items))
        return [each for name in names for each in _changes(old.items.get(name), new.items.get(name), name)]
    if (
        isinstance(old, Scalar)
        and isinstance(new, Map)
        and old.text in ("", getattr(new.items.get("kind"), "text", ""))
    ):
        return _changes(Map(new.line, {"kind": old} if old.text else {}), new, key)
    if isinstance(old, Seq) and isinstance(new, Seq) and len(old.items) == len(new.items) and _holds_maps(old):
        return [each for a, b in zip(old.items, new.items, strict=True) for each in _changes(a, b, key)]
    same = old is not None and new is not None and _plain(old) == _plain(new)
    return [] if same else [(key, None if new is None else _plain(new))]


def _holds_maps(tree: Seq) -> bool:
    """Whether a list is one of items, which change one by one, and not a value that changes as a whole."""
    return any(isinstance(item, Map) for item in tree.items)


def _plain(tree: Tree) -> object:
    if isinstance(tree, Map):
        return {key: _plain(value) for key, value in tree.items.items()}
    return [_plain(each) for each in tree.items] if isinstance(tree, Seq) else tree.value
