"""The scripts that shorten starts: a copy of weights to a node, and kernels that are kept, against a simulated S3."""

from __future__ import annotations

import fcntl
import hashlib
import http.server
import importlib.util
import io
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from llminfra.assets import chart_dir

BUCKET = "acme-llm-weights"
PREFIX = "models/acme/tiny/0123456789abcdef0123456789abcdef01234567/"
CONTENT = {
    "config.json": b'{"a": 1}',
    "model-00001.safetensors": b"first" * 1000,
    "model-00002.safetensors": b"second" * 1000,
    "tokenizer/empty.txt": b"",
}


def _script(name: str) -> ModuleType:
    path = chart_dir("llm-server") / "files" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = _script("cache_weights")
    monkeypatch.setattr(module, "PART_BYTES", 1500)
    monkeypatch.setattr(module, "READ_BYTES", 400)
    monkeypatch.setattr(module, "SPARE_BYTES", 0)
    return module


@pytest.fixture
def kernels() -> ModuleType:
    return _script("keep_kernels")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _upload(s3: Any, content: dict[str, bytes] = CONTENT, *, noted: bool = True) -> None:
    for name, body in content.items():
        s3.put_object(Bucket=BUCKET, Key=PREFIX + name, Body=body, Metadata={"llminfra-checksum": _sha256(body)})
    if noted:
        files = {name: {"size": len(body), "checksum": _sha256(body)} for name, body in CONTENT.items()}
        body = json.dumps({"files": files}).encode()
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX.rstrip('/')}.complete.json", Body=body)


def _settings(root: Path, requests: int = 4) -> dict[str, str]:
    return {"BUCKET": BUCKET, "PREFIX": PREFIX, "CACHE_DIR": str(root), "REQUESTS": str(requests)}


def _final(root: Path) -> Path:
    return root / "models" / BUCKET / PREFIX.rstrip("/")


def _there(root: Path) -> dict[str, bytes]:
    final = _final(root)
    files = [path for path in final.rglob("*") if path.is_file() and path.name != ".complete"]
    return {str(path.relative_to(final)): path.read_bytes() for path in files}


@pytest.mark.parametrize("noted", [True, False])
def test_a_model_comes_to_the_node_once(weights: ModuleType, s3: Any, tmp_path: Path, noted: bool) -> None:
    _upload(s3, noted=noted)
    assert weights.cache_model(s3, _settings(tmp_path)) is True
    assert _there(tmp_path) == CONTENT
    # The second pod asks nobody: the bucket may be gone.
    assert weights.cache_model(None, _settings(tmp_path)) is False


_SEVERAL = """
import importlib.util, sys, boto3
from pathlib import Path
from moto import mock_aws
spec = importlib.util.spec_from_file_location("cache_weights", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["cache_weights"] = module
spec.loader.exec_module(module)
module.PART_BYTES, module.SPARE_BYTES = 1500, 0
with mock_aws():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key="m/a.safetensors", Body=b"0123456789" * 1000)
    s3.put_object(Bucket="acme", Key="m/b.safetensors", Body=b"9876543210" * 1000)
    settings = {"BUCKET": "acme", "PREFIX": "m/", "CACHE_DIR": sys.argv[2], "REQUESTS": "12"}
    assert module.cache_model(s3, settings)
"""


def test_several_processes_copy_the_same(tmp_path: Path) -> None:
    """In a process of its own, because it forks."""
    script = chart_dir("llm-server") / "files" / "cache_weights.py"
    credentials = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing")
    subprocess.run(
        [sys.executable, "-c", _SEVERAL, str(script), str(tmp_path)],
        env={"AWS_DEFAULT_REGION": "us-east-1", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **credentials},
        check=True,
        timeout=120,
    )
    files = {path.name: path.read_bytes() for path in (tmp_path / "models/acme/m").iterdir()}
    assert files == {
        ".complete": b"",
        "a.safetensors": b"0123456789" * 1000,
        "b.safetensors": b"9876543210" * 1000,
    }


def test_a_file_that_was_changed_on_the_way_is_not_used(weights: ModuleType, s3: Any, tmp_path: Path) -> None:
    _upload(s3)
    s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}model-00001.safetensors", Body=b"other" * 1000)
    with pytest.raises(weights.CacheError, match=r"model-00001\.safetensors: the disk has sha256:"):
        weights.cache_model(s3, _settings(tmp_path))
    assert not _final(tmp_path).exists()
    # What was right is kept, and the next attempt fetches only the rest.
    _upload(s3)
    kept = _final(tmp_path).with_name(f"{_final(tmp_path).name}.partial") / "model-00002.safetensors"
    before = kept.stat().st_mtime_ns
    weights.cache_model(s3, _settings(tmp_path))
    assert (_final(tmp_path) / "model-00002.safetensors").stat().st_mtime_ns == before
    assert _there(tmp_path) == CONTENT


def test_a_bucket_that_is_not_complete(weights: ModuleType, s3: Any, tmp_path: Path) -> None:
    _upload(s3)
    s3.delete_object(Bucket=BUCKET, Key=f"{PREFIX}config.json")
    with pytest.raises(weights.CacheError, match=r"is not complete: config\.json"):
        weights.cache_model(s3, _settings(tmp_path))


def test_a_model_that_is_not_in_the_bucket(weights: ModuleType, s3: Any, tmp_path: Path) -> None:
    with pytest.raises(weights.CacheError, match="nothing lies under"):
        weights.cache_model(s3, _settings(tmp_path))


