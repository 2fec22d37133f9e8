"""How a process of one command begins and ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.specs import GOOD
from tests.helpers.tools import require_terraform

ROOT = Path(__file__).resolve().parents[2]

LEAVE = """
import atexit, sys
from llminfra.cli.process import leave
class Told:
    def __del__(self):
        print("taken down")
told = Told()
atexit.register(print, "exit handler")
sys.stdout.write("printed, ")
leave(3)
"""


def _run(code):
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


def test_leaving_runs_exit_handlers_and_writes_what_was_printed_but_takes_nothing_down():
    done = _run(LEAVE)
    assert (done.returncode, done.stdout) == (3, "printed, exit handler\n"), done.stderr


def test_leaving_a_closed_pipe_is_told_by_its_own_code_without_noise():
    reader, writer = os.pipe()
    os.close(reader)
    code = "from llminfra.cli.process import leave; print('x'); leave(0)"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, stdout=writer, stderr=subprocess.PIPE, text=True, env=buffered
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("words", [["explain", "--list"], ["schema"]])
def test_a_reader_that_has_seen_enough_is_no_failed_check(words):
    reader, writer = os.pipe()
    os.close(reader)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "llminfra", *words]
    done = subprocess.run(command, check=False, stdout=writer, stderr=subprocess.PIPE, text=True, env=env)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
@pytest.mark.parametrize(("spec", "code"), [("spec.py", 0), ("missing.py", 2)])
def test_a_process_without_stdout_or_stderr_does_its_work(tmp_path: Path, closed: str, spec: str, code: int) -> None:
    (tmp_path / "spec.py").write_text(GOOD, encoding="utf-8")
    command = f"exec {sys.executable} -m llminfra plan {spec} {closed}"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["/bin/sh", "-c", command], check=False, cwd=tmp_path, env=env, capture_output=True)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr


TEMPORARY = "-rehearsal-"


@pytest.mark.terraform
def test_a_terminated_rehearsal_ends_what_it_started_and_leaves_no_folder(tmp_path: Path) -> None:
    """Pipelines end a job by SIGTERM to one process: a lone Terraform would go on, and its folder stay."""
    require_terraform()
    (tmp_path / "spec.py").write_text(GOOD, encoding="utf-8")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    started = subprocess.Popen(
        [sys.executable, "-m", "llminfra", "rehearse", "spec.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not list(temporary.glob(f"*{TEMPORARY}*")):
            assert started.poll() is None
            time.sleep(0.02)
        time.sleep(0.5)
        started.terminate()
        _, said = started.communicate(timeout=30)
    finally:
        started.kill()
    assert (started.returncode, said) == (128 + signal.SIGTERM, "llminfra: interrupted\n")
    assert not list(temporary.iterdir())


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="how Node.js is seen to run")
def test_an_interrupted_command_says_so_and_nothing_else(tmp_path: Path) -> None:
    """Ctrl-C reaches Node.js, too, which is gone when jsii takes its leave."""
    (tmp_path / "spec.py").write_text(GOOD, encoding="utf-8")
    started = subprocess.Popen(
        [sys.executable, "-m", "llminfra", "check", "--rules-only", "spec.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LLMINFRA_SYNTH_CACHE": "off"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_with_default_interrupt,  # noqa: PLW1509  # no thread runs here
    )
    try:
        while not _children(started.pid):  # Node.js
            assert started.poll() is None
            time.sleep(0.02)
        time.sleep(0.5)
        os.killpg(started.pid, signal.SIGINT)
        _, said = started.communicate(timeout=30)
    finally:
        started.kill()
    assert (started.returncode, said) == (130, "llminfra: interrupted\n")


# Presses Ctrl-C when a module is about to be imported, or when the exit handlers run.
PRESSED = """
import atexit, os, runpy, signal, sys
where = sys.argv.pop(1)
def press():
    os.kill(os.getpid(), signal.SIGINT)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == where:
            press()
if where == "exit":
    atexit.register(press)
sys.meta_path.insert(0, Finder())
runpy.run_module("llminfra", run_name="__main__")
"""


@pytest.mark.parametrize("words", [["plan", "spec.py"], ["explain", "--list"]])
@pytest.mark.parametrize(
    "where",
    ["llminfra.cli.main", "msgspec", "llminfra.cli.process", "llminfra.diagnostics", "llminfra.cli.terminal", "exit"],
)
def test_ctrl_c_while_modules_load_or_the_process_leaves_is_no_traceback(
    tmp_path: Path, where: str, words: list[str]
) -> None:
    (tmp_path / "spec.py").write_text(GOOD, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PRESSED, where, *words],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        preexec_fn=_with_default_interrupt,  # no thread runs here
    )
    assert (done.returncode, done.stderr.splitlines()[-1:]) == (130, ["llminfra: interrupted"])
    assert "Traceback" not in done.stderr


def test_an_ignored_interrupt_stays_ignored(tmp_path: Path) -> None:
    """As of ``nohup`` and of what a shell runs behind a script."""
    (tmp_path / "spec.py").write_text(GOOD, encoding="utf-8")
    code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{PRESSED}"
    command = [sys.executable, "-c", code, "llminfra.cli.main", "plan", "spec.py"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=False, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _with_default_interrupt() -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
