"""The fast path as a whole, in processes of their own, on caches in every state."""

import filecmp
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import run_python

APPS = Path(__file__).parent / "apps"

ASSET = """
import sys
from pathlib import Path
from llminfra.bindings import core
(Path(sys.argv[1]) / "data").mkdir(parents=True)
(Path(sys.argv[1]) / "data" / "file").write_text("content")
app = core.App(outdir=sys.argv[1] + "/out")
stack = core.TerraformStack(app, "s")
core.LocalBackend(stack, path="x")
asset = core.TerraformAsset(stack, "a", path=sys.argv[1] + "/data", type=core.AssetType.ARCHIVE, asset_hash="h")
core.TerraformOutput(stack, "path", value=asset.path)
app.synth()
"""


def stack_of(outdir: Path) -> Path:
    return outdir / "stacks" / "buckets" / "cdk.tf.json"


def entry_of(cache: Path) -> Path:
    (entry,) = [path for path in (cache / "bindings").iterdir() if path.is_dir()]
    return entry


@pytest.fixture(scope="module")
def expected(run, tmp_path_factory) -> Path:
    outdir = tmp_path_factory.mktemp("expected")
    result = run(APPS / "buckets.py", outdir)
    assert result.returncode == 0, result.stderr
    assert stack_of(outdir).read_text().count('"bucket": "acme-') == 20
    return stack_of(outdir)


@pytest.mark.slow
def test_every_resource_gives_the_same_bytes_as_with_plain_imports(run, tmp_path):
    fast = run(APPS / "every_resource.py", tmp_path / "fast")
    plain = run(APPS / "every_resource.py", tmp_path / "plain", LLMINFRA_BINDINGS="plain")
    assert (fast.returncode, plain.returncode) == (0, 0), fast.stderr + plain.stderr
    assert fast.stdout == plain.stdout
    assert int(fast.stdout) > 270
    names = ["manifest.json", "stacks/every/cdk.tf.json"]
    match, mismatch, errors = filecmp.cmpfiles(tmp_path / "fast", tmp_path / "plain", names, shallow=False)
    assert (match, mismatch, errors) == (names, [], [])


def test_blocks_that_are_empty_when_full_are_known(run, tmp_path):
    code = """
import json, runpy, sys
from pathlib import Path
from llminfra.bindings.synth import assert_clean
runpy.run_path(sys.argv[2], run_name="app")["main"](Path(sys.argv[1]))
print(assert_clean(json.loads((Path(sys.argv[1]) / "stacks/every/cdk.tf.json").read_text())))
"""
    result = run("-c", code, tmp_path, APPS / "every_resource.py")
    assert result.stdout.splitlines()[-1] == "[]", result.stderr


def test_nothing_is_said_on_stderr_and_two_runs_are_equal(run, expected, tmp_path):
    result = run(APPS / "buckets.py", tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert stack_of(tmp_path).read_bytes() == expected.read_bytes()


def test_processes_that_start_together_on_an_empty_cache_all_succeed(expected, tmp_path):
    environment = {**os.environ, "LLMINFRA_CACHE_DIR": str(tmp_path / "cache")}
    processes = [
        subprocess.Popen([sys.executable, APPS / "buckets.py", tmp_path / str(number)], env=environment)
        for number in range(3)
    ]
    assert [process.wait(timeout=240) for process in processes] == [0, 0, 0]
    for number in range(3):
        assert stack_of(tmp_path / str(number)).read_bytes() == expected.read_bytes()
    assert entry_of(tmp_path / "cache")


@pytest.mark.parametrize(
    "pattern",
    ["assembly/*.tgz", "packages/**/s3-bucket/index.js"],
)
def test_a_damaged_cache_heals(cache, expected, tmp_path, pattern):
    shutil.copytree(cache, tmp_path / "cache")
    entry = entry_of(tmp_path / "cache")
    (damaged, *_) = sorted(entry.glob(pattern))
    damaged.write_bytes(b"\0" * damaged.stat().st_size)
    for number in range(2):
        result = run_python(APPS / "buckets.py", tmp_path / str(number), LLMINFRA_CACHE_DIR=str(tmp_path / "cache"))
        assert (result.returncode, result.stderr) == (0, ""), pattern
        assert stack_of(tmp_path / str(number)).read_bytes() == expected.read_bytes()
    assert damaged.read_bytes().strip(b"\0")


def test_a_cache_that_cannot_be_written_is_done_without_and_said(expected, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "tmp").mkdir()
    result = run_python(
        APPS / "buckets.py",
        tmp_path / "out",
        LLMINFRA_CACHE_DIR=str(tmp_path / "file" / "cache"),
        TMPDIR=str(tmp_path / "tmp"),
    )
    assert result.returncode == 0, result.stderr
    assert stack_of(tmp_path / "out").read_bytes() == expected.read_bytes()
    assert "CacheUnwritableWarning: cannot write the cache" in result.stderr
    assert "set LLMINFRA_CACHE_DIR to a folder that can be written" in result.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_cache_that_can_only_be_read_is_copied_for_the_run(cache, monkeypatch):
    from llminfra.bindings import provider_cache
    from llminfra.bindings.folder_cache import is_whole
    from llminfra.bindings.table import submodules_of

    monkeypatch.setenv("LLMINFRA_CACHE_DIR", str(cache))
    monkeypatch.setattr(provider_cache.os, "access", lambda path, mode: mode != os.W_OK)
    entry = provider_cache.entry(Path(), submodules_of("aws"), None)
    assert entry.folder != entry_of(cache)
    assert is_whole(entry.folder)


def test_progress_is_told_only_when_there_is_something_to_wait_for(run, tmp_path):
    code = "from llminfra.bindings import core, prepare; prepare(progress=print); core.App"
    first = run("-c", code, LLMINFRA_CACHE_DIR=str(tmp_path))
    assert first.stdout == "First run: building the cache of the AWS provider; takes a few seconds, once.\n", (
        first.stderr
    )
    assert run("-c", code, LLMINFRA_CACHE_DIR=str(tmp_path)).stdout == ""


def test_an_asset_is_zipped_without_a_node_on_the_path(run, tmp_path):
    result = run("-c", ASSET, tmp_path, PATH=str(tmp_path / "empty"))
    assert (result.returncode, result.stderr) == (0, "")
    (zipped,) = (tmp_path / "out" / "stacks" / "s" / "assets").rglob("*.zip")
    assert zipped.stat().st_size > 100


def test_jsii_keeps_its_own_entry_point_for_debugging(run, expected, tmp_path):
    result = run(APPS / "buckets.py", tmp_path, JSII_DEBUG_TIMING="1")
    assert result.returncode == 0
    assert "loadAssemblyFromPath" in result.stdout
    assert stack_of(tmp_path).read_bytes() == expected.read_bytes()


def test_an_app_can_be_built_inside_a_test(cache, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("LLMINFRA_CACHE_DIR", str(cache))
    monkeypatch.setattr("sys.argv", ["buckets.py", str(tmp_path)])
    runpy.run_path(str(APPS / "buckets.py"))
    assert stack_of(tmp_path).read_bytes() == expected.read_bytes()
