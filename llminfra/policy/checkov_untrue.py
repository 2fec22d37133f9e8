"""What checkov says of a stack and is not so: it knows neither all resources that take a group, nor what AWS refuses.

Each judge looks for the proof in the stacks. Where there is none, the finding stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from llminfra.catalog import eks
from llminfra.rules.views.terraform_view import Block, Stacks, references

_GROUP_RULES = frozenset(
    {
        "aws_security_group",
        "aws_security_group_rule",
        "aws_vpc_security_group_ingress_rule",
        "aws_vpc_security_group_egress_rule",
    }
)


def untrue(check: str, block: Block, stacks: Stacks) -> bool:
    """Whether the stacks show that a failed check of a block is a mistake.

    Args:
        check: Code of checkov's check.
        block: What it failed for.
        stacks: All stacks, which may use the block by its outputs.
    """
    judge = _JUDGES.get(check)
    return judge is not None and judge(block, stacks)


def _group_is_used(block: Block, stacks: Stacks) -> bool:
    """A SageMaker model takes a group, and Karpenter's node classes another by an output: checkov follows neither."""
    stack = next(item for item in stacks if item.name == block.stack)
    users = [item for item in stack.blocks if item.mode == "resource" and item.type not in _GROUP_RULES]
    if any(block.address in references(value) for item in users for value in _leaves(item.body)):
        return True
    outputs = stack.document.get("output", {})
    told = [name for name, body in outputs.items() if block.address in references(body.get("value"))]
    others = [json.dumps(item.document.get("resource", {})) for item in stacks if item is not stack]
    return any(re.search(rf"\.outputs\.{re.escape(name)}\b", text) for name in told for text in others)


def _nothing_takes_a_key(block: Block, _: Stacks) -> bool:
    """Types with local NVMe have no volume to encrypt: they encrypt the NVMe, and SageMaker refuses a key for them.

    Source: Amazon SageMaker API Reference, ``CreateEndpointConfig``: ``KmsKeyId``.
    """
    variants = block.blocks("production_variants")
    return bool(variants) and all(item.get("volume_size_in_gb") is None for item in variants)


def _version_is_supported(block: Block, _: Stacks) -> bool:
    """The list of checkov is as old as its release; ``LLM_CAP_32`` and the planner judge by dates of support."""
    known = eks.version(str(block.get("version")))
    return known is not None and known.creatable


def _leaves(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


_JUDGES: Mapping[str, Callable[[Block, Stacks], bool]] = {
    "CKV2_AWS_5": _group_is_used,
    "CKV_AWS_98": _nothing_takes_a_key,
    "CKV_AWS_339": _version_is_supported,
}
