"""The synthesized Terraform as rules read it: blocks with address, spec path and nested blocks in one shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from llminfra.diagnostics import UsageError
from llminfra.rules.views.mappings import as_mapping

Mode = Literal["resource", "data"]

_EXPRESSION = re.compile(r"\$\{(.*?)\}", re.DOTALL)
_ADDRESS = re.compile(r"(?<![\w.])((?:data\.)?[a-z][a-z0-9]*_[a-z0-9_]+\.[A-Za-z][\w-]*)")


@dataclass(frozen=True, slots=True)
class Nested:
    """A nested block; missing keys read as ``None``."""

    body: Mapping[str, Any]

    def get(self, key: str) -> Any:
        """The attribute's value, as in the JSON; ``None`` when it is not set."""
        return self.body.get(key)

    def blocks(self, key: str) -> tuple[Nested, ...]:
        """Nested blocks of that name: JSON has one as an object and several as an array."""
        return nested_blocks(self.body, key)

    def strings(self, key: str) -> tuple[str, ...]:
        """The attribute as strings: a single value becomes one, a missing one none."""
        return strings(self.body.get(key))


@dataclass(frozen=True, slots=True)
class Block:
    """One ``resource`` or ``data`` block of a stack.

    Attributes:
        stack: Name of the stack.
        file: The stack's ``cdk.tf.json``.
        mode: ``resource`` or ``data``.
        type: For example ``aws_launch_template``.
        name: The block's label.
        body: The block's JSON.
        spec_path: Spec object it was made for, empty where unknown.
    """

    stack: str
    file: str
    mode: Mode
    type: str
    name: str
    body: Mapping[str, Any]
    spec_path: str = ""

    @property
    def address(self) -> str:
        """Terraform address within the stack."""
        return f"data.{self.type}.{self.name}" if self.mode == "data" else f"{self.type}.{self.name}"

    def get(self, key: str) -> Any:
        """The attribute's value, as in the JSON; ``None`` when it is not set."""
        return self.body.get(key)

    def blocks(self, key: str) -> tuple[Nested, ...]:
        """Nested blocks of that name."""
        return nested_blocks(self.body, key)

    def strings(self, key: str) -> tuple[str, ...]:
        """The attribute as strings."""
        return strings(self.body.get(key))


@dataclass(frozen=True)
class Stack:
    """One synthesized stack."""

    name: str
    file: str
    document: Mapping[str, Any]
    blocks: tuple[Block, ...] = field(repr=False)

    @cached_property
    def by_address(self) -> Mapping[str, Block]:
        """Blocks by address."""
        return {block.address: block for block in self.blocks}

    def resolve(self, value: object) -> Block | None:
        """The block that an expression such as ``${aws_security_group.efa.id}`` refers to, if it is in this stack."""
        return next((self.by_address[item] for item in references(value) if item in self.by_address), None)

    def providers(self, name: str) -> tuple[Nested, ...]:
        """Configurations of a provider."""
        return nested_blocks(self.document.get("provider", {}), name)

    @property
    def terraform(self) -> Mapping[str, Any]:
        """The ``terraform`` block: backend and required providers."""
        block = self.document.get("terraform", {})
        return block if isinstance(block, Mapping) else {}


@dataclass(frozen=True)
class Stacks:
    """All stacks that are checked together."""

    items: tuple[Stack, ...]

    def __iter__(self) -> Iterator[Stack]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def _by_type(self) -> Mapping[tuple[Mode, str], tuple[Block, ...]]:
        found: dict[tuple[Mode, str], list[Block]] = {}
        for stack in self.items:
            for block in stack.blocks:
                found.setdefault((block.mode, block.type), []).append(block)
        return {key: tuple(blocks) for key, blocks in found.items()}

    def resources(self, *types: str) -> tuple[Block, ...]:
        """Resources of these types in all stacks, in order; without types, all."""
        if not types:
            return tuple(block for stack in self.items for block in stack.blocks if block.mode == "resource")
        return tuple(block for item in types for block in self._by_type.get(("resource", item), ()))

    def data(self, *types: str) -> tuple[Block, ...]:
        """Data sources of these types in all stacks."""
        return tuple(block for item in types for block in self._by_type.get(("data", item), ()))

    @cached_property
    def _by_name(self) -> Mapping[str, Stack]:
        return {stack.name: stack for stack in self.items}

    def stack_of(self, block: Block) -> Stack:
        """The stack that holds the block."""
        return self._by_name[block.stack]

    def resolve(self, block: Block, value: object) -> Block | None:
        """The block that an expression in ``block`` refers to, if it is in the same stack."""
        return self.stack_of(block).resolve(value)


