"""What ARCHITECTURE.md names is there, and every room of the planner is in it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_files_and_folders_that_are_named_exist() -> None:
    named = set(re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", TEXT))
    assert len(named) > 30
    missing = {
        name
        for name in named
        if not any((ROOT / base / name).exists() for base in ("", "llminfra", "llminfra/planning"))
    }
    assert missing == set()


def test_every_module_that_is_named_without_its_room_is_somewhere() -> None:
    named = set(re.findall(r"`(\w+\.py)`", TEXT))
    there = {path.name for path in (ROOT / "llminfra").rglob("*.py")}
    assert named
    assert named <= there


def test_the_rooms_of_the_planner_are_all_listed() -> None:
    section = TEXT.partition("## Rooms of the planner")[2].partition("\n## ")[0]
    listed = {
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)/`", line.split("|")[1])
    }
    rooms = {path.parent.name for path in (ROOT / "llminfra/planning").glob("*/__init__.py")}
    assert listed == rooms
