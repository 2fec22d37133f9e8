"""Who asks a registry: what `docker login` has noted, or the caller's AWS credentials for Amazon ECR."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from llminfra.diagnostics import ToolError, UsageError

# Docker's own name of Docker Hub in its configuration (docker/cli, "docker login").
_HUB_KEY = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HELPER_TIMEOUT_S = 20
# Hosts of AWS alone: the password goes there (awslabs/amazon-ecr-credential-helper ecr-login/api/client.go ecrPattern).
_ECR = re.compile(r"[0-9]{12}\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?")
# A helper that has a token instead of a password answers with this user (docker/docker-credential-helpers).
_TOKEN_USER = "<token>"  # noqa: S105  # a user's name


class Credentials(Struct, frozen=True):
    """A user and a password; neither is ever printed."""

    user: str
    password: str

    @property
    def basic(self) -> str:
        """The header ``Authorization``."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def __repr__(self) -> str:
        return "Credentials(…)"


class DockerConfig(Struct, frozen=True):
    """``config.json`` of Docker: passwords of registries, and helpers that keep them."""

    content: Mapping[str, Any]

    def __repr__(self) -> str:
        return "DockerConfig(…)"

    def credentials(self, host: str) -> Credentials | None:
        """What is noted for a registry; ``None``: nothing."""
        keys = (_HUB_KEY, "docker.io") if host == "docker.io" else (host, f"https://{host}")
        helpers = _mapping(self.content.get("credHelpers"))
        for key in keys:
            if (helper := helpers.get(key) or self.content.get("credsStore")) and (found := _from_helper(helper, key)):
                return found
            if found := _decoded(_mapping(self.content.get("auths")).get(key)):
                return found
        return None


def docker_config(environment: Mapping[str, str] = os.environ) -> DockerConfig:
    """The text in ``DOCKER_AUTH_CONFIG``, else ``config.json`` in ``DOCKER_CONFIG`` or ``~/.docker``; perhaps empty.

    Raises:
        UsageError: It is no JSON object.
    """
    text = environment.get("DOCKER_AUTH_CONFIG", "")
    where = "DOCKER_AUTH_CONFIG"
    if not text:
        folder = environment.get("DOCKER_CONFIG")
        file = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
        where = str(file)
        try:
            text = file.read_text(encoding="utf-8")
        except OSError:
            return DockerConfig({})
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        msg = f"{where} is no JSON object"  # its text may hold passwords
        raise UsageError(msg)
    return DockerConfig(content)


def ecr_region(host: str) -> str | None:
    """Region of a private registry of Amazon ECR; ``None``: it is another registry."""
    found = _ECR.fullmatch(host)
    return found["region"] if found else None


def ecr_credentials(region: str) -> Credentials:
    """A password for the registries of a region that the caller's AWS identity may read.

    Raises:
        UsageError: boto3 is not installed.
        ToolError: There are no AWS credentials, or ECR refuses them.
    """
    try:
        import boto3  # noqa: PLC0415  # an extra
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # the same
    except ModuleNotFoundError as error:
        msg = f"private images of Amazon ECR need the module {error.name!r}, which is not installed; "
        msg += "pip install 'llminfra[aws]'"
        raise UsageError(msg) from None
    try:
        client = boto3.client("ecr", region_name=region)
        token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    except (BotoCoreError, ClientError) as error:
        msg = f"Amazon ECR in {region} gives no password: {error}"
        raise ToolError(msg) from None
    user, _, password = base64.b64decode(token).decode().partition(":")
    return Credentials(user, password)


def _decoded(entry: Any) -> Credentials | None:
    text = _mapping(entry).get("auth")
    if not isinstance(text, str):
        return None
    try:
        user, colon, password = base64.b64decode(text).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Credentials(user, password.rstrip("\0")) if colon and user else None


def _from_helper(helper: Any, key: str) -> Credentials | None:
    """What ``docker-credential-<helper> get`` answers; ``None`` where it knows nothing, or is not there."""
    if not isinstance(helper, str) or not _HELPER.fullmatch(helper):
        return None
    try:
        answer = subprocess.run(  # noqa: S603  # the program that the user's `docker login` uses
            [f"docker-credential-{helper}", "get"],
            input=key,
            capture_output=True,
            text=True,
            timeout=_HELPER_TIMEOUT_S,
            check=False,
        )
        found = json.loads(answer.stdout) if answer.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    user, password = _mapping(found).get("Username"), _mapping(found).get("Secret")
    if not (isinstance(user, str) and isinstance(password, str) and user) or user == _TOKEN_USER:
        return None
    return Credentials(user, password)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
