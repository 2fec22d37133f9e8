"""What reaches the output folder: all or nothing, the same every time, with everything a pipeline needs."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

import llminfra.compiler.build as build_module
import llminfra.compiler.compile as compile_module
import llminfra.compiler.publish as publish_module
from llminfra.bindings.synth import UncleanStackError
from llminfra.compiler import compile_platforms
from llminfra.compiler.publish import copy_chart
from llminfra.constructs.cluster.helm_release import chart_digest
from llminfra.diagnostics import Diagnostic, Severity, SpecError, UsageError
from tests.compiler import plans

SMALL = {"pools": (), "buckets": (), "lustre": ()}


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_plan_gives_the_same_bytes(tmp_path):
    plan = plans.plan(plans.assistant(), plans.chat())
    compile_platforms([plan], tmp_path / "one")
    compile_platforms([plan], tmp_path / "two")
    one, two = _files(tmp_path / "one"), _files(tmp_path / "two")
    assert one == two
    assert str(tmp_path).encode() not in b"".join(one.values())


def test_the_order_of_the_context_of_cdktf_changes_nothing(tmp_path, monkeypatch):
    plan = plans.plan(**SMALL)
    compile_platforms([plan], tmp_path / "plain")
    monkeypatch.setenv("CDKTF_CONTEXT_JSON", json.dumps({"cdktfRelativeModules": ["./"]}))
    compile_platforms([plan], tmp_path / "cli")
    assert _files(tmp_path / "plain") == _files(tmp_path / "cli")


def test_the_result_tells_stacks_in_order_of_apply(tmp_path):
    result = compile_platforms([plans.plan(plans.assistant(), plans.chat())], tmp_path / "out")
    names = [item.name for item in result.stacks]
    assert names == [f"acme-{kind}" for kind in ("network", "cluster", "storage", "platform", "serving")]
    for index, item in enumerate(result.stacks):
        assert set(item.dependencies) <= set(names[:index])
        content = json.loads((item.path / "cdk.tf.json").read_text(encoding="utf-8"))
        assert item.resources == sum(len(found) for found in content["resource"].values())
        assert item.platform == "acme"


def test_the_manifest_is_cdktfs_and_in_the_same_order(tmp_path):
    result = compile_platforms([plans.plan(plans.assistant(), plans.chat())], tmp_path)
    manifest = json.loads(result.manifest.read_text(encoding="utf-8"))
    assert list(manifest["stacks"]) == [item.name for item in result.stacks]
    serving = manifest["stacks"]["acme-serving"]
    assert serving["synthesizedStackPath"] == "stacks/acme-serving/cdk.tf.json"
    assert set(serving["dependencies"]) == {"acme-cluster", "acme-storage", "acme-platform"}


def test_a_chart_is_the_same_where_python_has_run_its_scripts(tmp_path):
    chart = tmp_path / "chart"
    (chart / "files").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: chart\n")
    (chart / "files" / "load.py").write_text("pass\n")
    before = chart_digest(chart)
    (chart / "files" / "__pycache__").mkdir()
    (chart / "files" / "__pycache__" / "load.cpython-311.pyc").write_bytes(b"compiled")
    assert chart_digest(chart) == before
    copy_chart(chart, tmp_path / "stack")
    copied = tmp_path / "stack" / "charts" / "chart"
    assert [item.name for item in sorted(copied.rglob("*"))] == ["Chart.yaml", "files", "load.py"]


def test_charts_travel_with_the_stack_that_installs_them(tmp_path):
    compile_platforms([plans.plan(plans.assistant(), plans.chat())], tmp_path)
    for stack in ("acme-platform", "acme-serving"):
        folder = tmp_path / "stacks" / stack
        content = json.loads((folder / "cdk.tf.json").read_text(encoding="utf-8"))
        local = {
            item["chart"] for item in content["resource"]["helm_release"].values() if item["chart"].startswith("./")
        }
        assert local
        assert {f"./charts/{item.name}" for item in (folder / "charts").iterdir()} == local
        for chart in local:
            assert (folder / chart / "Chart.yaml").is_file()
            assert list((folder / chart / "templates").iterdir())
    assert not (tmp_path / "stacks" / "acme-network" / "charts").exists()


def test_two_platforms_lie_side_by_side(tmp_path):
    other = plans.plan(platform=plans.platform_spec(name="other"), **SMALL)
    result = compile_platforms([plans.plan(**SMALL), other], tmp_path)
    assert [item.name for item in result.stacks] == [
        *("acme-network", "acme-cluster", "acme-platform"),
        *("other-network", "other-cluster", "other-platform"),
    ]


def test_two_platforms_of_one_name_are_refused(tmp_path):
    with pytest.raises(UsageError, match="acme"):
        compile_platforms([plans.plan(**SMALL), plans.plan(**SMALL)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_plan_with_errors_is_refused(tmp_path):
    error = Diagnostic(code="LLM_FIT_1", severity=Severity.ERROR, path="endpoints.chat", message="does not fit")
    with pytest.raises(SpecError, match="LLM_FIT_1"):
        compile_platforms([replace(plans.plan(), diagnostics=(error,))], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failure_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    compile_platforms([plans.plan(**SMALL)], tmp_path / "out")
    before = _files(tmp_path / "out")

    def fail(*_args):
        raise UncleanStackError(["an empty block"])

    monkeypatch.setattr(build_module, "synthesize", fail)
    with pytest.raises(UncleanStackError):
        compile_platforms([plans.plan(plans.assistant())], tmp_path / "out")
    assert _files(tmp_path / "out") == before
    with pytest.raises(UncleanStackError):
        compile_platforms([plans.plan(plans.assistant())], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args):
        raise RuntimeError("Error: ENOSPC: no space left on device, write")

    monkeypatch.setenv("LLMINFRA_SYNTH_CACHE", "off")
    monkeypatch.setattr("cdktf.App.synth", full)
    with pytest.raises(UsageError, match=r"cannot write to the folder .*out: No space left on device"):
        compile_platforms([plans.plan(**SMALL)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_that_are_no_stacks_stay(tmp_path):
    (tmp_path / "stacks" / "mine").mkdir(parents=True)
    (tmp_path / "stacks" / "mine" / "pools.py").write_text("x = 1\n")
    (tmp_path / "stacks" / "link").symlink_to(tmp_path / "stacks" / "mine")
    compile_platforms([plans.plan(**SMALL)], tmp_path)
    assert (tmp_path / "stacks" / "mine" / "pools.py").is_file()
    assert (tmp_path / "stacks" / "link").is_symlink()


def test_stacks_that_are_gone_go(tmp_path):
    compile_platforms([plans.plan(plans.assistant(), plans.chat())], tmp_path)
    compile_platforms([plans.plan(**SMALL)], tmp_path)
    assert sorted(item.name for item in (tmp_path / "stacks").iterdir()) == [
        *("acme-cluster", "acme-network", "acme-platform"),
    ]
    fresh = tmp_path / "fresh"
    compile_platforms([plans.plan(**SMALL)], fresh)
    for name, content in _files(fresh).items():
        assert (tmp_path / name).read_bytes() == content


def test_terraforms_own_files_stay(tmp_path):
    compile_platforms([plans.plan(plans.assistant(), plans.chat())], tmp_path)
    lock = tmp_path / "stacks" / "acme-network" / ".terraform.lock.hcl"
    provider = tmp_path / "stacks" / "acme-network" / ".terraform" / "provider"
    provider.parent.mkdir()
    state = tmp_path / "state" / "acme-network.tfstate"
    state.parent.mkdir()
    stray = tmp_path / "stacks" / "acme-storage" / "terraform.tfstate"
    for file in (lock, provider, state, stray):
        file.write_text("kept", encoding="utf-8")
    compile_platforms([plans.plan(**SMALL)], tmp_path)
    for file in (lock, provider, state, stray):
        assert file.read_text(encoding="utf-8") == "kept"
    assert not (stray.parent / "cdk.tf.json").exists()


def test_a_chart_file_that_is_gone_goes(tmp_path):
    plan = plans.plan(plans.assistant(), plans.chat())
    compile_platforms([plan], tmp_path)
    left = tmp_path / "stacks" / "acme-serving" / "charts" / "llm-server" / "templates" / "old.yaml"
    left.write_text("kind: Old\n", encoding="utf-8")
    compile_platforms([plan], tmp_path)
    assert not left.exists()


def test_nothing_temporary_is_left(tmp_path):
    compile_platforms([plans.plan(**SMALL)], tmp_path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["manifest.json", "stacks"]


def test_parents_of_the_folder_are_made(tmp_path):
    result = compile_platforms([plans.plan(**SMALL)], tmp_path / "a" / "b" / "c")
    assert result.manifest.is_file()


def test_the_required_terraform_version_stands_beside_the_stack(tmp_path):
    compile_platforms([plans.plan(**SMALL)], tmp_path)
    text = (tmp_path / "stacks" / "acme-network" / "versions.tf").read_text(encoding="utf-8")
    assert 'required_version = ">= 1.10.0"' in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_everything_is_in_place(number, tmp_path, monkeypatch):
    """Half of a synthesis beside half of another one would be applied as if it were one."""
    old, new = plans.plan(**SMALL), plans.plan(plans.assistant(), plans.chat())
    compile_platforms([old], tmp_path / "out")
    compile_platforms([new], tmp_path / "whole")
    heard: list[int] = []
    monkeypatch.setattr(publish_module, "_remove_stale", lambda _: None)
    before = signal.signal(number, lambda number, _: heard.append(number))
    move = Path.replace

    def interrupted(self, target):
        signal.raise_signal(number)
        assert heard == [], "not before the end"
        return move(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    try:
        compile_platforms([new], tmp_path / "out")
    finally:
        monkeypatch.setattr(Path, "replace", move)
        signal.signal(number, before)
    assert heard[:1] == [number]
    assert _files(tmp_path / "out") == _files(tmp_path / "whole")


def test_a_failure_leaves_what_another_synthesis_wrote(tmp_path, monkeypatch):
    """Both found no folder; one ends well while the other fails."""
    plan, out = plans.plan(**SMALL), tmp_path / "out"
    publish = compile_module.publish

    def late(staged, out_dir, names):
        monkeypatch.setattr(compile_module, "publish", publish)
        compile_platforms([plan], out)
        raise KeyboardInterrupt

    monkeypatch.setattr(compile_module, "publish", late)
    with pytest.raises(KeyboardInterrupt):
        compile_platforms([plan], out)
    compile_platforms([plan], tmp_path / "whole")
    assert _files(out) == _files(tmp_path / "whole")
    assert not list(out.glob(".synth-*"))


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such locks")
def test_one_synthesis_moves_at_a_time(tmp_path):
    """Who holds the folder keeps the other one waiting."""
    import fcntl

    out = tmp_path / "out"
    compile_platforms([plans.plan(**SMALL)], out)
    lock = os.open(out, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    before = _files(out)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(compile_platforms, [plans.plan(plans.assistant(), plans.chat())], out)
        while not other.done() and not list(out.glob(".synth-*/manifest.json")):
            time.sleep(0.01)
        time.sleep(0.1)
        still = {name: text for name, text in _files(out).items() if not name.startswith(".synth-")}
        assert not other.done()
        assert still == before
        os.close(lock)
        other.result(timeout=60)
    assert _files(out) != before
