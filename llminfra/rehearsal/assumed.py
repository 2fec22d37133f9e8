"""What the stacks say exists already: objects that a data source looks up by a literal id or name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from llminfra.rehearsal.stacks import Stack
from llminfra.rehearsal.world import WorldObject

# Data source -> the argument whose literal value names one object.
_NAMED_BY: Mapping[str, str] = {
    "aws_vpc": "id",
    "aws_subnet": "id",
    "aws_security_group": "id",
    "aws_route_table": "route_table_id",
    "aws_s3_bucket": "bucket",
    "aws_iam_role": "name",
    "aws_kms_key": "key_id",
    "aws_kms_alias": "name",
    "aws_eks_cluster": "name",
    "aws_secretsmanager_secret": "name",
    "aws_ecr_repository": "name",
    "aws_route53_zone": "zone_id",
    "aws_acm_certificate": "domain",
    "aws_lb": "name",
}
_REFERENCE = re.compile(r"^\$\{data\.(?P<type>\w+)\.(?P<name>[\w-]+)\.(?P<attribute>\w+)\}$")


def assumed_objects(stacks: Collection[Stack]) -> tuple[WorldObject, ...]:
    """Objects that data sources of the stacks name; nobody but the account's owner can know whether they exist."""
    made = {
        str(block.get(_NAMED_BY[kind]))
        for stack in stacks
        for kind, blocks in stack.content.get("resource", {}).items()
        if kind in _NAMED_BY
        for block in blocks.values()
    }
    found: dict[tuple[str, str], WorldObject] = {}
    for stack in stacks:
        for item in _of_stack(stack):
            if item.id not in made:
                found.setdefault((item.type_name, item.id), item)
    return tuple(found.values())


def _of_stack(stack: Stack) -> Iterator[WorldObject]:
    data = stack.content.get("data", {})
    for kind, argument in _NAMED_BY.items():
        for block in data.get(kind, {}).values():
            resolved = {key: _resolved(value, data) for key, value in block.items() if not key.startswith("/")}
            identifier = resolved.get(argument)
            if isinstance(identifier, str) and "${" not in identifier:
                attributes = {
                    key: value for key, value in resolved.items() if isinstance(value, str) and "${" not in value
                }
                region = attributes.pop("region", "")
                yield WorldObject(kind, identifier, {**attributes, "id": identifier}, region)


def _resolved(value: Any, data: Mapping[str, Any]) -> Any:
    """A reference to another data source's literal argument, followed."""
    match = _REFERENCE.match(value) if isinstance(value, str) else None
    if match is None:
        return value
    return data.get(match["type"], {}).get(match["name"], {}).get(match["attribute"], value)
