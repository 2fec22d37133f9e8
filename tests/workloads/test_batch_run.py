"""The batch runner in this process: formats, shards, errors, resuming."""

from __future__ import annotations

import copy
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from batch_runner import exit_codes
from batch_runner.__main__ import run_batch
from batch_runner.settings import S3Uri, Settings, read_settings
from batch_runner.stop import Stop

from tests.workloads.batches import assert_answered_once, batch_env, batch_file, request_line
from tests.workloads.conftest import LOCAL_ONLY, Bucket
from tests.workloads.fake_openai import FakeOpenAi

pytestmark = LOCAL_ONLY
NAMES = [f"n{number}" for number in range(50)]


@pytest.fixture
def settings(bucket: Bucket, model: FakeOpenAi) -> Settings:
    return read_settings(batch_env(bucket, model.url))


@pytest.fixture
def run(aws_env: dict[str, str]) -> Callable[..., int]:
    return lambda settings, stop=None: run_batch(settings, stop or Stop())


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


def test_every_line_is_answered_by_shard(
    run: Callable[..., int], settings: Settings, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put("in/a.jsonl", batch_file(NAMES))
    bucket.put("in/deep/b.jsonl", batch_file(["other"]))
    bucket.put("in/readme.txt", "not input")
    assert run(settings) == exit_codes.DONE
    assert_answered_once(bucket, [*NAMES, "other"])
    finals = [key for key in bucket.keys("out/a-") if key.endswith(".output.jsonl")]
    assert [key.rsplit("/", 1)[1] for key in finals] == [f"shard-{n:05d}.output.jsonl" for n in range(3)]
    assert [json.loads(line)["custom_id"] for line in bucket.get(finals[1]).splitlines()] == NAMES[20:40]
    found = metrics(capsys)
    assert found["shards"] == found["shards_done"] == 4
    assert (found["lines"], found["succeeded"], found["failed"]) == (51, 51, 0)
    assert (found["prompt_tokens"], found["completion_tokens"]) == (153, 102)
    named = {item["Name"] for item in found["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert named <= set(found)


def test_a_second_run_over_the_same_files_does_nothing(
    run: Callable[..., int], settings: Settings, bucket: Bucket, model: FakeOpenAi
) -> None:
    bucket.put("in/a.jsonl", batch_file(NAMES[:5]))
    assert run(settings) == exit_codes.DONE
    before = bucket.keys("out/a-")
    assert run(replace(settings, run_id="next", endpoint_url="http://127.0.0.1:9")) == exit_codes.DONE
    assert bucket.keys("out/a-") == before
    assert sum(model.seen.values()) == 5
    bucket.put("in/a.jsonl", batch_file(["changed"]))
    assert run(replace(settings, run_id="third")) == exit_codes.DONE
    assert {item["custom_id"] for item in bucket.lines(".output.jsonl")} == {*NAMES[:5], "changed"}


def test_children_share_the_shards(run: Callable[..., int], settings: Settings, bucket: Bucket) -> None:
    bucket.put("in/a.jsonl", batch_file(NAMES))
    bucket.put("in/b.jsonl", batch_file([f"b{number}" for number in range(30)]))
    for index in (1, 0, 2):
        child = replace(settings, array_index=index, array_size=3, run_id="job")
        assert run(child) == exit_codes.DONE
        if index == 1:  # comes too late for this run, whose children must agree
            bucket.put("in/0-late.jsonl", batch_file(["late"]))
    assert_answered_once(bucket, [*NAMES, *(f"b{number}" for number in range(30))])


def test_bad_lines_are_reported_with_their_number(
    run: Callable[..., int], settings: Settings, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        "\ufeff" + request_line("first"),
        "{not json",
        "",
        '["a list"]',
        '{"method": "POST", "url": "/v1/completions", "body": {}}',
        '{"custom_id": "get", "method": "GET", "url": "/v1/completions", "body": {}}',
        '{"custom_id": "url", "method": "POST", "url": "http://elsewhere/v1/completions", "body": {}}',
        '{"custom_id": "up", "method": "POST", "url": "/v1/../metrics", "body": {}}',
        '{"custom_id": "body", "method": "POST", "url": "/v1/completions", "body": []}',
        '{"custom_id": "nan", "method": "POST", "url": "/v1/completions", "body": {"temperature": NaN}}',
        '{"custom_id": "half", "method": "POST", "url": "/v1/completions", "body": {"prompt": "\\ud800"}}',
        request_line("stream", stream=True),
        request_line("first"),
        "[" * 100_000,
        request_line("last \u2028 of all"),
    ]
    bucket.put("in/a.jsonl", "\r\n".join(lines).encode() + b"\n\xff\xfe")
    assert run(settings) == exit_codes.DONE
    errors = {item["error"]["line"]: item for item in bucket.lines(".errors.jsonl")}
    assert {line: (item["custom_id"], item["error"]["code"]) for line, item in errors.items()} == {
        2: (None, "invalid_json"),
        4: (None, "invalid_json"),
        5: (None, "invalid_custom_id"),
        6: ("get", "invalid_method"),
        7: ("url", "invalid_url"),
        8: ("up", "invalid_url"),
        9: ("body", "invalid_body"),
        10: ("nan", "invalid_body"),
        11: ("half", "invalid_body"),
        12: ("stream", "invalid_body"),
        13: ("first", "duplicate_custom_id"),
        14: (None, "invalid_json"),
        16: (None, "invalid_json"),
    }
    assert errors[2]["error"]["message"].startswith("line 2: ")
    assert [item["custom_id"] for item in bucket.lines(".output.jsonl")] == ["first", "last \u2028 of all"]
    assert metrics(capsys)["failed"] == 13


def test_a_duplicate_is_found_across_shards(run: Callable[..., int], settings: Settings, bucket: Bucket) -> None:
    bucket.put("in/a.jsonl", batch_file([*NAMES[:25], NAMES[0]]))
    assert run(settings) == exit_codes.DONE
    assert sorted(item["custom_id"] for item in bucket.lines(".output.jsonl")) == sorted(NAMES[:25])
    (error,) = bucket.lines(".errors.jsonl")
    assert (error["error"]["line"], error["error"]["code"]) == (26, "duplicate_custom_id")


def test_faults_are_retried_or_recorded(
    run: Callable[..., int],
    settings: Settings,
    bucket: Bucket,
    model: FakeOpenAi,
    capsys: pytest.CaptureFixture[str],
) -> None:
    faults: dict[str, dict[str, Any]] = {
        "n0": {"status": 500, "times": 2},
        "n1": {"status": 429, "times": 1, "retry_after": 0},
        "n2": {"disconnect": True, "times": 2},
        "n3": {"text": "no json", "times": 1},
        "n4": {"delay_s": 4, "times": 1},
        "n5": {"status": 400},
        "n6": {"status": 503},
        "n7": {"disconnect": True},
        "n8": {"delay_s": 4},
        "n9": {"text": "no json"},
        "n10": {"text": "<html>", "status": 404},
    }
    bucket.put("in/a.jsonl", batch_file(NAMES, faults))
    assert run(replace(settings, request_timeout_s=0.8)) == exit_codes.DONE
    failed = {
        "n5": "400",
        "n6": "503",
        "n7": "connection_error",
        "n8": "request_timeout",
        "n9": "invalid_response",
        "n10": "404",
    }
    assert_answered_once(bucket, NAMES, failed)
    assert model.seen["n5"] == model.seen["n10"] == 1  # a 4xx is the last word
    assert model.seen["n6"] == model.seen["n8"] == model.seen["n9"] == 3
    assert model.seen["n7"] >= 3
    (refused,) = [item for item in bucket.lines(".errors.jsonl") if item["custom_id"] == "n5"]
    assert refused["error"] is None
    assert refused["response"]["body"]["error"]["type"] == "fault"
    found = metrics(capsys)
    assert (found["succeeded"], found["failed"]) == (44, 6)
    assert found["retries"] >= 14
    assert model.most_in_flight <= 8


def test_a_job_whose_lines_all_fail_is_a_failed_job(
    run: Callable[..., int], settings: Settings, bucket: Bucket
) -> None:
    bucket.put("in/a.jsonl", batch_file(NAMES[:4], {name: {"status": 404} for name in NAMES[:4]}))
    assert run(settings) == exit_codes.BAD_INPUT
    assert_answered_once(bucket, NAMES[:4], dict.fromkeys(NAMES[:4], "404"))
    # The output is there, so the next attempt sends nothing, and says the same.
    assert run(replace(settings, endpoint_url="http://127.0.0.1:9")) == exit_codes.BAD_INPUT
    assert run(replace(settings, max_error_fraction=1.1)) == exit_codes.DONE


def test_an_outage_costs_no_line_its_attempts(
    run: Callable[..., int], settings: Settings, bucket: Bucket, model: FakeOpenAi
) -> None:
    bucket.put("in/a.jsonl", batch_file(NAMES[:12]))
    model.delay_s = 0.02

    def outage() -> None:
        while model.seen[NAMES[3]] == 0:
            time.sleep(0.005)
        model.healthy = False
        time.sleep(0.8)
        model.healthy = True

    threading.Thread(target=outage, daemon=True).start()
    assert run(replace(settings, request_attempts=1, concurrency=1)) == exit_codes.DONE
    assert_answered_once(bucket, NAMES[:12])
    assert model.healthy


def test_an_endpoint_that_stays_down_ends_the_attempt_and_loses_nothing(
    run: Callable[..., int], settings: Settings, bucket: Bucket, model: FakeOpenAi, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put("in/a.jsonl", batch_file(NAMES[:12], {"n3": {"disconnect": True}}))

    def go_down() -> None:
        while model.seen["n3"] == 0:
            time.sleep(0.005)
        model.healthy = False

    watcher = threading.Thread(target=go_down)
    watcher.start()
    assert run(replace(settings, concurrency=1, outage_timeout_s=0.1)) == exit_codes.TRY_AGAIN
    watcher.join()
    first = metrics(capsys)
    assert first["reason"] == "endpoint_down"
    assert bucket.lines(".output.jsonl") == []
    model.healthy = True
    assert run(settings) == exit_codes.DONE
    assert metrics(capsys)["resumed"] == 3
    assert_answered_once(bucket, NAMES[:12], {"n3": "connection_error"})
    assert model.answered["n0"] == 1


def test_a_server_that_never_comes_up(run: Callable[..., int], settings: Settings, bucket: Bucket) -> None:
    bucket.put("in/a.jsonl", batch_file(NAMES[:2]))
    never = replace(settings, endpoint_url="http://127.0.0.1:9", start_timeout_s=0)
    assert run(never) == exit_codes.SERVER_DID_NOT_START
    assert bucket.lines(".output.jsonl") == []
    ends = replace(
        settings, endpoint_url="http://127.0.0.1:9", server_command=(sys.executable, "-c", "raise SystemExit(2)")
    )
    assert run(ends) == exit_codes.SERVER_DID_NOT_START
    assert run(replace(ends, server_command=("/no/such/program",))) == exit_codes.BAD_SETTINGS


def test_no_input_and_no_bucket(run: Callable[..., int], settings: Settings) -> None:
    assert run(settings) == exit_codes.NO_INPUT
    missing = replace(settings, input=S3Uri("no-such-bucket-of-ours", "in/"))
    assert run(missing) == exit_codes.BAD_SETTINGS


def test_an_input_that_is_replaced_under_way_is_noticed(
    run: Callable[..., int], settings: Settings, bucket: Bucket
) -> None:
    bucket.put("in/a.jsonl", batch_file(NAMES))
    stopped = Stop()
    stopped.request("test", 0)
    assert run(replace(settings, run_id="job"), stopped) == exit_codes.TRY_AGAIN  # has listed the file, not read it
    bucket.put("in/a.jsonl", batch_file(["changed"]))
    assert run(replace(settings, run_id="job")) == exit_codes.BAD_INPUT


def test_a_single_object_and_an_output_below_the_input(
    run: Callable[..., int], settings: Settings, bucket: Bucket
) -> None:
    bucket.put("in/a.jsonl", batch_file(NAMES[:3]))
    bucket.put("in/a.jsonl.jsonl", batch_file(["other"]))
    below = replace(settings, output=S3Uri(bucket.name, "in/out"), input=S3Uri(bucket.name, "in/a.jsonl"))
    assert run(below) == exit_codes.DONE
    assert_answered_once(bucket_view(bucket, "in/out/"), NAMES[:3])
    assert run(replace(below, input=S3Uri(bucket.name, "in"), run_id="all")) == exit_codes.DONE
    results = [item["custom_id"] for item in bucket_view(bucket, "in/out/").lines(".output.jsonl")]
    assert sorted(results) == sorted([*NAMES[:3], "other"])


def test_the_key_of_the_endpoint_comes_from_secrets_manager(
    run: Callable[..., int], settings: Settings, bucket: Bucket, model: FakeOpenAi, client: Callable[[str], Any]
) -> None:
    name = f"key-{bucket.name}"
    client("secretsmanager").create_secret(Name=name, SecretString='{"api_key": "s3cr3t"}')
    bucket.put("in/a.jsonl", batch_file(NAMES[:2]))
    model.api_key = "s3cr3t"
    assert run(replace(settings, api_key_secret=name)) == exit_codes.DONE
    assert_answered_once(bucket, NAMES[:2])


def bucket_view(bucket: Bucket, prefix: str) -> Bucket:
    view = copy.copy(bucket)
    view.keys = lambda below="": [key for key in bucket.keys(below) if key.startswith(prefix)]  # type: ignore[method-assign]  # a view of the fake
    return view
