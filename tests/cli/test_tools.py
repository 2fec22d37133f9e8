"""The commands that run tools: each as a user runs it, in a process of its own; variants in this process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cli.run import Run
from tests.cli.specs import GOOD, write
from tests.helpers.tools import require_helm, require_terraform

ROOT = Path(__file__).resolve().parents[2]
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(workdir: Path) -> Call:
    """Runs the program in a folder with a good spec."""
    write(workdir, GOOD)

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        program = "import sys; from llminfra.cli.main import main; sys.exit(main())"
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=workdir,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            timeout=300,
        )

    return run


def test_synth_writes_stacks_and_says_so(workdir: Path, call: Call) -> None:
    done = call("synth", "spec.py", "-o", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "good-network" in done.stdout
    manifest = json.loads((workdir / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert "good-serving" in manifest["stacks"]
    for entry in manifest["stacks"].values():
        assert (workdir / "out" / entry["synthesizedStackPath"]).is_file()


def test_synth_as_json_into_the_folder_that_cdktf_names(workdir: Path, call: Call) -> None:
    done = call("synth", "spec.py", "--json", CDKTF_OUTDIR="elsewhere")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["ok"] is True
    assert document["out_dir"] == "elsewhere"
    assert all((workdir / item["path"] / "cdk.tf.json").is_file() for item in document["stacks"])
    assert not (workdir / "cdktf.out").exists()


def test_check_reports_and_leaves_nothing_behind(workdir: Path, call: Call) -> None:
    done = call("check", "spec.py", "--rules-only", "--json", "--fail-on", "never")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["rules_run"] > 20
    assert document["ok"] is True
    assert sorted(item.name for item in workdir.iterdir()) == ["spec.py"]


@pytest.mark.parametrize("command", ["plan", "synth", "check", "rehearse", "report"])
def test_every_command_on_a_spec_tells_a_failed_one_alike(workdir: Path, run: Run, command: str) -> None:
    (workdir / "bad.py").write_text("from llminfra import Platform\nPlatform(name='x', reigon='y')\n", encoding="utf-8")
    done = run(command, "bad.py", "--json")
    document = json.loads(done.out)
    assert (done.code, document["ok"]) == (1, False)
    assert [item["code"] for item in document["diagnostics"]] == ["LLM_SPEC_2"]


@pytest.mark.parametrize(("fail_on", "code"), [("info", 1), ("error", 0)])
def test_ok_of_a_check_is_its_exit_code(workdir: Path, run: Run, fail_on: str, code: int) -> None:
    write(workdir, GOOD)
    done = run("check", "spec.py", "--rules-only", "--json", "--fail-on", fail_on)
    document = json.loads(done.out)
    assert (done.code, document["ok"]) == (code, code == 0)
    assert isinstance(document["diagnostics"], list)


def test_check_for_people_and_as_a_file_agree(workdir: Path, run: Run) -> None:
    write(workdir, GOOD)
    done = run("check", "spec.py", "--rules-only", "--fail-on", "never", "-o", "report.txt")
    assert done.out == ""
    assert done.err.startswith("report.txt: passed: 0 errors, ")
    text = (workdir / "report.txt").read_text(encoding="utf-8")
    assert "rules of llminfra ran" in text
    assert "checkov: left out by request" in text


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "github", "table"])
def test_a_check_into_a_file_that_fails_says_so(workdir: Path, run: Run, form: str) -> None:
    write(workdir, GOOD)
    done = run("check", "spec.py", "--rules-only", "--fail-on", "info", "--format", form, "-o", "found")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("found: failed: 0 errors, ")


def test_a_baseline_says_how_much_it_knows(workdir: Path, run: Run) -> None:
    write(workdir, GOOD)
    done = run("check", "spec.py", "--rules-only", "--write-baseline", "known.json")
    known = json.loads((workdir / "known.json").read_text(encoding="utf-8"))["findings"]
    assert (done.code, done.err) == (0, f"known.json: {len(known)} findings known from now on\n")


@pytest.mark.helm
def test_render_prints_every_object(workdir: Path, call: Call, run: Run) -> None:
    require_helm()
    done = call("render", "spec.py")
    assert done.returncode == 0, done.stderr
    kinds = {item["kind"] for item in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if item}
    assert {"Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget"} <= kinds
    assert "not rendered" in done.stderr
    assert run("render", "spec.py", "-o", "objects").code == 0
    files = list((workdir / "objects").rglob("*.yaml"))
    assert workdir / "objects" / "good-serving" / "chat.yaml" in files
    written = {item["kind"] for path in files for item in yaml.safe_load_all(path.read_text("utf-8")) if item}
    assert written == kinds


@pytest.mark.terraform
def test_rehearse_validates_with_the_real_terraform(workdir: Path, call: Call, run: Run) -> None:
    require_terraform()
    done = call("rehearse", "spec.py", "--validate-only", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] is True
    assert isinstance(document["diagnostics"], list)
    assert [step["name"] for step in document["stacks"][0]["steps"]][:2] == ["init", "validate"]
    people = run("rehearse", "spec.py", "--validate-only", "--stack", "good-network")
    assert people.code == 0
    assert "good-network" in people.out
    assert sorted(item.name for item in workdir.iterdir()) == ["spec.py"]
