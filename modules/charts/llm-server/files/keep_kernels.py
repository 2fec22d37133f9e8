"""Keep what an engine compiles at its start for pods that start later.

``keep_kernels.py restore`` runs before the engine and unpacks what an earlier pod left; ``keep_kernels.py save`` runs
beside it, waits until the engine is ready, and uploads its kernels if nobody did. Needs ``boto3``. Settings are
environment variables: BUCKET, KEY, CACHE_DIR, FOLDERS (JSON list, below CACHE_DIR), READY_URL and AWS_DEFAULT_REGION.

The object is written once, whole or not at all: the first pod wins, and later pods change nothing. A cache that is
missing, damaged or out of reach costs the time to compile and no more: neither command ever fails a pod.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PACKED = ".kernels.tar"
# S3 takes 5 GiB in one piece; kernels of one engine are some hundred MiB.
LARGEST_BYTES = 4 * 1024**3
POLL_S = 5
READ_S = 120
# Without the right to list a bucket, S3 forbids what is not there.
MISSING = {"404", "NoSuchKey", "NotFound", "403", "AccessDenied"}

log = logging.getLogger("keep-kernels")


class KernelError(Exception):
    """The cache cannot be used; the message says why."""


def restore(s3: Any, settings: dict[str, str]) -> bool:
    """Unpack the kernels of an earlier pod; whether there were any."""
    root = Path(settings["CACHE_DIR"])
    folders, packed = json.loads(settings["FOLDERS"]), root / PACKED
    try:
        answer = s3.get_object(Bucket=settings["BUCKET"], Key=settings["KEY"], ChecksumMode="ENABLED")
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            log.info("nobody has left kernels: the engine compiles its own")
            return False
        raise
    try:
        with packed.open("wb") as stream:
            shutil.copyfileobj(answer["Body"], stream, 1024 * 1024)
        with tarfile.open(packed) as archive:
            _check_members(archive, folders)
            # Nothing outside the folder, no devices, no links that lead out of it.
            archive.extractall(root, filter="data")
    except Exception:
        for name in folders:
            shutil.rmtree(root / name, ignore_errors=True)
        raise
    finally:
        packed.unlink(missing_ok=True)
    log.info("kernels of %s are there", settings["KEY"])
    return True


def _check_members(archive: tarfile.TarFile, folders: list[str]) -> None:
    strange = [item.name for item in archive if not any(f"{item.name}/".startswith(f"{name}/") for name in folders)]
    if strange:
        raise KernelError(f"the archive holds {strange[0]}, which is in none of {', '.join(folders)}")


def wait_until_ready(url: str) -> None:
    """Wait until the engine answers: what it compiles, it has compiled."""
    while True:
        try:
            with urllib.request.urlopen(url, timeout=READ_S) as answer:  # noqa: S310  # this pod's own port
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(POLL_S)


def exists(s3: Any, settings: dict[str, str]) -> bool:
    """Whether kernels lie in the bucket."""
    try:
        s3.head_object(Bucket=settings["BUCKET"], Key=settings["KEY"])
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            return False
        raise
    return True


def save(s3: Any, settings: dict[str, str]) -> bool:
    """Upload the engine's kernels unless some are there; whether they were uploaded."""
    if exists(s3, settings):
        log.info("kernels lie in the bucket: nothing to save")
        return False
    root = Path(settings["CACHE_DIR"])
    folders = [name for name in json.loads(settings["FOLDERS"]) if any((root / name).glob("*"))]
    if not folders:
        log.info("the engine has compiled nothing that could be kept")
        return False
    packed = root / PACKED
    try:
        with tarfile.open(packed, "w") as archive:
            for name in folders:
                archive.add(root / name, arcname=name, filter=_plain)
        size = packed.stat().st_size
        if size > LARGEST_BYTES:
            raise KernelError(f"{size / 1e9:,.1f} GB are more than kernels can be: {', '.join(folders)}")
        with packed.open("rb") as body:
            try:
                # "*": only where nothing is; two pods may come here at the same time.
                s3.put_object(
                    Bucket=settings["BUCKET"],
                    Key=settings["KEY"],
                    Body=body,
                    ChecksumAlgorithm="SHA256",
                    IfNoneMatch="*",
                )
            except s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in {"PreconditionFailed", "ConditionalRequestConflict"}:
                    raise
                log.info("another pod was faster")
                return False
    finally:
        packed.unlink(missing_ok=True)
    log.info("saved %.0f MB as s3://%s/%s", size / 1e6, settings["BUCKET"], settings["KEY"])
    return True


def _plain(item: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Files, folders and links, without the names of users; locks and sockets are of no use to others."""
    inside = item.issym() and not item.linkname.startswith("/") and ".." not in item.linkname
    if not (item.isfile() or item.isdir() or inside) or item.name.endswith((".lock", ".tmp")):
        return None
    item.uid = item.gid = 0
    item.uname = item.gname = ""
    return item


@contextmanager
def _forgiving(what: str) -> Iterator[None]:
    """A cache is a favour: whatever goes wrong is told and forgotten."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # see above
        log.warning("%s: %s: %s", what, type(error).__name__, error)


def main() -> int:
    """Run one of the two commands with the settings of the environment."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    import boto3  # noqa: PLC0415  # in the image of the container, not where this file is tested

    settings = dict(os.environ)
    if sys.argv[1:] == ["restore"]:
        with _forgiving("kernels of earlier pods are not used"):
            restore(boto3.client("s3"), settings)
        return 0
    # The kubelet ends this container after the engine's; until then it only has to be there.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _forgiving("kernels are not saved"):
        wait_until_ready(settings["READY_URL"])
        save(boto3.client("s3"), settings)
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
