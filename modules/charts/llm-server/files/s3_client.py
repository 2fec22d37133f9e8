"""The few calls to Amazon S3 that the scripts beside this one need, with nothing but Python itself.

Images of inference engines have Python, but not every one has an AWS SDK. Credentials are those of the pod: EKS Pod
Identity, or a role by web identity (IRSA). Requests are signed by Signature Version 4 as in the Amazon S3 API
Reference, "Authenticating Requests: Using the Authorization Header".
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.client
import json
import os
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

EMPTY = hashlib.sha256(b"").hexdigest()
ATTEMPTS = 6
TIMEOUT_S = 60
# Requests after which it is no use to ask again.
FINAL = {301, 400, 403, 404, 405, 409, 412, 416}
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class S3Error(Exception):
    """S3 refused; ``status`` is HTTP's, ``code`` S3's own."""

    def __init__(self, status: int, code: str, what: str) -> None:
        super().__init__(f"{what}: {status} {code}")
        self.status = status
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether nothing is there; without the right to list a bucket, S3 forbids what is not there."""
        return self.status in {403, 404}


@dataclass(frozen=True)
class Credentials:
    """Keys of a session."""

    key: str
    secret: str
    token: str
    ends: float = float("inf")


def credentials(environment: Mapping[str, str], region: str) -> Credentials:
    """The pod's credentials.

    Raises:
        LookupError: It has none.
    """
    if uri := environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        token = Path(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text(encoding="utf-8").strip()
        request = urllib.request.Request(uri, headers={"Authorization": token})  # noqa: S310  # the agent on the node
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            found = json.load(answer)
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"], _ends(found["Expiration"]))
    if path := environment.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        fields = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": environment["AWS_ROLE_ARN"],
            "RoleSessionName": "llm-server",
            "WebIdentityToken": Path(path).read_text(encoding="utf-8").strip(),
        }
        url = f"https://sts.{region}.{_domain(region)}/"
        body = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(url, data=body, timeout=TIMEOUT_S) as answer:
            tree = ET.parse(answer)  # noqa: S314  # an answer of AWS over TLS
        name = "{https://sts.amazonaws.com/doc/2011-06-15/}"
        key, secret, session, ends = (
            str(tree.findtext(f".//{name}{item}"))
            for item in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
        )
        return Credentials(key, secret, session, _ends(ends))
    if given := environment.get("AWS_ACCESS_KEY_ID"):
        return Credentials(given, environment["AWS_SECRET_ACCESS_KEY"], environment.get("AWS_SESSION_TOKEN", ""))
    raise LookupError("the pod has no AWS identity: neither Pod Identity nor a role by web identity")


def _ends(text: str) -> float:
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()  # noqa: FURB162  # before Python 3.11


def _domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def quoted(path: str) -> str:
    """A key as it stands in a path and in the signature: everything but unreserved characters and slashes encoded."""
    return urllib.parse.quote(path, safe="/-_.~")


