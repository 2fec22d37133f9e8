"""Init containers that shorten starts: what they may do, and what values are refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from llminfra.assets import chart_dir
from tests.charts.conftest import Objects, Render
from tests.charts.objects import one
from tests.charts.server_samples import multi_node, short_start, single_node


@pytest.fixture
def objects(render_chart: Render) -> Objects:
    return render_chart("llm-server", short_start())


def _pod(objects: Objects) -> dict[str, Any]:
    spec: dict[str, Any] = one(objects, "Deployment")["spec"]["template"]["spec"]
    return spec


def test_the_engine_only_reads_its_own_model(objects: Objects) -> None:
    pod = _pod(objects)
    (mount,) = (item for item in pod["containers"][0]["volumeMounts"] if item["name"] == "weights")
    assert mount["readOnly"] is True
    assert mount["subPath"] == "models/acme-llm-weights/models/acme/tiny/0123456"
    copy = pod["initContainers"][0]
    assert [item for item in copy["volumeMounts"] if item["name"] == "weights"] == [
        {"name": "weights", "mountPath": "/cache"}
    ]
    assert not any("hostPath" in volume for volume in pod["volumes"])


def test_a_node_that_was_not_prepared_is_not_written_to(objects: Objects) -> None:
    volume = one(objects, "PersistentVolume")["spec"]
    assert volume["hostPath"] == {"path": "/mnt/k8s-disks/0/llminfra", "type": "Directory"}
    assert volume["claimRef"]["name"] == one(objects, "PersistentVolumeClaim")["metadata"]["name"]
    assert volume["persistentVolumeReclaimPolicy"] == "Retain"


def test_order_and_rights_of_the_helpers(objects: Objects) -> None:
    copy, restore, save = _pod(objects)["initContainers"]
    assert [item["name"] for item in (copy, restore, save)] == ["copy-weights", "restore-kernels", "save-kernels"]
    assert [item.get("restartPolicy") for item in (copy, restore, save)] == [None, None, "Always"]
    assert copy["image"] == "registry.acme.example/copier:1.0"
    assert save["image"] == _pod(objects)["containers"][0]["image"]
    for item in (copy, restore, save):
        context = item["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert item["resources"]["limits"]["memory"] == item["resources"]["requests"]["memory"]
        assert not any("nvidia.com" in name for name in item["resources"]["limits"])


def test_scripts_are_carried_unchanged(objects: Objects) -> None:
    data = one(objects, "ConfigMap")["data"]
    assert set(data) == {"cache_weights.py", "keep_kernels.py", "s3_client.py"}
    for name, text in data.items():
        assert text.strip() == (chart_dir("llm-server") / "files" / name).read_text(encoding="utf-8").strip()


def test_nothing_of_it_is_there_unless_asked_for(render_chart: Render) -> None:
    objects = render_chart("llm-server", single_node())
    assert "initContainers" not in _pod(objects)
    assert not [item for item in objects if item["kind"] == "ConfigMap"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"node_copy": None}, "exactly one volume of kind node"),
        ({"volumes": []}, "exactly one volume of kind node"),
        ({"caches": []}, "the mount path of no cache"),
    ],
)
def test_halves_are_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        short_start().replace(**changes)


def test_kernels_of_a_group_are_refused() -> None:
    kernels = short_start().kept_kernels
    assert kernels is not None
    group = multi_node()
    with pytest.raises(ValidationError, match="many ranks on many nodes"):
        group.replace(kept_kernels=kernels.replace(cache=group.caches[0].mount_path))
