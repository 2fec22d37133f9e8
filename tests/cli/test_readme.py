"""What the README says that commands print, they print."""

import re
from pathlib import Path

import pytest

from llminfra.cli.main import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SPEC = """from llminfra import VLLM, Endpoint, GpuPool, Model, ModelBucket, Platform

l4 = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 2))
bucket = ModelBucket(name="acme-weights")
platform = Platform(name="acme", region="us-east-1", pools=[l4], storage=[bucket])
platform.add({endpoint})
"""


def test_the_error_that_it_shows_is_the_one_that_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = re.search(r"`(Endpoint\(.*?on=l4\))`.*?```\n(.*?)```", README, re.DOTALL)
    assert told is not None
    spec = tmp_path / "spec.py"
    spec.write_text(SPEC.format(endpoint=told.group(1)), encoding="utf-8")
    assert main(["plan", str(spec)]) == 1
    printed = " ".join(capsys.readouterr().err.split())
    first, *lines = told.group(2).strip().splitlines()
    assert first.partition(" ")[2] in printed
    assert len(lines) == 4
    for line in lines:
        assert " ".join(line.split()).removesuffix(", …") in printed


def test_the_figures_of_its_platform_are_the_plan_s(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.py"
    spec.write_text(re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0], encoding="utf-8")
    assert main(["plan", str(spec)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    (weights,) = re.findall(r"([\d.]+) GiB of weights and a cache of", README)
    (tokens,) = re.findall(r"a cache of ([\d,]+)\s+tokens", README)
    assert weights in printed
    assert tokens in printed
