"""The release of an engine whose log does not name it, by what its releases print differently."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache

from msgspec import Struct

from llminfra.catalog.datafile import read_json

_SHA = re.compile(r"\bCommit sha: ([0-9a-f]{7})")
_PLACE = re.compile(r"\b((?:router|backends)/\S+\.rs:\d+): (.*)")


class Traits(Struct, frozen=True, kw_only=True):
    """What tells releases apart.

    Attributes:
        releases: All of them, the oldest first.
        arguments: First and last release that has an argument, for those that not all have.
        places: First and last release that prints a line from a place in its source, and how the line begins.
        commits: Release by the first seven digits of its commit.
    """

    releases: tuple[str, ...]
    arguments: Mapping[str, tuple[str, str]]
    places: Mapping[str, tuple[tuple[str, str, str], ...]]
    commits: Mapping[str, str]


@cache
def traits_of(engine: str) -> Traits | None:
    """Those of an engine; None for those that print their release, or nothing that tells it."""
    if engine != "tgi":
        return None
    data = read_json("llminfra.start_logs", "tgi_releases.json")
    newest = data["releases"][-1]
    places: dict[str, tuple[tuple[str, str, str], ...]] = {}
    for text, (first, last) in data["places"].items():
        place, _, begin = text.partition(": ")
        places[place] = (*places.get(place, ()), (begin, first, last))
    return Traits(
        releases=tuple(data["releases"]),
        arguments={name: (row["since"], row.get("until", newest)) for name, row in data["arguments"].items()},
        places=places,
        commits=data["commits"],
    )


def place_of(traits: Traits, text: str) -> tuple[str, str] | None:
    """First and last release that prints a line from where it comes from, or that has the commit it names."""
    if (sha := _SHA.search(text)) is not None and (release := traits.commits.get(sha.group(1))) is not None:
        return release, release
    if (found := _PLACE.search(text)) is None:
        return None
    place, said = found.groups()
    return next(((first, last) for begin, first, last in traits.places.get(place, ()) if said.startswith(begin)), None)


def between(
    traits: Traits, names: Collection[str], spans: Collection[tuple[str, str]], *, whole: bool
) -> tuple[str, str] | None:
    """First and last release that a start may be of; None where nothing tells it.

    Places count before arguments: builds between two releases have the arguments of the next.

    Args:
        traits: Of the engine.
        names: Arguments that are printed.
        spans: What places tell.
        whole: All arguments are printed, so that a release with another is none.
    """
    order = {release: at for at, release in enumerate(traits.releases)}
    by_place, by_name = set(order), set(order)
    for first, last in spans:
        by_place &= _within(order, first, last)
    for name, (first, last) in traits.arguments.items():
        if name in names:
            by_name &= _within(order, first, last)
        elif whole:
            by_name -= _within(order, first, last)
    if not names:
        by_name = set(order)
    found = sorted(by_place & by_name or (by_place if spans else by_name), key=order.__getitem__)
    return (found[0], found[-1]) if found and len(found) < len(order) else None


def _within(order: Mapping[str, int], first: str, last: str) -> set[str]:
    return {release for release, at in order.items() if order[first] <= at <= order[last]}
