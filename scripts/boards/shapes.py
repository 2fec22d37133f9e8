"""Shapes of dashboards: a board has rows of panels, a panel has queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Query:
    """A PromQL expression and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A panel; ``unit`` is Grafana's name of it, ``red`` and ``yellow`` are thresholds."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    about: str = ""
    yellow: float | None = None
    red: float | None = None
    most: float | None = None
    stacked: bool = False
    width: int = 8


@dataclass(frozen=True)
class Variable:
    """A template variable filled from the labels of a series; ``listed``: "All" stands for those, not for any."""

    name: str
    label: str
    query: str
    multi: bool = True
    listed: bool = False


@dataclass(frozen=True)
class Board:
    """A dashboard; ``by_platform``: its queries ask for ``$platform``."""

    uid: str
    title: str
    about: str
    variables: tuple[Variable, ...]
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    by_platform: bool = False
