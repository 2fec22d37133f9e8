"""What a deleted resource was made for."""

import json
from pathlib import Path
from typing import Any

import pytest

from llminfra import VLLM, Endpoint, GpuPool, Model, ModelBucket, Platform
from llminfra.policy import check_plan_file
from llminfra.policy.former_places import made_for, still_declared
from llminfra.rules.changes.dangers import danger
from llminfra.rules.views.terraform_view import Block, Stack, read_stack
from tests.policy.test_change import change, plan_file

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("examples/*/expected/*.tf.json"), *(ROOT / "tests/golden/stacks").glob("*.tf.json")])


def stack(file: Path) -> Stack:
    return read_stack(file.name.removesuffix(".tf.json"), file.name, json.loads(file.read_text(encoding="utf-8")))


def guarded(block: Block) -> bool:
    return block.mode == "resource" and danger(block.type, "delete", block.body, {}) is not None


@pytest.mark.parametrize("file", FILES, ids=[item.name for item in FILES])
def test_names_say_what_the_stacks_of_every_example_say(file: Path) -> None:
    blocks = [block for block in stack(file).blocks if guarded(block)]
    assert {item.address: made_for(item.address, item.body) for item in blocks} == {
        item.address: item.spec_path for item in blocks
    }


def test_every_section_was_among_them() -> None:
    found = {block.spec_path.partition(".")[0] for file in FILES for block in stack(file).blocks if guarded(block)}
    assert found >= {"storage", "pools", "gateways", "async_endpoints", "batches", "bedrock", "endpoints", "cluster"}


@pytest.mark.parametrize("address", ["aws_iam_role.x", "module.mine.aws_lb.x", "helm_release.other", "odd"])
def test_of_others_nothing_is_said(address: str) -> None:
    assert made_for(address, {"chart": "somebody/chart"}) == ""


def test_an_instance_is_of_its_resource() -> None:
    assert made_for("aws_s3_bucket.bucket-acme-weights[0]", {}) == "storage.acme-weights"


def platform() -> Platform:
    pool = GpuPool(name="l4", instance_types=["g6.xlarge"])
    bucket = ModelBucket(name="acme-weights")
    chat = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(), on=pool)
    return Platform(name="p", region="us-east-1", pools=[pool], storage=[bucket], endpoints=[chat])


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("storage.acme-weights", True),
        ("storage.acme", False),
        ("endpoints.chat.overflow", True),
        ("endpoints", True),
        ("gateways", False),
        ("bedrock.logging", False),
        ("cluster.system_nodes", True),
        ("network", True),
    ],
)
def test_what_the_spec_still_has(path: str, there: bool) -> None:
    assert still_declared(path, [platform()]) is there


def deleted(tmp_path: Path, entry: dict[str, Any], *platforms: Platform, applied: tuple[Stack, ...] = ()) -> Any:
    (finding,) = check_plan_file(plan_file(tmp_path, entry), platforms, applied=applied).findings
    return finding


def test_the_finding_says_whether_the_spec_still_has_it(tmp_path: Path) -> None:
    entry = change("aws_lb", "delete", name="chat")
    assert deleted(tmp_path, entry).message.endswith("; it was made for endpoints.chat")
    moved = deleted(tmp_path, entry, platform())
    assert moved.message.endswith(
        "it was made for endpoints.chat, which the spec still has, and which needs it no more"
    )
    entry = change("aws_lb", "delete", name="talk")
    assert deleted(tmp_path, entry, platform()).message.endswith("endpoints.talk, which the spec has no more")


def test_the_spec_as_applied_says_it_exactly(tmp_path: Path) -> None:
    (file,) = [item for item in FILES if item.name == "acme-prod-storage.tf.json"]
    old = stack(file)
    entries = [change(block.type, "delete", name=block.name) for block in old.blocks if block.mode == "resource"]
    report = check_plan_file(plan_file(tmp_path, *entries), applied=[old])
    assert {item.stack for item in report.findings} == {"acme-prod-storage"}
    paths = {block.address: block.spec_path for block in old.blocks}
    assert {item.address: item.spec_path for item in report.findings} == {
        item.address: paths[item.address] for item in report.findings
    }
