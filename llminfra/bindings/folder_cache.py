"""Folders that are built once and then shared: what a command would otherwise make anew at every start.

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
from collections.abc import Set as AbstractSet
from pathlib import Path

FORMAT_VERSION = 1
"""Raise it when the way entries are sealed changes."""

SEALED_AT_S = 499_162_500
"""Modification time of every sealed file: long ago (1985), as no file is that is written now."""

_MANIFEST = "manifest.json"
_JSII_MARKER = ".jsii-runtime-package-cache"  # jsii touches it at every use
_READABLE_FOLDER = 0o755
_WRITABLE_BY_OTHERS = 0o022
_UNUSED_AFTER_S = 60 * 24 * 3600
_ABANDONED_AFTER_S = 3600
_TOUCH_AFTER_S = 24 * 3600


Fill = Callable[[Path], None]
"""Writes the content of an entry into an empty folder."""


def find_or_build(
    root: Path, key: str, fill: Fill, *, unread: AbstractSet[str] = frozenset(), most: int | None = None
) -> Path:
    """The folder of an entry, built by `fill` if there is none or if it is damaged.

    Args:
        root: the cache; made if need be.
        key: name of the entry, which tells everything that its content depends on.
        fill: builds the content.
        unread: endings of files that nobody reads: not worth a look at every start.
        most: how many entries stay when one is added, those that were used last; `None`: any number.

    Raises:
        OSError: the cache cannot be written.
    """
    folder = root / key
    if is_whole(folder):
        note_use(folder)
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f"{key}.lock"):
        if is_whole(folder):
            return folder
        _clean(root, most)
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
        try:
            build(made, fill, unread)
            _move_into_place(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return folder


def build(folder: Path, fill: Fill, unread: AbstractSet[str] = frozenset()) -> None:
    """Fills an empty folder and seals it with a manifest."""
    fill(folder)
    folder.chmod(_READABLE_FOLDER)
    sizes: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            path.chmod(_READABLE_FOLDER)  # jsii makes private ones; an image may be built by another user
        elif path.is_file() and path.suffix not in unread:
            os.utime(path, (SEALED_AT_S, SEALED_AT_S))
            sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    manifest = {"format": FORMAT_VERSION, "files": sizes, "digest": _digest(sizes)}
    (folder / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


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
    return stat.st_size == size and (int(stat.st_mtime) == SEALED_AT_S or path.endswith(_JSII_MARKER))


def _digest(sizes: dict[str, int]) -> str:
    return hashlib.sha256(json.dumps(sizes, sort_keys=True).encode()).hexdigest()


def note_use(folder: Path) -> None:
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


def _clean(root: Path, most: int | None) -> None:
    """Removes what killed processes left behind, entries that nobody has used for two months, and those over `most`."""
    now = time.time()
    used: list[tuple[float, Path]] = []
    for path in root.iterdir():
        with contextlib.suppress(OSError):
            if path.name.startswith((".new-", ".old-")):
                if now - path.stat().st_mtime > _ABANDONED_AFTER_S:
                    shutil.rmtree(path, ignore_errors=True)
            elif path.is_dir():
                used.append(((path / _MANIFEST).stat().st_mtime, path))
    used.sort(reverse=True)
    for place, (last, path) in enumerate(used):
        if now - last > _UNUSED_AFTER_S or (most is not None and place >= most - 1):
            shutil.rmtree(path, ignore_errors=True)
            path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


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
