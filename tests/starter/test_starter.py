import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from llminfra.diagnostics import UsageError
from llminfra.loading.load import load
from llminfra.starter import write_starter


@pytest.mark.parametrize(("yaml", "spec"), [(False, "spec.py"), (True, "spec.yaml")])
def test_new_repository_plans_and_its_tests_pass(tmp_path: Path, *, yaml: bool, spec: str) -> None:
    folder = tmp_path / "acme-chat"
    written = {str(path.relative_to(folder)) for path in write_starter(folder, yaml=yaml)}
    assert {spec, "cdktf.json", ".gitignore", ".github/workflows/platform.yml", "README.md"} <= written
    assert len({"spec.py", "spec.yaml"} & written) == 1
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in written}
    assert not [name for name, text in texts.items() if re.search(r"@(name|spec|yaml|version|project)@", text)]
    told = {found for text in texts.values() for found in re.findall(r"(?<!test_)\bspec\.(?:py|yaml)", text)}
    assert told == {spec}
    assert ("llminfra schema" in texts["Makefile"]) is yaml
    run = [sys.executable, "-m", "llminfra", "plan", spec]
    planned = subprocess.run(run, check=False, capture_output=True, text=True, cwd=folder)
    assert planned.returncode == 0, planned.stderr
    assert "acme-chat" in planned.stdout
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(test, check=False, capture_output=True, text=True, cwd=folder, env=dict(os.environ))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("region", "nodes", "told"),
    [
        ("ap-south-1", 2, ("2 passed, 1 skipped", "catalog refresh --region ap-south-1")),
        ("us-east-1", 9, ("FAILED tests/test_spec.py::test_nothing_costs_more_than_it_may", "2 failed")),
    ],
)
def test_tests_of_a_new_repository_hold_in_every_region(
    tmp_path: Path, region: str, nodes: int, told: tuple[str, ...]
) -> None:
    """What needs prices says how to get them where there are none; what needs none fails where it must."""
    write_starter(tmp_path, "acme")
    spec = tmp_path / "spec.py"
    text = spec.read_text(encoding="utf-8").replace("us-east-1", region).replace("nodes=(0, 2)", f"nodes=(0, {nodes})")
    spec.write_text(text, encoding="utf-8")
    test = [sys.executable, "-m", "pytest", "-q", "-rfs", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(test, check=False, capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ))
    assert not [text for text in told if text not in done.stdout], done.stdout


def test_both_kinds_of_spec_declare_the_same(tmp_path: Path) -> None:
    write_starter(tmp_path / "one", "acme")
    write_starter(tmp_path / "two", "acme", yaml=True)
    (python,) = load(tmp_path / "one" / "spec.py").platforms
    (yaml,) = load(tmp_path / "two" / "spec.yaml").platforms
    assert python == yaml


def test_a_repository_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def interrupted(path: Path, text: str, **options: str) -> int:
        if path.name == "spec.py":
            raise KeyboardInterrupt
        return write(path, text, **options)

    monkeypatch.setattr(Path, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_starter(tmp_path / "acme")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "spec.py").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"spec\.py"):
        write_starter(tmp_path, "acme")
    assert [item.name for item in tmp_path.iterdir()] == ["spec.py"]


@pytest.mark.parametrize("name", ["Acme", "acme_llm", "a" * 25, "-acme"])
def test_name_must_fit_into_aws_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="name of a platform"):
        write_starter(tmp_path, name)
