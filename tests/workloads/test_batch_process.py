"""The batch runner as a process: kill -9, SIGTERM, a dying server, the spot notice, other nodes."""

from __future__ import annotations

import http.server
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_runner import exit_codes

from llminfra.workloads import package
from tests.workloads.batches import assert_answered_once, batch_env, batch_file
from tests.workloads.conftest import LOCAL_ONLY, Bucket
from tests.workloads.fake_openai import FakeOpenAi

pytestmark = LOCAL_ONLY
FAKE_SERVER = Path(__file__).with_name("fake_openai.py")
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(aws_env: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts the packaged runner, as AWS Batch does."""
    archive = package("batch_runner", tmp_path)
    started: list[subprocess.Popen[str]] = []

    def begin(env: dict[str, str]) -> subprocess.Popen[str]:
        everything = {"PATH": os.environ["PATH"], "PYTHONPATH": str(archive), **aws_env, **env}
        command = [sys.executable, "-m", "batch_runner"]
        process = subprocess.Popen(command, env=everything, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, json.loads(out or "{}"), err


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_killed_at_random_and_started_again_until_done(start: Start, bucket: Bucket, model: FakeOpenAi) -> None:
    names = [f"n{number}" for number in range(80)]
    bucket.put("in/a.jsonl", batch_file(names, {"n7": {"status": 400}}))
    env = batch_env(bucket, model.url)
    model.delay_s = 0.05
    codes = []
    for _ in range(3):
        before = sum(model.answered.values())
        process = start(env)
        more = random.randint(1, 22)
        wait_until(lambda: sum(model.answered.values()) >= before + more or process.poll() is not None)  # noqa: B023  # called in this turn of the loop
        process.send_signal(signal.SIGKILL)
        codes.append(finish(process)[0])
    assert codes == [-signal.SIGKILL] * 3
    code, metrics, log = finish(start(env))
    assert code == exit_codes.DONE, log
    assert_answered_once(bucket, names, {"n7": "400"})
    assert metrics["lines"] == 80
    # A death costs what was in flight and not yet in a part: 8 threads and 3 lines at most, each time.
    assert sum(model.answered.values()) <= 79 + 3 * (8 + 8 + 4)


def test_sigterm_drains(start: Start, bucket: Bucket, model: FakeOpenAi) -> None:
    names = [f"n{number}" for number in range(100)]
    bucket.put("in/a.jsonl", batch_file(names, {"n3": {"delay_s": 30, "times": 1}}))
    env = batch_env(bucket, model.url, BATCH_DRAIN_TIMEOUT_S="1", BATCH_PART_LINES="1000")
    model.delay_s = 0.1
    process = start(env)
    wait_until(lambda: sum(model.answered.values()) >= 15)
    process.send_signal(signal.SIGTERM)
    since = time.monotonic()
    code, metrics, log = finish(process)
    assert time.monotonic() - since < 5
    assert code == exit_codes.TRY_AGAIN, log
    assert metrics["reason"] == "SIGTERM"
    sent = sum(model.answered.values())
    assert sent < 60  # it stopped taking new lines
    code, metrics, log = finish(start(env))
    assert code == exit_codes.DONE, log
    assert_answered_once(bucket, names)
    assert metrics["resumed"] >= sent - 20  # the first shards are closed, the rest was in parts
    assert sum(model.answered.values()) == 100  # what was in flight was drained: nothing was asked twice
    assert model.seen["n3"] == 2  # but the one that takes too long


def test_a_line_that_crashes_the_server_is_found_and_the_rest_is_answered(start: Start, bucket: Bucket) -> None:
    names = [f"n{number}" for number in range(30)]
    bucket.put("in/a.jsonl", batch_file(names, {"n11": {"crash": True}}))
    port = free_port()
    command = json.dumps([sys.executable, str(FAKE_SERVER), str(port), "0.02"])
    env = batch_env(bucket, f"http://127.0.0.1:{port}", BATCH_SERVER_COMMAND=command)
    code, metrics, log = finish(start(env))
    assert (code, metrics["reason"]) == (exit_codes.TRY_AGAIN, "server_died"), log
    code, metrics, log = finish(start(env))  # the rest, then the suspects alone: it dies once more
    assert code in {exit_codes.TRY_AGAIN, exit_codes.DONE}, log
    if code == exit_codes.TRY_AGAIN:
        code, metrics, log = finish(start(env))
    assert code == exit_codes.DONE, log
    assert_answered_once(bucket, names, {"n11": "server_crashed"})


def test_the_server_ends_with_the_runner(start: Start, bucket: Bucket) -> None:
    bucket.put("in/a.jsonl", batch_file(["a", "b"], {"a": {"delay_s": 30}}))
    port = free_port()
    command = json.dumps([sys.executable, str(FAKE_SERVER), str(port)])
    url = f"http://127.0.0.1:{port}"
    process = start(batch_env(bucket, url, BATCH_SERVER_COMMAND=command, BATCH_DRAIN_TIMEOUT_S="0"))

    def is_up() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(is_up)
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == exit_codes.TRY_AGAIN
    assert not is_up()


class Metadata(http.server.BaseHTTPRequestHandler):
    """IMDSv2 of an instance that is about to be interrupted, after the first question."""

    asked = 0

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        pass

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        assert self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        self.answer(200, b"token")

    def do_GET(self) -> None:
        assert self.path == "/latest/meta-data/spot/instance-action"
        type(self).asked += 1
        known = self.headers["X-aws-ec2-metadata-token"] == "token" and self.asked > 1
        self.answer(200 if known else 404, b'{"action": "terminate"}')


def test_the_spot_notice_is_a_request_to_end() -> None:
    from batch_runner.spot import watch_spot
    from batch_runner.stop import Stop

    Metadata.asked = 0
    server = http.server.HTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    stop = Stop()
    watch_spot(stop, 90, f"http://127.0.0.1:{server.server_address[1]}", period_s=0.01)
    wait_until(lambda: stop.requested)
    server.shutdown()
    server.server_close()
    assert stop.reason == "spot_interruption"
    assert 80 < stop.deadline - time.monotonic() <= 90


def test_without_a_metadata_service_the_work_goes_on() -> None:
    from batch_runner.http_client import HttpClient
    from batch_runner.spot import is_interrupted

    assert is_interrupted(HttpClient("http://127.0.0.1:9")) is None


def test_another_node_runs_its_command_until_it_is_stopped(start: Start, tmp_path: Path) -> None:
    note = tmp_path / "note"
    script = "import sys, time; open(sys.argv[1], 'w').write(' '.join(sys.argv[2:])); time.sleep(60)"
    command = [sys.executable, "-c", script, str(note), "%NODE_RANK%", "%NUM_NODES%", "%MAIN_ADDRESS%"]
    env = {
        "BATCH_INPUT": "s3://in/",
        "BATCH_OUTPUT": "s3://out/",
        "BATCH_NODE_COMMAND": json.dumps(command),
        "AWS_BATCH_JOB_ID": "job#0",
        "AWS_BATCH_JOB_NODE_INDEX": "0",
        "AWS_BATCH_JOB_MAIN_NODE_INDEX": "1",
        "AWS_BATCH_JOB_NUM_NODES": "3",
        "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": "10.0.0.7",
    }
    process = start(env)
    wait_until(lambda: note.exists() and note.read_text() != "")
    assert note.read_text() == "1 3 10.0.0.7"
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == exit_codes.TRY_AGAIN


def test_ranks_of_nodes() -> None:
    from batch_runner.server import fill_in
    from batch_runner.settings import read_settings

    env = {"BATCH_INPUT": "s3://in/", "BATCH_OUTPUT": "s3://out/", "BATCH_NODE_COMMAND": '["x"]'}
    ranks = []
    for index in range(4):
        nodes = {"AWS_BATCH_JOB_NODE_INDEX": str(index), "AWS_BATCH_JOB_MAIN_NODE_INDEX": "2"}
        ranks += fill_in(("%NODE_RANK%",), read_settings({**env, **nodes}))
    assert ranks == ["1", "2", "0", "3"]


def test_wrong_settings(start: Start) -> None:
    code, _, log = finish(start({}))
    assert code == exit_codes.BAD_SETTINGS
    assert log == "BATCH_INPUT is not set\nBATCH_OUTPUT is not set\n"
