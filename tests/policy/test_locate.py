"""From the line of an object to the line of the argument."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra.policy.locate import argument_line

SOURCE = """pool = GpuPool(
    name="h100",
    nodes=(0, 4),
    capacity=Spot(
        fallback_on_demand=False,
    ),
)
other = GpuPool(name="x", nodes=(0, 1))
"""


@pytest.mark.parametrize(
    ("line", "path", "found"),
    [
        (1, "pools.h100.nodes", 3),
        (1, "pools.h100.capacity.fallback_on_demand", 4),
        (4, "pools.h100.capacity.fallback_on_demand", 5),
        (1, "pools.h100", 1),
        (1, "pools.h100.zones", 1),
        (1, "pools.h100.nodes[0]", 3),
        (8, "pools.x.nodes", 8),
        (5, "pools.h100.nodes", 5),
        (99, "pools.h100.nodes", 99),
    ],
)
def test_the_innermost_argument_of_the_call(tmp_path: Path, line: int, path: str, found: int) -> None:
    file = tmp_path / "spec.py"
    file.write_text(SOURCE, encoding="utf-8")
    assert argument_line(str(file), line, path) == found


@pytest.mark.parametrize("text", ["def broken(:\n", "\x00"])
def test_a_file_that_cannot_be_parsed_keeps_the_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "spec.py"
    file.write_text(text, encoding="utf-8")
    assert argument_line(str(file), 1, "pools.x.nodes") == 1


def test_missing_and_yaml_files_keep_the_line(tmp_path: Path) -> None:
    assert argument_line(str(tmp_path / "gone.py"), 3, "pools.x.nodes") == 3
    (tmp_path / "spec.yaml").write_text("pools: []", encoding="utf-8")
    assert argument_line(str(tmp_path / "spec.yaml"), 1, "pools") == 1


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "spec.py"
    file.write_text(SOURCE, encoding="utf-8")
    assert argument_line(str(file), 1, "pools.h100.nodes") == 3
    file.write_text(SOURCE.replace('    name="h100",\n', '    name="h100",\n\n\n'), encoding="utf-8")
    assert argument_line(str(file), 1, "pools.h100.nodes") == 5
