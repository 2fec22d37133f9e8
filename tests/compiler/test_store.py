"""Platforms that were compiled before: the same bytes without CDKTF, never those of another plan or of other code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

import llminfra.compiler.build as build_module
from llminfra import __version__
from llminfra.compiler import compile_platforms
from llminfra.compiler import fingerprint as fingerprint_module
from llminfra.compiler.fingerprint import code_state, digest_of
from llminfra.compiler.store import open_store
from tests.compiler import plans

ROOT = Path(__file__).parents[2]
SMALL = {"pools": (), "buckets": (), "lustre": ()}


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> Path:
    """A store of its own, switched on."""
    monkeypatch.setenv("LLMINFRA_SYNTH_CACHE", "on")
    monkeypatch.setenv("LLMINFRA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "synth" / "platforms"


@pytest.fixture
def built(monkeypatch) -> list[str]:
    """Names of the platforms that CDKTF built, as the test goes on; what it writes is as small as can be."""
    names = []

    def build(plan, folder):
        name = f"{plan.platform.name}-network"
        names.append(plan.platform.name)
        stack = folder / "stacks" / name
        (stack / "charts" / "chart").mkdir(parents=True)
        (stack / "cdk.tf.json").write_text(json.dumps({"tags": plan.tags}))
        (stack / "versions.tf").write_text("terraform {}\n")
        (stack / "charts" / "chart" / "NOTES.txt").write_text("notes")
        entry = {"name": name, "workingDirectory": f"stacks/{name}", "dependencies": []}
        (folder / "manifest.json").write_text(json.dumps({"version": "0.21.0", "stacks": {name: entry}}))
        (folder / "summary.json").write_text(json.dumps([{"name": name, "dependencies": [], "resources": 3}]))

    monkeypatch.setattr(build_module, "build_platform", build)
    return names


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _renamed(plan, name):
    return replace(plan, platform=plan.platform.model_copy(update={"name": name}))


def test_a_known_platform_is_the_same_without_cdktf(tmp_path, monkeypatch):
    plan = plans.plan(**SMALL)
    first = compile_platforms([plan], tmp_path / "first")

    def fail(*_args):
        raise AssertionError("built again")

    monkeypatch.setattr(build_module, "build_platform", fail)
    second = compile_platforms([plans.plan(**SMALL)], tmp_path / "second")
    assert _files(tmp_path / "first") == _files(tmp_path / "second")
    assert [item.resources for item in first.stacks] == [item.resources for item in second.stacks]
    assert [item.dependencies for item in first.stacks] == [item.dependencies for item in second.stacks]
    assert all(item.path.is_relative_to(tmp_path / "second") for item in second.stacks)


def test_only_the_platform_that_changed_is_built(tmp_path, built):
    dev, prod = (_renamed(plans.plan(**SMALL), name) for name in ("dev", "prod"))
    compile_platforms([dev, prod], tmp_path / "out")
    changed = replace(prod, tags={"team": "other"})
    result = compile_platforms([dev, changed], tmp_path / "out")
    assert built == ["dev", "prod", "prod"]
    assert [item.name for item in result.stacks] == ["dev-network", "prod-network"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert list(manifest["stacks"]) == ["dev-network", "prod-network"]
    assert json.loads((tmp_path / "out/stacks/prod-network/cdk.tf.json").read_text()) == {"tags": {"team": "other"}}


def test_other_code_is_another_entry(tmp_path, built, monkeypatch):
    compile_platforms([plans.plan(**SMALL)], tmp_path / "out")
    monkeypatch.setattr(fingerprint_module, "_installed", lambda: ("a file that changed",))
    compile_platforms([plans.plan(**SMALL)], tmp_path / "out")
    assert built == ["acme", "acme"]


def test_the_state_of_the_code_is_that_of_every_file(tmp_path):
    file = tmp_path / "pool.py"
    file.write_text("a")
    (tmp_path / "__pycache__").mkdir()
    before = list(fingerprint_module._files(str(tmp_path)))
    (tmp_path / "__pycache__" / "pool.pyc").write_text("compiled")
    assert list(fingerprint_module._files(str(tmp_path))) == before
    os.utime(file, ns=(1, 1))
    assert list(fingerprint_module._files(str(tmp_path))) != before


def test_an_installed_wheel_is_told_by_its_digests(tmp_path):
    assert fingerprint_module._record(tmp_path) is None
    info = tmp_path / f"llminfra-{__version__}.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("llminfra/__init__.py,sha256=abc,1\n")
    assert fingerprint_module._record(tmp_path) == b"llminfra/__init__.py,sha256=abc,1\n"
    file = tmp_path / "pool.py"
    file.write_text("a")
    before = list(fingerprint_module._files(str(tmp_path), timed=False))
    os.utime(file, ns=(1, 1))
    assert list(fingerprint_module._files(str(tmp_path), timed=False)) == before


def test_variables_that_cdktf_reads_are_part_of_the_state():
    assert code_state({}) == code_state({"CDKTF_OUTDIR": "/somewhere", "HOME": "/root"})
    assert code_state({}) != code_state({"CDKTF_CONTEXT_JSON": '{"excludeStackIdFromLogicalIds": true}'})


@pytest.mark.parametrize("name", ["stacks/acme-network/cdk.tf.json", "stacks/acme-network/charts/chart/NOTES.txt"])
def test_a_damaged_entry_is_built_again(tmp_path, built, store, name):
    compile_platforms([plans.plan(**SMALL)], tmp_path / "out")
    before = _files(tmp_path / "out")
    (file,) = store.glob(f"*/result/{name}")
    file.write_bytes(b"x" * file.stat().st_size)
    compile_platforms([plans.plan(**SMALL)], tmp_path / "out")
    assert built == ["acme", "acme"]
    assert _files(tmp_path / "out") == before


def test_a_store_that_cannot_be_written_is_none(tmp_path, built, store):
    store.parents[1].mkdir()
    store.parent.write_text("a file where a folder should be")
    compile_platforms([plans.plan(**SMALL)], tmp_path / "out")
    compile_platforms([plans.plan(**SMALL)], tmp_path / "out")
    assert built == ["acme", "acme"]


def test_a_build_that_fails_keeps_nothing(tmp_path, monkeypatch, store):
    def fail(*_args):
        raise RuntimeError("no Node.js")

    monkeypatch.setattr(build_module, "build_platform", fail)
    with pytest.raises(RuntimeError, match=r"no Node\.js"):
        compile_platforms([plans.plan(**SMALL)], tmp_path / "out")
    assert [path for path in store.iterdir() if path.is_dir()] == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("variable", ["LLMINFRA_SYNTH_CACHE=off", "LLMINFRA_BINDINGS=plain"])
def test_it_can_be_switched_off(variable):
    assert open_store(dict([variable.split("=")])) is None


def test_equal_values_have_one_digest_in_every_process():
    code = "from llminfra.compiler.fingerprint import digest_of; print(digest_of(frozenset({'a', 'b', 'c', (1, 'd')})))"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2", "3")
    }
    assert digests == {digest_of(frozenset({(1, "d"), "c", "b", "a"}))}


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, "1"), (1, True), (("a", "b"), ("ab",)), (("a",), ["a"]), (((), "a"), (("a",),)), ({"a": 1}, {"a": 2})],
)
def test_different_values_have_different_digests(one, other):
    assert digest_of(one) != digest_of(other)


def test_what_a_digest_cannot_tell_is_refused():
    with pytest.raises(TypeError, match="no digest of function"):
        digest_of({"run": lambda: None})


def test_the_second_synthesis_of_a_spec_starts_no_node(tmp_path):
    spec = tmp_path / "spec.py"
    spec.write_text(
        "from llminfra import Network, Platform\nPlatform(name='tiny', region='us-east-1', network=Network())\n"
    )
    code = (
        "import sys; from llminfra.cli.main import main; "
        "code = main(['synth', sys.argv[1], '-o', sys.argv[2]]); "
        "print('jsii' in sys.modules, code, file=sys.stderr)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, spec, tmp_path / name],
            env={**os.environ, "LLMINFRA_CACHE_DIR": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=True,
        ).stderr.splitlines()[-1]
        for name in ("first", "second")
    ]
    assert runs == ["True 0", "False 0"]
    assert _files(tmp_path / "first") == _files(tmp_path / "second")
