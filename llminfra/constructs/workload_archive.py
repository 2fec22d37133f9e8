"""Where the archive of a workload lies beside a stack."""

from __future__ import annotations

WORKLOADS = "workloads"
"""Folder beside ``cdk.tf.json``."""


def archive_path(workload: str) -> str:
    """Path of an archive, as Terraform finds it from any working directory."""
    return f"${{path.module}}/{WORKLOADS}/{workload}.zip"
