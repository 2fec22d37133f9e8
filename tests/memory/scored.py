"""Scores of measured start-ups."""

from functools import cache
from pathlib import Path

from benchmarks.memory.scoring import Score, scores_of


@cache
def scored(file: Path) -> dict[str, Score]:
    """Scores of a file's rows by their ids: made by the first test that asks, not while tests are collected."""
    return {item.row["id"]: item for item in scores_of(file)}
