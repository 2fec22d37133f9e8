"""The consumer behind Lambda, and what it reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from async_consumer.clients import App

from tests.workloads.conftest import Bucket
from tests.workloads.fake_openai import FakeOpenAi
from tests.workloads.queues import Desk


@pytest.fixture
def desk(client: Callable[[str], Any], bucket: Bucket, model: FakeOpenAi) -> Desk:
    return Desk(client, bucket, model.url)


@pytest.fixture
def make(desk: Desk, aws_env: dict[str, str]) -> Iterator[Callable[..., App]]:
    made: list[App] = []

    def app(**extra: str) -> App:
        made.append(desk.app(**extra))
        return made[-1]

    yield app
    for item in made:
        item.close()
