"""The workflow of a new repository: its step for pull requests, run by bash in a clone as a runner does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from llminfra.starter import write_starter

WORKFLOW = Path(".github/workflows/platform.yml")
COMMIT = ["-c", "user.name=ci", "-c", "user.email=ci@example.invalid", "commit", "-qm"]


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def step(folder: Path, name: str) -> dict[str, object]:
    """The step of that name, which only pull requests have."""
    steps = yaml.safe_load((folder / WORKFLOW).read_text(encoding="utf-8"))["jobs"]["check"]["steps"]
    (found,) = [item for item in steps if str(item.get("name")).startswith(name)]
    assert found["if"] == "github.event_name == 'pull_request'"
    return dict(found)


def run(
    folder: Path, tmp_path: Path, name: str = "Tell", tool: str = f'exec {sys.executable} -m llminfra "$@"'
) -> tuple[subprocess.CompletedProcess[str], str]:
    """The step's script with the shell that it names, and what it wrote to the summary."""
    found = step(folder, name)
    assert found["shell"] == "bash"
    summary = tmp_path / "summary.md"
    summary.write_text("", encoding="utf-8")
    tools = tmp_path / "bin"
    tools.mkdir()
    command = tools / "llminfra"
    command.write_text(f"#!/bin/sh\n{tool}\n", encoding="utf-8")
    command.chmod(0o755)
    env = os.environ | {"BASE": "main", "GITHUB_STEP_SUMMARY": str(summary), "PATH": f"{tools}:{os.environ['PATH']}"}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", str(found["run"])]
    done = subprocess.run(shell, check=False, capture_output=True, text=True, cwd=folder, env=env)
    return done, summary.read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("git") is None or shutil.which("bash") is None, reason="needs git and bash")
@pytest.mark.parametrize("there", [True, False])
def test_a_pull_request_tells_what_it_costs(tmp_path: Path, *, there: bool) -> None:
    """Where the base has no such spec, as in a first pull request, there is nothing to compare."""
    base, clone = tmp_path / "origin", tmp_path / "work" / "clone"
    write_starter(base, "acme")
    spec = (base / "spec.py").read_text(encoding="utf-8")
    if not there:
        (base / "spec.py").unlink()
    git(tmp_path, "init", "-q", "-b", "main", str(base))
    git(base, "add", "-A")
    git(base, *COMMIT, "main")
    git(tmp_path, "clone", "-q", base.as_uri(), str(clone))
    old, new = "replicas=Autoscaling(min=1, max=2)", "replicas=Autoscaling(min=2, max=2), served_name='other'"
    assert spec.count(old) == 1
    (clone / "spec.py").write_text(spec.replace(old, new), encoding="utf-8")
    done, summary = run(clone, tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("$" in summary) is there
    assert ("requests for Qwen/Qwen3-8B find no model" in summary) is there, "which the next step stops, and not this"
    assert summary.startswith("```text\n") is there
    assert summary.endswith("```\n") is there


@pytest.mark.skipif(shutil.which("git") is None or shutil.which("bash") is None, reason="needs git and bash")
def test_a_spec_that_cannot_be_planned_stops_it(tmp_path: Path) -> None:
    base, clone = tmp_path / "origin", tmp_path / "work" / "clone"
    write_starter(base, "acme")
    git(tmp_path, "init", "-q", "-b", "main", str(base))
    git(base, "add", "-A")
    git(base, *COMMIT, "main")
    git(tmp_path, "clone", "-q", base.as_uri(), str(clone))
    (clone / "spec.py").write_text("platform = None\n", encoding="utf-8")
    done, _ = run(clone, tmp_path)
    assert done.returncode != 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("there", [True, False])
def test_a_pull_request_stops_where_it_loses_something(tmp_path: Path, *, there: bool) -> None:
    """The exit code of the rehearsal is the step's; a recorder stands for the command."""
    clone, base = tmp_path / "clone", tmp_path / "base"
    write_starter(clone, "acme")
    if there:
        write_starter(base, "acme")
    done, _ = run(clone, tmp_path, "Stop", 'echo "$@"; exit 1')
    assert done.returncode == (1 if there else 0)
    assert done.stdout == ("rehearse ../base/spec.py --then spec.py\n" if there else "")
