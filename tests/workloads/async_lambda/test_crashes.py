"""The consumer behind Lambda's SQS polling dies, or is not alone: nothing is lost, and nothing answered twice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from async_consumer.clients import App
from async_consumer.handler import consume

from tests.workloads.conftest import LOCAL_ONLY
from tests.workloads.fake_openai import FakeOpenAi
from tests.workloads.queues import Desk, events

pytestmark = LOCAL_ONLY


def test_a_bug_costs_one_message_one_turn(
    desk: Desk, make: Callable[..., App], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = desk.send("bad"), desk.send("good")
    app = make()
    ask = app.backend.ask

    def broken(url: str, body: bytes, request_id: str, timeout_s: float) -> Any:
        if request_id == bad:
            raise ZeroDivisionError("private thoughts")
        return ask(url, body, request_id, timeout_s)

    monkeypatch.setattr(app.backend, "ask", broken)
    assert desk.deliver(app) == [bad]
    assert list(desk.results()) == [good]
    (line,) = [item for item in events(capsys) if item["event"] == "internal_error"]
    assert line["where"].startswith("ZeroDivisionError < broken:")
    assert "private" not in json.dumps(line)
    monkeypatch.undo()
    assert desk.deliver(app) == []  # its claim was given back


def test_a_claim_of_a_dead_consumer_is_taken_over(desk: Desk, make: Callable[..., App], model: FakeOpenAi) -> None:
    from async_consumer.ledger import Busy, Claim, Done, Ledger
    from async_consumer.message import parse_message

    message_id = desk.send("a", key="k")
    message = parse_message(desk.records()[0]["body"], message_id)
    now = [1000.0]
    ledger = Ledger(desk.bucket.s3, desk.bucket.name, "async/", clock=lambda: now[0])
    first = ledger.claim(message, 60)
    assert isinstance(first, Claim)
    assert ledger.claim(message, 60) == Busy(60)
    now[0] += 61
    second = ledger.claim(message, 60)
    assert isinstance(second, Claim)
    ledger.finish(first)  # it was only slow: its word counts no longer
    ledger.release(first)
    assert ledger.claim(message, 60) == Busy(60)
    assert ledger.put_result("k", {"answer": 1})
    assert not ledger.put_result("k", {"answer": 2})
    assert ledger.result("k") == {"answer": 1}
    ledger.finish(second)
    assert ledger.claim(message, 60) == Done()


@pytest.mark.parametrize("dies_at", ["put_result", "publish", "finish"])
def test_death_between_the_steps(
    desk: Desk, make: Callable[..., App], model: FakeOpenAi, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    class Died(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Died

    desk.send("a", key="k")
    app = make()
    (record,) = desk.records()
    with monkeypatch.context() as patch:
        ledger = app.consumer._ledger
        patch.setattr(ledger, "release", lambda claim: None)  # the dead release nothing
        patch.setattr(app.consumer._sns if dies_at == "publish" else ledger, dies_at, die)
        with pytest.raises(Died):
            app.consumer.handle("0-1", record["body"], 1, time.monotonic() + 5)
    entry = json.loads(desk.bucket.get("async/ledger/k.json"))
    assert entry["state"] == "claimed"
    desk.bucket.put("async/ledger/k.json", json.dumps({**entry, "until": 0}))  # its time is over
    assert consume(app, [record], 20) == {"batchItemFailures": []}
    assert model.seen["a"] == (2 if dies_at == "put_result" else 1)
    assert desk.results()["k"]["status"] == "succeeded"
    told = desk.told()
    assert {item["idempotency_key"] for item in told} == {"k"}
    assert len(told) == (2 if dies_at == "finish" else 1)  # at least once, and it says which


def test_two_functions_at_once_tell_one_answer(desk: Desk, make: Callable[..., App], model: FakeOpenAi) -> None:
    model.delay_s = 0.2
    desk.send("a", key="k")
    (record,) = desk.records()
    apps = [make(), make()]
    replies: list[Any] = []
    threads = [threading.Thread(target=lambda app=app: replies.append(consume(app, [record], 20))) for app in apps]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert sorted(len(reply["batchItemFailures"]) for reply in replies) == [0, 1]
    assert model.seen["a"] == 1
    assert len(desk.told()) == 1
