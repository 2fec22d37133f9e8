"""Copy one model from a bucket to the disks of this node, once for all pods of the node.

Runs before the engine, in a container of its own; needs Python alone. Settings are environment variables: BUCKET,
PREFIX (of the model, with its revision, ending with a slash), CACHE_DIR, REQUESTS (at once) and AWS_DEFAULT_REGION.

The model appears under ``CACHE_DIR/models/BUCKET/PREFIX`` at once, by renaming a folder whose files have the sizes and
checksums that the bucket states. A pod that starts meanwhile waits for a lock that the kernel takes from a pod that
dies; files that were checked before are kept. A folder that is there is complete, and its revision never changes; one
without its mark was made by the kubelet for a mount.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3_client import S3, S3Error

CHECKSUM_KEY = "llminfra-checksum"
PART_BYTES = 64 * 1024 * 1024
READ_BYTES = 4 * 1024 * 1024
THREADS = 4
SPARE_BYTES = 2 * 1024**3
LOCK_S = 5
COMPLETE = ".complete"

log = logging.getLogger("cache-weights")


class CacheError(Exception):
    """The model cannot be put on the node; the message says why."""


@dataclass(frozen=True)
class Source:
    """One object of the model; ``checksum`` is ``sha256:…`` or ``git:…``, and empty where the bucket states none."""

    name: str
    size: int
    checksum: str


@dataclass(frozen=True)
class Part:
    """A range of an object, and the file that it goes to."""

    bucket: str
    key: str
    path: str
    start: int
    size: int


def list_sources(s3: S3, bucket: str, prefix: str) -> list[Source]:
    """The files of the model: as the copy from the Hub noted them, else as they lie in the bucket."""
    sizes = {key[len(prefix) :]: size for key, size in s3.sizes(bucket, prefix).items()}
    sizes = {name: size for name, size in sizes.items() if name and not name.endswith("/")}
    if not sizes:
        raise CacheError(f"nothing lies under s3://{bucket}/{prefix}")
    noted = _noted(s3, bucket, prefix)
    if missing := sorted(name for name, size, _ in noted if sizes.get(name) != size):
        raise CacheError(f"s3://{bucket}/{prefix} is not complete: {', '.join(missing)}")
    if noted:
        return [Source(*item) for item in sorted(noted)]
    stated = {name: s3.metadata(bucket, prefix + name).get(CHECKSUM_KEY, "") for name in sizes}
    return [Source(name, size, stated[name]) for name, size in sorted(sizes.items())]


def _noted(s3: S3, bucket: str, prefix: str) -> list[tuple[str, int, str]]:
    """What ``<prefix>.complete.json`` lists, if it is there."""
    try:
        body = s3.read(bucket, f"{prefix.rstrip('/')}.complete.json")
    except S3Error as error:
        if error.missing:
            return []
        raise
    return [(name, item["size"], item["checksum"]) for name, item in json.loads(body)["files"].items()]


def fetch(part: Part, s3: S3) -> int:
    """Read one range into its place in the file."""
    with open(part.path, "r+b") as stream:  # noqa: PTH123  # plain file in a hot loop
        stream.seek(part.start)
        s3.fetch(part.bucket, part.key, stream, part.start, part.size, READ_BYTES)
    return part.size


def checksum(path: Path, like: str) -> str:
    """Checksum of a file of the kind that ``like`` is."""
    git = like.startswith("git:")
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode()) if git else hashlib.sha256()  # noqa: S324
    with path.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            digest.update(block)
    return f"{'git' if git else 'sha256'}:{digest.hexdigest()}"


def parts_of(source: Source, bucket: str, prefix: str, path: Path) -> list[Part]:
    """Ranges of an object, none for an empty one."""
    return [
        Part(bucket, prefix + source.name, str(path), start, min(PART_BYTES, source.size - start))
        for start in range(0, source.size, PART_BYTES)
    ]


def _client() -> S3:
    return S3(os.environ["AWS_DEFAULT_REGION"])


def _fetch_all(parts: list[Part]) -> int:
    """Several ranges in threads; what one process of the pool does."""
    s3 = _client()
    with ThreadPoolExecutor(THREADS) as threads:
        return sum(threads.map(lambda part: fetch(part, s3), parts))


def _check_one(path: str, source: Source) -> str:
    """Move a file that is as stated to its name; what is wrong otherwise."""
    there = Path(path)
    if source.checksum and (actual := checksum(there, source.checksum)) != source.checksum:
        there.unlink()
        return f"{source.name}: the disk has {actual}, the bucket states {source.checksum}"
    with there.open("r+b") as stream:
        os.fsync(stream.fileno())
    there.rename(there.with_name(there.name.removesuffix(".part")))
    return ""


def copy_all(sources: list[Source], bucket: str, prefix: str, folder: Path, requests: int) -> int:
    """Fetch and check every file that is not there yet; the number of bytes that came."""
    wanted = [source for source in sources if not (folder / source.name).is_file()]
    parts: list[Part] = []
    files: list[tuple[str, Source]] = []
    for source in wanted:
        path = folder / f"{source.name}.part"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            stream.truncate(source.size)
        parts += parts_of(source, bucket, prefix, path)
        files.append((str(path), source))
    processes = max(1, min(requests // THREADS, len(parts)))
    # Each process has several threads, and gets ranges from all over: the last ones end together.
    shares = [parts[index::processes] for index in range(processes)]
    with _pool(processes) as pool:
        came: int = sum(pool.map(_fetch_all, shares))
        wrong = [item for item in pool.map(_check_one, *zip(*files, strict=True)) if item] if files else []
    if wrong:
        raise CacheError("; ".join(wrong))
    return came


@contextmanager
def _pool(processes: int) -> Iterator[Any]:
    """Processes, because one of them reads no more than a few hundred MB/s through TLS; none where one is enough."""
    if processes == 1:
        with ThreadPoolExecutor(1) as threads:
            yield threads
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork")) as pool:
        yield pool


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock of a model on this node; whoever waits says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        waited = False
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waited:
                    log.info("another pod of this node copies the model: waiting")
                waited = True
                time.sleep(LOCK_S)
        yield


def check_room(folder: Path, sources: list[Source]) -> None:
    """Stop before the disk is full: a full one would take the whole node out."""
    there = sum(source.size for source in sources if (folder / source.name).is_file())
    needed = sum(source.size for source in sources) - there + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CacheError(
            f"no room on the node: {needed / 1e9:,.0f} GB are needed and {free / 1e9:,.0f} GB are free; models of "
            "other revisions stay until the node is replaced"
        )


def cache_model(s3: S3, settings: dict[str, str]) -> bool:
    """Put the model on the node unless it is there; whether it was copied."""
    bucket, prefix, root = settings["BUCKET"], settings["PREFIX"], Path(settings["CACHE_DIR"])
    final = root / "models" / bucket / prefix.rstrip("/")
    if (final / COMPLETE).is_file():
        log.info("%s is on the node", final)
        return False
    with lock(final.with_name(f"{final.name}.lock")):
        if (final / COMPLETE).is_file():
            log.info("%s has come to the node", final)
            return False
        folder = final.with_name(f"{final.name}.partial")
        folder.mkdir(parents=True, exist_ok=True)
        sources = list_sources(s3, bucket, prefix)
        unchecked = [source.name for source in sources if not source.checksum]
        if unchecked:
            log.warning("the bucket states no checksum of %d files: sizes are compared alone", len(unchecked))
        check_room(folder, sources)
        began = time.monotonic()
        came = copy_all(sources, bucket, prefix, folder, int(settings["REQUESTS"]))
        took = max(time.monotonic() - began, 0.001)
        _forget(folder, sources)
        (folder / COMPLETE).touch()
        folder.rename(final)
        log.info("%s: %.1f GB in %.0f s, %.0f MB/s", final, came / 1e9, took, came / 1e6 / took)
    return True


def _forget(folder: Path, sources: list[Source]) -> None:
    """Remove what an earlier attempt left and the model does not have."""
    wanted = {folder / source.name for source in sources}
    for path in folder.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()


def main() -> int:
    """Run with the settings of the environment."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    os.umask(0o022)
    try:
        cache_model(_client(), dict(os.environ))
    except (CacheError, S3Error, LookupError) as error:
        log.error("%s", error)  # noqa: TRY400  # the message says it all
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
