"""``cdktf synth`` with this repository's ``cdktf.json`` writes the same bytes as ``llminfra synth``."""

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.npm, pytest.mark.slow]


def files(folder: Path) -> list[str]:
    return sorted(str(item.relative_to(folder)) for item in folder.rglob("*") if item.is_file())


def test_cdktf_synth_writes_the_same_bytes(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on PATH; cdktf-cli comes from there")
    install = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(tmp_path / "cli")]
    got = subprocess.run([*install, "cdktf-cli@0.21.0"], check=False, capture_output=True, text=True)
    if got.returncode != 0:
        pytest.skip(f"cdktf-cli could not be installed: {got.stderr[-200:]}")
    environment = os.environ | {
        "CHECKPOINT_DISABLE": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    cli = tmp_path / "cli" / "node_modules" / ".bin" / "cdktf"
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    done = subprocess.run(
        [cli, "synth", "--output", str(theirs)],
        check=False, capture_output=True, text=True, cwd=ROOT, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    specs = ["stacks/prod.py", "stacks/dev.py"]
    subprocess.run(
        [sys.executable, "-m", "llminfra", "synth", *specs, "-o", str(ours)],
        check=True, capture_output=True, cwd=ROOT,
    )  # fmt: skip
    assert files(theirs) == files(ours)
    same, different, odd = filecmp.cmpfiles(ours, theirs, files(ours), shallow=False)
    assert different == []
    assert odd == []
    assert len(same) > 10
