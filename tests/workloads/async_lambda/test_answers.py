"""The consumer behind Lambda's SQS polling: nothing lost, nothing answered twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from async_consumer import handler
from async_consumer.clients import App
from async_consumer.handler import consume

from llminfra.workloads import workload_dir
from tests.workloads.conftest import LOCAL_ONLY
from tests.workloads.fake_openai import FakeOpenAi
from tests.workloads.queues import Desk, events

pytestmark = LOCAL_ONLY


def validate(name: str, item: object) -> None:
    jsonschema.validate(item, json.loads((workload_dir("async_consumer") / f"{name}.schema.json").read_text()))


def test_answers_go_to_s3_and_are_told(desk: Desk, make: Callable[..., App]) -> None:
    ids = [desk.send(f"n{number}") for number in range(7)]
    assert desk.deliver(make()) == []
    assert desk.waiting() == 0
    results, told = desk.results(), desk.told()
    assert sorted(results) == sorted(ids)
    for number, message_id in enumerate(ids):
        result = results[message_id]
        validate("result", result)
        assert result["status"] == "succeeded"
        assert result["response"]["body"]["choices"][0]["text"] == f"echo say n{number}"
        assert result["metadata"] == {"name": f"n{number}"}
    assert sorted(item["idempotency_key"] for item in told) == sorted(ids)
    for item in told:
        validate("notification", item)
        assert json.loads(desk.bucket.get(item["result"]["key"]))["metadata"] == item["metadata"]


def test_duplicates_are_answered_once(desk: Desk, make: Callable[..., App], model: FakeOpenAi) -> None:
    for _ in range(4):
        desk.send("a", key="order-1")
    desk.send("b", key="order-2")
    model.delay_s = 0.1  # so that the four meet
    app = make()
    for _ in range(3):
        desk.deliver(app)
        for record in desk.records():  # those that waited for the claim come again
            desk.sqs.change_message_visibility(
                QueueUrl=desk.queue, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
            )
    assert desk.waiting() == 0 or desk.take_all(desk.dlq) == []
    assert sorted(desk.results()) == ["order-1", "order-2"]
    assert model.seen == {"a": 1, "b": 1}
    assert Counter(item["idempotency_key"] for item in desk.told()) == {"order-1": 1, "order-2": 1}


def test_the_same_delivery_twice(desk: Desk, make: Callable[..., App], model: FakeOpenAi) -> None:
    desk.send("a")
    app, records = make(), desk.records()
    for _ in range(3):  # SQS delivers at least once
        assert consume(app, records, 20) == {"batchItemFailures": []}
    assert model.seen["a"] == 1
    assert len(desk.told()) == 1


def test_poison_goes_to_the_dead_letter_queue_and_the_rest_is_answered(desk: Desk, make: Callable[..., App]) -> None:
    poison = [
        "{not json",
        "[]",
        '{"version": 2, "url": "/v1/completions", "body": {}}',
        '{"version": 1, "url": "/v1/completions", "body": {}, "surprise": 1}',
        '{"version": 1, "url": "http://elsewhere/", "body": {}}',
        '{"version": 1, "url": "/v1/completions", "body": {"prompt": "\\ud800"}}',
        json.dumps({"version": 1, "url": "/v1/completions", "body_s3": {"bucket": "other", "key": "bodies/x"}}),
        json.dumps({"version": 1, "url": "/v1/completions", "body_s3": {"bucket": desk.bucket.name, "key": "x"}}),
        json.dumps(
            {"version": 1, "url": "/v1/completions", "body_s3": {"bucket": desk.bucket.name, "key": "bodies/x"}}
        ),
    ]
    for text in poison:
        desk.send_raw(text)
    good = desk.send("a")
    app = make()
    for _ in range(4):
        desk.deliver(app)
    assert sorted(desk.take_all(desk.dlq)) == sorted(poison)
    assert desk.waiting() == 0
    assert list(desk.results()) == [good]


def test_a_key_that_is_used_for_another_request_is_poison(desk: Desk, make: Callable[..., App]) -> None:
    app = make()
    desk.send("a", key="k")
    assert desk.deliver(app) == []
    other = desk.send("b", key="k")
    assert desk.deliver(app) == [other]
    assert desk.results()["k"]["metadata"] == {"name": "a"}


def test_a_body_in_s3(desk: Desk, make: Callable[..., App]) -> None:
    body = {"prompt": "say " + "x" * 300_000, "user": "large"}  # larger than a message of SQS was for many years
    desk.bucket.put("bodies/large.json", json.dumps(body))
    desk.bucket.put("bodies/huge.json", json.dumps({"prompt": "x" * 1024 * 1024}))
    desk.bucket.put("bodies/broken.json", "{")
    sent = {}
    for name in ("large", "huge", "broken"):
        pointer = {"bucket": desk.bucket.name, "key": f"bodies/{name}.json"}
        sent[name] = desk.send_raw(json.dumps({"version": 1, "url": "/v1/completions", "body_s3": pointer}))
    assert sorted(desk.deliver(make())) == sorted([sent["huge"], sent["broken"]])
    assert desk.results()[sent["large"]]["response"]["body"]["choices"][0]["text"] == "echo " + body["prompt"]


def test_a_refused_request_is_answered_with_its_refusal(
    desk: Desk, make: Callable[..., App], model: FakeOpenAi
) -> None:
    message_id = desk.send("a", fault={"status": 400})
    assert desk.deliver(make()) == []
    result = desk.results()[message_id]
    validate("result", result)
    assert (result["status"], result["response"]["status_code"]) == ("failed", 400)
    assert [(item["status"], item["status_code"]) for item in desk.told()] == [("failed", 400)]
    assert model.seen["a"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "times": 1},
        {"status": 429, "times": 1},
        {"status": 403, "times": 1},
        {"disconnect": True, "times": 1},
        {"delay_s": 5, "times": 1},
        {"text": "<html>", "status": 404, "times": 1},
        {"text": "no json", "times": 1},
    ],
)
def test_trouble_that_passes(desk: Desk, make: Callable[..., App], fault: dict[str, Any]) -> None:
    message_id = desk.send("a", fault=fault)
    app = make(ASYNC_REQUEST_TIMEOUT_S="1")
    assert desk.deliver(app) == [message_id]
    assert desk.results() == {}
    assert desk.deliver(app) == []
    assert desk.results()[message_id]["status"] == "succeeded"
    assert len(desk.told()) == 1


def test_trouble_within_one_turn(desk: Desk, make: Callable[..., App]) -> None:
    desk.send("a", fault={"status": 503, "times": 2})
    assert desk.deliver(make(ASYNC_CALL_ATTEMPTS="3", ASYNC_CALL_BACKOFF_S="0.01")) == []
    assert len(desk.results()) == 1


def test_an_endpoint_that_is_down_and_comes_back(desk: Desk, make: Callable[..., App], model: FakeOpenAi) -> None:
    ids = [desk.send(f"n{number}") for number in range(5)]
    app = make()
    model.healthy = False
    assert sorted(desk.deliver(app)) == sorted(ids)
    assert desk.told() == []
    model.healthy = True
    assert desk.deliver(app) == []
    assert sorted(desk.results()) == sorted(ids)
    assert len(desk.told()) == 5


def test_an_endpoint_that_stays_down_loses_nothing(desk: Desk, make: Callable[..., App], model: FakeOpenAi) -> None:
    desk.send("a", key="k")
    app = make()
    model.healthy = False
    for _ in range(4):
        desk.deliver(app)
    (text,) = desk.take_all(desk.dlq)
    model.healthy = True
    desk.send_raw(text)  # what a redrive of the dead-letter queue does
    assert desk.deliver(app) == []
    assert desk.results()["k"]["status"] == "succeeded"


def test_the_time_of_the_function_is_kept(
    desk: Desk, make: Callable[..., App], capsys: pytest.CaptureFixture[str]
) -> None:
    slow, quick = desk.send("slow", fault={"delay_s": 12}), desk.send("quick")
    app = make()
    started = time.monotonic()
    assert desk.deliver(app, remaining_s=4) == [slow]
    assert time.monotonic() - started < 11
    assert list(desk.results()) == [quick]
    assert [item["code"] for item in events(capsys) if item.get("message_id") == slow] == ["timeout"]
    assert desk.deliver(app, remaining_s=0.25) == [slow]  # too little to begin
    assert [item["code"] for item in events(capsys) if item.get("message_id") == slow] == ["no_time_left"]


def test_no_more_at_once_than_allowed(desk: Desk, make: Callable[..., App], model: FakeOpenAi) -> None:
    for number in range(8):
        desk.send(f"n{number}")
    model.delay_s = 0.05
    assert desk.deliver(make(ASYNC_CONCURRENCY="2")) == []
    assert model.most_in_flight == 2


def test_messages_come_again_later_and_later(desk: Desk, make: Callable[..., App], model: FakeOpenAi) -> None:
    consumer = make(ASYNC_BACKOFF_S="10", ASYNC_BACKOFF_MAX_S="100").consumer
    model.healthy = False
    text = json.dumps({"version": 1, "url": "/v1/completions", "body": {}})
    waits = [consumer.handle("0-1", text, count, time.monotonic() + 5).again_after_s for count in (1, 2, 3, 4, 5, 99)]
    assert waits == [10, 20, 40, 80, 100, 100]


def test_the_key_comes_from_secrets_manager_and_may_be_rotated(
    desk: Desk, make: Callable[..., App], model: FakeOpenAi, client: Callable[[str], Any]
) -> None:
    secrets, name = client("secretsmanager"), f"key-{desk.name}"
    secrets.create_secret(Name=name, SecretString="first")
    model.api_key = "first"
    app = make(ASYNC_API_KEY_SECRET=name)
    desk.send("a")
    assert desk.deliver(app) == []
    secrets.put_secret_value(SecretId=name, SecretString='{"api_key": "second"}')
    model.api_key = "second"
    desk.send("b")
    assert desk.deliver(app) == []
    assert model.seen == {"a": 1, "b": 2}  # refused, read again, accepted
    model.api_key = "third"
    desk.send("c")
    assert len(desk.deliver(app)) == 1  # a wrong key is our trouble, not the sender's


def test_logs_have_no_content(desk: Desk, make: Callable[..., App], capsys: pytest.CaptureFixture[str]) -> None:
    for number, fault in enumerate(({}, {"status": 400}, {"status": 500}, {"text": "private thoughts"})):
        desk.send(f"private thoughts {number}", fault=fault)
    desk.send_raw('{"version": 1, "url": "/v1/completions", "body": {"prompt": "private thoughts"')
    desk.send_raw('{"version": 1, "url": "/v1/completions", "private thoughts": 1, "body": {}}')
    desk.deliver(make())
    out, err = capsys.readouterr()
    assert "private" not in out + err
    lines = [json.loads(line) for line in out.splitlines()]
    assert Counter(line["event"] for line in lines) == {"message": 6, "poison": 2, "batch": 1}
    assert all(line["level"] in {"INFO", "WARNING", "ERROR"} for line in lines)


def test_the_entry_point(desk: Desk, aws_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in desk.env().items():
        monkeypatch.setenv(name, value)
    handler._app.cache_clear()
    message_id = desk.send("a")
    bad = desk.send_raw("{")
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 20_000)
    assert handler.handle({"Records": desk.records()}, context) == {"batchItemFailures": [{"itemIdentifier": bad}]}
    assert list(desk.results()) == [message_id]
    handler._app().close()
    handler._app.cache_clear()


def test_sagemaker(
    desk: Desk,
    make: Callable[..., App],
    model: FakeOpenAi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", model.url)
    app = make(ASYNC_ENDPOINT_URL="", ASYNC_SAGEMAKER_ENDPOINT="chat", ASYNC_SAGEMAKER_COMPONENT="part")
    names = {
        "good": {},
        "refused": {"status": 400},
        "broken": {"status": 500},
        "throttled": {"status": 429, "type": "ThrottlingException", "service_status": 400},
        "absent": {"status": 404, "type": "ValidationError", "service_status": 400},
        "slow": {"delay_s": 9},
    }
    ids = {name: desk.send(name, fault=fault) for name, fault in names.items()}
    started = time.monotonic()
    failed = desk.deliver(app, remaining_s=2.5)
    assert time.monotonic() - started < 5
    assert sorted(failed) == sorted(ids[name] for name in ("broken", "throttled", "absent", "slow"))
    results = desk.results()
    assert results[ids["good"]]["response"]["body"]["choices"][0]["text"] == "echo say good"
    assert results[ids["refused"]]["response"]["status_code"] == 400
    sent = [headers for headers in model.headers if "X-Amzn-SageMaker-Inference-Component" in headers]
    assert len(sent) == len(names)  # boto3 itself does not try again: that would take the time of the next try
    codes = {item["message_id"]: item["code"] for item in events(capsys) if item["event"] == "message"}
    assert [codes[ids[name]] for name in ("broken", "throttled", "absent", "slow")] == [
        "status_500",
        "ThrottlingException",
        "ValidationError",
        "timeout",
    ]


def test_a_recording_is_posted_as_a_form(desk: Desk, make: Callable[..., App], model: FakeOpenAi) -> None:
    sound = bytes(range(256)) * 1000 + b"\r\n--\r\n"
    desk.bucket.put('bodies/call "17".flac', sound)
    desk.bucket.put("bodies/long.flac", b"x" * 1024 * 1024 + b"x")
    fields = {
        "model": "m",
        "user": "a",
        "language": "de",
        "temperature": 0.5,
        "timestamp_granularities[]": ["word", "segment"],
    }
    message = {"version": 1, "url": "/v1/audio/transcriptions", "body": fields}
    sent = {
        name: desk.send_raw(json.dumps({**message, "file_s3": {"bucket": desk.bucket.name, "key": f"bodies/{name}"}}))
        for name in ('call "17".flac', "long.flac", "missing.flac")
    }
    broken = desk.send_raw(
        '{"version": 1, "url": "/v1/audio/transcriptions", "body": {"prompt": "\\ud800"}, "file_s3": '
        f'{{"bucket": "{desk.bucket.name}", "key": "bodies/long.fla"}}}}'
    )
    desk.bucket.put("bodies/long.fla", b"x")
    assert sorted(desk.deliver(make())) == sorted([sent["long.flac"], sent["missing.flac"], broken])
    (result,) = desk.results().values()
    heard = result["response"]["body"]["choices"][0]["text"]
    got = {
        "model": ["m"], "user": ["a"], "language": ["de"], "temperature": ["0.5"],
        "timestamp_granularities[]": ["word", "segment"],
        "file": [["call %2217%22.flac", hashlib.sha256(sound).hexdigest()]],
    }  # fmt: skip
    assert heard == f"echo {got}"
    (headers,) = model.headers
    assert headers["Content-Type"].startswith("multipart/form-data; boundary=")


def test_the_same_form_with_another_recording_is_another_request(desk: Desk, make: Callable[..., App]) -> None:
    for name in ("a", "b"):
        desk.bucket.put(f"bodies/{name}.flac", name.encode())
    message = {"version": 1, "url": "/v1/audio/translations", "body": {"model": "m"}, "idempotency_key": "k"}
    one, other = (
        json.dumps({**message, "file_s3": {"bucket": desk.bucket.name, "key": f"bodies/{name}.flac"}}) for name in "ab"
    )
    desk.send_raw(one)
    app = make()
    assert desk.deliver(app) == []
    assert desk.deliver(app) == []
    refused = desk.send_raw(other)
    assert desk.deliver(app) == [refused], "the key was used for another recording"
