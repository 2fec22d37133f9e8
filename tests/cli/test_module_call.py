"""``python -m llminfra`` ends as the console script does."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["plan", "missing.py"], 2), (["explain", "NOPE"], 2)])
def test_the_module_ends_with_the_code_of_the_command(tmp_path, words, code):
    done = subprocess.run([sys.executable, "-m", "llminfra", *words], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == code
