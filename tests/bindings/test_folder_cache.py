import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llminfra.bindings import folder_cache
from llminfra.bindings.assembly_cache import Entry, Inputs, build, find_or_build
from llminfra.bindings.folder_cache import is_whole

INPUTS = Inputs("provider", "1.0", ("jsii-1",), frozenset({"a", "b"}))

RACE = """
import sys, time
from pathlib import Path
from llminfra.bindings.assembly_cache import Inputs, find_or_build
from llminfra.bindings.folder_cache import is_whole
root = Path(sys.argv[1])
def fill(entry):
    with (root / "fills").open("a") as file:
        file.write("x")
    time.sleep(0.3)
    (entry.folder / "data.json").write_text("{}")
entry = find_or_build(root, Inputs("provider", "1.0", (), frozenset()), fill)
assert is_whole(entry.folder)
"""


class Filler:
    def __init__(self):
        self.count = 0

    def __call__(self, entry: Entry) -> None:
        self.count += 1
        entry.assembly_folder.mkdir()
        (entry.assembly_folder / "archive.tgz").write_bytes(b"archive")
        (entry.folder / "packages" / "pkg").mkdir(parents=True)
        (entry.folder / "packages" / "pkg" / "index.js").write_text("module.exports = 1;")
        (entry.folder / "packages" / "pkg" / "index.d.ts").write_text("export {};")
        (entry.folder / "packages" / "pkg" / ".jsii-runtime-package-cache").write_text("")


@pytest.fixture
def fill():
    return Filler()


def test_an_entry_is_built_once(tmp_path, fill):
    first = find_or_build(tmp_path, INPUTS, fill)
    assert find_or_build(tmp_path, INPUTS, fill) == first
    assert fill.count == 1
    assert (first.assembly_folder / "archive.tgz").read_bytes() == b"archive"


@pytest.mark.parametrize(
    "other",
    [
        Inputs("provider", "1.1", ("jsii-1",), frozenset({"a", "b"})),
        Inputs("provider", "1.0", ("jsii-2",), frozenset({"a", "b"})),
        Inputs("provider", "1.0", ("jsii-1",), frozenset({"a"})),
    ],
)
def test_every_input_has_an_entry_of_its_own(tmp_path, fill, other):
    assert find_or_build(tmp_path, INPUTS, fill) != find_or_build(tmp_path, other, fill)
    assert fill.count == 2


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def rewrite_at_same_size(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


@pytest.mark.parametrize("damage", [truncate, rewrite_at_same_size, Path.unlink])
@pytest.mark.parametrize("name", ["assembly/archive.tgz", "packages/pkg/index.js", "manifest.json"])
def test_a_damaged_entry_is_built_again(tmp_path, fill, damage, name):
    entry = find_or_build(tmp_path, INPUTS, fill)
    damage(entry.folder / name)
    assert not is_whole(entry.folder)
    assert find_or_build(tmp_path, INPUTS, fill) == entry
    assert fill.count == 2
    assert is_whole(entry.folder)
    assert (entry.assembly_folder / "archive.tgz").read_bytes() == b"archive"


def test_files_in_the_place_of_the_entry_do_not_matter(tmp_path, fill):
    (tmp_path / INPUTS.key()).write_text("a file, not a folder")
    assert is_whole(find_or_build(tmp_path, INPUTS, fill).folder)


def test_what_jsii_touches_and_what_nobody_reads_is_not_damage(tmp_path, fill):
    entry = find_or_build(tmp_path, INPUTS, fill)
    os.utime(entry.packages_folder / "pkg" / ".jsii-runtime-package-cache")
    (entry.packages_folder / "pkg" / "index.d.ts").unlink()
    (entry.packages_folder / "another").mkdir()
    assert is_whole(entry.folder)


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_an_entry_that_others_could_have_written_is_not_used(tmp_path, fill):
    entry = find_or_build(tmp_path, INPUTS, fill)
    entry.folder.chmod(0o775)
    assert not is_whole(entry.folder)
    find_or_build(tmp_path, INPUTS, fill)
    assert fill.count == 2
    assert is_whole(entry.folder)


def test_a_build_that_fails_leaves_nothing_behind(tmp_path):
    def fail(entry: Entry) -> None:
        (entry.folder / "half").write_text("half")
        raise RuntimeError("no Node.js")

    with pytest.raises(RuntimeError, match=r"no Node\.js"):
        find_or_build(tmp_path, INPUTS, fail)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_leftovers_of_killed_processes_and_unused_entries_are_removed(tmp_path, fill):
    old = find_or_build(tmp_path, Inputs("provider", "0.9", (), frozenset()), fill)
    recent = find_or_build(tmp_path, Inputs("provider", "0.95", (), frozenset()), fill)
    long_ago = time.time() - 90 * 24 * 3600
    os.utime(old.folder / "manifest.json", (long_ago, long_ago))
    for name in (".new-killed", ".old-killed", ".new-running"):
        (tmp_path / name).mkdir()
    for name in (".new-killed", ".old-killed"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    find_or_build(tmp_path, INPUTS, fill)
    left = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert left == {recent.folder.name, INPUTS.key(), ".new-running"}


def test_use_keeps_an_entry_young(tmp_path, fill):
    entry = find_or_build(tmp_path, INPUTS, fill)
    manifest = entry.folder / "manifest.json"
    long_ago = time.time() - 50 * 24 * 3600
    os.utime(manifest, (long_ago, long_ago))
    find_or_build(tmp_path, INPUTS, fill)
    assert time.time() - manifest.stat().st_mtime < 3600
    assert fill.count == 1


def test_processes_that_start_together_share_one_build(tmp_path):
    processes = [subprocess.Popen([sys.executable, "-c", RACE, tmp_path]) for _ in range(4)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0, 0]
    assert (tmp_path / "fills").read_text() == "x"


JSON = st.recursive(st.none() | st.integers() | st.text(), st.lists)
FIELDS = st.sampled_from(["format", "files", "digest"])
VALUES = st.none() | st.integers() | st.dictionaries(st.text(), st.none() | st.integers())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=40) | (JSON | st.dictionaries(FIELDS, VALUES)).map(lambda value: json.dumps(value).encode()))
def test_no_manifest_that_we_did_not_write_passes(tmp_path, manifest):
    (tmp_path / "manifest.json").write_bytes(manifest)
    assert not is_whole(tmp_path)


def test_an_entry_can_be_built_anywhere(tmp_path, fill):
    assert is_whole(build(tmp_path, fill).folder)


def test_the_entries_that_were_used_last_stay(tmp_path):
    def fill(folder: Path) -> None:
        (folder / "data").write_text("content")

    now = time.time()
    for age, key in enumerate(("newest", "middle", "oldest")):
        folder = folder_cache.find_or_build(tmp_path, key, fill)
        os.utime(folder / "manifest.json", (now - 100 * age, now - 100 * age))
    folder_cache.find_or_build(tmp_path, "added", fill, most=3)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"added", "newest", "middle"}
    assert not (tmp_path / "oldest.lock").exists()
