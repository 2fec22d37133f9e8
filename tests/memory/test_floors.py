"""The planner against each set of measured start-ups: floors a little below what is reached, so a regression shows."""

import pytest

from benchmarks.memory.run import DATASETS
from benchmarks.memory.scoring import figures
from tests.memory.scored import scored

_FIGURES = (
    "cache bytes per token within 1 %",
    "weights within 2 %",
    "cache tokens within 10 %",
    "cache tokens not above the truth by more than 10 %",
    "verdict right",
    "failed start never called fitting",
)
# By name of the set: its rows, then the floor of each figure; None: few or none of its rows state what it is of.
_FLOORS: dict[str, tuple[int, tuple[float | None, ...]]] = {
    "first": (103, (0.90, 0.92, 0.80, 0.87, 0.95, 0.87)),
    "later": (259, (0.95, 0.90, 0.90, 0.95, 0.915, None)),
    "latest": (396, (0.81, 0.78, 0.72, 0.87, 0.88, None)),
    "newest": (232, (0.88, 0.80, 0.63, 0.89, 0.87, 0.88)),
    "recent": (124, (0.98, 0.98, 0.91, 0.96, 0.98, 0.80)),
    "further": (196, (None, 0.81, 0.63, 0.83, 0.75, 0.61)),
    "other": (100, (0.94, 0.72, 0.82, 0.86, 0.98, 1)),
    "blind": (109, (0.95, 0.92, 0.91, 0.93, 0.95, 0.81)),
    "unseen": (74, (0.84, 0.9, 0.72, 0.85, 0.97, 0.92)),
    "unseen further": (31, (0.93, 0.93, 1, 1, 0.95, 1)),
    "unseen third": (60, (1, 0.96, 0.66, 0.77, 0.93, 1)),
    "unseen fourth": (60, (1, 0.8, 0.6, 0.8, 0.78, 0.56)),
    "unseen fifth": (51, (None, 0.82, 0.62, 0.66, 0.9, 1)),
    "one page's": (27, (None, 1, 0.88, 0.88, 0.96, None)),
    "TGI": (38, (None, None, 0.58, 0.58, 0.97, 1)),
    "SGLang": (45, (1, 0.55, 0.87, 0.96, 0.93, 0.62)),
}


def test_every_set_has_floors() -> None:
    assert _FLOORS.keys() == DATASETS.keys()


@pytest.mark.parametrize("name", _FLOORS)
def test_rows_are_others_and_keep_what_was_reached(name: str) -> None:
    count, floors = _FLOORS[name]
    rows = scored(DATASETS[name])
    assert len(rows) == count
    assert not rows.keys() & {row for other in DATASETS.keys() - {name} for row in scored(DATASETS[other])}
    reached = {item.name: item.reached for item in figures(list(rows.values()))}
    asked = {figure: floor for figure, floor in zip(_FIGURES, floors, strict=True) if floor is not None}
    assert {figure: reached[figure] for figure, floor in asked.items() if reached[figure] < floor} == {}


def test_figures_of_the_first_rows_are_of_many() -> None:
    found = [item for item in figures(list(scored(DATASETS["first"]).values())) if item.name in _FIGURES]
    assert len(found) == len(_FIGURES)
    assert all(item.rows >= 17 for item in found)
