import os
import subprocess
import sys
from pathlib import Path

import pytest

from llminfra.diagnostics import UsageError
from llminfra.starter import write_starter


def test_new_repository_plans_and_its_tests_pass(tmp_path: Path) -> None:
    folder = tmp_path / "acme-chat"
    written = {str(path.relative_to(folder)) for path in write_starter(folder)}
    assert {"spec.py", "cdktf.json", ".gitignore", ".github/workflows/platform.yml", "README.md"} <= written
    assert "@" not in (folder / "spec.py").read_text(encoding="utf-8")
    run = [sys.executable, "-m", "llminfra", "plan", "spec.py"]
    planned = subprocess.run(run, check=False, capture_output=True, text=True, cwd=folder)
    assert planned.returncode == 0, planned.stderr
    assert "acme-chat" in planned.stdout
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(test, check=False, capture_output=True, text=True, cwd=folder, env=dict(os.environ))
    assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "spec.py").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"spec\.py"):
        write_starter(tmp_path, "acme")
    assert [item.name for item in tmp_path.iterdir()] == ["spec.py"]


@pytest.mark.parametrize("name", ["Acme", "acme_llm", "a" * 25, "-acme"])
def test_name_must_fit_into_aws_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="name of a platform"):
        write_starter(tmp_path, name)
