"""A namespace that is there and not named stops the rehearsal as it would stop the apply."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra.rehearsal import rehearse
from llminfra.rehearsal.assumed import assumed_objects
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
