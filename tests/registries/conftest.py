"""A registry on 127.0.0.1 that speaks the OCI distribution specification, with tokens and passwords where told to."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.helpers.local_server import serving

USER, PASSWORD = "robot", "correct-horse-battery"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class FakeRegistry:
    """Images, how each repository is guarded, and what was asked."""

    host: str = ""
    images: dict[str, bytes] = field(default_factory=dict)
    """Content of the manifest by name and tag."""
    tokens: set[str] = field(default_factory=set)
    """Repositories that want a token, which everybody gets."""
    private: set[str] = field(default_factory=set)
    """Repositories that want a token, which the user with the password gets."""
    basic: set[str] = field(default_factory=set)
    """Repositories that want the password itself."""
    moved: dict[str, str] = field(default_factory=dict)
    """Repositories that redirect whoever is let in, and where to."""
    status: dict[str, int] = field(default_factory=dict)
    """What is answered for a repository, whoever asks."""
    without_header: bool = False
    says: dict[str, Any] = field(default_factory=dict)
    """What it says instead of what it should: ``challenge``, ``token``, ``digest``."""
    realm: str = ""
    """Where tokens are, if not here."""
    asked: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    """Method, path, Authorization and Accept of each request."""

    def reference(self, image: str) -> str:
        return f"{self.host}/{image}"


class _Handler(BaseHTTPRequestHandler):
    registry: FakeRegistry

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        held, authorization = self.registry, self.headers.get("Authorization")
        parts = urlsplit(self.path)
        held.asked.append((self.command, self.path, authorization, self.headers.get("Accept")))
        if parts.path == "/token":
            self._token(parse_qs(parts.query).get("scope", [""])[0], authorization)
            return
        name, _, tag = parts.path.removeprefix("/v2/").partition("/manifests/")
        if (status := held.status.get(name)) is not None:
            self._send(status, {"Retry-After": "60"})
        elif name in held.basic and authorization != _basic():
            self._send(401, {"WWW-Authenticate": 'Basic realm="registry"'})
        elif name in held.tokens | held.private and authorization != f"Bearer token-of-{name}":
            realm = held.realm or f"http://{held.host}/token"
            told = f'Bearer realm="{realm}",service="fake",scope="repository:{name}:pull"'
            self._send(401, {"WWW-Authenticate": held.says.get("challenge", told)})
        elif (there := held.moved.get(name)) is not None:
            self._send(307, {"Location": f"{there}/v2/{name}/manifests/{tag}"})
        elif (content := held.images.get(f"{name}:{tag}")) is None:
            self._send(404)
        else:
            told = held.says.get("digest", digest_of(content))
            digest = {} if held.without_header else {"Docker-Content-Digest": told}
            self._send(200, {"Content-Type": INDEX, **digest}, content)

    def _token(self, scope: str, authorization: str | None) -> None:
        name = scope.removeprefix("repository:").removesuffix(":pull")
        if name in self.registry.private and authorization != _basic():
            self._send(401)
            return
        self._send(200, content=self.registry.says.get("token", json.dumps({"token": f"token-of-{name}"}).encode()))

    def _send(self, status: int, headers: dict[str, str] | None = None, content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def _basic() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def serve(held: FakeRegistry) -> Iterator[FakeRegistry]:
    with serving(type("Handler", (_Handler,), {"registry": held})) as held.host:
        yield held


@pytest.fixture
def registry(socket_enabled: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeRegistry]:
    """A registry, and nobody logged in."""
    for name in ("DOCKER_AUTH_CONFIG", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    yield from serve(FakeRegistry())


@pytest.fixture
def other(socket_enabled: None) -> Iterator[FakeRegistry]:
    """Another one."""
    yield from serve(FakeRegistry())
