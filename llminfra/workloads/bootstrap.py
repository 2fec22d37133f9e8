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


REQUIREMENTS_VARIABLE = "RUNNER_REQUIREMENTS"
# Packages in the form that pip reads, with their hashes; signals reach the command: it is the same process.
_INSTALL = f"""\
set -eu
printf '%s\\n' "${REQUIREMENTS_VARIABLE}" >/tmp/requirements.txt
python3 -m pip install --quiet --no-cache-dir --require-hashes --target /tmp/site -r /tmp/requirements.txt
export PYTHONPATH=/tmp/site
exec "$@"
"""


def installing_command(command: list[str]) -> list[str]:
    """The command after the packages of ``REQUIREMENTS_VARIABLE`` are installed below ``/tmp``."""
    return ["sh", "-c", _INSTALL, "sh", *command]


def bootstrap_command(name: str, bucket: str, key: str, sha256: str) -> list[str]:
    """Command of a container that fetches ``s3://bucket/key`` with boto3, checks it and runs ``python3 -m name``.

    The image must have boto3 and no entry point: AWS Batch cannot replace one. ``bucket`` and ``key`` may be Terraform
    expressions.
    """
    return ["python3", "-c", _SCRIPT, bucket, key, sha256, name]


def archive_sha256(archive: Path) -> str:
    """SHA-256 of an archive, in hexadecimal."""
    return hashlib.sha256(archive.read_bytes()).hexdigest()
