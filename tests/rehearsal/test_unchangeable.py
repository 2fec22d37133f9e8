"""What Kubernetes refuses of an upgrade, and that the charts ask for nothing of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llminfra.assets import chart_dir
from llminfra.charts.llm_server import LlmServerValues, LustreVolume, S3Volume
from llminfra.helm.render import render_text
from llminfra.rehearsal.helm_release.unchangeable import refused_changes
from tests.charts.server_samples import autoscaled
from tests.helpers.tools import require_helm


def manifest(*objects: dict[str, Any]) -> str:
    return "".join(f"---\n{json.dumps(item)}\n" for item in objects)


def thing(kind: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, **more}


def claim(**spec: Any) -> dict[str, Any]:
    return thing("PersistentVolumeClaim", spec={"storageClassName": "", **spec})


def requested(size: str, **spec: Any) -> dict[str, Any]:
    return claim(resources={"requests": {"storage": size}}, **spec)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            thing("PersistentVolume", spec={"csi": {"volumeHandle": "fs-1"}}),
            thing("PersistentVolume", spec={"csi": {"volumeHandle": "fs-2"}}),
            "spec.persistentvolumesource is immutable after creation",
        ),
        (requested("4800Gi"), requested("9600Gi"), "only dynamically provisioned pvc can be resized"),
        (claim(volumeName="a"), claim(volumeName="b"), "spec is immutable after creation except resources.requests"),
        (thing("Job", spec={"template": {"a": 1}}), thing("Job", spec={"template": {"a": 2}}), "field is immutable"),
        (
            thing("StorageClass", parameters={"kmsKeyId": "a"}),
            thing("StorageClass", parameters={"kmsKeyId": "b"}),
            "updates to parameters are forbidden.",
        ),
        (
            thing("TargetGroupBinding", spec={"targetGroupARN": "a"}),
            thing("TargetGroupBinding", spec={"targetGroupARN": "b"}),
            "may not change these immutable fields: spec.targetGroupARN",
        ),
    ],
)
def test_what_cannot_be_changed_is_refused_in_the_api_servers_words(
    before: dict[str, Any], after: dict[str, Any], told: str
) -> None:
    (problem,) = refused_changes(manifest(before), manifest(after))
    assert told in problem.summary
    assert problem.summary.startswith(f'cannot patch "x" with kind {after["kind"]}: ')
    assert problem.severity == "error"
    assert refused_changes(manifest(before), manifest(before, thing("Other"))) == ()
    renamed = {**after, "metadata": {"name": "y"}}
    assert refused_changes(manifest(before), manifest(renamed)) == ()


def test_claims_of_a_class_may_grow_and_releases_that_were_not_rendered_say_nothing() -> None:
    assert (
        refused_changes(
            manifest(requested("1Gi", storageClassName="gp3")), manifest(requested("2Gi", storageClassName="gp3"))
        )
        == ()
    )
    assert refused_changes("{}", manifest(claim(volumeName="b"))) == ()
    assert refused_changes("", manifest(claim(volumeName="b"))) == ()


def server(**volume: Any) -> LlmServerValues:
    """The autoscaled sample with its Lustre volume, or its bucket, changed."""
    values = autoscaled()
    kind = LustreVolume if {"file_system_id", "capacity_gib"} & set(volume) else S3Volume
    return values.replace(
        volumes=[item.replace(**volume) if isinstance(item, kind) else item for item in values.volumes]
    )


def rendered(values: LlmServerValues) -> str:
    require_helm()
    return render_text(chart_dir("llm-server"), values.to_values(), release="r", namespace="llm")


@pytest.mark.parametrize(
    ("change", "pods_are_replaced"),
    [
        ({"file_system_id": "fs-0fedcba9876543210", "mount_name": "zyxwvuts"}, True),
        ({"capacity_gib": 9600}, False),
        ({"capacity_gib": 1200}, False),
        ({"bucket": "acme-other"}, True),
        ({"region": "us-west-2"}, True),
        ({"prefix": "models/other/"}, True),
    ],
)
def test_volumes_of_an_endpoint_may_become_others(change: dict[str, Any], pods_are_replaced: bool) -> None:
    before, after = rendered(autoscaled()), rendered(server(**change))
    assert before != after
    assert refused_changes(before, after) == ()
    pods = [text.partition("kind: Deployment")[2] for text in (before, after)]
    assert (pods[0] != pods[1]) is pods_are_replaced
