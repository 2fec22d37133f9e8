"""The Python code that runs in containers and in AWS Lambda, packaged so that the same source gives the same bytes.

The sources are in ``modules/workloads``: one package a workload, standard library and boto3 only.
"""

from __future__ import annotations

from llminfra.workloads.archive import package, workload_dir
from llminfra.workloads.bootstrap import REQUIREMENTS_VARIABLE, archive_sha256, bootstrap_command, installing_command

__all__ = [
    "REQUIREMENTS_VARIABLE",
    "archive_sha256",
    "bootstrap_command",
    "installing_command",
    "package",
    "workload_dir",
]
