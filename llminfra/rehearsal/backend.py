"""Where stacks keep their state: the production backend block is checked, then replaced for the rehearsal."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from llminfra.rehearsal.report import Finding

# Arguments of the S3 backend in Terraform 1.11 (developer.hashicorp.com/terraform/language/backend/s3).
_S3_ARGUMENTS = frozenset(
    [
        "access_key",
        "acl",
        "allowed_account_ids",
        "assume_role",
        "assume_role_with_web_identity",
        "bucket",
        "custom_ca_bundle",
        "dynamodb_endpoint",
        "dynamodb_table",
        "ec2_metadata_service_endpoint",
        "ec2_metadata_service_endpoint_mode",
        "encrypt",
        "endpoint",
        "endpoints",
        "forbidden_account_ids",
        "force_path_style",
        "http_proxy",
        "https_proxy",
        "iam_endpoint",
        "insecure",
        "key",
        "kms_key_id",
        "max_retries",
        "no_proxy",
        "profile",
        "region",
        "retry_mode",
        "secret_key",
        "shared_config_files",
        "shared_credentials_file",
        "shared_credentials_files",
        "skip_credentials_validation",
        "skip_metadata_api_check",
        "skip_region_validation",
        "skip_requesting_account_id",
        "skip_s3_checksum",
        "sse_customer_key",
        "sts_endpoint",
        "sts_region",
        "token",
        "use_dualstack_endpoint",
        "use_fips_endpoint",
        "use_legacy_workflow",
        "use_lockfile",
        "use_path_style",
        "workspace_key_prefix",
    ]
)
_S3_REQUIRED = ("bucket", "key", "region")
_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
_SECRETS = ("access_key", "secret_key", "token")

Identity = tuple[str, ...]


def backend_identity(backend: Any, directory: Path) -> Identity | None:
    """What makes two backend blocks the same state: bucket and key, or the file."""
    kind, config = _one(backend)
    if kind == "s3":
        return ("s3", str(config.get("bucket")), str(config.get("key")))
    if kind == "local":
        path = str(config.get("path") or "terraform.tfstate")
        return ("local", os.path.normpath(path if Path(path).is_absolute() else directory / path))
    if kind:
        return (kind, *(f"{key}={config[key]}" for key in sorted(config)))
    return None


def backend_findings(stack: str, content: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What is wrong with the production backend block; the rehearsal itself never uses it."""
    kind, config = _one(one_block(content.get("terraform")).get("backend"))
    if not kind:
        return (_finding(stack, "warning", "no backend", "state would be a file in the working directory"),)
    if kind != "s3":
        return ()
    findings = [
        _finding(stack, "error", f'Missing required argument: backend "s3" needs {name!r}', "")
        for name in _S3_REQUIRED
        if not config.get(name)
    ]
    findings += [
        _finding(stack, "error", f'Unsupported argument: backend "s3" has no {name!r}', "")
        for name in sorted(set(config) - _S3_ARGUMENTS)
    ]
    findings += [
        _finding(stack, "error", f'backend "s3" holds a secret in {name!r}', "use a role or a profile")
        for name in _SECRETS
        if config.get(name)
    ]
    for name, value in sorted(config.items()):
        if isinstance(value, str) and "${" in value:
            detail = f"{name} = {value!r}"
            findings.append(_finding(stack, "error", "Variables not allowed in a backend block", detail))
    bucket, key = str(config.get("bucket") or ""), str(config.get("key") or "")
    if bucket and not _BUCKET.match(bucket):
        findings.append(_finding(stack, "error", f"backend bucket {bucket!r} is not a bucket name", ""))
    if key.startswith("/") or key.endswith("/"):
        findings.append(_finding(stack, "error", f"backend key {key!r} must not start or end with '/'", ""))
    if not config.get("use_lockfile") and not config.get("dynamodb_table"):
        detail = "two runs at once can corrupt it: set use_lockfile"
        findings.append(_finding(stack, "warning", "the state is not locked", detail))
    if config.get("encrypt") is not True and not config.get("kms_key_id"):
        findings.append(_finding(stack, "warning", "the state is not encrypted by the backend", "set encrypt"))
    return tuple(findings)


def _one(backend: Any) -> tuple[str, Mapping[str, Any]]:
    """Kind and configuration of ``{"s3": {...}}``."""
    block = one_block(backend)
    for kind, config in block.items():
        return str(kind), one_block(config)
    return "", {}


def one_block(value: Any) -> Mapping[str, Any]:
    """A block as a mapping; CDKTF writes some as a list of one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, Mapping) else {}


def _finding(stack: str, severity: Literal["error", "warning"], summary: str, detail: str) -> Finding:
    return Finding(
        severity=severity,
        stack=stack,
        step="prepare",
        summary=summary,
        detail=detail,
        address="terraform.backend",
    )
