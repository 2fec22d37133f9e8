"""A model is copied from S3 to a node once, whole, and by one process."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.charts.start_scripts.scripts import BUCKET, FILES, cache_weights, sha256

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


PREFIX = "models/acme/tiny/0123456789abcdef0123456789abcdef01234567/"
CONTENT = {
    "config.json": b'{"a": 1}',
    "model-00001.safetensors": b"first" * 1000,
    "model-00002.safetensors": b"second" * 1000,
    "tokenizer/empty.txt": b"",
}


def _upload(boto: Any, content: dict[str, bytes] = CONTENT, *, noted: bool = True) -> None:
    for name, body in content.items():
        boto.put_object(Bucket=BUCKET, Key=PREFIX + name, Body=body, Metadata={"llminfra-checksum": sha256(body)})
    if noted:
        files = {name: {"size": len(body), "checksum": sha256(body)} for name, body in CONTENT.items()}
        body = json.dumps({"files": files}).encode()
        boto.put_object(Bucket=BUCKET, Key=f"{PREFIX.rstrip('/')}.complete.json", Body=body)


def _settings(root: Path, requests: int = 4) -> dict[str, str]:
    return {"BUCKET": BUCKET, "PREFIX": PREFIX, "CACHE_DIR": str(root), "REQUESTS": str(requests)}


def _final(root: Path) -> Path:
    return root / "models" / BUCKET / PREFIX.rstrip("/")


def _there(root: Path) -> dict[str, bytes]:
    final = _final(root)
    files = [path for path in final.rglob("*") if path.is_file() and path.name != ".complete"]
    return {str(path.relative_to(final)): path.read_bytes() for path in files}


@pytest.mark.parametrize("noted", [True, False])
def test_a_model_comes_to_the_node_once(weights: ModuleType, boto: Any, s3: Any, tmp_path: Path, noted: bool) -> None:
    _upload(boto, noted=noted)
    assert weights.cache_model(s3, _settings(tmp_path)) is True
    assert _there(tmp_path) == CONTENT
    # The second pod asks nobody: the bucket may be gone.
    assert weights.cache_model(None, _settings(tmp_path)) is False


def test_several_processes_copy_the_same(boto: Any, environment: dict[str, str], tmp_path: Path) -> None:
    """As in the container, in a process of its own, which forks."""
    content = {"a.safetensors": b"0123456789" * 1000, "b.safetensors": b"9876543210" * 1000}
    for name, body in content.items():
        boto.put_object(Bucket=BUCKET, Key=f"several/{name}", Body=body)
    program = "import cache_weights as c; c.PART_BYTES = 1500; c.SPARE_BYTES = 0; raise SystemExit(c.main())"
    settings = {"BUCKET": BUCKET, "PREFIX": "several/", "CACHE_DIR": str(tmp_path), "REQUESTS": "12"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(FILES), **environment, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "sizes are compared alone" in done.stdout
    files = {path.name: path.read_bytes() for path in (tmp_path / "models" / BUCKET / "several").iterdir()}
    assert files == {".complete": b"", **content}


def test_a_file_that_was_changed_on_the_way_is_not_used(
    weights: ModuleType, boto: Any, s3: Any, tmp_path: Path
) -> None:
    _upload(boto)
    boto.put_object(Bucket=BUCKET, Key=f"{PREFIX}model-00001.safetensors", Body=b"other" * 1000)
    with pytest.raises(weights.CacheError, match=r"model-00001\.safetensors: the disk has sha256:"):
        weights.cache_model(s3, _settings(tmp_path))
    assert not _final(tmp_path).exists()
    # What was right is kept, and the next attempt fetches only the rest.
    _upload(boto)
    kept = _final(tmp_path).with_name(f"{_final(tmp_path).name}.partial") / "model-00002.safetensors"
    before = kept.stat().st_mtime_ns
    weights.cache_model(s3, _settings(tmp_path))
    assert (_final(tmp_path) / "model-00002.safetensors").stat().st_mtime_ns == before
    assert _there(tmp_path) == CONTENT


def test_a_bucket_that_is_not_complete(weights: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    _upload(boto)
    boto.delete_object(Bucket=BUCKET, Key=f"{PREFIX}config.json")
    with pytest.raises(weights.CacheError, match=r"is not complete: config\.json"):
        weights.cache_model(s3, _settings(tmp_path))


def test_a_model_that_is_not_in_the_bucket(weights: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    with pytest.raises(weights.CacheError, match="nothing lies under"):
        weights.cache_model(s3, _settings(tmp_path))


def test_a_disk_without_room(
    weights: ModuleType, boto: Any, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _upload(boto)
    monkeypatch.setattr(weights, "SPARE_BYTES", 2**60)
    with pytest.raises(weights.CacheError, match="no room on the node"):
        weights.cache_model(s3, _settings(tmp_path))
    assert not _final(tmp_path).exists()


def test_a_folder_that_the_kubelet_made_is_no_model(weights: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    _upload(boto)
    _final(tmp_path).mkdir(parents=True)
    assert weights.cache_model(s3, _settings(tmp_path)) is True
    assert _there(tmp_path) == CONTENT


def test_leftovers_of_an_earlier_attempt_do_not_stay(weights: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    _upload(boto)
    partial = _final(tmp_path).with_name(f"{_final(tmp_path).name}.partial")
    partial.mkdir(parents=True)
    (partial / "model-00001.safetensors.part").write_bytes(b"half")
    (partial / "renamed-since.safetensors").write_bytes(b"old")
    weights.cache_model(s3, _settings(tmp_path))
    assert _there(tmp_path) == CONTENT


def test_the_second_pod_waits_for_the_first(
    weights: ModuleType, boto: Any, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another pod holds the lock, and the model is there when it lets go."""
    _upload(boto)
    path = _final(tmp_path).with_name(f"{_final(tmp_path).name}.lock")
    path.parent.mkdir(parents=True)
    holder = path.open("w")
    fcntl.flock(holder, fcntl.LOCK_EX)
    waits = []

    def first_pod_ends(seconds: float) -> None:
        waits.append(seconds)
        _final(tmp_path).mkdir()
        (_final(tmp_path) / ".complete").touch()
        holder.close()

    monkeypatch.setattr(weights.time, "sleep", first_pod_ends)
    assert weights.cache_model(s3, _settings(tmp_path)) is False
    assert waits == [weights.LOCK_S]


@given(size=st.integers(0, 10_000), part=st.integers(1, 3_000))
def test_parts_cover_an_object_exactly(size: int, part: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_weights, "PART_BYTES", part)
        parts = cache_weights.parts_of(cache_weights.Source("a", size, ""), "b", "p/", Path("/x"))
    covered = [index for item in parts for index in range(item.start, item.start + item.size)]
    assert covered == list(range(size))
    assert all(item.key == "p/a" for item in parts)
