"""Moves a finished synthesis to where it belongs, so that a failed one leaves no trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from llminfra.assets import files_of
from llminfra.constructs.storage.workload_archive import WORKLOADS

STACKS = "stacks"
MANIFEST = "manifest.json"
SUMMARY = "summary.json"
"""What a platform's stacks are, beside CDKTF's manifest: it is for us, and is not published."""
STACK_FILE = "cdk.tf.json"
VERSIONS_FILE = "versions.tf"
CHARTS = "charts"
STAGED = ".synth-"
"""How the folder of a synthesis that is under way starts."""
_PUT_OFF = (signal.SIGINT, signal.SIGTERM)


def publish(staged: Path, out_dir: Path, names: Iterable[str]) -> None:
    """Move stacks and manifest from a folder inside ``out_dir`` into place.

    What Terraform keeps in a stack's folder (``.terraform``, the lock file) stays. Folders of stacks that are no longer
    there go, as they do with ``cdktf synth``, unless they hold a state file. Whatever has no ``cdk.tf.json`` in it was
    never a stack, and is somebody's own: ``-o .`` in a repository finds its folder of specs under the same name.

    Args:
        staged: Complete synthesis, on the same file system.
        out_dir: Where it shall be.
        names: Names of its stacks.
    """
    with _alone(out_dir):
        _move(staged, out_dir, set(names))


def withdraw(out_dir: Path) -> None:
    """Remove the folder of a first synthesis that failed, unless another one has written there or is about to."""
    with contextlib.suppress(OSError), _alone(out_dir):
        if not (out_dir / MANIFEST).exists() and not any(out_dir.glob(f"{STAGED}*")):
            shutil.rmtree(out_dir)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other syntheses and Ctrl-C waiting: the moves take milliseconds, and half of them is no synthesis."""
    with ExitStack() as undo:
        if threading.current_thread() is threading.main_thread():
            undo.enter_context(_signals_later())
        if os.name == "posix":
            import fcntl  # noqa: PLC0415  # absent on Windows, where each move alone is whole

            lock = os.open(folder, os.O_RDONLY)
            undo.callback(os.close, lock)
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _signals_later() -> Iterator[None]:
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in _PUT_OFF}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _move(staged: Path, out_dir: Path, wanted: set[str]) -> None:
    stacks = out_dir / STACKS
    stacks.mkdir(exist_ok=True)
    for name in sorted(wanted):
        source, target = staged / STACKS / name, stacks / name
        target.mkdir(exist_ok=True)
        for folder in (CHARTS, WORKLOADS):
            if (target / folder).exists():
                (target / folder).rename(source / f"{folder}-before")
            if (source / folder).exists():
                (source / folder).rename(target / folder)
        for file in (VERSIONS_FILE, STACK_FILE):
            (source / file).replace(target / file)
    (staged / MANIFEST).replace(out_dir / MANIFEST)
    for stale in stacks.iterdir():
        if (stale / STACK_FILE).is_file() and stale.name not in wanted:
            _remove_stale(stale)


def copy_chart(chart: Path, stack_folder: Path) -> None:
    """Copy an in-repo chart into a stack's folder, with the content only: no times, no permissions."""
    target = stack_folder / CHARTS / chart.name
    for source in files_of(chart):
        copy = target / source.relative_to(chart)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)


def _remove_stale(folder: Path) -> None:
    if any(folder.glob("*.tfstate*")):
        for file in (VERSIONS_FILE, STACK_FILE):
            (folder / file).unlink(missing_ok=True)
        return
    shutil.rmtree(folder)
