"""Keep what an engine compiles at its start for pods that start later.

``keep_kernels.py restore`` runs before the engine and unpacks what an earlier pod left; ``keep_kernels.py save`` runs
beside it, waits until the engine is ready, and uploads its kernels if nobody did. Needs Python alone. Settings are
environment variables: BUCKET, KEY, CACHE_DIR, FOLDERS (JSON list, below CACHE_DIR), READY_URL and AWS_DEFAULT_REGION.

The object is written once, whole or not at all: the first pod wins, and later pods change nothing. A cache that is
missing, damaged or out of reach costs the time to compile and no more: neither command ever fails a pod.
"""

from __future__ import annotations

import hashlib
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

from s3_client import S3, S3Error

PACKED = ".kernels.tar"
# S3 takes 5 GiB in one piece; kernels of one engine are some hundred MiB.
LARGEST_BYTES = 4 * 1024**3
POLL_S = 5
READ_S = 120
READ_BYTES = 4 * 1024 * 1024

log = logging.getLogger("keep-kernels")


class KernelError(Exception):
    """The cache cannot be used; the message says why."""


def restore(s3: S3, settings: dict[str, str]) -> bool:
    """Unpack the kernels of an earlier pod; whether there were any."""
    root, bucket, key = Path(settings["CACHE_DIR"]), settings["BUCKET"], settings["KEY"]
    folders, packed = json.loads(settings["FOLDERS"]), root / PACKED
    try:
        stated = s3.metadata(bucket, key)
    except S3Error as error:
        if error.missing:
            log.info("nobody has left kernels: the engine compiles its own")
            return False
        raise
    try:
        with packed.open("wb") as stream:
            s3.fetch(bucket, key, stream, 0, int(stated.get("bytes", "0")), READ_BYTES)
        _check_whole(packed, stated.get("sha256", ""))
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
    log.info("kernels of %s are there", key)
    return True


def _check_whole(packed: Path, wanted: str) -> None:
    if (actual := _sha256(packed)) != wanted:
        raise KernelError(f"the archive has the checksum {actual}, and should have {wanted or 'one'}")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


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


def exists(s3: S3, settings: dict[str, str]) -> bool:
    """Whether kernels lie in the bucket."""
    try:
        s3.metadata(settings["BUCKET"], settings["KEY"])
    except S3Error as error:
        if error.missing:
            return False
        raise
    return True


def save(s3: S3, settings: dict[str, str]) -> bool:
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
        digest = _sha256(packed)
        stated = {"sha256": digest, "bytes": str(size)}
        # Only where nothing is: two pods may come here at the same time.
        if not s3.put_new(settings["BUCKET"], settings["KEY"], packed, digest, stated):
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
    settings = dict(os.environ)
    if sys.argv[1:] == ["restore"]:
        with _forgiving("kernels of earlier pods are not used"):
            restore(S3(settings["AWS_DEFAULT_REGION"]), settings)
        return 0
    # The kubelet ends this container after the engine's; until then it only has to be there.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _forgiving("kernels are not saved"):
        wait_until_ready(settings["READY_URL"])
        save(S3(settings["AWS_DEFAULT_REGION"]), settings)
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
