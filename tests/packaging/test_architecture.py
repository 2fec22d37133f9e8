"""What ARCHITECTURE.md names is there, and every room is in it."""

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
        if not any(
            (ROOT / base / name).exists()
            for base in (
                "",
                *("llminfra", "llminfra/spec", "llminfra/loading", "llminfra/catalog/models"),
                *("llminfra/planning", "llminfra/planning/memory"),
                *("llminfra/rules", "llminfra/cli", "llminfra/constructs"),
            )
        )
    }
    assert missing == set()


def test_every_module_that_is_named_without_its_room_is_somewhere() -> None:
    named = set(re.findall(r"`(\w+\.py)`", TEXT))
    there = {path.name for path in (ROOT / "llminfra").rglob("*.py")}
    assert named
    assert named <= there


def rooms_of(package: str) -> set[str]:
    return {path.parent.name for path in (ROOT / "llminfra" / package).glob("*/__init__.py")}


def listed_under(heading: str) -> set[str]:
    section = TEXT.partition(f"# {heading}\n")[2].partition("\n#")[0]
    return {
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)/`", line.split("|")[1])
    }


def test_the_rooms_of_the_spec_are_all_listed() -> None:
    assert listed_under("Rooms of the spec") == rooms_of("spec")


def test_the_rooms_of_loading_are_all_listed() -> None:
    assert listed_under("Rooms of loading") == rooms_of("loading")


def test_the_rooms_of_the_models_are_all_listed() -> None:
    assert listed_under("Rooms of the models' catalog") == rooms_of("catalog/models")


def test_the_rooms_of_the_planner_are_all_listed() -> None:
    assert listed_under("Rooms of the planner") == rooms_of("planning")
    assert listed_under("Rooms of the memory model") == rooms_of("planning/memory")


def test_the_rooms_of_other_packages_are_all_named() -> None:
    section = TEXT.partition("## Rooms of rules, commands and constructs\n")[2].partition("\n## ")[0]
    rows = {row.split("|")[1].strip(" `/"): row.split("|")[2] for row in section.splitlines() if row.startswith("| `")}
    assert set(rows) == {"rules", "cli", "constructs"}
    for package, row in rows.items():
        assert set(re.findall(r"`(\w+)/`", row)) == rooms_of(package)
