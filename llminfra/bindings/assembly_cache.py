"""The cache entry that makes a start fast: the trimmed assembly, and jsii's own package cache made from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from llminfra.bindings import folder_cache

FORMAT_VERSION = 1
"""Raise it when the content of an entry changes for the same inputs."""

_NEVER_READ = frozenset({".ts", ".md", ".map", ".txt", ".yml"})  # in npm packages


class Inputs(Struct, frozen=True):
    """Everything that an entry depends on."""

    package: str
    package_version: str
    runtime_versions: tuple[str, ...]
    submodules: frozenset[str]

    def key(self) -> str:
        """Name of the entry: readable in front, exact behind."""
        text = json.dumps([FORMAT_VERSION, self.runtime_versions, sorted(self.submodules)])
        return f"{self.package}-{self.package_version}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class Entry(Struct, frozen=True):
    """A whole entry on disk."""

    folder: Path

    @property
    def assembly_folder(self) -> Path:
        """Holds the trimmed `.jsii.tgz`."""
        return self.folder / "assembly"

    @property
    def packages_folder(self) -> Path:
        """The root of jsii's package cache."""
        return self.folder / "packages"


Fill = Callable[[Entry], None]
"""Writes the content of an entry into an empty folder."""


def find_or_build(root: Path, inputs: Inputs, fill: Fill) -> Entry:
    """The entry for `inputs`, built by `fill` if there is none or if it is damaged.

    Raises:
        OSError: the cache cannot be written.
    """
    return Entry(folder_cache.find_or_build(root, inputs.key(), lambda folder: fill(Entry(folder)), unread=_NEVER_READ))


def build(folder: Path, fill: Fill) -> Entry:
    """Fills an empty folder, for a cache that cannot be written."""
    folder_cache.build(folder, lambda made: fill(Entry(made)), _NEVER_READ)
    return Entry(folder)
