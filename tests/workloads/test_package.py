"""Archives of workloads: the same bytes from the same sources, importable, and in need of boto3 only."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from llminfra import assets
from llminfra.diagnostics import ToolError
from llminfra.workloads import archive_sha256, bootstrap_command, package, workload_dir
from tests.workloads.conftest import LOCAL_ONLY, Bucket

WORKLOADS = ["async_consumer", "batch_runner"]


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_bytes_depend_on_the_sources_alone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = package(name, tmp_path / "one").read_bytes()
    copy = tmp_path / "modules"
    shutil.copytree(assets.modules_dir(), copy)
    for number, path in enumerate(sorted((copy / "workloads" / name).iterdir(), reverse=True)):
        if path.is_file():
            os.utime(path, (number, 1_000_000_000 + number))
            path.chmod(0o600)
    (copy / "workloads" / name / "__pycache__").mkdir(exist_ok=True)
    (copy / "workloads" / name / "__pycache__" / "x.pyc").write_bytes(b"x")
    (copy / "workloads" / name / ".notes.swp").write_bytes(b"x")
    monkeypatch.setattr("llminfra.assets.modules_dir", lambda: copy)
    assert package(name, tmp_path / "two").read_bytes() == first
    (copy / "workloads" / name / "__init__.py").write_text('"""Changed."""\n')
    assert package(name, tmp_path / "three").read_bytes() != first


@pytest.mark.parametrize("name", WORKLOADS)
def test_what_is_in_an_archive(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(package(name, tmp_path)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert names == sorted(names)
        assert {f"{name}/__init__.py", f"{name}/__main__.py", f"{name}/settings.py"} <= set(names)
        for info in archive.infolist():
            assert info.filename.startswith(f"{name}/")
            assert info.external_attr >> 16 == 0o100644
            assert info.date_time == (1980, 1, 1, 0, 0, 0)


@pytest.mark.parametrize("name", WORKLOADS)
def test_only_the_standard_library_and_boto3_are_imported(name: str) -> None:
    allowed = {*sys.stdlib_module_names, "boto3", "botocore"}
    for path in workload_dir(name).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 11))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] in allowed, path


def test_an_unknown_workload() -> None:
    with pytest.raises(ToolError, match="no workload 'other'; there are: async_consumer, batch_runner"):
        workload_dir("other")


@LOCAL_ONLY
def test_a_container_fetches_checks_and_runs(tmp_path: Path, bucket: Bucket, aws_env: dict[str, str]) -> None:
    name = "batch_runner"
    archive = package(name, tmp_path)
    bucket.put("code/x.zip", archive.read_bytes())
    digest = archive_sha256(archive)
    assert digest == hashlib.sha256(archive.read_bytes()).hexdigest()

    def run(digest: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *bootstrap_command(name, bucket.name, "code/x.zip", digest)[1:]]
        env = {"PATH": os.environ["PATH"], **aws_env}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert bootstrap_command(name, "b", "k", "d")[0] == "python3"
    good = run(digest)
    assert good.returncode == 78  # it ran, and misses its settings
    assert "is not set" in good.stdout + good.stderr
    bad = run("0" * 64)
    assert bad.returncode == 1
    assert "is not the archive that was planned" in bad.stderr


def test_documented_settings_are_those_that_are_read() -> None:
    text = (Path(__file__).parents[2] / "docs" / "workloads.md").read_text()
    assert set(re.findall(r"`(ASYNC_\w+)`", text)) == _async_names()
    assert set(re.findall(r"`(BATCH_\w+)`", text)) == _batch_names()


def _async_names() -> set[str]:
    from async_consumer.settings import Settings

    return {f"ASYNC_{name.upper()}" for name in Settings.__slots__}


def _batch_names() -> set[str]:
    source = (workload_dir("batch_runner") / "settings.py").read_text()
    texts = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str) and text.startswith("BATCH_") and " " not in text}
