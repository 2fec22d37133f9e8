"""Read the schema of one resource, data source or provider from its generated TypeScript module.

CDKTF's generator writes, per struct and for the resource itself, a class whose attributes each start with
``// arn - computed: true, optional: false, required: false``, followed by the getter or the nested object that says
the type; a ``...ToHclTerraform`` function that says ``isBlock``, ``type`` and ``storageClassType``; and an interface
whose comment says ``network_interfaces block`` for a block. These three together are the provider's schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llminfra.rehearsal.schema.model import Attribute, Block, NestedBlock, NestedObject, Nesting, TerraformType

_Kind = Literal["resource", "data", "provider"]
_KINDS: Mapping[str, _Kind] = {
    "TerraformResource": "resource",
    "TerraformDataSource": "data",
    "TerraformProvider": "provider",
}

_CLASS = re.compile(r"^export class (\w+) extends cdktf\.(\w+) \{$", re.MULTILINE)
_INTERFACE = re.compile(r"^export interface (\w+)(?: extends ([\w.]+))? \{$", re.MULTILINE)
_ATTRIBUTE = re.compile(
    r"^  // (?P<name>\w+) - computed: (?P<computed>\w+), optional: (?P<optional>\w+), required: (?P<required>\w+)$",
    re.MULTILINE,
)
_NESTED = re.compile(r"^  private _\w+ = new (?P<class>[\w.]+)\(this, \"\w+\"(?:, (?P<set>\w+))?\);", re.MULTILINE)
_GETTER = re.compile(r"^  public get \w+\(\)(?:: [^{]+)? \{\n    return (?P<value>.+);$", re.MULTILINE)
_SUPER = re.compile(r"super\(terraformResource, terraformAttribute(?P<rest>[^)]*)\)")
_BLOCK_DOC = re.compile(r"^  \* (\w+) block$", re.MULTILINE)
_MEMBER = re.compile(r"^  readonly \w+(?P<optional>\??): .*;$", re.MULTILINE)
_MEMBER_NAME = re.compile(r"\{@link \S+#(?P<name>\w+) ")
_HCL = re.compile(
    r"^ {4,6}(?P<name>\w+): \{\n\s+value: .*\n\s+isBlock: (?P<block>\w+),\n\s+type: \"(?P<type>\w+)\",\n"
    r"\s+storageClassType: \"(?P<storage>\w+)\",",
    re.MULTILINE,
)
_HCL_STRUCT = re.compile(r"^export function (\w+)ToHclTerraform\(", re.MULTILINE)
_TYPE_NAME = re.compile(r"""tfResourceType = "(\w+)";""")
_VERSION = re.compile(r"providerVersion: '([\w.\-]+)'")
_SENSITIVE = re.compile(
    r"(^|_)(password|secret|token|private_key|secret_key|auth_token|secret_string|secret_binary)(_wo)?$"
)

_SIMPLE: Mapping[str, TerraformType] = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "any": "dynamic",
    "stringList": "string",
    "numberList": "number",
    "stringListList": ["list", "string"],
    "stringMapList": ["map", "string"],
    "stringMap": "string",
    "numberMap": "number",
    "booleanMap": "bool",
    "stringMapMap": ["map", "string"],
}
_GETTERS: tuple[tuple[str, TerraformType], ...] = (
    ("cdktf.Fn.tolist(this.getListAttribute(", ["set", "string"]),
    ("cdktf.Token.asNumberList(cdktf.Fn.tolist(this.getNumberListAttribute(", ["set", "number"]),
    ("this.getStringMapAttribute(", ["map", "string"]),
    ("this.getNumberMapAttribute(", ["map", "number"]),
    ("this.getBooleanMapAttribute(", ["map", "bool"]),
    ("this.getNumberListAttribute(", ["list", "number"]),
    ("this.getListAttribute(", ["list", "string"]),
    ("this.getStringAttribute(", "string"),
    ("this.getNumberAttribute(", "number"),
    ("this.getBooleanAttribute(", "bool"),
)
_CDKTF_MAPS: Mapping[str, TerraformType] = {
    "cdktf.StringMap": ["map", "string"],
    "cdktf.NumberMap": ["map", "number"],
    "cdktf.BooleanMap": ["map", "bool"],
    "cdktf.AnyMap": ["map", "dynamic"],
    "cdktf.StringMapList": ["list", ["map", "string"]],
}


class SchemaError(ValueError):
    """A generated module does not have the shape this reader knows; the message says which and where."""


@dataclass(frozen=True, slots=True)
class _Hcl:
    """What the HCL function says of an attribute."""

    block: bool
    type: str
    storage: str


@dataclass(slots=True)
class _Source:
    """The pieces of one module, by struct name; ``own`` are the interfaces of whole resources."""

    classes: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    interfaces: dict[str, str] = field(default_factory=dict)
    own: list[str] = field(default_factory=list)
    block_docs: dict[str, frozenset[str]] = field(default_factory=dict)
    hcl: dict[str, dict[str, _Hcl]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModuleSchema:
    """One module's schema.

    Attributes:
        kind: What the module defines.
        type_name: Terraform's name, such as ``aws_vpc``; for a provider, its short name.
        provider_version: Version of the provider the module was generated from.
        block: The schema.
    """

    kind: _Kind
    type_name: str
    provider_version: str
    block: Block


def read_module(text: str, module: str, *, nested_attributes: bool = False) -> ModuleSchema:
    """The schema in one module's TypeScript.

    Args:
        text: TypeScript of the module.
        module: Its name, for messages.
        nested_attributes: The provider serves protocol 6 with nested attributes (Helm); ``aws`` serves protocol 5,
            where an object attribute has a plain object type.

    Raises:
        SchemaError: the text is not what the generator writes.
    """
    source = _split(text)
    found = [(name, _KINDS[base]) for name, base in source.kinds.items() if base in _KINDS]
    type_name = _TYPE_NAME.search(text)
    if len(found) != 1 or type_name is None:
        raise SchemaError(f"{module}: expected one resource, data source or provider, found {len(found)}")
    name, kind = found[0]
    version = _VERSION.search(text)
    # Where the package has another `...Config` already, the generator names this interface `...ConfigA`.
    interface = next((item for item in source.own if item in (f"{name}ConfigA", f"{name}Config")), f"{name}Config")
    block = _Reader(source, module, nested_attributes).block(name, interface, own_hcl=True)
    if kind == "provider":
        # CDKTF adds the meta-argument `alias` as if it were an attribute.
        block = Block({key: item for key, item in block.attributes.items() if key != "alias"}, block.blocks)
    return ModuleSchema(
        kind=kind,
        type_name=type_name.group(1),
        provider_version=version.group(1) if version else "",
        block=block,
    )


def _split(text: str) -> _Source:
    source = _Source()
    for match in _CLASS.finditer(text):
        source.kinds[match[1]] = match[2]
        source.classes[match[1]] = _body(text, match.end())
    for match in _INTERFACE.finditer(text):
        if match[2] == "cdktf.TerraformMetaArguments":
            source.own.append(match[1])
        source.interfaces[match[1]] = _body(text, match.end())
        source.block_docs[match[1]] = frozenset(_BLOCK_DOC.findall(source.interfaces[match[1]]))
    for match in _HCL_STRUCT.finditer(text):
        source.hcl[match[1].lower()] = _hcl(_body(text, match.end()))
    return source


def _body(text: str, start: int) -> str:
    """Up to the closing brace in the first column."""
    end = text.find("\n}", start)
    return text[start:end]


def _hcl(body: str) -> dict[str, _Hcl]:
    return {
        match["name"]: _Hcl(match["block"] == "true", match["type"], match["storage"]) for match in _HCL.finditer(body)
    }


@dataclass(frozen=True, slots=True)
class _Reader:
    source: _Source
    module: str
    nested_attributes: bool

    def block(self, class_name: str, interface: str, *, own_hcl: bool = False) -> Block:
        """Attributes and blocks of a class; nested structs are read recursively."""
        body = self.source.classes.get(class_name)
        if body is None:
            raise SchemaError(f"{self.module}: class {class_name} is missing")
        hcl = _hcl(body) if own_hcl else self.source.hcl.get(interface.lower(), {})
        documented_blocks = self.source.block_docs.get(interface, frozenset())
        attributes: dict[str, Attribute] = {}
        blocks: dict[str, NestedBlock] = {}
        starts = list(_ATTRIBUTE.finditer(body))
        for index, match in enumerate(starts):
            end = starts[index + 1].start() if index + 1 < len(starts) else len(body)
            name, section = match["name"], body[match.end() : end]
            if name in documented_blocks and (name not in hcl or hcl[name].storage != "any"):
                required = match["required"] == "true"
                blocks[name] = self._nested_block(name, section, hcl.get(name), required=required)
            else:
                attributes[name] = self._attribute(match, section, hcl.get(name))
        return Block(attributes, blocks)

    def _nested_block(self, name: str, section: str, hcl: _Hcl | None, *, required: bool) -> NestedBlock:
        nested = _NESTED.search(section)
        if hcl is None or not hcl.block:
            raise SchemaError(f"{self.module}: block {name} is not written as a block")
        if nested is None:  # a provider's own blocks have an interface, but no class
            block = self._interface_block(hcl.storage.removesuffix("List"))
            alone: Nesting = "set" if hcl.type == "set" else "list" if hcl.type == "list" else "single"
            return NestedBlock(nesting=alone, block=block, min_items=int(required))
        struct, nesting, single = self._struct(nested)
        if hcl.type in ("list", "set"):
            nesting = "set" if hcl.type == "set" else "list"
        return NestedBlock(
            nesting=nesting,
            block=self.block(f"{struct}OutputReference", struct),
            min_items=int(required),
            max_items=1 if single and nesting != "single" else 0,
        )

    def _interface_block(self, interface: str) -> Block:
        """Attributes of a struct that has no class: names, optional or required, and types."""
        hcl = self.source.hcl.get(interface.lower(), {})
        attributes: dict[str, Attribute] = {}
        body = self.source.interfaces.get(interface, "")
        previous_end = 0
        for member in _MEMBER.finditer(body):
            documented = _MEMBER_NAME.search(body, previous_end, member.start())
            previous_end = member.end()
            if documented is None or documented["name"] not in hcl:
                raise SchemaError(f"{self.module}: a member of {interface} has no name")
            name = documented["name"]
            optional = member["optional"] == "?"
            inner, nested = hcl[name].storage.removesuffix("List"), None
            if inner in self.source.interfaces:
                nesting: Nesting = "single" if hcl[name].type == "struct" else "list"
                nested = NestedObject(nesting, self._interface_block(inner).attributes)
            attributes[name] = Attribute(
                None if nested else self._simple_type(name, "", hcl[name]),
                required=not optional,
                optional=optional,
                sensitive=bool(_SENSITIVE.search(name)),
                nested=nested,
            )
        if not attributes:
            raise SchemaError(f"{self.module}: interface {interface} is missing or empty")
        return Block(attributes)

    def _struct(self, nested: re.Match[str]) -> tuple[str, Nesting, bool]:
        """Struct name, nesting, and whether at most one is allowed."""
        name = nested["class"]
        base = self.source.kinds.get(name, "")
        if base == "ComplexList":
            return name.removesuffix("List"), "set" if nested["set"] == "true" else "list", False
        if base == "ComplexMap":
            return name.removesuffix("Map"), "map", False
        arguments = _SUPER.search(self.source.classes.get(name, ""))
        if base != "ComplexObject" or arguments is None:
            raise SchemaError(f"{self.module}: {name} is not a nested object")
        # `false, 0` is the first item of a list; `false` alone is a single object.
        return name.removesuffix("OutputReference"), "list" if arguments["rest"] == ", false, 0" else "single", True

    def _attribute(self, match: re.Match[str], section: str, hcl: _Hcl | None) -> Attribute:
        name = match["name"]
        sensitive = bool(_SENSITIVE.search(name))

        def attribute(kind: TerraformType | None, inside: NestedObject | None = None) -> Attribute:
            return Attribute(
                kind,
                required=match["required"] == "true",
                optional=match["optional"] == "true",
                computed=match["computed"] == "true",
                sensitive=sensitive,
                nested=inside,
            )

        nested = _NESTED.search(section)
        if nested is None and hcl is not None and hcl.storage.removesuffix("List") in self.source.interfaces:
            # A provider's own object attributes have an interface, but no class.
            nesting: Nesting = "single" if hcl.type == "struct" else "set" if hcl.type == "set" else "list"
            described = NestedObject(nesting, self._interface_block(hcl.storage.removesuffix("List")).attributes)
            return attribute(None, described)
        if nested is None or nested["class"] in _CDKTF_MAPS:
            kind = _CDKTF_MAPS[nested["class"]] if nested else self._simple_type(name, section, hcl)
            return attribute(kind)
        struct, nesting, _ = self._struct(nested)
        if hcl is not None and hcl.type in ("list", "set"):
            nesting = "set" if hcl.type == "set" else "list"
        inner = self.block(f"{struct}OutputReference", struct)
        if inner.blocks:
            raise SchemaError(f"{self.module}: attribute {name} holds blocks {sorted(inner.blocks)}")
        described = NestedObject(nesting, inner.attributes)
        if self.nested_attributes:
            return attribute(None, described)
        return attribute(described.value_type())

    def _simple_type(self, name: str, section: str, hcl: _Hcl | None) -> TerraformType:
        if hcl is not None:
            if hcl.storage not in _SIMPLE:
                raise SchemaError(f"{self.module}: attribute {name} has unknown storage {hcl.storage}")
            inner = _SIMPLE[hcl.storage]
            return inner if hcl.type == "simple" else [hcl.type, inner]
        getter = _GETTER.search(section)
        for prefix, kind in _GETTERS:
            if getter is not None and getter["value"].startswith(prefix):
                return kind
        if getter is not None and "interpolationForAttribute(" in getter["value"]:
            return "dynamic"
        raise SchemaError(f"{self.module}: no type found for attribute {name}")
