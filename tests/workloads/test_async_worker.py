"""The consumer as a worker in a cluster: heartbeat, outage, drain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from async_consumer.clients import App
from async_consumer.worker import Worker

from llminfra.workloads import package
from tests.workloads.conftest import LOCAL_ONLY, Bucket
from tests.workloads.fake_openai import FakeOpenAi
from tests.workloads.queues import Desk

pytestmark = LOCAL_ONLY


@pytest.fixture
def desk(client: Callable[[str], Any], bucket: Bucket, model: FakeOpenAi) -> Desk:
    return Desk(client, bucket, model.url)


class Running:
    """A worker in a thread."""

    def __init__(self, app: App) -> None:
        self.stop = threading.Event()
        self.done = -1
        self.app = app
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        self.done = Worker(self.app, self.stop).run()

    def end(self) -> int:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self.done


@pytest.fixture
def work(desk: Desk, aws_env: dict[str, str]) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(**extra: str) -> Running:
        started.append(Running(desk.app(ASYNC_WAIT_S="0", **extra)))
        return started[-1]

    yield begin
    for running in started:
        running.end()
        running.app.close()


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_messages_stay_hidden_while_they_are_worked_on(
    desk: Desk, work: Callable[..., Running], model: FakeOpenAi, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.send("slow", fault={"delay_s": 2})
    for _ in range(2):  # two workers, so that one would take what the other lets go
        work(ASYNC_VISIBILITY_S="1")
    wait_until(lambda: len(desk.results()) == 1 and desk.waiting() == 0)
    assert model.seen == {"slow": 1}
    assert len(desk.told()) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["code"] for line in lines if line["event"] == "message"] == ["succeeded"]  # nobody else had it


def test_an_outage_uses_up_no_receive_count(desk: Desk, work: Callable[..., Running], model: FakeOpenAi) -> None:
    model.healthy = False
    ids = [desk.send(f"n{number}") for number in range(12)]
    running = work()
    time.sleep(0.4)
    assert model.seen == {}
    assert [record["attributes"]["ApproximateReceiveCount"] for record in desk.records(1)] == ["1"]  # ours, the first
    model.healthy = True
    wait_until(lambda: len(desk.results()) == 11)
    assert running.end() == 11
    assert set(desk.results()) < set(ids)


def test_poison_and_trouble(desk: Desk, work: Callable[..., Running], model: FakeOpenAi) -> None:
    desk.send_raw("{")
    passing = desk.send("a", fault={"status": 500, "times": 2})
    running = work()
    wait_until(lambda: desk.waiting() == 0)
    running.end()
    assert desk.take_all(desk.dlq) == ["{"]
    assert list(desk.results()) == [passing]
    assert model.seen["a"] == 3


def test_a_worker_without_work_ends(work: Callable[..., Running]) -> None:
    running = work(ASYNC_IDLE_EXIT_S="0.1")
    running.thread.join(10)
    assert running.done == 0


@pytest.fixture
def process(desk: Desk, aws_env: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    archive = package("async_consumer", tmp_path)
    started: list[subprocess.Popen[str]] = []

    def begin(**extra: str) -> subprocess.Popen[str]:
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(archive), **aws_env, **desk.env(ASYNC_WAIT_S="1", **extra)}
        command = [sys.executable, "-m", "async_consumer"]
        started.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for item in started:
        item.kill()
        item.communicate()


def test_kill_and_sigterm(
    desk: Desk, process: Callable[..., subprocess.Popen[str]], model: FakeOpenAi, tmp_path: Path
) -> None:
    model.delay_s = 0.05
    ids = [
        desk.send(f"n{number}", **({"fault": {"delay_s": 60, "times": 1}} if number == 0 else {}))
        for number in range(16)
    ]
    alive = tmp_path / "alive"
    short = {"ASYNC_VISIBILITY_S": "2", "ASYNC_REQUEST_TIMEOUT_S": "60", "ASYNC_ALIVE_FILE": str(alive)}
    killed = process(**short)
    wait_until(lambda: len(desk.results()) >= 4)
    assert alive.exists()
    killed.kill()
    killed.communicate()
    # What it had has a claim until 90 s from now: its time is set to be over.
    for key in desk.bucket.keys("async/ledger/"):
        entry = json.loads(desk.bucket.get(key))
        if entry["state"] == "claimed":
            desk.bucket.put(key, json.dumps({**entry, "until": 0}))
    desk.sqs.set_queue_attributes(QueueUrl=desk.queue, Attributes={"RedrivePolicy": ""})
    second = process(**short, ASYNC_DRAIN_TIMEOUT_S="5")
    wait_until(lambda: len(desk.results()) == 16 and desk.waiting() == 0)
    second.send_signal(signal.SIGTERM)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[-1]["event"] == "ended"
    assert sorted(desk.results()) == sorted(ids)
    told = Counter(item["idempotency_key"] for item in desk.told())
    assert set(told) == set(ids)
    assert sum(told.values()) <= 21  # twice at most what was in flight at the kill
    assert "say n" not in out + err


def test_what_is_not_finished_in_time_is_given_back(
    desk: Desk, process: Callable[..., subprocess.Popen[str]], model: FakeOpenAi
) -> None:
    desk.send("slow", fault={"delay_s": 30})
    worker = process(ASYNC_DRAIN_TIMEOUT_S="0.2", ASYNC_REQUEST_TIMEOUT_S="60")
    wait_until(lambda: model.seen["slow"] == 1)
    worker.send_signal(signal.SIGTERM)
    since = time.monotonic()
    out, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert time.monotonic() - since < 5
    assert '"event":"drained","given_back":1' in out
    assert len(desk.records()) == 1  # it is there again, at once


def test_wrong_settings(process: Callable[..., subprocess.Popen[str]]) -> None:
    worker = process(ASYNC_QUEUE_URL="")
    out, _ = worker.communicate(timeout=60)
    assert worker.returncode == 78
    assert json.loads(out)["mistakes"] == ["ASYNC_QUEUE_URL is not set"]
