"""Where the resources of a real plan are declared."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from llminfra import Platform, Waiver
from llminfra.policy import Status, check_plan_file
from llminfra.policy.plan_places import Places, places
from llminfra.rules.views.terraform_view import Stack, read_stack

GOLDEN = Path(__file__).parents[1] / "golden" / "stacks"
TODAY = dt.date(2026, 12, 1)
LUSTRE = "aws_fsx_lustre_file_system"


def stacks(*names: str) -> list[Stack]:
    files = [GOLDEN / f"{name}.tf.json" for name in names]
    return [read_stack(item.name.removesuffix(".tf.json"), item.name, json.loads(item.read_text())) for item in files]


def entry(address: str, actions: Sequence[str], **change: Any) -> dict[str, Any]:
    kind = address.partition(".")[0]
    return {"address": address, "mode": "managed", "type": kind, "change": {"actions": list(actions), **change}}


def plan_of(stack: Stack, **actions: list[str]) -> dict[str, Any]:
    """Everything of the stack is kept, but for what ``actions`` says by type."""
    kept = [block for block in stack.blocks if block.mode == "resource"]
    changes = [entry(block.address, actions.get(block.type, ["no-op"]), before={}, after={}) for block in kept]
    return {"format_version": "1.2", "resource_changes": changes}


def test_the_stack_and_the_paths_of_a_plan_are_found() -> None:
    (network, storage) = stacks("acme-prod-network", "acme-prod-storage")
    found = places(plan_of(storage), [network, storage])
    assert found.stack == "acme-prod-storage"
    (address,) = [block.address for block in storage.blocks if block.type == LUSTRE]
    assert found.path(address) == found.path(f"{address}[0]") == "storage.weights"
    assert found.path("aws_s3_bucket.another") == ""


def test_a_plan_that_no_stack_or_several_have_is_of_none() -> None:
    (storage,) = stacks("acme-prod-storage")
    assert places({"resource_changes": [entry("aws_vpc.v", ["create"])]}, [storage]) == Places()
    assert places(plan_of(storage), [storage, storage]) == Places()
    assert places({"resource_changes": None}, [storage]) == Places()
    assert places(plan_of(storage), []) == Places()


@pytest.mark.parametrize(
    ("scope", "actions", "status"),
    [
        ("storage.weights", ["delete", "create"], Status.WAIVED),
        ("storage.other", ["delete", "create"], Status.OPEN),
        ("acme-prod-storage/*", ["delete"], Status.WAIVED),
        ("storage.weights", ["delete"], Status.WAIVED),
        ("storage.other", ["delete"], Status.OPEN),
    ],
)
def test_a_waiver_names_the_spec_path_of_what_is_replaced(
    tmp_path: Path, scope: str, actions: list[str], status: Status
) -> None:
    (storage,) = stacks("acme-prod-storage")
    # What is deleted is in no stack any more.
    blocks = tuple(block for block in storage.blocks if actions != ["delete"] or block.type != LUSTRE)
    now = Stack(storage.name, storage.file, storage.document, blocks)
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_of(storage, **{LUSTRE: actions})), encoding="utf-8")
    guard = "LLM_GUARD_1" if actions == ["delete"] else "LLM_GUARD_2"
    waiver = Waiver(
        rule=guard, scope=scope, reason="Copies of published models.", owner="ml", expires=dt.date(2027, 1, 1)
    )
    platform = Platform(name="acme-prod", region="us-east-1", waivers=[waiver])
    report = check_plan_file(file, [platform], stacks=[now], today=TODAY)
    (finding,) = [item for item in report.findings if item.address.startswith(LUSTRE)]
    assert finding.rule == guard
    assert finding.status is status
    assert finding.spec_path == "storage.weights"
    gone = "; it was made for storage.weights, which the spec has no more"
    assert finding.message.endswith(gone) is (actions == ["delete"])
