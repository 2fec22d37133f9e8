"""Start a packaged workload in an image that does not have it."""

from __future__ import annotations

import hashlib
from pathlib import Path

# argv: bucket, key, SHA-256, module. The digest is checked so that the container runs what was planned, even when the
# object was replaced. Signals reach the workload: it is the same process.
_SCRIPT = """\
import hashlib, runpy, sys, boto3
bucket, key, digest, module = sys.argv[1:5]
body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
if hashlib.sha256(body).hexdigest() != digest:
    sys.exit("s3://%s/%s is not the archive that was planned" % (bucket, key))
path = "/tmp/%s.zip" % module
open(path, "wb").write(body)
sys.path.insert(0, path)
sys.argv = [module]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def bootstrap_command(name: str, bucket: str, key: str, sha256: str) -> list[str]:
    """Command of a container that fetches ``s3://bucket/key`` with boto3, checks it and runs ``python3 -m name``.

    vLLM's image has boto3 (docker/Dockerfile of vLLM, stage vllm-openai-base) but no AWS CLI. Give the command as the
    entry point: the image's own starts a server. ``bucket`` and ``key`` may be Terraform expressions.
    """
    return ["python3", "-c", _SCRIPT, bucket, key, sha256, name]


def archive_sha256(archive: Path) -> str:
    """SHA-256 of an archive, in hexadecimal."""
    return hashlib.sha256(archive.read_bytes()).hexdigest()
