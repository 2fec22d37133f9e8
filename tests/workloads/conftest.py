"""Real boto3 clients against moto's server, and a fake inference server: both on 127.0.0.1 only."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.helpers.simulated_aws import aws_server
from tests.workloads.fake_openai import FakeOpenAi

WORKLOADS = Path(__file__).parents[2] / "modules" / "workloads"
if str(WORKLOADS) not in sys.path:  # as in the Lambda runtime, where the archive is on the path
    sys.path.insert(0, str(WORKLOADS))

LOCAL_ONLY = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    with aws_server() as url:
        yield url


@pytest.fixture
def aws_env(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    env = {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return env


@pytest.fixture(scope="session")
def client(aws_url: str) -> Iterator[Callable[[str], Any]]:
    """Gives boto3 clients, one a service: making them is what takes time."""
    made: dict[str, Any] = {}

    def give(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(
                service,
                endpoint_url=aws_url,
                region_name="us-east-1",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
                config=Config(retries={"mode": "standard", "max_attempts": 2}, max_pool_connections=20),
            )
        return made[service]

    yield give
    for item in made.values():
        item.close()


@pytest.fixture
def model() -> Iterator[FakeOpenAi]:
    server = FakeOpenAi().start()
    yield server
    server.stop()


@dataclass
class Bucket:
    """A bucket of its own for a test."""

    s3: Any
    name: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        self.s3.create_bucket(Bucket=self.name)

    def put(self, key: str, data: bytes | str) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=data.encode() if isinstance(data, str) else data)

    def get(self, key: str) -> bytes:
        with self.s3.get_object(Bucket=self.name, Key=key)["Body"] as body:
            return body.read()

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def lines(self, suffix: str) -> list[Any]:
        """All JSON lines of the objects with that ending, outside the work area."""
        keys = [key for key in self.keys() if key.endswith(suffix) and "/_work/" not in key]
        return [json.loads(line) for key in keys for line in self.get(key).split(b"\n") if line]


@pytest.fixture
def bucket(client: Callable[..., Any]) -> Bucket:
    return Bucket(client("s3"))
