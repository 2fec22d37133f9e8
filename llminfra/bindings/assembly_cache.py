"""The cache entry that makes a start fast: the trimmed assembly, and jsii's own package cache made from it.

An entry is written once, in a folder of its own beside its final place, and moved there whole; after that nobody
changes it. So a reader sees a whole entry or none, and several processes can share it. Every file gets one fixed
modification time when the entry is made: a later write shows without reading anything, even at an unchanged size.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from llminfra.bindings.trimmed_assembly import MTIME_S

FORMAT_VERSION = 1
"""Raise it when the content of an entry changes for the same inputs."""

_MANIFEST = "manifest.json"
_JSII_MARKER = ".jsii-runtime-package-cache"  # jsii touches it at every use
_NEVER_READ = frozenset({".ts", ".md", ".map", ".txt", ".yml"})  # in npm packages; not worth a look at every start
_READABLE_FOLDER = 0o755
_WRITABLE_BY_OTHERS = 0o022
_UNUSED_AFTER_S = 60 * 24 * 3600
_ABANDONED_AFTER_S = 3600
_TOUCH_AFTER_S = 24 * 3600


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
    folder = root / inputs.key()
    if is_whole(folder):
        _note_use(folder)
        return Entry(folder)
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f"{inputs.key()}.lock"):
        if is_whole(folder):
            return Entry(folder)
        _clean(root)
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
        try:
            build(made, fill)
            _move_into_place(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return Entry(folder)


def build(folder: Path, fill: Fill) -> Entry:
    """Fills an empty folder and seals it with a manifest."""
    entry = Entry(folder)
    fill(entry)
    folder.chmod(_READABLE_FOLDER)
    sizes: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            path.chmod(_READABLE_FOLDER)  # jsii makes private ones; an image may be built by another user
        elif path.is_file() and path.suffix not in _NEVER_READ:
            os.utime(path, (MTIME_S, MTIME_S))
            sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    manifest = {"format": FORMAT_VERSION, "files": sizes, "digest": _digest(sizes)}
    (folder / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return entry


def is_whole(folder: Path) -> bool:
    """Whether the entry is ours and every file is there, with its size and the time that it was sealed with."""
    try:
        if not _is_trusted(folder.stat()):
            return False
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        files = manifest["files"]
        if manifest["format"] != FORMAT_VERSION or manifest["digest"] != _digest(files):
            return False
        return all(_is_untouched(os.path.join(folder, name), size) for name, size in files.items())  # noqa: PTH118  # thousands of paths
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _is_trusted(status: os.stat_result) -> bool:
    """Whether nobody else could have written what we are about to run; Windows keeps user caches apart by itself."""
    if os.name != "posix":
        return True
    return status.st_uid in {0, os.getuid()} and not status.st_mode & _WRITABLE_BY_OTHERS


def _is_untouched(path: str, size: int) -> bool:
    stat = os.stat(path)  # noqa: PTH116 - a thousand files at every start: pathlib triples the time
    return stat.st_size == size and (int(stat.st_mtime) == MTIME_S or path.endswith(_JSII_MARKER))


def _digest(sizes: dict[str, int]) -> str:
    return hashlib.sha256(json.dumps(sizes, sort_keys=True).encode()).hexdigest()


def _note_use(folder: Path) -> None:
    """Keeps an entry that is in use from being cleaned up."""
    manifest = folder / _MANIFEST
    with contextlib.suppress(OSError):
        if time.time() - manifest.stat().st_mtime > _TOUCH_AFTER_S:
            os.utime(manifest)


def _move_into_place(made: Path, folder: Path) -> None:
    if folder.exists():
        damaged = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
        with contextlib.suppress(FileNotFoundError):
            folder.replace(damaged / folder.name)
        shutil.rmtree(damaged, ignore_errors=True)
    try:
        made.replace(folder)
    except OSError:
        # Where there is no lock, another process may have been first; its entry is as good.
        if not is_whole(folder):
            raise


def _clean(root: Path) -> None:
    """Removes what killed processes left behind, and entries that nobody has used for two months."""
    now = time.time()
    for path in root.iterdir():
        with contextlib.suppress(OSError):
            abandoned = path.name.startswith((".new-", ".old-")) and now - path.stat().st_mtime > _ABANDONED_AFTER_S
            if abandoned or now - (path / _MANIFEST).stat().st_mtime > _UNUSED_AFTER_S:
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lets one process build while the others wait; the lock goes with its process."""
    with path.open("a") as file:
        try:
            import fcntl  # noqa: PLC0415 - absent on Windows, where the atomic move alone keeps entries whole

            fcntl.flock(file, fcntl.LOCK_EX)
        except ImportError:
            pass
        yield
