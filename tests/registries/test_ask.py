"""The client against a local registry that speaks the protocol."""

from __future__ import annotations

import base64
import builtins
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import NoCredentialsError

from llminfra.diagnostics import ToolError, UsageError
from llminfra.registries import RegistryError, ask_digests
from llminfra.registries.address import address_of, keeps_secrets
from llminfra.registries.credentials import Credentials, docker_config, ecr_credentials, ecr_region
from tests.registries.conftest import INDEX, PASSWORD, USER, digest_of

if TYPE_CHECKING:
    from tests.registries.conftest import FakeRegistry

ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def login(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {registry.host: {"auth": LOGIN}}}))


def test_digests_come_from_the_header_and_no_manifest_is_loaded(registry: FakeRegistry) -> None:
    registry.images = {"acme/vllm:v1": b"one", "acme/vllm:v2": b"two", "library/redis:8": b"three"}
    wanted = [registry.reference(image) for image in registry.images]
    assert ask_digests([*wanted, wanted[0]]) == {
        registry.reference(image): digest_of(content) for image, content in registry.images.items()
    }
    assert {(method, authorization) for method, _, authorization, _ in registry.asked} == {("HEAD", None)}
    assert len(registry.asked) == 3, "each image once"
    accepted = {accept or "" for _, _, _, accept in registry.asked}
    assert all(item.startswith(INDEX) for item in accepted), "an index of several architectures first"


def test_a_registry_without_the_header_tells_the_content(registry: FakeRegistry) -> None:
    registry.images, registry.without_header = {"a/b:v1": b"manifest"}, True
    assert ask_digests([registry.reference("a/b:v1")]) == {registry.reference("a/b:v1"): digest_of(b"manifest")}


