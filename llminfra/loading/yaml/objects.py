"""Building declared objects from YAML trees, guided by the types of their fields."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from llminfra.diagnostics import entry_names, entry_path, path_parts
from llminfra.loading.yaml.report import Report, join, key_line, line_of, show
from llminfra.loading.yaml.tree import Map, Scalar, Seq, Tree
from llminfra.loading.yaml.types import (
    allows_none,
    item_type,
    section_names,
    section_of,
    section_types,
    spec_options,
    value_type,
    wants_text,
)
from llminfra.spec.base.spec import Spec, collecting
from llminfra.spec.errors.expectations import kind_of, written_as_yaml
from llminfra.spec.errors.near_values import nearest, other_server
from llminfra.spec.errors.shape_errors import MISSING, SINGLE, looks_like_credential
from llminfra.spec.models.model import Model

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_UNRESOLVED = object()
"""A value that could not be built; the reason is in the report already."""
_ABSENT = object()
"""An empty key of a field that has a default: as if it were not there."""


class Builder:
    """Builds the items of one platform, each once, in whatever order references ask for them."""

    def __init__(
        self,
        report: Report,
        sections: Mapping[str, Mapping[str, Map]],
        path: str,
        lost: Mapping[str, Collection[str] | None] | None = None,
    ) -> None:
        self._report = report
        self._sections = sections
        self._path = path
        self._lost = lost or {}
        self._built: dict[tuple[str, str], Spec | None] = {}

    def section(self, section: str) -> list[Spec]:
        """Every item of a section that could be built, in order."""
        items = (self.item(section, name) for name in self._sections.get(section, {}))
        return [item for item in items if item is not None]

    def item(self, section: str, name: str) -> Spec | None:
        """One item of a section, the same object each time."""
        key = (section, name)
        if key not in self._built:
            tree, path = self._sections[section][name], join(join(self._path, section), name)
            cls = self._choose(section_types(section), tree, path)
            if cls is not None and "name" not in cls.model_fields:
                tree = tree.without("name")
            self._built[key] = self.build(cls, tree, path) if cls is not None else None
        return self._built[key]

    def build(self, cls: type[Spec], tree: Map, path: str, given: Mapping[str, object] | None = None) -> Spec:
        """An object from a mapping; its shape errors go to the report at their place in the file.

        Args:
            cls: Type of the object.
            tree: Its fields.
            path: Its spec path.
            given: Fields that are built already.
        """
        self._report.repeated(tree, path)
        values: dict[str, object] = dict(given or {})
        unresolved: set[str] = set()
        meant: set[str] = set()
        unknown = False
        for key, each in tree.items.items():
            info = cls.model_fields.get(key)
            if info is None:
                if half := self._report.cut_number(key, tree, path):
                    meant.add(half)
                elif named := self._report.unknown_key(key, tree, path, _known(cls), cls, self._named(each)):
                    meant.update(named)
                else:
                    unknown = True
                continue
            value = self._value(info.annotation, each, join(path, key))
            if value is _UNRESOLVED:
                unresolved.add(key)
            elif value is not _ABSENT:
                values[key] = value
        with collecting() as found, written_as_yaml():
            built = cls(**values)
        base = _base(cls, values)
        for item in found:
            field = next(iter(path_parts(item.path.removeprefix(base))), "")
            told = item.code == MISSING and (field in meant or path in self._report.orphans)
            if field not in unresolved and not told:
                self._report.moved(item, base, path, tree)
        unknown = unknown or path in self._report.orphans
        if open_fields := unresolved | meant | (cls.model_fields.keys() - values.keys() if unknown else set()):
            built.doubt(open_fields)
        return built.at(self._report.file, tree.line, partial(key_line, tree), path)

    def _named(self, tree: Tree) -> list[type[Spec]]:
        """Types of the item that a value names."""
        if not isinstance(tree, Scalar):
            return []
        named = [section for section, items in self._sections.items() if tree.text in items]
        return [cls for section in named for cls in section_types(section)]

    def _value(self, annotation: Any, tree: Tree, path: str) -> object:
        if isinstance(tree, Scalar):
            return self._scalar(annotation, tree, path)
        specs = spec_options(annotation)
        if isinstance(tree, Seq):
            inner = item_type(annotation)
            names = entry_names((_label(each, "name"), _label(each, "rule")) for each in tree.items)
            places = [entry_path(path, index, name) for index, name in enumerate(names)]
            built = [self._entry(inner, each, place) for each, place in zip(tree.items, places, strict=True)]
            return _UNRESOLVED if _UNRESOLVED in built else built
        if specs:
            inline = tuple(cls for cls in specs if section_of(cls) not in section_names())
            if not inline:
                section = section_of(specs[0])
                self._report.shape(
                    path, tree, f"this names an item of `{section}`", expected=f"the name of an item of `{section}`"
                )
                return _UNRESOLVED
            cls = self._choose(inline, tree, path)
            return _UNRESOLVED if cls is None else self.build(cls, tree, path)
        inner = value_type(annotation)
        self._report.repeated(tree, path)
        fields = {key: self._entry(inner, each, join(path, key)) for key, each in tree.items.items()}
        return _UNRESOLVED if _UNRESOLVED in fields.values() else fields

    def _entry(self, annotation: Any, tree: Tree, path: str) -> object:
        """A value in a list or a mapping, where nothing is not as if it were not there."""
        value = self._value(annotation, tree, path)
        return None if value is _ABSENT else value

    def _scalar(self, annotation: Any, tree: Scalar, path: str) -> object:
        if tree.value is None:
            return None if allows_none(annotation) or tree.text else _ABSENT
        specs = spec_options(annotation)
        short = next((cls for cls in specs if kind_of(cls) == tree.text), None)
        if short is not None:
            return self.build(short, Map(tree.line, {}), path)
        sections = dict.fromkeys(section for cls in specs if (section := section_of(cls)))
        if sections and isinstance(tree.value, str | int | float):
            return self._reference(list(sections), specs, tree, path)
        if specs and isinstance(tree.value, str) and all(kind_of(cls) for cls in specs):
            self._no_such_kind(tree, path, tree.line, [str(kind_of(cls)) for cls in specs])
            return _UNRESOLVED
        return tree.text if wants_text(annotation, tree.text) else tree.value

    def _reference(self, sections: list[str], specs: tuple[type[Spec], ...], tree: Scalar, path: str) -> object:
        for section in sections:
            if tree.text in self._sections.get(section, {}):
                item = self.item(section, tree.text)
                if item is None:
                    return _UNRESOLVED
                if isinstance(item, specs):
                    return item
                self._report.shape(
                    path,
                    tree,
                    f"{tree.text!r} is a {type(item).__name__}",
                    expected=f"the name of a {' or '.join(cls.__name__ for cls in specs)}",
                )
                return _UNRESOLVED
        items = {name: item for section in sections for name, item in self._sections.get(section, {}).items()}
        # What is reported already may be what is meant: an item without a name, or one that could not be read.
        lost = any(
            names is None or tree.text in names for section in sections if (names := self._lost.get(section, ())) != ()
        )
        if not lost and all("name" in item.items for item in items.values()):
            self._report.missing_reference(path, tree, sections[0], items, fix=_meant_item(specs, items, tree))
        return _UNRESOLVED

    def _choose(self, classes: tuple[type[Spec], ...], tree: Map, path: str) -> type[Spec] | None:
        """The type that a mapping describes: by ``kind``, or the one that knows most of its keys."""
        kinds = {kind: cls for cls in classes if (kind := kind_of(cls))}
        label = tree.items.get("kind")
        if label is not None and kinds:
            if isinstance(label, Scalar) and label.text in kinds:
                return kinds[label.text]
            self._no_such_kind(label, join(path, "kind"), line_of(tree, "kind"), list(kinds))
            return None
        without = [cls for cls in classes if kind_of(cls) is None]
        if len(classes) == 1:
            return classes[0]
        if without:
            return max(without, key=lambda cls: len(cls.model_fields.keys() & tree.items.keys()))
        if path in self._report.orphans:
            return None
        known = {kind: len(cls.model_fields.keys() & tree.items.keys()) for kind, cls in kinds.items()}
        likely = [kind for kind, count in known.items() if count == max(known.values())]
        self._report.add(
            "LLM_SPEC_3",
            join(path, "kind"),
            tree.line,
            "`kind` is needed: it tells which type this is",
            found="nothing",
            expected=" or ".join(kinds),
            fix=f"add kind: {' or kind: '.join(likely)}",
        )
        return None

    def _no_such_kind(self, label: Tree, path: str, line: int, kinds: list[str]) -> None:
        close = nearest(label.text, kinds) if isinstance(label, Scalar) else ""
        self._report.add(
            "LLM_SPEC_1",
            path,
            line,
            "there is no such kind",
            found=show(label),
            expected=" or ".join(kinds),
            fix=other_server(label.text if isinstance(label, Scalar) else "", kinds)
            or (f"did you mean {close!r}?" if close else f"write one of: {', '.join(kinds)}"),
        )


def _base(cls: type[Spec], values: Mapping[str, object]) -> str:
    """The path that ``shape_diagnostics`` starts with."""
    section = cls.spec_section or cls.__name__
    name = values.get("name") if section not in SINGLE else None
    return f"{section}.{name}" if isinstance(name, str) and not looks_like_credential(name) else section


def _label(tree: Tree, key: str) -> str:
    """What an entry of a list has under a key; empty: nothing that a path could show."""
    label = tree.items.get(key) if isinstance(tree, Map) else None
    told = isinstance(label, Scalar) and isinstance(label.value, str) and not looks_like_credential(label.text)
    return label.text if isinstance(label, Scalar) and told else ""


def _meant_item(specs: tuple[type[Spec], ...], items: Mapping[str, Map], tree: Scalar) -> str:
    """What to write where an item is named by what it holds; empty: it is not."""
    if tree.text.startswith("s3://") and any("existing" in cls.model_fields for cls in specs):
        bucket = tree.text.removeprefix("s3://").partition("/")[0]
        if bucket in items:
            return f"write {bucket}"
        return (
            f"declare the bucket in `storage`, as {bucket}: {{kind: bucket, existing: true}}, and write {bucket} here"
        )
    return _model_by_id(specs, items, tree)


def _model_by_id(specs: tuple[type[Spec], ...], items: Mapping[str, Map], tree: Scalar) -> str:
    """What to write where a model is named by its id; empty: it is not."""
    if Model not in specs or "/" not in tree.text:
        return ""
    for name, item in items.items():
        label = item.items.get("id")
        if isinstance(label, Scalar) and label.text == tree.text:
            return f"write {name}, which has this id"
    return f"write {{id: {tree.text}}}"


def _known(cls: type[Spec]) -> list[str]:
    extra = ["models"] if cls.spec_section == "platforms" else ["extends"] if section_of(cls) else []
    return [*cls.model_fields, *extra]
