"""Kernels that one pod compiled come to the next, and no archive that was changed is unpacked."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import io
import json
import sys
import tarfile
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.charts.start_scripts.scripts import BUCKET, s3_client

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
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


def test_kernels_of_one_pod_come_to_the_next(kernels: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
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


def test_the_first_pod_wins(
    kernels: ModuleType, boto: Any, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _compile(first)
    _compile(second, "other")
    assert kernels.save(s3, _kernel_settings(first)) is True
    kept = boto.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    assert kernels.save(s3, _kernel_settings(second)) is False
    # Even where both have looked before either has written.
    monkeypatch.setattr(kernels, "exists", lambda *_: False)
    assert kernels.save(s3, _kernel_settings(second)) is False
    assert boto.head_object(Bucket=BUCKET, Key=KEY)["ETag"] == kept


def test_an_engine_that_compiled_nothing_saves_nothing(kernels: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    (tmp_path / "triton").mkdir()
    assert kernels.save(s3, _kernel_settings(tmp_path)) is False
    assert "Contents" not in boto.list_objects_v2(Bucket=BUCKET)


def _put_kernels(boto: Any, body: bytes) -> None:
    stated = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": str(len(body))}
    boto.put_object(Bucket=BUCKET, Key=KEY, Body=body, Metadata=stated)


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
def test_a_damaged_or_hostile_archive_leaves_nothing(
    kernels: ModuleType, boto: Any, s3: Any, tmp_path: Path, body: bytes
) -> None:
    _put_kernels(boto, body)
    root = tmp_path / "cache"
    root.mkdir()
    with pytest.raises((kernels.KernelError, tarfile.TarError)):
        kernels.restore(s3, _kernel_settings(root))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_cache_out_of_reach_does_not_stop_a_pod(
    kernels: ModuleType,
    boto: Any,
    s3: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    nobody = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}
    for name, value in {**_kernel_settings(tmp_path), **nobody}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3_client.time, "sleep", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["keep_kernels.py", "restore"])
    with caplog.at_level("INFO"):
        assert kernels.main() == 0
    assert "kernels of earlier pods are not used" in caplog.text


def test_an_archive_that_was_changed_is_not_unpacked(kernels: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    body = _archive(["triton/a"])
    stated = {"sha256": hashlib.sha256(b"other").hexdigest(), "bytes": str(len(body))}
    boto.put_object(Bucket=BUCKET, Key=KEY, Body=body, Metadata=stated)
    with pytest.raises(kernels.KernelError, match="the archive has the checksum"):
        kernels.restore(s3, _kernel_settings(tmp_path))
    assert list(tmp_path.iterdir()) == []


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
