"""The order of a change: what only goes before what it stands on, what comes after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does to one stack.

    Attributes:
        name: The stack.
        before: Stacks that it reads in the old spec or in the new one, directly.
        changes: Whether anything in it changes.
        adds: Whether anything is created or replaced, or nodes become others; also where it cannot be planned before
            earlier stacks changed.
        removes: Whether anything goes for good.
    """

    name: str
    before: frozenset[str] = frozenset()
    changes: bool = False
    adds: bool = False
    removes: bool = False

    @property
    def only_removes(self) -> bool:
        """Nothing new is needed of earlier stacks, which need something less afterwards."""
        return self.removes and not self.adds


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """Stacks in the order in which a change is made.

    Attributes:
        first: Stacks that only lose something, and on which nothing rests that is yet to change; the last one first.
            Where what they stand on gains something and loses nothing, they wait for that, in ``then``.
        then: Every other stack that stays, in the order of the new manifest; those in ``first`` come again, because
            what they read may have changed.
        last: Stacks that only lose something once those on them were changed; the last one first.
        again: Stacks in ``then`` that read those in ``last``, whose outputs may be others by then.
        torn: Stacks in ``then`` that lose something before later stacks, which are named, were changed.
    """

    first: tuple[str, ...]
    then: tuple[str, ...]
    last: tuple[str, ...]
    again: tuple[str, ...]
    torn: Mapping[str, tuple[str, ...]]


def change_order(old: Sequence[str], new: Sequence[str], effects: Mapping[str, Effect]) -> ChangeOrder:
    """Order the stacks of a change.

    Args:
        old: Stacks of the old spec in the order in which they are applied.
        new: Those of the new spec.
        effects: What happens to each of them.
    """
    resting = {name: resting_on(name, effects.values()) for name in effects}
    first: list[str] = []
    last: list[str] = []
    for name in reversed(old):
        if effects[name].only_removes:
            below = [effects[item] for item in effects if name in resting[item]]
            if any(effects[item].changes and item not in first for item in resting[name]):
                last.append(name)
            elif name not in new or any(item.removes for item in below) or not any(item.adds for item in below):
                first.append(name)  # otherwise what it stands on only gains, and nodes come before others go
    then = [name for name in new if name not in last]
    torn = {}
    for name in then:
        if effects[name].removes and effects[name].adds:
            later = tuple(item for item in then if item in resting[name] and item not in first)
            if changing := tuple(item for item in later if effects[item].changes):
                torn[name] = changing
    again = tuple(name for name in then if any(name in resting[item] for item in last))
    return ChangeOrder(tuple(first), tuple(then), tuple(last), again, torn)


def resting_on(name: str, effects: Iterable[Effect]) -> frozenset[str]:
    """Stacks that read the named one, and those that read them."""
    effects = tuple(effects)
    found: set[str] = set()
    wanted = {name}
    while wanted:
        found |= wanted
        wanted = {item.name for item in effects if item.before & wanted} - found
    return frozenset(found - {name})
