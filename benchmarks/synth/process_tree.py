"""Runs a command and measures it with all its children: wall time, and peak memory of the largest process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_INTERVAL_S = 0.005


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one command.

    Attributes:
        wall_s: from start to exit.
        peak_rss_mib: the largest resident set that any one process of the tree reached.
        total_peak_rss_mib: the sum over the tree, at its highest.
    """

    wall_s: float
    peak_rss_mib: float
    total_peak_rss_mib: float


def measure(command: Sequence[str | Path], environment: Mapping[str, str], cwd: Path) -> Measurement:
    """Runs `command` to its end.

    Raises:
        RuntimeError: it failed, or this is not Linux (memory is read from `/proc`).
    """
    if sys.platform != "linux":
        raise RuntimeError("memory of a process tree is read from /proc, which only Linux has")
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    peaks: dict[int, int] = {}
    totals = [0]
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks, totals, done), daemon=True)
    watcher.start()
    _, stderr = process.communicate()
    wall_s = time.perf_counter() - start
    done.set()
    watcher.join()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed with {process.returncode}:\n{stderr}")
    return Measurement(wall_s, max(peaks.values(), default=0) / 1024, totals[0] / 1024)


def _watch(root: int, peaks: dict[int, int], totals: list[int], done: threading.Event) -> None:
    while not done.is_set():
        total = 0
        for pid in _tree(root):
            peak_kib, now_kib = _memory_kib(pid)
            peaks[pid] = max(peaks.get(pid, 0), peak_kib)
            total += now_kib
        totals[0] = max(totals[0], total)
        time.sleep(_INTERVAL_S)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))


def _memory_kib(pid: int) -> tuple[int, int]:
    """Peak (`VmHWM`, kept by the kernel, so no sample can miss it while the process lives) and present memory."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    fields = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return tuple(int(fields[name].split()[0]) if name in fields else 0 for name in ("VmHWM", "VmRSS"))  # type: ignore[return-value]  # two numbers
