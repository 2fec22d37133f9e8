"""Collecting what is wrong with a YAML spec, each finding with its path and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from llminfra.diagnostics import Diagnostic, Severity, entry_names, path_parts
from llminfra.loading.yaml.tree import Map, Scalar, Seq, Tree
from llminfra.loading.yaml.types import spec_options
from llminfra.spec.errors.expectations import kind_of, written_as_yaml
from llminfra.spec.errors.field_hints import fix_for_unknown
from llminfra.spec.errors.near_values import nearest
from llminfra.spec.errors.shape_errors import looks_like_credential, meant_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llminfra.spec.base.spec import Spec


class Report(Struct):
    """The findings of one file, in order.

    Attributes:
        file: The file.
        found: The findings.
        orphans: Paths of items whose `extends` leads nowhere: what they lack, they might have inherited.
    """

    file: str
    found: list[Diagnostic] = field(default_factory=list)
    orphans: set[str] = field(default_factory=set)

    def add(
        self, code: str, path: str, line: int, message: str, *, found: str = "", expected: str = "", fix: str = ""
    ) -> Diagnostic:
        """Add an error, once, and return it."""
        item = Diagnostic(
            code=code,
            severity=Severity.ERROR,
            path=path,
            message=message,
            found=found,
            expected=expected,
            fix=fix,
            file=self.file,
            line=line,
        )
        if item not in self.found:
            self.found.append(item)
        return item

    def shape(self, path: str, tree: Tree, message: str, *, expected: str, fix: str = "") -> None:
        """A value of the wrong shape."""
        fix = fix or f"write {expected}"
        self.add("LLM_SPEC_1", path, tree.line, message, found=show(tree), expected=expected, fix=fix)

    def repeated(self, tree: Map, path: str) -> None:
        """Keys that stand twice in a mapping."""
        for key, line in tree.repeated:
            where = join(path, key)
            first = tree.key_lines.get(key)
            self.add(
                "LLM_SPEC_4",
                where,
                line,
                f"the key {key!r} stands here a second time (first at line {first})",
                found=key,
                expected="a key of its own",
                fix="rename or remove one of the two",
            )

    def cut_number(self, key: str, tree: Map, path: str) -> str:
        """A number with a comma, which ends the value in a mapping of one line: the rest is read as a key.

        Returns the field that has half of its value; empty: this is no such key.
        """
        names = list(tree.items)
        before = names[names.index(key) - 1] if names.index(key) else ""
        value, rest = tree.items.get(before), tree.items[key]
        if not (key.isdecimal() and isinstance(rest, Scalar) and rest.value is None and isinstance(value, Scalar)):
            return ""
        if not isinstance(value.value, int):
            return ""
        self.add(
            "LLM_SPEC_2",
            join(path, before),
            tree.key_lines.get(before, tree.line),
            f"a comma ends the value of {before!r} here",
            found=f"{before}: {value.text},{key}",
            expected="a number without commas",
            fix=f"write {before}: {value.text}{key}",
        )
        return before

    def unknown_key(
        self,
        key: str,
        tree: Map,
        path: str,
        known: Iterable[str],
        cls: type[Spec] | None = None,
        of: Sequence[type[Spec]] = (),
    ) -> tuple[str, ...]:
        """A key that nothing reads. Returns the field that was meant.

        Args:
            key: The key.
            tree: The mapping that it stands in.
            path: Of the mapping.
            known: Keys that are read.
            cls: What the mapping describes.
            of: Types of the item that its value names.
        """
        names = sorted(known)
        given = {**tree.items, **(_kinds_given(tree, cls) if cls else {})}
        with written_as_yaml():
            fix = fix_for_unknown(key, names, cls, given, of)
        item = self.add(
            "LLM_SPEC_2",
            join(path, key),
            tree.key_lines.get(key, tree.line),
            f"there is no field {key!r} here",
            found=key,
            expected=", ".join(names),
            fix=fix,
        )
        return meant_by(item)

    def missing_reference(
        self,
        path: str,
        tree: Scalar,
        section: str,
        known: Iterable[str],
        *,
        apart_from: str | None = None,
        fix: str = "",
    ) -> None:
        """A name that nothing declares; an item cannot name itself. ``fix`` is what was meant, where that is known."""
        names = [name for name in known if name != apart_from]
        none = f"`{section}`, which is empty" if apart_from is None else f"`{section}`, which has no other item"
        close = nearest(tree.text, names)
        self.add(
            "LLM_REF_3",
            path,
            tree.line,
            f"nothing in `{section}` is called {show(tree)}",
            found=show(tree),
            expected=f"one of: {', '.join(names)}" if names else f"a name from {none}",
            fix=fix or (f"did you mean {close!r}?" if close else f"declare it in `{section}`, or correct the name"),
        )

    def moved(self, item: Diagnostic, base: str, path: str, tree: Map) -> None:
        """A shape error of an object, told at its place in the file."""
        rest = item.path.removeprefix(base).removeprefix(".")
        where = ".".join(part for part in (path, rest) if part)
        self.found.append(replace(item, path=where, file=self.file, line=line_of(tree, rest)))


def _kinds_given(tree: Map, cls: type[Spec]) -> dict[str, type[Spec]]:
    """The types that a mapping says its fields are of, by their kind."""
    found: dict[str, type[Spec]] = {}
    for name, value in tree.items.items():
        label = value.items.get("kind") if isinstance(value, Map) else value
        if name in cls.model_fields and isinstance(label, Scalar):
            for each in spec_options(cls.model_fields[name].annotation):
                if kind_of(each) == label.text:
                    found[name] = each
    return found


def line_of(tree: Tree, path: str) -> int:
    """The line of the deepest part of ``path`` that the tree has."""
    return key_line(tree, path) or tree.line


def key_line(tree: Tree, path: str) -> int | None:
    """As ``line_of``; ``None`` where the tree has not even the first part."""
    line: int | None = None
    parts = path_parts(path)
    while parts:
        found = _child(tree, parts)
        if found is None:
            break
        tree, line, parts = found
    return line


def _child(tree: Tree, parts: list[str]) -> tuple[Tree, int, list[str]] | None:
    """What the first of the parts leads to, its line, and the parts that are left; names of buckets have dots."""
    if isinstance(tree, Seq) and parts[0].isdecimal():
        index = int(parts[0])
        return (tree.items[index], tree.items[index].line, parts[1:]) if index < len(tree.items) else None
    for size in range(1, len(parts) + 1):
        name = ".".join(parts[:size])
        if isinstance(tree, Map) and name in tree.items:
            return tree.items[name], tree.key_lines.get(name, tree.items[name].line), parts[size:]
        entries = tree.items if isinstance(tree, Seq) else ()
        for item, called in zip(
            entries, entry_names((_text(each, "name"), _text(each, "rule")) for each in entries), strict=True
        ):
            if called == name:
                return item, item.line, parts[size:]
    return None


def _text(tree: Tree, key: str) -> str | None:
    label = tree.items.get(key) if isinstance(tree, Map) else None
    return label.text if isinstance(label, Scalar) else None


def join(path: str, key: str) -> str:
    """A spec path one step deeper; a key may be the place of an entry, such as ``[0]``."""
    return f"{path}{'' if key.startswith('[') else '.'}{key}" if path else key


def show(tree: Tree) -> str:
    """A value for a message: credentials hidden, long ones cut."""
    if isinstance(tree, Map):
        return f"a mapping with {', '.join(list(tree.items)[:5]) or 'no keys'}"
    if isinstance(tree, Seq):
        return f"a list of {len(tree.items)}"
    if looks_like_credential(tree.text):
        return "a literal with the shape of a token (not shown)"
    text = "nothing" if tree.value is None else repr(tree.value)
    return text if len(text) <= 120 else text[:117] + "…"
