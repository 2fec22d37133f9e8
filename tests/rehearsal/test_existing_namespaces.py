"""What somebody lists as there: ids suffice, what differs stops the rehearsal, as an unnamed namespace would."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra.rehearsal import rehearse
from llminfra.rehearsal.assumed import GIVEN_ID, MADE_WITH, assumed_objects
from llminfra.rehearsal.namespaces import NAMESPACE
from llminfra.rehearsal.stacks import read_stacks
from llminfra.rehearsal.world import World, WorldObject
from tests.helpers.example_plans import ROOT
from tests.helpers.synthesized import Synthesized

pytestmark = pytest.mark.terraform
SPEC = ROOT / "examples" / "existing-cluster" / "spec.py"


def world(out: Path, *more: WorldObject) -> World:
    return World((*assumed_objects(read_stacks(out)), *more))


@pytest.mark.parametrize("attributes", [{}, {"name": "monitoring", "cluster": "acme-shared"}])
def test_a_namespace_that_is_made_and_is_there_stops_it(attributes: dict[str, str], synthesized: Synthesized) -> None:
    out = synthesized(SPEC)
    there = WorldObject(NAMESPACE, "monitoring" if not attributes else "acme-shared/monitoring", attributes)
    report = rehearse(out, existing=world(out, there), only=["platform"])
    assert not report.ok
    (found,) = [item for stack in report.stacks for item in stack.findings]
    assert found.address == "helm_release.cluster-base"
    assert 'Namespace "monitoring" in namespace "" exists and cannot be imported' in found.summary
    assert "ExistingCluster(namespaces=" in str(found)


def test_a_namespace_of_another_cluster_is_in_nobodys_way(synthesized: Synthesized) -> None:
    out = synthesized(SPEC)
    elsewhere = WorldObject(NAMESPACE, "other/monitoring", {"name": "monitoring", "cluster": "other"})
    assert rehearse(out, existing=world(out, elsewhere), only=["platform"]).ok


def test_what_the_spec_names_is_there_and_is_told(synthesized: Synthesized) -> None:
    report = rehearse(synthesized(ROOT / "examples" / "existing-prometheus" / "spec.yaml"), only=["platform"])
    assert report.ok
    assert any("kubernetes_namespace acme-watched/keda is assumed to exist" in text for text in report.not_proved)
    assert any("is assumed to have none of the namespaces watched-serving" in text for text in report.not_proved)


def listed(out: Path) -> list[WorldObject]:
    """Types and ids alone, as somebody writes them."""
    return [WorldObject(item.type_name, item.id) for item in assumed_objects(read_stacks(out)) if not made_along(item)]


def made_along(item: WorldObject) -> bool:
    return MADE_WITH in item.attributes or item.type_name == GIVEN_ID


def test_ids_are_enough_for_what_the_stacks_read(synthesized: Synthesized) -> None:
    out = synthesized(SPEC)
    report = rehearse(out, existing=World(tuple(listed(out))), only=["cluster"])
    assert report.ok, [str(item) for item in report.findings]


def test_what_is_listed_otherwise_than_the_spec_says_stops_it(synthesized: Synthesized) -> None:
    out = synthesized(SPEC)
    other = [
        WorldObject(item.type_name, item.id, {"version": "1.31"} if item.type_name == "aws_eks_cluster" else {})
        for item in listed(out)
    ]
    report = rehearse(out, existing=World(tuple(other)), only=["cluster"])
    assert "runs Kubernetes 1.31" in " ".join(str(item) for item in report.findings)


def test_what_is_not_listed_is_not_there(synthesized: Synthesized) -> None:
    out = synthesized(SPEC)
    fewer = [item for item in listed(out) if item.type_name != "aws_eks_cluster"]
    assert not rehearse(out, existing=World(tuple(fewer)), only=["cluster"]).ok


def test_a_namespace_is_listed_by_cluster_and_name(synthesized: Synthesized) -> None:
    out = synthesized(SPEC)
    there = WorldObject(NAMESPACE, "acme-shared/monitoring")
    report = rehearse(out, existing=world(out, there), only=["platform"])
    assert 'Namespace "monitoring"' in " ".join(str(item) for item in report.findings)
