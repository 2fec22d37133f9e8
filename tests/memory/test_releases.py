"""Which release an engine's version string means."""

import pytest

from llminfra.planning.memory.engine_profile import day_of_commit, parse_version, resolve_version


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("0.11.0", (0, 11, 0)),
        ("v0.8.5.post1", (0, 8, 5)),
        ("0.20.2rc1.dev5+gabc", (0, 20, 2)),
        ("main of 2026-07", (0, 25, 0)),
        # Builds that count commits are what the next month's first release brings.
        ("0.1.dev18496+gd4e0675a7", (0, 27, 0)),
        ("0.1.dev20073+gabc", (0, 29, 0)),
        ("0.1.dev7", None),
        ("0.1.dev99999999", None),
        ("main", None),
        ("", None),
        (None, None),
    ],
)
def test_release_of_a_version_string(text, release):
    assert resolve_version(text) == release


def test_days_between_known_builds_are_read_off_the_pace():
    assert str(day_of_commit(18496)) == "2026-07-27"
    assert str(day_of_commit(20073)) == "2026-08-27"
    assert "2026-08-05" < str(day_of_commit(19284)) < "2026-08-20"
    assert day_of_commit(1000) is None


def test_development_builds_are_no_release():
    assert parse_version("0.1.dev18496") is None
    assert parse_version("0.1.7") == (0, 1, 7)
