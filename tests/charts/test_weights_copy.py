"""The Job that copies weights: its objects, and the script that it runs."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pydantic import ValidationError

from llminfra.assets import chart_dir
from tests.charts.conftest import Render
from tests.charts.objects import one
from tests.charts.samples import weights_copy

REVISION = "6f6073b423013f6a7d4d9f39144961bfbfbc386b"
BUCKET = "acme-llm-weights"
CONTENT = {
    "config.json": b'{"a": 1}',
    "model-00001.safetensors": b"first" * 100,
    "model-00002.safetensors": b"second" * 100,
    "original/model.pth": b"not wanted",
}


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    path = chart_dir("weights-copy") / "files" / "copy_weights.py"
    spec = importlib.util.spec_from_file_location("copy_weights", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["copy_weights"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["copy_weights"]


class FakeHub:
    """Serves ``CONTENT``; notes what was downloaded."""

    def __init__(self) -> None:
        self.content = dict(CONTENT)
        self.served: dict[str, bytes] = {}
        self.downloads: list[str] = []
        self.resolves_to = REVISION

    def model_info(self, model_id: str, *, revision: str, files_metadata: bool) -> Any:
        assert files_metadata
        assert revision == REVISION
        siblings = []
        for name, data in self.content.items():
            large = name.endswith(".safetensors")
            lfs = SimpleNamespace(sha256=hashlib.sha256(data).hexdigest()) if large else None
            blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
            siblings.append(SimpleNamespace(rfilename=name, size=len(data), lfs=lfs, blob_id=blob))
        return SimpleNamespace(sha=self.resolves_to, siblings=siblings)

    def hf_hub_download(self, model_id: str, name: str, *, revision: str, local_dir: Path) -> str:
        self.downloads.append(name)
        path = local_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.served.get(name, self.content[name]))
        return str(path)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def _settings(tmp_path: Path) -> dict[str, str]:
    return {
        "MODEL_ID": "acme/model",
        "MODEL_REVISION": REVISION,
        "BUCKET": BUCKET,
        "PREFIX": "model/",
        "SCRATCH_DIR": str(tmp_path),
        "ALLOW_PATTERNS": "[]",
        "IGNORE_PATTERNS": '["original/*"]',
    }


def _keys(s3: Any) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_copies_what_is_wanted_and_says_when_it_is_complete(script: ModuleType, s3: Any, tmp_path: Path) -> None:
    assert script.copy_model(FakeHub(), s3, _settings(tmp_path)) == 3
    assert _keys(s3) == [
        "model.complete.json",
        "model/config.json",
        "model/model-00001.safetensors",
        "model/model-00002.safetensors",
    ]
    body = s3.get_object(Bucket=BUCKET, Key="model/model-00001.safetensors")["Body"].read()
    assert body == CONTENT["model-00001.safetensors"]
    listing = json.loads(s3.get_object(Bucket=BUCKET, Key="model.complete.json")["Body"].read())
    assert listing["revision"] == REVISION
    assert set(listing["files"]) == {"config.json", "model-00001.safetensors", "model-00002.safetensors"}
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "scratch space is given back"


def test_a_second_run_copies_nothing(script: ModuleType, s3: Any, tmp_path: Path) -> None:
    script.copy_model(FakeHub(), s3, _settings(tmp_path))
    again = FakeHub()
    assert script.copy_model(again, s3, _settings(tmp_path)) == 0
    assert again.downloads == []


def test_goes_on_where_it_stopped(script: ModuleType, s3: Any, tmp_path: Path) -> None:
    broken = FakeHub()
    broken.served["model-00002.safetensors"] = b"cut off"
    with pytest.raises(script.CopyError, match=r"model-00002\.safetensors: downloaded sha256:"):
        script.copy_model(broken, s3, _settings(tmp_path))
    assert "model.complete.json" not in _keys(s3)
    assert "model/model-00002.safetensors" not in _keys(s3)
    healthy = FakeHub()
    assert script.copy_model(healthy, s3, _settings(tmp_path)) == 2
    # Whoever finds config.json finds every other file.
    assert healthy.downloads == ["model-00002.safetensors", "config.json"]


def test_a_file_that_changed_in_the_bucket_is_copied_again(script: ModuleType, s3: Any, tmp_path: Path) -> None:
    script.copy_model(FakeHub(), s3, _settings(tmp_path))
    s3.put_object(Bucket=BUCKET, Key="model/config.json", Body=CONTENT["config.json"])
    hub = FakeHub()
    assert script.copy_model(hub, s3, _settings(tmp_path)) == 1
    assert hub.downloads == ["config.json"]


def test_small_files_are_checked_too(script: ModuleType, s3: Any, tmp_path: Path) -> None:
    hub = FakeHub()
    hub.served["config.json"] = b'{"a": 2}'
    with pytest.raises(script.CopyError, match=r"config\.json: downloaded git:"):
        script.copy_model(hub, s3, _settings(tmp_path))


def test_a_revision_that_moved(script: ModuleType, s3: Any, tmp_path: Path) -> None:
    hub = FakeHub()
    hub.resolves_to = "0" * 40
    with pytest.raises(script.CopyError, match="resolved"):
        script.copy_model(hub, s3, _settings(tmp_path))


def test_patterns_that_leave_no_weights(script: ModuleType, s3: Any, tmp_path: Path) -> None:
    with pytest.raises(script.CopyError, match="no safetensors"):
        script.copy_model(FakeHub(), s3, {**_settings(tmp_path), "ALLOW_PATTERNS": '["*.json"]'})


def test_the_job_is_restricted_and_names_its_model(render_chart: Render) -> None:
    objects = render_chart("weights-copy", weights_copy())
    job = one(objects, "Job")
    spec = job["spec"]["template"]["spec"]
    assert job["metadata"]["annotations"]["llminfra.io/model"].endswith(f"@{REVISION}")
    assert spec["securityContext"]["runAsNonRoot"] is True
    container = spec["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not any("nvidia.com/gpu" in name for name in container["resources"]["limits"])


def test_the_token_is_a_file_and_no_variable(render_chart: Render) -> None:
    spec = one(render_chart("weights-copy", weights_copy()), "Job")["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert not any("valueFrom" in item or item["name"] == "HF_TOKEN" for item in container["env"])
    (path,) = (item["value"] for item in container["env"] if item["name"] == "HF_TOKEN_PATH")
    mount = next(item for item in container["volumeMounts"] if path.startswith(item["mountPath"]))
    assert mount["readOnly"] is True
    (volume,) = (item["secret"] for item in spec["volumes"] if item["name"] == mount["name"])
    assert volume["secretName"] == "hf-token"
    assert [(item["key"], item["path"]) for item in volume["items"]] == [("token", path.rpartition("/")[2])]


def test_a_public_model_has_no_token(render_chart: Render) -> None:
    spec = one(render_chart("weights-copy", weights_copy().replace(token=None)), "Job")["spec"]["template"]["spec"]
    assert "HF_TOKEN_PATH" not in {item["name"] for item in spec["containers"][0]["env"]}
    assert [item["name"] for item in spec["volumes"]] == ["script", "scratch"]


def test_huggingface_hub_reads_the_token_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("not-a-real-token\n", encoding="utf-8")
    environment = {"HF_TOKEN_PATH": str(tmp_path / "token"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    program = "import huggingface_hub; print(huggingface_hub.get_token())"
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "not-a-real-token"


def test_the_script_is_carried_unchanged(render_chart: Render) -> None:
    data = one(render_chart("weights-copy", weights_copy()), "ConfigMap")["data"]["copy_weights.py"]
    assert data.strip() == (chart_dir("weights-copy") / "files" / "copy_weights.py").read_text().strip()


def test_another_model_is_another_job(render_chart: Render) -> None:
    names = {
        one(render_chart("weights-copy", values), "Job")["metadata"]["name"]
        for values in (weights_copy(), weights_copy(), weights_copy().replace(revision="1" * 40))
    }
    assert len(names) == 2


def test_a_branch_is_not_a_revision() -> None:
    with pytest.raises(ValidationError, match="revision"):
        weights_copy().replace(revision="main")