def references(value: object) -> tuple[str, ...]:
    """Addresses that appear in the ``${…}`` expressions of a value, in order, each once."""
    found: dict[str, None] = {}
    for text in strings(value):
        for expression in _EXPRESSION.findall(text):
            found.update(dict.fromkeys(_ADDRESS.findall(expression)))
    return tuple(found)


def strings(value: object) -> tuple[str, ...]:
    """A value as strings: a scalar becomes one, a list its items, ``None`` nothing."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence):
        return tuple(text for item in value for text in strings(item))
    return (str(value),) if isinstance(value, bool | int | float) else ()


def nested_blocks(body: Mapping[str, Any], key: str) -> tuple[Nested, ...]:
    """Nested blocks of that name, whether JSON has one object or an array."""
    value = body.get(key)
    if isinstance(value, Mapping):
        return (Nested(value),)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(Nested(item) for item in value if isinstance(item, Mapping))
    return ()


def secrets_key(cluster: Mapping[str, Any]) -> object:
    """The key of a cluster's Kubernetes secrets; ``None``: there is none, or it is not known yet."""
    configs = nested_blocks(cluster, "encryption_config")
    return next((item.get("key_arn") for config in configs for item in config.blocks("provider")), None)


def walk_strings(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string inside a JSON value with its path, for example ``values.0``; CDKTF's ``//`` notes are left out."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key != "//":
                yield from walk_strings(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from walk_strings(item, f"{path}.{index}" if path else str(index))


def read_stack(name: str, file: str, document: Mapping[str, Any]) -> Stack:
    """View a parsed ``cdk.tf.json``.

    A block without its own spec path takes that of the nearest construct above it that has one.
    """
    raw: list[tuple[Mode, str, str, Mapping[str, Any], str, str]] = []
    spec_paths: dict[str, str] = {}
    modes: tuple[Mode, ...] = ("resource", "data")
    for mode in modes:
        for kind, labelled in as_mapping(document.get(mode)).items():
            for label, body in as_mapping(labelled).items():
                if label == "//" or not isinstance(body, Mapping):
                    continue
                note = as_mapping(body.get("//"))
                construct = str(as_mapping(note.get("metadata")).get("path", ""))
                spec_path = str(as_mapping(note.get("llminfra")).get("spec_path", ""))
                raw.append((mode, kind, label, body, spec_path, construct))
                if spec_path and construct:
                    spec_paths.setdefault(construct.rpartition("/")[0], spec_path)
    blocks = tuple(
        Block(name, file, mode, kind, label, body, spec_path or _inherited(construct, spec_paths))
        for mode, kind, label, body, spec_path, construct in raw
    )
    return Stack(name, file, document, blocks)


def read_synth_dir(directory: Path) -> Stacks:
    """Read every stack that ``manifest.json`` lists.

    Raises:
        UsageError: The folder has no readable ``manifest.json`` or lacks a stack that it lists.
    """
    try:
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        entries = manifest["stacks"].items()
        return Stacks(
            tuple(
                read_stack(
                    name,
                    entry["synthesizedStackPath"],
                    json.loads((directory / entry["synthesizedStackPath"]).read_text(encoding="utf-8")),
                )
                for name, entry in entries
            )
        )
    except OSError as error:
        msg = f"{directory} is not a synthesized folder: {error.strerror}: {error.filename}; run `llminfra synth` first"
        raise UsageError(msg) from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        msg = f"{directory}: manifest.json or a stack is not what `llminfra synth` writes ({error})"
        raise UsageError(msg) from None


def _inherited(construct: str, spec_paths: Mapping[str, str]) -> str:
    while "/" in construct:
        construct = construct.rpartition("/")[0]
        if construct in spec_paths and "/" in construct:
            return spec_paths[construct]
    return ""