def sign(
    keys: Credentials,
    region: str,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    now: dt.datetime,
) -> str:
    """The value of ``Authorization`` for a request; ``headers`` (lower case) are all signed."""
    day, moment = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        [
            method,
            path,
            "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(query.items())),
            *(f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)),
            "",
            names,
            headers["x-amz-content-sha256"],
        ]
    )
    scope = f"{day}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    secret = f"AWS4{keys.secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={keys.key}/{scope}, SignedHeaders={names}, Signature={signature}"


def _encoded(text: str) -> str:
    return urllib.parse.quote(text, safe="-_.~")


@dataclass
class S3:
    """A client for one region; each thread has a connection of its own for each host."""

    region: str
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    _keys: Credentials | None = None
    _local: threading.local = field(default_factory=threading.local)
    _lock: Any = field(default_factory=threading.Lock)

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        """Keys under a prefix with their sizes."""
        found: dict[str, int] = {}
        query = {"list-type": "2", "prefix": prefix}
        while True:
            tree = ET.fromstring(self._ask("GET", bucket, "", query=query, take=lambda answer: answer.read()))  # noqa: S314
            for item in tree.iter(f"{_NAMESPACE}Contents"):
                found[str(item.findtext(f"{_NAMESPACE}Key"))] = int(str(item.findtext(f"{_NAMESPACE}Size")))
            following = tree.findtext(f"{_NAMESPACE}NextContinuationToken")
            if not following:
                return found
            query["continuation-token"] = following

    def metadata(self, bucket: str, key: str) -> dict[str, str]:
        """The user's metadata of an object, by lower-case name."""
        headers: dict[str, str] = self._ask("HEAD", bucket, key, take=_headers)
        start = "x-amz-meta-"
        return {name.lower()[len(start) :]: value for name, value in headers.items() if name.lower().startswith(start)}

    def read(self, bucket: str, key: str) -> bytes:
        """A small object."""
        body: bytes = self._ask("GET", bucket, key, take=lambda answer: answer.read())
        return body

    def fetch(self, bucket: str, key: str, into: IO[bytes], start: int, size: int, block: int) -> None:
        """A range of an object into a file that is open, from its place on; whole, or an exception."""
        place = into.tell()

        def take(answer: http.client.HTTPResponse) -> None:
            into.seek(place)
            came = 0
            while data := answer.read(block):
                came += into.write(data)
            if came != size:
                raise http.client.IncompleteRead(b"", size - came)

        self._ask("GET", bucket, key, headers={"range": f"bytes={start}-{start + size - 1}"}, take=take)

    def put_new(self, bucket: str, key: str, path: Path, sha256: str, metadata: Mapping[str, str]) -> bool:
        """Upload a file unless something is there; whether it was uploaded. S3 checks the checksum."""
        headers = {
            "if-none-match": "*",
            "content-length": str(path.stat().st_size),
            **{f"x-amz-meta-{name}": value for name, value in metadata.items()},
        }
        try:
            self._ask("PUT", bucket, key, headers=headers, body=path, sha256=sha256, take=lambda answer: answer.read())
        except S3Error as error:
            if error.status in {409, 412}:
                return False
            raise
        return True

    def _ask(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        take: Callable[[http.client.HTTPResponse], Any],
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Path | None = None,
        sha256: str = EMPTY,
    ) -> Any:
        """One request, again and again while S3 or the network is not well."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(method, bucket, key, query or {}, dict(headers or {}), body, sha256, take)
            except S3Error as error:
                if error.status in FINAL or attempt == ATTEMPTS:
                    raise
            except (OSError, http.client.HTTPException):
                self._forget()
                if attempt == ATTEMPTS:
                    raise
            time.sleep(random.uniform(0, 0.2 * 2**attempt))  # noqa: S311  # spreads retries, no secret
        raise AssertionError

    def _once(
        self,
        method: str,
        bucket: str,
        key: str,
        query: Mapping[str, str],
        headers: dict[str, str],
        body: Path | None,
        sha256: str,
        take: Callable[[http.client.HTTPResponse], Any],
    ) -> Any:
        scheme, host, path = self._place(bucket, key)
        keys, now = self._session(), dt.datetime.now(dt.timezone.utc)  # noqa: UP017  # before Python 3.11
        headers |= {
            "host": host,
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-content-sha256": sha256,
            **({"x-amz-security-token": keys.token} if keys.token else {}),
        }
        headers["authorization"] = sign(keys, self.region, method, path, query, headers, now)
        target = f"{path}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote, safe='-_.~')}" if query else path
        connection = self._connection(scheme, host)
        if body is None:
            connection.request(method, target, headers=headers)
        else:
            with body.open("rb") as stream:
                connection.request(method, target, body=stream, headers=headers)
        answer = connection.getresponse()
        if answer.status >= 300:
            text = answer.read()
            raise S3Error(answer.status, _code(text) or answer.reason, f"{method} s3://{bucket}/{key}")
        try:
            return take(answer)
        finally:
            if not answer.isclosed():
                self._forget()

    def _place(self, bucket: str, key: str) -> tuple[str, str, str]:
        """Scheme, host and path; a bucket with dots in its name fits no certificate, and becomes part of the path."""
        own = self.environment.get("AWS_ENDPOINT_URL_S3")
        if own:
            url = urllib.parse.urlsplit(own)
            return url.scheme, url.netloc, quoted(f"/{bucket}/{key}")
        host = f"s3.{self.region}.{_domain(self.region)}"
        return (
            ("https", host, quoted(f"/{bucket}/{key}"))
            if "." in bucket
            else ("https", f"{bucket}.{host}", quoted(f"/{key}"))
        )

    def _session(self) -> Credentials:
        with self._lock:
            if self._keys is None or self._keys.ends - time.time() < 300:
                self._keys = credentials(self.environment, self.region)
            return self._keys

    def _connection(self, scheme: str, host: str) -> http.client.HTTPConnection:
        there: dict[str, http.client.HTTPConnection] = self._local.__dict__.setdefault("connections", {})
        if host not in there:
            kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
            there[host] = kind(host, timeout=TIMEOUT_S)
        return there[host]

    def _forget(self) -> None:
        for connection in self._local.__dict__.pop("connections", {}).values():
            connection.close()


def _headers(answer: http.client.HTTPResponse) -> dict[str, str]:
    answer.read()
    return dict(answer.getheaders())


def _code(text: bytes) -> str:
    try:
        return ET.fromstring(text).findtext("Code") or ""  # noqa: S314  # see above
    except ET.ParseError:
        return ""
