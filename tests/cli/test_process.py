"""How a process of one command begins and ends."""

import os
import subprocess
import sys

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


def test_leaving_a_closed_pipe_is_an_error_without_noise():
    reader, writer = os.pipe()
    os.close(reader)
    code = "from llminfra.cli.process import leave; print('x'); leave(0)"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, stdout=writer, stderr=subprocess.PIPE, text=True, env=buffered
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")
