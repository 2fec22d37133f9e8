"""Copy one model at one commit from the Hugging Face Hub into a bucket, file by file.

Runs in the Job of the chart ``weights-copy``; needs ``huggingface_hub`` and ``boto3``. Settings are environment
variables: MODEL_ID, MODEL_REVISION, BUCKET, PREFIX, SCRATCH_DIR, ALLOW_PATTERNS and IGNORE_PATTERNS (JSON lists), and
HF_TOKEN_PATH, a file with a token, for gated models.

It can be stopped and started at any time: a file that is in the bucket with the size and checksum that the Hub states
is skipped. When every file is there, ``<prefix>.complete.json`` (beside the prefix, not in it) lists them.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKSUM_KEY = "llminfra-checksum"
READ_BYTES = 8 * 1024 * 1024

log = logging.getLogger("copy-weights")


class CopyError(Exception):
    """The copy cannot be completed; the message says why."""


@dataclass(frozen=True)
class HubFile:
    """One file of the model: the Hub states SHA-256 for large files and the Git blob id for the others."""

    name: str
    size: int
    checksum: str

    @property
    def is_sha256(self) -> bool:
        """Whether the checksum is that of the content alone."""
        return self.checksum.startswith("sha256:")


def list_files(hub: Any, model_id: str, revision: str, allow: list[str], ignore: list[str]) -> list[HubFile]:
    """The files to copy, by name; ``config.json`` comes last, so that whoever finds it finds all others."""
    info = hub.model_info(model_id, revision=revision, files_metadata=True)
    if info.sha != revision:
        raise CopyError(f"the Hub resolved {revision} to {info.sha}")
    found = []
    for sibling in info.siblings:
        name = sibling.rfilename
        wanted = not allow or any(fnmatch.fnmatch(name, pattern) for pattern in allow)
        if not wanted or any(fnmatch.fnmatch(name, pattern) for pattern in ignore):
            continue
        checksum = f"sha256:{sibling.lfs.sha256}" if sibling.lfs else f"git:{sibling.blob_id}"
        found.append(HubFile(name, sibling.size, checksum))
    if not any(file.name.endswith(".safetensors") for file in found):
        raise CopyError(f"{model_id}@{revision} has no safetensors among the files to copy")
    return sorted(found, key=lambda file: (file.name == "config.json", file.name))


def is_copied(s3: Any, bucket: str, key: str, file: HubFile) -> bool:
    """Whether the bucket has this very file."""
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            return False
        raise
    return head["ContentLength"] == file.size and head["Metadata"].get(CHECKSUM_KEY) == file.checksum


def file_checksum(path: Path, like: HubFile) -> str:
    """Checksum of a file on disk, of the kind that the Hub states for it."""
    digest = hashlib.sha256() if like.is_sha256 else hashlib.sha1(f"blob {path.stat().st_size}\0".encode())  # noqa: S324
    with path.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            digest.update(block)
    return f"{'sha256' if like.is_sha256 else 'git'}:{digest.hexdigest()}"


def copy_file(
    hub: Any, s3: Any, model_id: str, revision: str, file: HubFile, bucket: str, key: str, scratch: Path
) -> None:
    """Download (resuming what is there), check, upload, delete."""
    path = Path(hub.hf_hub_download(model_id, file.name, revision=revision, local_dir=scratch))
    try:
        if (actual := file_checksum(path, file)) != file.checksum:
            raise CopyError(f"{file.name}: downloaded {actual}, the Hub states {file.checksum}")
        extra = {"Metadata": {CHECKSUM_KEY: file.checksum}, "ChecksumAlgorithm": "SHA256"}
        s3.upload_file(str(path), bucket, key, ExtraArgs=extra)
    finally:
        path.unlink(missing_ok=True)
    if not is_copied(s3, bucket, key, file):
        raise CopyError(f"{key}: the bucket does not show the file that was uploaded")


def copy_model(hub: Any, s3: Any, settings: dict[str, str]) -> int:
    """Copy everything that is missing; the number of files that were copied."""
    model_id, revision = settings["MODEL_ID"], settings["MODEL_REVISION"]
    bucket, prefix = settings["BUCKET"], settings["PREFIX"]
    allow, ignore = json.loads(settings["ALLOW_PATTERNS"]), json.loads(settings["IGNORE_PATTERNS"])
    files = list_files(hub, model_id, revision, allow, ignore)
    copied = 0
    for number, file in enumerate(files, start=1):
        key = prefix + file.name
        if is_copied(s3, bucket, key, file):
            log.info("%d/%d %s: there already", number, len(files), file.name)
            continue
        log.info("%d/%d %s: copying %d bytes", number, len(files), file.name, file.size)
        copy_file(hub, s3, model_id, revision, file, bucket, key, Path(settings["SCRATCH_DIR"]))
        copied += 1
    listing = {
        "model": model_id,
        "revision": revision,
        "files": {file.name: {"size": file.size, "checksum": file.checksum} for file in files},
    }
    marker = f"{prefix.rstrip('/') or 'model'}.complete.json"
    s3.put_object(Bucket=bucket, Key=marker, Body=json.dumps(listing, indent=2).encode(), ChecksumAlgorithm="SHA256")
    log.info("%s@%s is complete in s3://%s/%s", model_id, revision, bucket, prefix)
    return copied


def main() -> int:
    """Run with the settings of the environment."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    import boto3  # noqa: PLC0415  # in the image of the Job, not where this file is tested
    import huggingface_hub  # noqa: PLC0415

    class Hub:
        """The two calls that are needed."""

        model_info = staticmethod(huggingface_hub.HfApi().model_info)
        hf_hub_download = staticmethod(huggingface_hub.hf_hub_download)

    try:
        copy_model(Hub, boto3.client("s3"), dict(os.environ))
    except CopyError as error:
        log.error("%s", error)  # noqa: TRY400  # the message says it all
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
