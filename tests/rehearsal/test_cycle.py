"""The whole cycle with the real binary."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import ANY

import pytest

from llminfra.diagnostics import UsageError
from llminfra.rehearsal import Event, FaultPlan, World, WorldObject, rehearse
from llminfra.rehearsal.world import WorldStore
from tests.rehearsal.synthesis import Stacks, write_synthesis

pytestmark = pytest.mark.terraform


def test_every_step_of_every_stack_goes_through(tmp_path: Path) -> None:
    events: list[Event] = []
    report = rehearse(write_synthesis(tmp_path / "synth"), on_event=events.append)
    assert report.ok, [str(item) for item in report.findings]
    assert [stack.name for stack in report.stacks] == ["network", "cluster", "serving"]
    for stack in report.stacks:
        assert [step.name for step in stack.steps] == ["init", "validate", "plan", "apply", "second plan", "destroy"]
        assert {step.name: step.added for step in stack.steps}["apply"] == stack.resources
        assert {step.name: step.removed for step in stack.steps}["destroy"] == stack.resources
    done = [event for event in events if event.kind == "resource" and event.step == "apply"]
    assert len(done) == sum(stack.resources for stack in report.stacks)
    assert json.loads(json.dumps(report.to_dict()))["ok"] is True


def test_a_chart_that_is_not_at_hand_is_reported_as_not_rendered(tmp_path: Path) -> None:
    report = rehearse(write_synthesis(tmp_path / "synth"))
    assert report.not_proved == ("objects of keda/keda: charts are fetched at apply time; keys of values are known",)


def test_validate_alone_applies_nothing(tmp_path: Path) -> None:
    report = rehearse(write_synthesis(tmp_path / "synth"), validate_only=True)
    assert report.ok
    assert {step.name for stack in report.stacks for step in stack.steps} == {"init", "validate"}


def test_one_stack_takes_those_it_depends_on_along(tmp_path: Path) -> None:
    report = rehearse(write_synthesis(tmp_path / "synth"), only=["cluster"])
    assert [stack.name for stack in report.stacks] == ["network", "cluster"]
    assert report.ok


def test_kept_folder_holds_world_and_empty_state(tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    report = rehearse(write_synthesis(tmp_path / "synth"), only=["network"], keep=keep)
    assert report.kept == str(keep)
    state = json.loads((keep / "state" / "network.tfstate").read_text(encoding="utf-8"))
    assert state["resources"] == []
    store = WorldStore(keep / "world.sqlite")
    try:
        assert store.all() == []
        assert ("create", "aws_vpc", ANY, "done") in store.calls()
    finally:
        store.close()


def test_the_synthesis_itself_is_left_alone(tmp_path: Path) -> None:
    synth = write_synthesis(tmp_path / "synth")
    before = {path: path.read_bytes() for path in synth.rglob("*") if path.is_file()}
    rehearse(synth, only=["network"])
    assert {path: path.read_bytes() for path in synth.rglob("*") if path.is_file()} == before


def test_an_adopted_vpc_is_assumed_and_said_so(tmp_path: Path) -> None:
    report = rehearse(write_synthesis(tmp_path / "synth", _adopt, only="network"))
    assert report.ok, [str(item) for item in report.findings]
    assert "aws_vpc vpc-0123456789abcdef0 is assumed to exist: a stack reads it" in report.not_proved


def test_an_explicit_world_is_the_only_truth(tmp_path: Path) -> None:
    synth = write_synthesis(tmp_path / "synth", _adopt, only="network")
    missing = rehearse(synth, existing=World())
    assert [item.summary for item in missing.errors] == ["reading aws_vpc: no matching object found"]
    vpc = WorldObject("aws_vpc", "vpc-0123456789abcdef0", {"cidr_block": "10.0.0.0/16"})
    assert rehearse(synth, existing=World((vpc,))).ok


def _adopt(stacks: Stacks) -> None:
    network = stacks["network"]
    del network["resource"]["aws_vpc"]
    network["data"]["aws_vpc"] = {"main": {"id": "vpc-0123456789abcdef0"}}
    text = json.dumps(network).replace("${aws_vpc.main", "${data.aws_vpc.main")
    stacks["network"] = json.loads(text)


def test_world_from_a_mapping_refuses_what_it_does_not_know() -> None:
    world = World.from_dict({"objects": [{"type": "aws_vpc", "id": "vpc-1"}], "account_id": "210987654321"})
    assert world.objects[0].id == "vpc-1"
    with pytest.raises(UsageError, match="unknown keys"):
        World.from_dict({"things": []})


@pytest.mark.parametrize(
    "objects",
    [
        "vpc-1",
        5,
        None,
        {"aws_vpc": "vpc-1"},
        ["vpc-1"],
        [{"id": "vpc-1"}],
        [{"type": "aws_vpc", "id": 1}],
        [{"type": "aws_vpc", "id": "vpc-1", "attributes": 3}],
        [{"type": "aws_vpc", "id": "vpc-1", "region": ["us-east-1"]}],
        [{"type": "aws_vpc", "id": "vpc-1", "name": "main"}],
    ],
)
def test_a_list_of_another_shape_is_told(objects: object) -> None:
    with pytest.raises(UsageError, match=r"existing world: objects(\[0\])? is an? (list|object)"):
        World.from_dict({"objects": objects})


def test_a_missing_binary_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="install Terraform"):
        rehearse(write_synthesis(tmp_path / "synth"), binary=tmp_path / "terraform")


def test_an_empty_folder_is_not_a_synthesis(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"manifest\.json"):
        rehearse(tmp_path)


def test_an_unknown_stack_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no stack is called 'database'"):
        rehearse(write_synthesis(tmp_path / "synth"), only=["database"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_faults_converge_and_lose_nothing(tmp_path: Path, seed: int) -> None:
    plan = FaultPlan(seed=seed, rate=0.25, limit=4, kinds=("error", "throttle", "timeout"))
    report = rehearse(write_synthesis(tmp_path / "synth"), faults=plan)
    assert report.faults > 0
    assert report.ok, [str(item) for item in report.errors]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["death", "kill"])
def test_a_process_that_dies_mid_apply_is_survived(tmp_path: Path, kind: str) -> None:
    plan = FaultPlan(seed=1, rate=0.3, limit=2, kinds=(kind,))  # type: ignore[arg-type]  # any kind of fault
    report = rehearse(write_synthesis(tmp_path / "synth"), faults=plan, only=["network"])
    assert report.faults > 0
    assert report.ok, [str(item) for item in report.errors]
