"""Sections of named items, and ``extends``: an item that starts as a copy of another one of its section."""

from __future__ import annotations

from llminfra.diagnostics import entry_path
from llminfra.loading.yaml.report import Report, join, show
from llminfra.loading.yaml.tree import Map, Scalar, Seq, Tree
from llminfra.loading.yaml.types import section_types, sketch
from llminfra.spec.errors.shape_errors import looks_like_credential
from llminfra.spec.platform import Platform

_OWN = ("name", "extends")
"""Keys that say which item this is; they are not inherited."""


def inherit(section: str, tree: Tree, report: Report, path: str, name_key: str = "name") -> dict[str, Map]:
    """The items of a section by name, each with what it inherits.

    Args:
        section: What the section is called, for messages.
        tree: A mapping by name, or a list of mappings that hold their name under ``name_key``.
        report: Where errors go: two items of one name, a missing or cyclic ``extends``.
        path: Spec path of the section.
        name_key: Field that holds the name.
    """
    items = _named(section, tree, report, path, name_key)
    return {name: _resolve(name, items, report, path, ()) for name in items}


def _named(section: str, tree: Tree, report: Report, path: str, name_key: str) -> dict[str, Map]:
    items: dict[str, Map] = {}
    if isinstance(tree, Map):
        report.repeated(tree, path)
        if (single := _single(section, tree, name_key)) is not None:
            called, fields = single
            fix = f"write {section}: {{{called}: {{{', '.join(fields)}}}}}"
            report.shape(
                path, tree, f"`{section}` holds items by name", expected="a mapping by name, or a list", fix=fix
            )
            return {}
        for name, item in tree.items.items():
            line = tree.key_lines.get(name, item.line)
            content = Map(line, {}) if isinstance(item, Scalar) and item.value is None else item
            if not isinstance(content, Map):
                told = isinstance(item, Scalar) and isinstance(item.value, str) and not looks_like_credential(item.text)
                shortest = sketch(section)
                if told and isinstance(item, Scalar) and shortest.count("…") == 1:
                    shortest = shortest.replace("…", item.text)
                message, fix = f"an item of `{section}` is a mapping", f"write {name}: {shortest}"
                report.shape(join(path, name), item, message, expected="a mapping", fix=fix)
                continue
            label = content.items.get(name_key)
            if label is None:
                content = Map(
                    line, {name_key: Scalar(line, name, name), **content.items}, content.key_lines, content.repeated
                )
            elif not (isinstance(label, Scalar) and label.text == name):
                fix = f"remove {name_key}, or call the item {show(label)} here and wherever it is named"
                message = "the key already names the item"
                report.shape(f"{join(path, name)}.{name_key}", label, message, expected=name, fix=fix)
            items[name] = content
    elif isinstance(tree, Seq):
        for index, item in enumerate(tree.items):
            if not isinstance(item, Map):
                told = isinstance(item, Scalar) and isinstance(item.value, str) and not looks_like_credential(item.text)
                name = item.text if isinstance(item, Scalar) and told else "…"
                message, fix = f"an item of `{section}` is a mapping", f"write {sketch(section, name)}"
                report.shape(entry_path(path, index), item, message, expected="a mapping", fix=fix)
                continue
            label = item.items.get(name_key)
            name = label.text if isinstance(label, Scalar) and label.value is not None else entry_path("", index)
            if name in items:
                report.add(
                    "LLM_SPEC_4",
                    join(path, name),
                    label.line if label else item.line,
                    f"two items of `{section}` have the same name (first declared at line {items[name].line})",
                    found=name,
                    expected="a name of its own",
                    fix=f"rename one of the two {name!r}",
                )
                continue
            items[name] = item
    elif tree.value is not None:
        message = f"`{section}` holds items by name"
        fix = f"write {section}: {{NAME: {sketch(section)}}}"
        report.shape(path, tree, message, expected="a mapping by name, or a list", fix=fix)
    return items


def _single(section: str, tree: Map, name_key: str) -> tuple[str, list[str]] | None:
    """The name and the fields of an item that stands alone in the place of a section; ``None``: there is none."""
    if section == Platform.spec_section or not all(isinstance(item, Scalar) for item in tree.items.values()):
        return None
    known = {field for cls in section_types(section) for field in cls.model_fields}
    if not tree.items or not tree.items.keys() <= known or not tree.items.keys() & {"kind", name_key, "id"}:
        return None
    label = tree.items.get(name_key)
    fields = [f"{key}: {each.text}" for key, each in tree.items.items() if key != name_key and isinstance(each, Scalar)]
    return (label.text if isinstance(label, Scalar) else "NAME"), fields


def _resolve(name: str, items: dict[str, Map], report: Report, path: str, seen: tuple[str, ...]) -> Map:
    item = items[name]
    base = item.items.get("extends")
    own = item.without("extends")
    own = Map(own.line, own.items, own.key_lines, item.repeated)
    if base is None:
        return own
    where = join(join(path, name), "extends")
    report.orphans.add(join(path, name))
    if not isinstance(base, Scalar) or base.text not in items:
        if isinstance(base, Scalar):
            report.missing_reference(where, base, path.rpartition(".")[2], items, apart_from=name)
        else:
            report.shape(where, base, "`extends` names one item", expected="the name of an item of this section")
        return own
    chain = (*seen, name)
    if base.text in chain:
        circle = [*chain[chain.index(base.text) :], base.text]
        if min(circle) == base.text or len(circle) == 2:  # told once, not once for every item on the circle
            report.add(
                "LLM_REF_4",
                where,
                base.line,
                f"`extends` goes in a circle: {' -> '.join(circle)}",
                found=show(base),
                expected="a chain that ends",
                fix="let one of them stand on its own",
            )
        return own
    inherited = _resolve(base.text, items, report, path, chain)
    if join(path, base.text) not in report.orphans:
        report.orphans.discard(join(path, name))
    return _merge(inherited.without(*_OWN), own)


def _merge(base: Map, own: Map) -> Map:
    """Own keys win; mappings merge, unless they are of different kinds; lists are replaced."""
    items = dict(base.items)
    for key, value in own.items.items():
        old = items.get(key)
        both = isinstance(old, Map) and isinstance(value, Map)
        if both and isinstance(old, Map) and isinstance(value, Map) and not _differ(old, value):
            items[key] = _merge(old, value)
        else:
            items[key] = value
    return Map(own.line, items, {**base.key_lines, **own.key_lines}, own.repeated)


def _differ(first: Map, second: Map) -> bool:
    kinds = [item.text for tree in (first, second) if isinstance(item := tree.items.get("kind"), Scalar)]
    return len(kinds) == 2 and kinds[0] != kinds[1]
