"""Locks of images: what platforms need, what their registries say, and what that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.images.used import image_uses
from llminfra.planning.network.image_lock import lock_file

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan


class Lock(Struct, frozen=True, kw_only=True):
    """One lock file, which several platforms may share.

    Attributes:
        file: The file.
        digests: What it says; empty where it cannot be read.
        needed: Images that the platforms run and that are named by tag.
    """

    file: Path
    digests: Mapping[str, str]
    needed: frozenset[str]

    @property
    def unused(self) -> tuple[str, ...]:
        """Entries that no platform runs."""
        return tuple(sorted(self.digests.keys() - self.needed))


class LockChange(Struct, frozen=True, kw_only=True):
    """What registries say beside what a lock says.

    Attributes:
        lock: The lock as it is.
        digests: The lock as it would be written.
        new: Images that it lacks, with their digests.
        moved: Images whose tag names something else now: the lock's digest, and the registry's.
    """

    lock: Lock
    digests: Mapping[str, str]
    new: Mapping[str, str]
    moved: Mapping[str, tuple[str, str]]

    @property
    def holds(self) -> bool:
        """Whether the lock holds everything that is run, as the registries have it."""
        return not self.new and not self.moved


def locks_of(plans: Sequence[Plan]) -> tuple[Lock, ...]:
    """The locks that platforms name, in order."""
    needed: dict[Path, set[str]] = {}
    first: dict[Path, Plan] = {}
    for plan in plans:
        file = lock_file(plan.platform)
        if file is None:
            continue
        file = file.resolve()  # specs of several folders may name one file
        first.setdefault(file, plan)
        keys = (item.lock_key for item in image_uses(plan))
        needed.setdefault(file, set()).update(key for key in keys if key is not None)
    return tuple(
        Lock(
            file=file,
            digests=plan.image_lock.digests,
            needed=frozenset(needed[file]),
        )
        for file, plan in first.items()
    )


def compared(locks: Sequence[Lock], told: Mapping[str, str]) -> tuple[LockChange, ...]:
    """What each lock and the registries differ in.

    Args:
        locks: The locks.
        told: Digest of each image that one of them needs.
    """
    changes = []
    for lock in locks:
        digests = {image: told[image] for image in sorted(lock.needed)}
        both = [image for image in digests if image in lock.digests]
        changes.append(
            LockChange(
                lock=lock,
                digests=digests,
                new={image: digest for image, digest in digests.items() if image not in lock.digests},
                moved={
                    image: (lock.digests[image], digests[image])
                    for image in both
                    if lock.digests[image] != digests[image]
                },
            )
        )
    return tuple(changes)
