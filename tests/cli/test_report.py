"""``llminfra report`` as a command."""

import json
from pathlib import Path

import pytest

from llminfra.cli import files
from llminfra.diagnostics import UsageError
from tests.cli.run import Run
from tests.cli.specs import GOOD, write

BAD = GOOD.replace("g6.2xlarge", "g6.2xlarg")


def test_a_page_is_written_and_told_of(workdir: Path, run: Run) -> None:
    spec = write(workdir, GOOD)
    result = run("report", spec, "-o", "out/page.html", "--rules-only", "--json")
    assert (result.code, result.err) == (0, "")
    said = json.loads(result.out)
    page = (workdir / "out" / "page.html").read_text(encoding="utf-8")
    assert (said["ok"], said["report"], said["platforms"]) == (True, "out/page.html", ["good"])
    assert said["bytes"] == len(page.encode())
    assert said["policy"]["error"] == 0
    assert "checkov: left out by request" in said["not_run"]
    assert page.startswith("<!DOCTYPE html>")
    for text in ("Qwen/Qwen3-8B", "good-network", "good-serving", "private_subnet_us-east-1a", "left out by request"):
        assert text in page
    assert [item.name for item in (workdir / "out").iterdir()] == ["page.html"]

    again = run("report", spec, "--rules-only")
    assert again.code == 0
    assert again.out.startswith("report.html: good, ")
    assert (workdir / "report.html").read_text(encoding="utf-8") == page


def test_a_failed_spec_leaves_the_old_page(workdir: Path, run: Run) -> None:
    old = write(workdir, "old", "report.html")
    result = run("report", write(workdir, BAD))
    assert result.code == 1
    assert "g6.2xlarg" in result.err
    told = run("report", workdir / "spec.py", "--json")
    assert told.code == 1
    assert json.loads(told.out)["ok"] is False
    assert old.read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("arguments", [("missing.py",), ("spec.py", "--rules", "missing"), ("spec.py", "-o", ".")])
def test_wrong_calls_are_usage_errors(workdir: Path, run: Run, arguments: tuple[str, ...]) -> None:
    write(workdir, GOOD)
    assert run("report", *arguments).code == 2


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = write(tmp_path, "old", "report.html")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match="No space left on device"):
        files.write_file(target, "new")
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]
    assert target.read_text(encoding="utf-8") == "old"