def test_a_disk_without_room(weights: ModuleType, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _upload(s3)
    monkeypatch.setattr(weights, "SPARE_BYTES", 2**60)
    with pytest.raises(weights.CacheError, match="no room on the node"):
        weights.cache_model(s3, _settings(tmp_path))
    assert not _final(tmp_path).exists()


def test_a_folder_that_the_kubelet_made_is_no_model(weights: ModuleType, s3: Any, tmp_path: Path) -> None:
    _upload(s3)
    _final(tmp_path).mkdir(parents=True)
    assert weights.cache_model(s3, _settings(tmp_path)) is True
    assert _there(tmp_path) == CONTENT


def test_leftovers_of_an_earlier_attempt_do_not_stay(weights: ModuleType, s3: Any, tmp_path: Path) -> None:
    _upload(s3)
    partial = _final(tmp_path).with_name(f"{_final(tmp_path).name}.partial")
    partial.mkdir(parents=True)
    (partial / "model-00001.safetensors.part").write_bytes(b"half")
    (partial / "renamed-since.safetensors").write_bytes(b"old")
    weights.cache_model(s3, _settings(tmp_path))
    assert _there(tmp_path) == CONTENT


def test_the_second_pod_waits_for_the_first(
    weights: ModuleType, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another pod holds the lock, and the model is there when it lets go."""
    _upload(s3)
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
    module = _script("cache_weights")
    module.PART_BYTES = part  # type: ignore[attr-defined]  # a module of its own, loaded for this test
    parts = module.parts_of(module.Source("a", size, ""), "b", "p/", Path("/x"))
    covered = [index for item in parts for index in range(item.start, item.start + item.size)]
    assert covered == list(range(size))
    assert all(item.key == "p/a" for item in parts)


KEY = "compile-cache/vllm-0.27.1/acme/tiny/0123456789ab/l4-amd64/0011223344556677.tar"


def _kernel_settings(root: Path) -> dict[str, str]:
    folders = json.dumps(["vllm/torch_compile_cache", "triton", "inductor"])
    return {"BUCKET": BUCKET, "KEY": KEY, "CACHE_DIR": str(root), "FOLDERS": folders, "READY_URL": "http://127.0.0.1"}


def _compile(root: Path, text: str = "kernel") -> None:
    for name in ("vllm/torch_compile_cache/0a1b/rank_0_0/model", "triton/x/kernel.cubin", "huggingface/secret"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "triton/x/held.lock").touch()
    (root / "triton/outside").symlink_to("/etc/passwd")


def test_kernels_of_one_pod_come_to_the_next(kernels: ModuleType, s3: Any, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _compile(first)
    second.mkdir()
    assert kernels.restore(s3, _kernel_settings(second)) is False
    assert kernels.save(s3, _kernel_settings(first)) is True
    assert kernels.restore(s3, _kernel_settings(second)) is True
    found = sorted(str(path.relative_to(second)) for path in second.rglob("*") if path.is_file())
    assert found == ["triton/x/kernel.cubin", "vllm/torch_compile_cache/0a1b/rank_0_0/model"]
    assert not (second / "triton/outside").is_symlink()
    assert not (first / kernels.PACKED).exists()
    assert not (second / kernels.PACKED).exists()


def test_the_first_pod_wins(kernels: ModuleType, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _compile(first)
    _compile(second, "other")
    assert kernels.save(s3, _kernel_settings(first)) is True
    kept = s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    assert kernels.save(s3, _kernel_settings(second)) is False
    # Even where both have looked before either has written.
    monkeypatch.setattr(kernels, "exists", lambda *_: False)
    assert kernels.save(s3, _kernel_settings(second)) is False
    assert s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"] == kept


def test_an_engine_that_compiled_nothing_saves_nothing(kernels: ModuleType, s3: Any, tmp_path: Path) -> None:
    (tmp_path / "triton").mkdir()
    assert kernels.save(s3, _kernel_settings(tmp_path)) is False
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def _archive(names: list[str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            item = tarfile.TarInfo(name)
            item.size = 1
            archive.addfile(item, io.BytesIO(b"x"))
    return packed.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        b"no archive at all",
        _archive(["triton/a", "home/.bashrc"]),
        _archive(["triton/../../out"]),
        _archive(["/etc/cron.d/x"]),
        _archive(["triton/a" * 40])[:700],
    ],
    ids=["text", "other-folder", "out-of-the-folder", "absolute", "cut-off"],
)
def test_a_damaged_or_hostile_archive_leaves_nothing(kernels: ModuleType, s3: Any, tmp_path: Path, body: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=body)
    root = tmp_path / "cache"
    root.mkdir()
    with pytest.raises((kernels.KernelError, tarfile.TarError)):
        kernels.restore(s3, _kernel_settings(root))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_cache_out_of_reach_does_not_stop_a_pod(
    kernels: ModuleType, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in {**_kernel_settings(tmp_path), "BUCKET": "no-such-bucket-anywhere"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["keep_kernels.py", "restore"])
    with caplog.at_level("INFO"):
        assert kernels.main() == 0
    assert "kernels of earlier pods are not used" in caplog.text


@pytest.mark.enable_socket
def test_kernels_are_saved_once_the_engine_answers(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [503, 200]

    class Engine(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.pop(0))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr(kernels, "POLL_S", 0)
    with http.server.HTTPServer(("127.0.0.1", 0), Engine) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        kernels.wait_until_ready(f"http://127.0.0.1:{server.server_port}/health")
        server.shutdown()
        thread.join()
    assert answers == []