@pytest.mark.parametrize("guard", ["tokens", "private", "basic"])
def test_tokens_and_passwords_are_given_where_they_are_asked_for(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    registry.images = {"acme/vllm:v1": b"one"}
    getattr(registry, guard).add("acme/vllm")
    if guard != "tokens":
        login(registry, monkeypatch)
    image = registry.reference("acme/vllm:v1")
    assert ask_digests([image]) == {image: digest_of(b"one")}
    assert registry.asked[0][2] is None, "nothing is sent before it is asked for"


def test_a_helper_of_docker_is_asked(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    registry.images, registry.private = {"acme/vllm:v1": b"one"}, {"acme/vllm"}
    helper = tmp_path / "docker-credential-fake"
    answer = json.dumps({"ServerURL": registry.host, "Username": USER, "Secret": PASSWORD})
    helper.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"assert sys.argv[1:] == ['get'] and sys.stdin.read() == {registry.host!r}\nprint({answer!r})\n",
        encoding="utf-8",
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "docker").mkdir()
    config = {"credHelpers": {registry.host: "fake"}, "credsStore": "is-not-there"}
    (tmp_path / "docker" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert len(ask_digests([registry.reference("acme/vllm:v1")])) == 1


@pytest.mark.parametrize(
    "helper",
    [
        # An identity token is no password.
        'print(\'{"Username": "<token>", "Secret": "t"}\')',
        "print('credentials not found in native keychain'); raise SystemExit(1)",
        "print('no JSON')",
        "print('[]')",
    ],
)
def test_what_a_helper_does_not_know_may_be_noted_beside_it(
    helper: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "docker-credential-fake"
    program.write_text(f"#!{sys.executable}\n{helper}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for noted, user in (({"ghcr.io": {"auth": LOGIN}}, USER), ({}, None)):
        config = docker_config({"DOCKER_AUTH_CONFIG": json.dumps({"credsStore": "fake", "auths": noted})})
        found = config.credentials("ghcr.io")
        assert (found and found.user) == user


def test_all_that_went_wrong_is_told_at_once_without_a_password(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.images = {"fine/image:v1": b"one", "closed/image:v1": b"two"}
    registry.status = {"busy/image": 429, "broken/image": 500, "closed/image": 403}
    login(registry, monkeypatch)
    names = ("fine/image:v1", "no/image:v1", "busy/image:v1", "broken/image:v1", "closed/image:v1")
    nobody = "127.0.0.1:1/a/b:v1"
    with pytest.raises(RegistryError, match="5 images could not be had") as caught:
        ask_digests([*map(registry.reference, names), nobody])
    told = {image.partition("/")[2]: reason for image, reason in caught.value.problems.items()}
    assert set(told) == {*names[1:], "a/b:v1"}
    for image, text in (
        ("no/image:v1", "has no such image"),
        ("busy/image:v1", "asked too often (429): wait 60 s"),
        ("broken/image:v1", "answers 500"),
        ("closed/image:v1", "refuses the credentials"),
        ("a/b:v1", "cannot be reached"),
    ):
        assert text in told[image]
        assert image in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert LOGIN not in str(caught.value)


def test_who_is_not_logged_in_is_told_how(registry: FakeRegistry) -> None:
    registry.images, registry.private, registry.basic = {}, {"acme/vllm"}, {"acme/other"}
    registry.status["busy/image"] = 429
    with pytest.raises(RegistryError) as caught:
        ask_digests(registry.reference(f"{name}:v1") for name in ("acme/vllm", "acme/other", "busy/image"))
    assert all(f"docker login {registry.host}" in reason for reason in caught.value.problems.values())


def test_credentials_stay_with_the_registry_that_they_are_for(
    registry: FakeRegistry, other: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.basic, registry.moved = {"acme/vllm"}, {"acme/vllm": f"http://{other.host}"}
    other.images = {"acme/vllm:v1": b"one"}
    login(registry, monkeypatch)
    image = registry.reference("acme/vllm:v1")
    assert ask_digests([image]) == {image: digest_of(b"one")}
    assert [authorization for _, _, authorization, _ in registry.asked] == [None, f"Basic {LOGIN}"]
    assert [authorization for _, _, authorization, _ in other.asked] == [None], "it is sent on without them"


def test_no_password_goes_over_a_line_that_is_not_encrypted(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.private, registry.realm = {"acme/vllm"}, "http://tokens.example.com/token"
    login(registry, monkeypatch)
    with pytest.raises(RegistryError, match="is not encrypted"):
        ask_digests([registry.reference("acme/vllm:v1")])
    assert keeps_secrets("https://ghcr.io/token")
    assert not keeps_secrets("http://127.0.0.1.example.com/token")


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("docker.io/library/redis:8", "https://registry-1.docker.io/v2/library/redis/manifests/8"),
        ("quay.io/prometheus/prometheus:v3", "https://quay.io/v2/prometheus/prometheus/manifests/v3"),
        ("registry.acme.com:5000/a/b:v1", "https://registry.acme.com:5000/v2/a/b/manifests/v1"),
        ("localhost:5000/a:v1", "http://localhost:5000/v2/a/manifests/v1"),
    ],
)
def test_addresses(image: str, url: str) -> None:
    assert address_of(image).url == url


@pytest.mark.parametrize(
    ("config", "host", "user"),
    [
        ({"auths": {"https://index.docker.io/v1/": {"auth": LOGIN}}}, "docker.io", USER),
        ({"auths": {"https://ghcr.io": {"auth": LOGIN}}}, "ghcr.io", USER),
        ({"auths": {"ghcr.io": {}}}, "ghcr.io", None),
        ({"auths": {"ghcr.io": {"auth": "%%%"}}}, "ghcr.io", None),
        ({"auths": ["ghcr.io"], "credsStore": "../../bin/sh"}, "ghcr.io", None),
        ({}, "quay.io", None),
    ],
)
def test_what_docker_has_noted(config: dict[str, Any], host: str, user: str | None) -> None:
    found = docker_config({"DOCKER_AUTH_CONFIG": json.dumps(config)}).credentials(host)
    assert (found and found.user) == user


def test_a_password_is_not_printed(tmp_path: Path) -> None:
    assert PASSWORD not in repr(Credentials(USER, PASSWORD))
    file = tmp_path / "config.json"
    file.write_text(f'{{"auths": {PASSWORD}', encoding="utf-8")
    with pytest.raises(UsageError, match="is no JSON object") as caught:
        docker_config({"DOCKER_CONFIG": str(tmp_path)})
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        (ECR, "us-east-1"),
        ("111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("public.ecr.aws", None),
        # Whoever answers there is not AWS.
        ("111122223333.dkr.ecr.us-east-1.example.com", None),
        (f"{ECR}.example.com", None),
    ],
)
def test_aws_passwords_are_for_hosts_of_aws(host: str, region: str | None) -> None:
    assert ecr_region(host) == region


def test_private_ecr_is_asked_with_aws_credentials(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def credentials(region: str) -> Credentials:
        asked.append(region)
        return Credentials(USER, PASSWORD)

    registry.images, registry.basic = {"acme/vllm:v1": b"one"}, {"acme/vllm"}
    monkeypatch.setattr("llminfra.registries.ask.ecr_region", {registry.host: "us-east-1"}.get)
    monkeypatch.setattr("llminfra.registries.ask.ecr_credentials", credentials)
    assert len(ask_digests([registry.reference("acme/vllm:v1")])) == 1
    assert asked == ["us-east-1"]


@pytest.mark.usefixtures("registry")
def test_private_ecr_needs_an_extra(without: Callable[[str], None]) -> None:
    without("boto3")
    with pytest.raises(RegistryError, match=r"llminfra\[aws\]"):
        ask_digests([f"{ECR}/acme/vllm:v1"])


def test_a_password_of_ecr_is_aws_answer_and_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:s3cret").decode()}]}
    client = SimpleNamespace(get_authorization_token=lambda: answer)
    monkeypatch.setattr("boto3.client", lambda service, region_name: client if service == "ecr" else None)
    found = ecr_credentials("us-east-1")
    assert (found.user, found.password) == ("AWS", "s3cret")

    def refused() -> None:
        raise NoCredentialsError

    monkeypatch.setattr(client, "get_authorization_token", refused)
    with pytest.raises(ToolError, match="Amazon ECR in us-east-1 gives no password: Unable to locate credentials"):
        ecr_credentials("us-east-1")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"challenge": ""}, "in a way that is not known: it does not say how"),
        ({"challenge": "Negotiate abc"}, "in a way that is not known: Negotiate"),
        ({"challenge": 'Bearer realm=""'}, "in a way that is not known: Bearer"),
        ({"token": b"<html>"}, "gives no token"),
        ({"token": b'{"token": null}'}, "gives no token"),
        ({"digest": "sha512:abc"}, "tells no digest that is pinned by: 'sha512:abc'"),
    ],
)
def test_what_no_registry_should_say(registry: FakeRegistry, answers: dict[str, Any], told: str) -> None:
    registry.images, registry.tokens = {"a/b:v1": b"one"}, set() if "digest" in answers else {"a/b"}
    registry.says = answers
    with pytest.raises(RegistryError) as caught:
        ask_digests([registry.reference("a/b:v1")])
    assert told in str(caught.value)


def test_a_token_may_have_its_older_name(registry: FakeRegistry) -> None:
    registry.images, registry.tokens = {"a/b:v1": b"one"}, {"a/b"}
    registry.says = {"token": b'{"access_token": "token-of-a/b"}'}
    assert len(ask_digests([registry.reference("a/b:v1")])) == 1


def test_without_the_extra_it_is_named(without: Callable[[str], None]) -> None:
    without("httpx2")
    with pytest.raises(UsageError, match=r"pip install 'llminfra\[registry\]'"):
        ask_digests(["docker.io/library/redis:8"])


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Takes a library away."""
    real = builtins.__import__

    def hide(library: str) -> None:
        def missing(name: str, *rest: Any) -> Any:
            if name.partition(".")[0] == library:
                raise ModuleNotFoundError(name=library)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", missing)

    return hide
