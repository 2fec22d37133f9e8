"""Platforms as they were compiled before: one that has not changed is copied, without CDKTF.

An entry is named by everything that its content depends on (`fingerprint.py`), so nothing ever becomes stale; another
plan, another llminfra or another CDKTF has another name. `LLMINFRA_SYNTH_CACHE=off` compiles everything anew, and so
does `LLMINFRA_BINDINGS=plain`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.bindings.cache_dir import cache_dir
from llminfra.bindings.folder_cache import find_or_build, is_whole
from llminfra.bindings.runtime import MODE_VARIABLE
from llminfra.compiler.fingerprint import code_state, digest_of

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

VARIABLE = "LLMINFRA_SYNTH_CACHE"

_RESULT = "result"
_MOST_PLATFORMS = 64  # a megabyte each
_MOST_SPECS = 256


class Store(Struct, frozen=True):
    """What was compiled before, in a folder of the user's cache.

    Attributes:
        root: The folder.
        code: Digest of what compiles plans.
    """

    root: Path
    code: str

    def fill(self, plan: Plan, folder: Path, build: Callable[[Path], None]) -> None:
        """Put a compiled platform into an empty folder: copied where it is known, else built, and kept.

        Raises:
            Exception: What ``build`` raises; nothing is kept then.
        """

        def build_inside(entry: Path) -> None:
            (entry / _RESULT).mkdir()
            build(entry / _RESULT)

        try:
            entry = find_or_build(self.root / "platforms", self._key(plan), build_inside, most=_MOST_PLATFORMS)
            _copy(entry / _RESULT, folder)
        except OSError:  # unwritable, full, or taken away by another process while it was read
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)

    def knows(self, specs: Sequence[Path]) -> bool:
        """Whether all platforms of spec files are probably here; other files that the specs read may have changed."""
        with contextlib.suppress(OSError):
            keys = self._note(specs).read_text(encoding="utf-8").split()
            return all(is_whole(self.root / "platforms" / key) for key in keys)
        return False

    def note(self, specs: Sequence[Path], plans: Iterable[Plan]) -> None:
        """Remember which platforms spec files declare, for `knows`; where the cache cannot be written, nothing is."""
        with contextlib.suppress(OSError):
            note = self._note(specs)
            keys = "\n".join(self._key(plan) for plan in plans)
            if note.exists() and note.read_text(encoding="utf-8") == keys:
                return
            note.parent.mkdir(parents=True, exist_ok=True)
            made = note.with_name(f"{note.name}.{os.getpid()}")
            made.write_text(keys, encoding="utf-8")
            made.replace(note)
            by_age = sorted(note.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
            for old in by_age[_MOST_SPECS:]:
                old.unlink(missing_ok=True)

    def _key(self, plan: Plan) -> str:
        """Name of a platform's entry: readable in front, exact behind."""
        digest = hashlib.sha256(f"{self.code} {digest_of(plan)}".encode()).hexdigest()
        return f"{plan.platform.name}-{digest[:32]}"

    def _note(self, specs: Sequence[Path]) -> Path:
        told = hashlib.sha256(self.code.encode())
        for spec in specs:
            told.update(f"{spec.resolve()}\n".encode())
            told.update(spec.read_bytes())
        return self.root / "specs" / told.hexdigest()[:32]


def open_store(environ: Mapping[str, str] = os.environ) -> Store | None:
    """The store of this user; ``None`` where everything shall be compiled anew."""
    if environ.get(VARIABLE) == "off" or environ.get(MODE_VARIABLE) == "plain":
        return None
    return Store(cache_dir(environ) / "synth", code_state(environ))


def _copy(source: Path, target: Path) -> None:
    """Copy content alone: no times and no permissions, as if it had been written now."""
    target.mkdir(exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            shutil.copyfile(entry, target / entry.name)
