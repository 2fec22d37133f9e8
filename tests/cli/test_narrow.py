"""On a terminal of sixty columns no cell is cut off: pages have fewer columns instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from llminfra.cli.terminal.fitted import fewer
from llminfra.cli.terminal.rehearse_view import rehearsal_view
from llminfra.rehearsal.report import RehearsalReport, StackReport, Step
from tests.cli.run import Run
from tests.cli.specs import GOOD, write

NARROW = 60
MODEL = "Qwen/Qwen3-8B"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(NARROW))


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", MODEL),
        ("fit", "Qwen/Qwen3-Embedding-0.6B"),
        ("fit", "openai/whisper-large-v3"),
        ("fit", MODEL, "--engine", "vllm,sglang", "--quantization", "none,fp8"),
    ],
)
def test_lists_have_fewer_columns_and_whole_cells(arguments: tuple[str, ...], run: Run) -> None:
    out = run(*arguments).out
    assert all(len(line) <= NARROW for line in out.splitlines())
    head = next(line for line in out.splitlines() if line.startswith(("instance", "engine")))
    assert "…" not in out
    assert "replica" in head
    assert head.split()[-1] in {"tokens", "sound"}, "what work costs is never left out"


def test_a_wide_list_leaves_nothing_out(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    head = next(line for line in run("fit", MODEL).out.splitlines() if line.startswith("instance"))
    assert all(title in head for title in ("GPUs", "held", "spare GiB", "first ms", "ms/token", "$/h"))


def test_a_difference_has_room_for_what_differs(workdir: Path, run: Run) -> None:
    old = write(workdir, GOOD, "old.py")
    new = write(workdir, GOOD.replace("g6.2xlarge", "g6e.2xlarge"), "new.py")
    lines = run("diff", old, new).out.splitlines()
    assert all(len(line) <= NARROW for line in lines if "Waiver(" not in line)
    (told,) = [line for line in lines if line.strip().startswith("$ an hour and replica")]
    assert " → " in told, "both values stand in the line of their name"


def test_a_rehearsal_keeps_its_marks() -> None:
    names = ("init", "validate", "plan", "apply", "second plan", "destroy")
    steps = tuple(Step(name=name, ok=True, seconds=12.3) for name in names)
    stack = StackReport(name="acme-ml-platform", resources=250, steps=steps)
    report = RehearsalReport(binary="terraform 1.11.4", stacks=(stack,), seconds=1.0)
    console = Console(width=NARROW, record=True, color_system=None)
    console.print(rehearsal_view(report))
    text = console.export_text()
    assert "…" not in text
    assert "re-plan" in text
    assert text.count("✓") == len(names)


def test_columns_go_in_their_order() -> None:
    assert list(fewer(["a", "b", "c"], ["c", "z", "a"])) == [(0, 1, 2), (0, 1), (1,)]
