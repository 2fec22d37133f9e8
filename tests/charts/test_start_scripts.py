"""The scripts that shorten starts: a copy of weights to a node, and kernels that are kept, against a simulated S3."""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import http.client
import http.server
import importlib
import io
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from llminfra.assets import chart_dir

FILES = chart_dir("llm-server") / "files"
if str(FILES) not in sys.path:  # as in the container, where the scripts lie beside one another
    sys.path.insert(0, str(FILES))
s3_client, cache_weights, keep_kernels = map(importlib.import_module, ("s3_client", "cache_weights", "keep_kernels"))
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

BUCKET = "acme-llm-weights"
PREFIX = "models/acme/tiny/0123456789abcdef0123456789abcdef01234567/"
CONTENT = {
    "config.json": b'{"a": 1}',
    "model-00001.safetensors": b"first" * 1000,
    "model-00002.safetensors": b"second" * 1000,
    "tokenizer/empty.txt": b"",
}


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def environment(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    env = {
        "AWS_ENDPOINT_URL_S3": aws_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    return env


@pytest.fixture
def boto(environment: dict[str, str]) -> Any:
    """What uploads for the scripts, and looks at what they left."""
    client = boto3.client("s3", endpoint_url=environment["AWS_ENDPOINT_URL_S3"])
    if BUCKET in {item["Name"] for item in client.list_buckets()["Buckets"]}:
        for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            client.delete_object(Bucket=BUCKET, Key=item["Key"])
    else:
        client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def s3(boto: Any, environment: dict[str, str]) -> Any:
    return s3_client.S3("us-east-1", environment)


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(cache_weights, "PART_BYTES", 1500)
    monkeypatch.setattr(cache_weights, "READ_BYTES", 400)
    monkeypatch.setattr(cache_weights, "SPARE_BYTES", 0)
    return cache_weights


@pytest.fixture
def kernels() -> ModuleType:
    return keep_kernels


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _upload(boto: Any, content: dict[str, bytes] = CONTENT, *, noted: bool = True) -> None:
    for name, body in content.items():
        boto.put_object(Bucket=BUCKET, Key=PREFIX + name, Body=body, Metadata={"llminfra-checksum": _sha256(body)})
    if noted:
        files = {name: {"size": len(body), "checksum": _sha256(body)} for name, body in CONTENT.items()}
        body = json.dumps({"files": files}).encode()
        boto.put_object(Bucket=BUCKET, Key=f"{PREFIX.rstrip('/')}.complete.json", Body=body)


def _settings(root: Path, requests: int = 4) -> dict[str, str]:
    return {"BUCKET": BUCKET, "PREFIX": PREFIX, "CACHE_DIR": str(root), "REQUESTS": str(requests)}


def _final(root: Path) -> Path:
    return root / "models" / BUCKET / PREFIX.rstrip("/")


def _there(root: Path) -> dict[str, bytes]:
    final = _final(root)
    files = [path for path in final.rglob("*") if path.is_file() and path.name != ".complete"]
    return {str(path.relative_to(final)): path.read_bytes() for path in files}


@pytest.mark.parametrize("noted", [True, False])
def test_a_model_comes_to_the_node_once(weights: ModuleType, boto: Any, s3: Any, tmp_path: Path, noted: bool) -> None:
    _upload(boto, noted=noted)
    assert weights.cache_model(s3, _settings(tmp_path)) is True
    assert _there(tmp_path) == CONTENT
    # The second pod asks nobody: the bucket may be gone.
    assert weights.cache_model(None, _settings(tmp_path)) is False


def test_several_processes_copy_the_same(boto: Any, environment: dict[str, str], tmp_path: Path) -> None:
    """As in the container, in a process of its own, which forks."""
    content = {"a.safetensors": b"0123456789" * 1000, "b.safetensors": b"9876543210" * 1000}
    for name, body in content.items():
        boto.put_object(Bucket=BUCKET, Key=f"several/{name}", Body=body)
    program = "import cache_weights as c; c.PART_BYTES = 1500; c.SPARE_BYTES = 0; raise SystemExit(c.main())"
    settings = {"BUCKET": BUCKET, "PREFIX": "several/", "CACHE_DIR": str(tmp_path), "REQUESTS": "12"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(FILES), **environment, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "sizes are compared alone" in done.stdout
    files = {path.name: path.read_bytes() for path in (tmp_path / "models" / BUCKET / "several").iterdir()}
    assert files == {".complete": b"", **content}


def test_a_file_that_was_changed_on_the_way_is_not_used(
    weights: ModuleType, boto: Any, s3: Any, tmp_path: Path
) -> None:
    _upload(boto)
    boto.put_object(Bucket=BUCKET, Key=f"{PREFIX}model-00001.safetensors", Body=b"other" * 1000)
    with pytest.raises(weights.CacheError, match=r"model-00001\.safetensors: the disk has sha256:"):
        weights.cache_model(s3, _settings(tmp_path))
    assert not _final(tmp_path).exists()
    # What was right is kept, and the next attempt fetches only the rest.
    _upload(boto)
    kept = _final(tmp_path).with_name(f"{_final(tmp_path).name}.partial") / "model-00002.safetensors"
    before = kept.stat().st_mtime_ns
    weights.cache_model(s3, _settings(tmp_path))
    assert (_final(tmp_path) / "model-00002.safetensors").stat().st_mtime_ns == before
    assert _there(tmp_path) == CONTENT


def test_a_bucket_that_is_not_complete(weights: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    _upload(boto)
    boto.delete_object(Bucket=BUCKET, Key=f"{PREFIX}config.json")
    with pytest.raises(weights.CacheError, match=r"is not complete: config\.json"):
        weights.cache_model(s3, _settings(tmp_path))


def test_a_model_that_is_not_in_the_bucket(weights: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    with pytest.raises(weights.CacheError, match="nothing lies under"):
        weights.cache_model(s3, _settings(tmp_path))


def test_a_disk_without_room(
    weights: ModuleType, boto: Any, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _upload(boto)
    monkeypatch.setattr(weights, "SPARE_BYTES", 2**60)
    with pytest.raises(weights.CacheError, match="no room on the node"):
        weights.cache_model(s3, _settings(tmp_path))
    assert not _final(tmp_path).exists()


def test_a_folder_that_the_kubelet_made_is_no_model(weights: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    _upload(boto)
    _final(tmp_path).mkdir(parents=True)
    assert weights.cache_model(s3, _settings(tmp_path)) is True
    assert _there(tmp_path) == CONTENT


def test_leftovers_of_an_earlier_attempt_do_not_stay(weights: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    _upload(boto)
    partial = _final(tmp_path).with_name(f"{_final(tmp_path).name}.partial")
    partial.mkdir(parents=True)
    (partial / "model-00001.safetensors.part").write_bytes(b"half")
    (partial / "renamed-since.safetensors").write_bytes(b"old")
    weights.cache_model(s3, _settings(tmp_path))
    assert _there(tmp_path) == CONTENT


def test_the_second_pod_waits_for_the_first(
    weights: ModuleType, boto: Any, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another pod holds the lock, and the model is there when it lets go."""
    _upload(boto)
    path = _final(tmp_path).with_name(f"{_final(tmp_path).name}.lock")
    path.parent.mkdir(parents=True)
    holder = path.open("w")
    fcntl.flock(holder, fcntl.LOCK_EX)
    waits = []

    def first_pod_ends(seconds: float) -> None:
        waits.append(seconds)
        _final(tmp_path).mkdir()
        (_final(tmp_path) / ".complete").touch()
        holder.close()

    monkeypatch.setattr(weights.time, "sleep", first_pod_ends)
    assert weights.cache_model(s3, _settings(tmp_path)) is False
    assert waits == [weights.LOCK_S]


@given(size=st.integers(0, 10_000), part=st.integers(1, 3_000))
def test_parts_cover_an_object_exactly(size: int, part: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_weights, "PART_BYTES", part)
        parts = cache_weights.parts_of(cache_weights.Source("a", size, ""), "b", "p/", Path("/x"))
    covered = [index for item in parts for index in range(item.start, item.start + item.size)]
    assert covered == list(range(size))
    assert all(item.key == "p/a" for item in parts)


KEY = "compile-cache/vllm-0.27.1/acme/tiny/0123456789ab/l4-amd64/0011223344556677.tar"


def _kernel_settings(root: Path) -> dict[str, str]:
    folders = json.dumps(["vllm/torch_compile_cache", "triton", "inductor"])
    return {"BUCKET": BUCKET, "KEY": KEY, "CACHE_DIR": str(root), "FOLDERS": folders, "READY_URL": "http://127.0.0.1"}


def _compile(root: Path, text: str = "kernel") -> None:
    for name in ("vllm/torch_compile_cache/0a1b/rank_0_0/model", "triton/x/kernel.cubin", "huggingface/secret"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "triton/x/held.lock").touch()
    (root / "triton/outside").symlink_to("/etc/passwd")


def test_kernels_of_one_pod_come_to_the_next(kernels: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _compile(first)
    second.mkdir()
    assert kernels.restore(s3, _kernel_settings(second)) is False
    assert kernels.save(s3, _kernel_settings(first)) is True
    assert kernels.restore(s3, _kernel_settings(second)) is True
    found = sorted(str(path.relative_to(second)) for path in second.rglob("*") if path.is_file())
    assert found == ["triton/x/kernel.cubin", "vllm/torch_compile_cache/0a1b/rank_0_0/model"]
    assert not (second / "triton/outside").is_symlink()
    assert not (first / kernels.PACKED).exists()
    assert not (second / kernels.PACKED).exists()


def test_the_first_pod_wins(
    kernels: ModuleType, boto: Any, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _compile(first)
    _compile(second, "other")
    assert kernels.save(s3, _kernel_settings(first)) is True
    kept = boto.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    assert kernels.save(s3, _kernel_settings(second)) is False
    # Even where both have looked before either has written.
    monkeypatch.setattr(kernels, "exists", lambda *_: False)
    assert kernels.save(s3, _kernel_settings(second)) is False
    assert boto.head_object(Bucket=BUCKET, Key=KEY)["ETag"] == kept


def test_an_engine_that_compiled_nothing_saves_nothing(kernels: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    (tmp_path / "triton").mkdir()
    assert kernels.save(s3, _kernel_settings(tmp_path)) is False
    assert "Contents" not in boto.list_objects_v2(Bucket=BUCKET)


def _put_kernels(boto: Any, body: bytes) -> None:
    stated = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": str(len(body))}
    boto.put_object(Bucket=BUCKET, Key=KEY, Body=body, Metadata=stated)


def _archive(names: list[str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            item = tarfile.TarInfo(name)
            item.size = 1
            archive.addfile(item, io.BytesIO(b"x"))
    return packed.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        b"no archive at all",
        _archive(["triton/a", "home/.bashrc"]),
        _archive(["triton/../../out"]),
        _archive(["/etc/cron.d/x"]),
        _archive(["triton/a" * 40])[:700],
    ],
    ids=["text", "other-folder", "out-of-the-folder", "absolute", "cut-off"],
)
def test_a_damaged_or_hostile_archive_leaves_nothing(
    kernels: ModuleType, boto: Any, s3: Any, tmp_path: Path, body: bytes
) -> None:
    _put_kernels(boto, body)
    root = tmp_path / "cache"
    root.mkdir()
    with pytest.raises((kernels.KernelError, tarfile.TarError)):
        kernels.restore(s3, _kernel_settings(root))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_cache_out_of_reach_does_not_stop_a_pod(
    kernels: ModuleType,
    boto: Any,
    s3: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    nobody = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}
    for name, value in {**_kernel_settings(tmp_path), **nobody}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3_client.time, "sleep", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["keep_kernels.py", "restore"])
    with caplog.at_level("INFO"):
        assert kernels.main() == 0
    assert "kernels of earlier pods are not used" in caplog.text


def test_an_archive_that_was_changed_is_not_unpacked(kernels: ModuleType, boto: Any, s3: Any, tmp_path: Path) -> None:
    body = _archive(["triton/a"])
    stated = {"sha256": hashlib.sha256(b"other").hexdigest(), "bytes": str(len(body))}
    boto.put_object(Bucket=BUCKET, Key=KEY, Body=body, Metadata=stated)
    with pytest.raises(kernels.KernelError, match="the archive has the checksum"):
        kernels.restore(s3, _kernel_settings(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_kernels_are_saved_once_the_engine_answers(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [503, 200]

    class Engine(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.pop(0))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr(kernels, "POLL_S", 0)
    with http.server.HTTPServer(("127.0.0.1", 0), Engine) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        kernels.wait_until_ready(f"http://127.0.0.1:{server.server_port}/health")
        server.shutdown()
        thread.join()
    assert answers == []


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
