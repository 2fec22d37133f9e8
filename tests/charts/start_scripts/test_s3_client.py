"""The client of S3 with Python alone: signatures, addresses, credentials, and a service that is unwell."""

from __future__ import annotations

import datetime as dt
import http.client
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from tests.charts.start_scripts.scripts import s3_client

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
SAFE = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="/"), min_size=1, max_size=20)


@given(parts=st.lists(SAFE, min_size=1, max_size=4), prefix=SAFE, token=st.booleans())
def test_requests_are_signed_as_botocore_signs_them(parts: list[str], prefix: str, token: bool) -> None:
    now = dt.datetime(2026, 11, 23, 12, 30, 15, tzinfo=dt.timezone.utc)  # noqa: UP017  # as the script has it
    moment, session = now.strftime("%Y%m%dT%H%M%SZ"), "session" if token else ""
    keys = s3_client.Credentials("AKIDEXAMPLE", "secret", session)
    path, query = s3_client.quoted("/" + "/".join(parts)), {"list-type": "2", "prefix": prefix}
    headers = {"host": "b.s3.us-east-1.amazonaws.com", "x-amz-date": moment, "x-amz-content-sha256": s3_client.EMPTY}
    headers |= {"x-amz-security-token": session} if session else {}
    mine = s3_client.sign(keys, "us-east-1", "GET", path, query, headers, now)
    request = AWSRequest("GET", f"https://{headers['host']}{path}", headers=dict(headers), params=query)
    request.context["timestamp"] = moment
    auth = S3SigV4Auth(Credentials("AKIDEXAMPLE", "secret", session or None), "s3", "us-east-1")
    theirs = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert mine.rpartition("Signature=")[2] == theirs


@pytest.mark.parametrize(
    ("bucket", "region", "place"),
    [
        ("acme", "eu-west-1", ("https", "acme.s3.eu-west-1.amazonaws.com", "/a%20b/c")),
        ("acme.eu", "eu-west-1", ("https", "s3.eu-west-1.amazonaws.com", "/acme.eu/a%20b/c")),
        ("acme", "cn-north-1", ("https", "acme.s3.cn-north-1.amazonaws.com.cn", "/a%20b/c")),
    ],
)
def test_where_a_bucket_is(bucket: str, region: str, place: tuple[str, str, str]) -> None:
    assert s3_client.S3(region, {})._place(bucket, "a b/c") == place


class _Aws(http.server.BaseHTTPRequestHandler):
    """The Pod Identity agent, and an S3 that is unwell at first."""

    troubles: ClassVar[list[int]] = []
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization", ""))
        if self.path == "/v1/credentials":
            body = {"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T", "Expiration": "2999-01-01T00:00:00Z"}
            return self._answer(200, json.dumps(body).encode())
        status = self.troubles.pop(0) if self.troubles else 200
        return self._answer(status, b"all of it" if status == 200 else b"<Error><Code>SlowDown</Code></Error>")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def unwell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    monkeypatch.setattr(s3_client.time, "sleep", lambda _: None)
    _Aws.troubles.clear()
    _Aws.seen.clear()
    (tmp_path / "token").write_text("from-the-kubelet\n", encoding="utf-8")
    with http.server.HTTPServer(("127.0.0.1", 0), _Aws) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield {
            "AWS_ENDPOINT_URL_S3": url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
        }
        server.shutdown()
        thread.join()


def test_pod_identity_gives_the_credentials_once(unwell: dict[str, str]) -> None:
    client = s3_client.S3("us-east-1", unwell)
    assert client.read("acme", "key") == client.read("acme", "key") == b"all of it"
    assert _Aws.seen[0] == "from-the-kubelet"
    assert [item.startswith("AWS4-HMAC-SHA256 Credential=A/") for item in _Aws.seen[1:]] == [True, True]


def test_a_service_that_is_unwell_is_asked_again(unwell: dict[str, str]) -> None:
    _Aws.troubles[:] = [503, 500]
    assert s3_client.S3("us-east-1", unwell).read("acme", "key") == b"all of it"
    _Aws.troubles[:] = [503] * 20
    with pytest.raises(s3_client.S3Error, match="503 SlowDown"):
        s3_client.S3("us-east-1", unwell).read("acme", "key")


def test_what_is_forbidden_is_asked_once(unwell: dict[str, str]) -> None:
    _Aws.troubles[:] = [403]
    with pytest.raises(s3_client.S3Error) as caught:
        s3_client.S3("us-east-1", unwell).read("acme", "key")
    assert caught.value.missing
    assert len(_Aws.seen) == 2


def test_a_range_that_comes_short_is_an_error(unwell: dict[str, str], tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as stream, pytest.raises(http.client.IncompleteRead):
        s3_client.S3("us-east-1", unwell).fetch("acme", "key", stream, 0, 100, 10)


def test_a_pod_without_identity_says_so() -> None:
    with pytest.raises(LookupError, match="no AWS identity"):
        s3_client.credentials({}, "us-east-1")


def test_a_role_by_web_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the example of the STS API Reference, AssumeRoleWithWebIdentity."""
    answer = b"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <AssumeRoleWithWebIdentityResult><Credentials>
        <SessionToken>token</SessionToken><SecretAccessKey>secret</SecretAccessKey>
        <Expiration>2999-10-24T23:00:23Z</Expiration><AccessKeyId>ASgeIAIOSFODNN7EXAMPLE</AccessKeyId>
      </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
    asked = []

    def urlopen(url: str, data: bytes, timeout: int) -> io.BytesIO:
        asked.append((url, data.decode()))
        return io.BytesIO(answer)

    monkeypatch.setattr(s3_client.urllib.request, "urlopen", urlopen)
    (tmp_path / "token").write_text("jwt", encoding="utf-8")
    environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ROLE_ARN": "arn:aws:iam::1:role/chat"}
    found = s3_client.credentials(environment, "eu-west-1")
    assert (found.key, found.secret, found.token) == ("ASgeIAIOSFODNN7EXAMPLE", "secret", "token")
    assert found.ends > 3e10
    ((url, fields),) = asked
    assert url == "https://sts.eu-west-1.amazonaws.com/"
    assert "WebIdentityToken=jwt" in fields
    assert "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fchat" in fields
