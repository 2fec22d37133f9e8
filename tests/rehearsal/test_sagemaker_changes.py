"""Changes of SageMaker endpoints: what SageMaker refuses while an endpoint is scaled, and names that are made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llminfra.rehearsal.aws.provider import AwsProvider
from llminfra.rehearsal.aws.sagemaker import check_scaled_variants
from llminfra.rehearsal.aws.scene import Place, Scene, Subject
from llminfra.rehearsal.faults import FaultInjector
from llminfra.rehearsal.provider.planning import plan_create
from llminfra.rehearsal.schema import cache
from llminfra.rehearsal.world import WorldObject, WorldStore

CONFIGURATION = "aws_sagemaker_endpoint_configuration"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorldStore]:
    store = WorldStore(tmp_path / "world.sqlite")
    yield store
    store.close()


def _configuration(name: str, variant: str, machine: str) -> WorldObject:
    variants = [{"variant_name": variant, "instance_type": machine}]
    return WorldObject(CONFIGURATION, name, {"name": name, "production_variants": variants}, "us-east-1")


def _problems(world: WorldStore, *, target: str) -> list[str]:
    served = {"name": "chat", "endpoint_config_name": "old"}
    world.populate(
        [
            _configuration("old", "main", "ml.g6e.2xlarge"),
            _configuration("same", "main", "ml.g6e.2xlarge"),
            _configuration("larger", "main", "ml.g6e.4xlarge"),
            _configuration("renamed", "other", "ml.g6e.4xlarge"),
            WorldObject("aws_sagemaker_endpoint", "chat", served, "us-east-1"),
            WorldObject("aws_appautoscaling_target", target, {"resource_id": target}, "us-east-1"),
        ]
    )
    scene = Scene(world, Place("us-east-1", "123456789012"))
    return [
        name
        for name in ("same", "larger", "renamed")
        for problem in check_scaled_variants(
            scene, Subject("aws_sagemaker_endpoint", {**served, "endpoint_config_name": name})
        )
        if "deregistered as a scalable target" in problem.summary
    ]


def test_a_scaled_variant_keeps_its_machines(world: WorldStore) -> None:
    assert _problems(world, target="endpoint/chat/variant/main") == ["larger", "renamed"]


def test_a_variant_that_is_not_scaled_may_change(world: WorldStore) -> None:
    assert _problems(world, target="endpoint/summaries/variant/main") == []


def test_two_configurations_alike_have_names_of_their_own(world: WorldStore) -> None:
    """A new configuration stands beside the old one; what differs may be in a block that is not known yet."""
    world.populate([WorldObject("aws_sagemaker_model", "chat", {"name": "chat"}, "us-east-1")])
    provider = AwsProvider(
        schema=cache.read("aws", [CONFIGURATION], ()),
        world=world,
        account="123456789012",
        region="us-east-1",
        faults=FaultInjector(None, world),
    )
    session, _ = provider.configure({"region": "us-east-1"})
    names: list[Any] = []
    for machine in ("ml.g6e.2xlarge", "ml.g6e.4xlarge"):
        config = {"production_variants": [{"variant_name": "main", "instance_type": machine, "model_name": "chat"}]}
        planned = plan_create(provider.schema.resources[CONFIGURATION], dict(config))
        made = provider.create(session, CONFIGURATION, planned, config)
        assert made.state is not None, made.problems
        names.append(made.state["name"])
    assert len(set(names)) == 2
