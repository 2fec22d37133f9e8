"""A simulated S3 with a bucket, and the scripts that read it."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest

from tests.charts.start_scripts.scripts import BUCKET, cache_weights, keep_kernels, s3_client
from tests.helpers.simulated_aws import aws_server


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    with aws_server() as url:
        yield url


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
