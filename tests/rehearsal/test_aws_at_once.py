"""Terraform asks for several resources at once; what contradicts each other is refused whichever comes first."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from llminfra.rehearsal.aws import rules
from llminfra.rehearsal.aws.provider import AwsProvider
from llminfra.rehearsal.aws.scene import Scene, Subject
from llminfra.rehearsal.faults import FaultInjector
from llminfra.rehearsal.provider.contract import Applied, Problem
from llminfra.rehearsal.provider.planning import plan_create
from llminfra.rehearsal.schema import cache
from llminfra.rehearsal.world import WorldObject, WorldStore

VPC = "vpc-0123456789abcdef0"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[AwsProvider]:
    world = WorldStore(tmp_path / "world.sqlite")
    world.populate([WorldObject("aws_vpc", VPC, {"cidr_block": "10.0.0.0/16"}, "us-east-1")])
    yield AwsProvider(
        schema=cache.read("aws", ["aws_subnet"], ()),
        world=world,
        account="123456789012",
        region="us-east-1",
        faults=FaultInjector(None, world),
    )
    world.close()


def test_of_two_overlapping_subnets_made_at_once_one_is_refused(
    provider: AwsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, together = rules.world_problems, threading.Barrier(2)

    def slow_look(scene: Scene, subject: Subject) -> list[Problem]:
        found = list(look(scene, subject))
        time.sleep(0.1)
        return found

    def make(block: str) -> Applied:
        together.wait(timeout=10)
        config = {"vpc_id": VPC, "cidr_block": block}
        planned = plan_create(provider.schema.resources["aws_subnet"], dict(config))
        return provider.create(session, "aws_subnet", planned, config)

    monkeypatch.setattr(rules, "world_problems", slow_look)
    session, _ = provider.configure({"region": "us-east-1"})
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(make, ("10.0.0.0/20", "10.0.0.0/21")))
    assert sorted(item.state is None for item in made) == [False, True]
    (refused,) = (item for item in made if item.state is None)
    assert "InvalidSubnet.Conflict" in refused.problems[0].summary
    assert len(provider.world.all("aws_subnet")) == 1
