"""A provider schema as values: attributes, nested blocks, and their Terraform types.

A Terraform type is kept in its JSON form, which is also what the plugin protocol sends: ``"string"``, ``["list",
"string"]``, ``["object", {"name": "string"}]``.

What is exact and what is inferred:

* exact: names; required, optional, computed; types including list against set; block against attribute; nesting mode;
  "at most one" of a block; "at least one" of a block.
* inferred: ``sensitive`` by name (password, secret, token) and ``write_only`` by a name that ends in ``_wo``, because
  the generated code carries neither; a maximum of items other than one (unknown, served as no limit; the provider's own
  checks still run in AWS), a minimum above one (served as one).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

TerraformType = str | list[Any]
Nesting = Literal["single", "list", "set", "map"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute.

    Attributes:
        type: Its Terraform type; ``None`` where ``nested`` describes it.
        required: The user must set it.
        optional: The user may set it.
        computed: The provider may set it.
        sensitive: Terraform hides its value (inferred).
        nested: Attributes of a nested-attribute object (plugin framework, protocol 6).
    """

    type: TerraformType | None
    required: bool = False
    optional: bool = False
    computed: bool = False
    sensitive: bool = False
    nested: NestedObject | None = None

    def value_type(self) -> TerraformType:
        """The type of its value, whatever way it was described."""
        if self.nested is not None:
            return self.nested.value_type()
        assert self.type is not None  # noqa: S101  an attribute has one of the two
        return self.type


@dataclass(frozen=True, slots=True)
class NestedObject:
    """Attributes inside an attribute."""

    nesting: Nesting
    attributes: Mapping[str, Attribute]

    def value_type(self) -> TerraformType:
        """The object type, or a collection of it."""
        inner: TerraformType = ["object", {name: item.value_type() for name, item in self.attributes.items()}]
        return inner if self.nesting == "single" else [self.nesting, inner]


@dataclass(frozen=True, slots=True)
class Block:
    """Attributes and nested blocks of a resource, a data source, a provider, or a nested block."""

    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    blocks: Mapping[str, NestedBlock] = field(default_factory=dict)

    def value_type(self) -> TerraformType:
        """The object type of a value of this block."""
        members: dict[str, Any] = {name: item.value_type() for name, item in self.attributes.items()}
        members.update((name, item.value_type()) for name, item in self.blocks.items())
        return ["object", members]

    def walk(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Attribute | NestedBlock]]:
        """Every attribute and nested block with its path, parents first."""
        for name, attribute in self.attributes.items():
            yield (*prefix, name), attribute
            if attribute.nested is not None:
                yield from Block(attribute.nested.attributes).walk((*prefix, name))
        for name, nested in self.blocks.items():
            yield (*prefix, name), nested
            yield from nested.block.walk((*prefix, name))


@dataclass(frozen=True, slots=True)
class NestedBlock:
    """A block inside a block; ``max_items`` 0 means no known limit."""

    nesting: Nesting
    block: Block
    min_items: int = 0
    max_items: int = 0

    def value_type(self) -> TerraformType:
        """The object type, or a collection of it."""
        inner = self.block.value_type()
        return inner if self.nesting == "single" else [self.nesting, inner]


@dataclass(frozen=True, slots=True)
class ProviderSchema:
    """All of one provider that a run needs."""

    name: str
    version: str
    provider: Block
    resources: Mapping[str, Block]
    data_sources: Mapping[str, Block]


def block_to_json(block: Block) -> dict[str, Any]:
    """Compact JSON form; ``block_from_json`` reads it back."""
    data: dict[str, Any] = {"a": {name: _attribute_to_json(item) for name, item in block.attributes.items()}}
    if block.blocks:
        data["b"] = {
            name: {"n": item.nesting, "min": item.min_items, "max": item.max_items, "block": block_to_json(item.block)}
            for name, item in block.blocks.items()
        }
    return data


def block_from_json(data: Mapping[str, Any]) -> Block:
    """The block that ``block_to_json`` wrote."""
    return Block(
        attributes={name: _attribute_from_json(item) for name, item in data["a"].items()},
        blocks={
            name: NestedBlock(item["n"], block_from_json(item["block"]), item["min"], item["max"])
            for name, item in data.get("b", {}).items()
        },
    )


def _attribute_to_json(item: Attribute) -> list[Any]:
    flags = "".join(
        letter
        for letter, on in (("r", item.required), ("o", item.optional), ("c", item.computed), ("s", item.sensitive))
        if on
    )
    if item.nested is None:
        return [flags, item.type]
    nested = {name: _attribute_to_json(inner) for name, inner in item.nested.attributes.items()}
    return [flags, None, item.nested.nesting, nested]


def _attribute_from_json(data: list[Any]) -> Attribute:
    flags, kind = data[0], data[1]
    nested = None
    if len(data) > 2:
        nested = NestedObject(data[2], {name: _attribute_from_json(inner) for name, inner in data[3].items()})
    return Attribute(kind, "r" in flags, "o" in flags, "c" in flags, "s" in flags, nested)
