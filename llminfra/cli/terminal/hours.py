"""Working hours in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from llminfra.cli.terminal.words import count
from llminfra.planning.served.hours import hours_a_month
from llminfra.spec.compute.working_hours import Day

if TYPE_CHECKING:
    from llminfra.spec.compute.working_hours import WorkingHours

_DAYS: tuple[str, ...] = get_args(Day)


def hours_words(hours: WorkingHours) -> str:
    """``at least 2 replicas mon–fri 08:00–20:00 Europe/Berlin, 261 hours a month``."""
    clock = f"{days_words(tuple(hours.days))} {hours.start}–{hours.end} {hours.time_zone}"
    return f"at least {count(hours.min, 'replica')} {clock}, {hours_a_month(hours):,.0f} hours a month"


def days_words(days: tuple[str, ...]) -> str:
    """``mon–fri`` of days that follow each other, else each of them.

    Example:
        >>> days_words(("tue", "mon", "wed")), days_words(("sat", "mon"))
        ('mon–wed', 'mon, sat')
    """
    places = sorted(_DAYS.index(day) for day in days)
    names = [_DAYS[place] for place in places]
    if len(names) > 2 and places == list(range(places[0], places[-1] + 1)):
        return f"{names[0]}–{names[-1]}"
    return ", ".join(names)
