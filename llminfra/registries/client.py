"""One image's digest: the part of the OCI distribution specification that tells it, and tokens where a registry asks.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, "Checking if content exists in the registry";
https://distribution.github.io/distribution/spec/auth/token/ for the tokens.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from llminfra.diagnostics import ToolError
from llminfra.registries.address import keeps_secrets

if TYPE_CHECKING:
    from httpx2 import Client, Response

    from llminfra.registries.address import Address
    from llminfra.registries.credentials import Credentials

# An index of several architectures first: its digest is right on every machine.
ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_LOGIN = "`docker login {host}`"


def ask(client: Client, address: Address, credentials: Credentials | None) -> str:
    """The digest of an image by tag.

    Raises:
        ToolError: The registry refuses, knows no such image, or tells no digest.
    """
    headers = {"Accept": ACCEPT}
    answer = client.head(address.url, headers=headers)
    if answer.status_code == 401:
        headers["Authorization"] = _authorization(client, address, answer, credentials)
        answer = client.head(address.url, headers=headers)
    _check(answer, address, credentials)
    digest = answer.headers.get("Docker-Content-Digest", "")
    if not digest:  # the header is a SHOULD: what it says is the digest of the content
        answer = client.get(address.url, headers=headers)
        _check(answer, address, credentials)
        digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    if not _DIGEST.fullmatch(digest):
        msg = f"{address.host} tells no digest that is pinned by: {digest!r}"
        raise ToolError(msg)
    return digest


def _authorization(client: Client, address: Address, answer: Response, credentials: Credentials | None) -> str:
    """The header for the second try, by what the registry asks for in its refusal."""
    scheme, _, rest = answer.headers.get("WWW-Authenticate", "").partition(" ")
    if scheme.lower() == "basic":
        if credentials is None:
            msg = f"{address.host} wants a password: {_login(address)}"
            raise ToolError(msg)
        _only_where_safe(address.url)
        return credentials.basic
    asked = dict(_PARAMETER.findall(rest))
    realm = asked.pop("realm", "")
    if scheme.lower() != "bearer" or not realm:
        msg = f"{address.host} asks for credentials in a way that is not known: {scheme or 'it does not say how'}"
        raise ToolError(msg)
    _only_where_safe(realm)
    query = {"scope": f"repository:{address.name}:pull", **asked}
    headers = {"Authorization": credentials.basic} if credentials else {}
    found = client.get(realm, params={key: query[key] for key in ("service", "scope") if key in query}, headers=headers)
    _check(found, address, credentials)
    return f"Bearer {_token(found, address)}"


def _token(answer: Response, address: Address) -> str:
    try:
        found: Any = answer.json()
    except ValueError:
        found = {}
    token = (found.get("token") or found.get("access_token")) if isinstance(found, dict) else None
    if not isinstance(token, str):
        msg = f"the token service of {address.host} gives no token"
        raise ToolError(msg)
    return token


def _check(answer: Response, address: Address, credentials: Credentials | None) -> None:
    _only_where_safe(str(answer.url))  # a digest that anybody on the way could change pins nothing
    status = answer.status_code
    if status == 200:
        return
    if status == 404:
        reason = f"{address.host} has no such image; check the name and the tag"
    elif status in {401, 403}:
        # Docker Hub says this of repositories that do not exist, too.
        refused = "refuses the credentials that are noted" if credentials else "does not show it to everybody"
        reason = f"{address.host} {refused} ({status}): check the name, or {_login(address)}"
    elif status == 429:
        after = answer.headers.get("Retry-After", "")
        wait = f"wait {after} s" if after.isdigit() else "wait"
        reason = f"{address.host} was asked too often (429): {wait}" + (
            "" if credentials else f", or {_login(address)}"
        )
    else:
        reason = f"{address.host} answers {status}"
    raise ToolError(reason)


def _login(address: Address) -> str:
    return "log in with " + _LOGIN.format(host=address.host)


def _only_where_safe(url: str) -> None:
    if not keeps_secrets(url):
        msg = f"{url} is not encrypted: no password is sent there, and no digest is taken from there"
        raise ToolError(msg)
