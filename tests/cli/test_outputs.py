"""What a command was told to write: made with its parents, or refused in one line with exit code 2."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from llminfra.cli.files import need_folder, write_file
from llminfra.diagnostics import UsageError
from llminfra.rehearsal.cycle import work_folder
from llminfra.starter import write_starter
from tests.cli.run import Run
from tests.cli.specs import GOOD, write


@pytest.mark.parametrize(
    "arguments",
    [
        ("synth", "spec.py", "-o", "file"),
        ("synth", "spec.py", "-o", "file/below"),
        ("render", "spec.py", "-o", "file"),
        ("check", "spec.py", "--rules-only", "--format", "json", "-o", "file/x.json"),
        ("check", "spec.py", "--rules-only", "--write-baseline", "file/x.json"),
        ("report", "spec.py", "--rules-only", "-o", "file/x.html"),
        ("schema", "-o", "file/x/y"),
        ("init", "file/acme", "--name", "acme"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_written_is_one_line(arguments: tuple[str, ...], workdir: Path, run: Run) -> None:
    write(workdir, GOOD)
    (workdir / "file").write_text("mine", encoding="utf-8")
    result = run(*arguments)
    assert result.code == 2, result.err
    (line,) = result.err.splitlines()
    assert line.startswith("llminfra: cannot write ")
    assert (workdir / "file").read_text(encoding="utf-8") == "mine"


def test_parents_are_made(workdir: Path, run: Run) -> None:
    write(workdir, GOOD)
    assert run("schema", "-o", "a/b/schema.json").code == 0
    assert json.loads((workdir / "a/b/schema.json").read_text(encoding="utf-8"))
    run("check", "spec.py", "--rules-only", "--format", "json", "-o", "c/d/found.json")
    assert json.loads((workdir / "c/d/found.json").read_text(encoding="utf-8"))


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    file = write(tmp_path, "old", "file")
    link = tmp_path / "link"
    link.symlink_to(file)
    write_file(link, "new\n")
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8") == "new\n"


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, "text\n")
    assert os.read(reader, 100) == b"text\n"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_folder_is_made_or_refused(tmp_path: Path) -> None:
    need_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    file = write(tmp_path, "mine", "file")
    with pytest.raises(UsageError, match="cannot write to the folder"):
        need_folder(file)
    with pytest.raises(UsageError, match="cannot write to the folder"):
        write_starter(file / "acme", "acme")


def test_a_rehearsal_keeps_only_in_a_new_folder(tmp_path: Path) -> None:
    file = write(tmp_path, "mine", "file")
    for folder in (tmp_path, file):
        with pytest.raises(UsageError), work_folder(folder):
            pass
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
    with work_folder(tmp_path / "new") as root:
        assert root == (tmp_path / "new").resolve()


@pytest.mark.parametrize(
    "words", [("synth", "../spec.py", "-o", ""), ("report", "../spec.py", "--out", ""), ("plan", "")]
)
def test_an_argument_of_a_variable_that_nobody_set_is_no_folder(
    words: tuple[str, ...], workdir: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(workdir, GOOD)
    (workdir / "here").mkdir()
    monkeypatch.chdir(workdir / "here")
    result = run(*words)
    assert (result.code, result.out) == (2, "")
    assert f'an empty argument ("") after {words[-2]}' in result.err
    assert list((workdir / "here").iterdir()) == []
