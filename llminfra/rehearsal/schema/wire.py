"""Schemas as messages of Terraform's plugin protocol 6.

The message classes come from the PyPI package ``tf``; its copy of the protocol predates ``write_only``, so that one
field is added as bytes (field 11 of ``Schema.Attribute``, hashicorp/terraform docs/plugin-protocol/tfplugin6.proto).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tf.gen import tfplugin_pb2 as pb

from llminfra.rehearsal.schema.model import Attribute, Block, NestedBlock

_WRITE_ONLY = b"\x58\x01"
_NESTING: Mapping[str, int] = {"single": 1, "list": 2, "set": 3, "map": 4}
"""``NestingMode`` of blocks and of object attributes, which have the same numbers."""


def schema_message(block: Block) -> Any:
    """``Schema`` of a resource, data source or provider."""
    return pb.Schema(version=0, block=_block(block))


def is_write_only(name: str) -> bool:
    """Whether Terraform must never store the attribute: the provider's naming rule."""
    return name.endswith("_wo")


def _block(block: Block) -> Any:
    return pb.Schema.Block(
        attributes=[_attribute(name, item) for name, item in block.attributes.items()],
        block_types=[_nested(name, item) for name, item in block.blocks.items()],
    )


def _nested(name: str, item: NestedBlock) -> Any:
    return pb.Schema.NestedBlock(
        type_name=name,
        block=_block(item.block),
        nesting=_NESTING[item.nesting],
        # `single` has no counts on the wire.
        min_items=0 if item.nesting == "single" else item.min_items,
        max_items=0 if item.nesting == "single" else item.max_items,
    )


def _attribute(name: str, item: Attribute) -> Any:
    message = pb.Schema.Attribute(
        name=name, required=item.required, optional=item.optional, computed=item.computed, sensitive=item.sensitive
    )
    if item.nested is None:
        message.type = json.dumps(item.type).encode()
    else:
        message.nested_type.CopyFrom(
            pb.Schema.Object(
                attributes=[_attribute(key, inner) for key, inner in item.nested.attributes.items()],
                nesting=_NESTING[item.nested.nesting],
            )
        )
    if is_write_only(name) and item.optional and item.nested is None:
        message.MergeFromString(_WRITE_ONLY)
    return message
