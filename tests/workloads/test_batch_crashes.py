"""Whatever dies, and whenever: in the end every line has exactly one result."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from batch_runner.endpoint import Endpoint, Unfinished
from batch_runner.http_client import HttpClient
from batch_runner.lines import Request, answered
from batch_runner.plan import FilePlan, cut, plan_run, split_lines
from batch_runner.run import Run
from batch_runner.settings import Settings, read_settings
from batch_runner.stop import Stop, StoppedError
from batch_runner.store import Store
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads.batches import batch_file
from tests.workloads.memory_store import Killed, MemoryBucket, MemoryStore


class Answers(Endpoint):
    """Answers every line at once; after so many it asks for the end, as SIGTERM would."""

    def __init__(
        self,
        given: Settings,
        stop: Stop,
        stop_after: int | None = None,
        *,
        first: Callable[[], object] = lambda: None,
        bad: str = "bad",
    ) -> None:
        super().__init__(HttpClient("http://127.0.0.1:9"), given, stop)
        self._left = stop_after
        self._first: list[Callable[[], object]] = [first]
        self._bad = bad

    def wait_for_start(self) -> bool:
        return True

    def send(self, file_id: str, line: int, request: Request) -> dict[str, Any] | Unfinished:
        if self._first:
            self._first.pop()()
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._stop.request("SIGTERM", 10)
                return Unfinished(lost_server=False)
        status = 400 if self._bad in request.custom_id else 200
        return answered(file_id, line, request.custom_id, status, "r", {"usage": {"prompt_tokens": 1}})


def attempt(
    objects: MemoryBucket,
    env: Settings,
    kill_at: int | None = None,
    *,
    after: bool = False,
    stop_after: int | None = None,
) -> bool:
    """One process; whether it came to its end with everything done."""
    stop = Stop()
    store = cast("Store", MemoryStore(objects, kill_at, after=after))
    run = Run(env, store, store, stop, lambda _died: Answers(env, stop, stop_after))
    try:
        run.run()
    except (Killed, StoppedError):
        return False
    finally:
        stop.request("over", 0)
    return True


def make(names: list[str], **extra: str) -> tuple[MemoryBucket, Settings]:
    objects = MemoryBucket()
    objects.objects["in/a.jsonl"] = batch_file(names).encode()
    env = {"BATCH_INPUT": "s3://memory/in", "BATCH_OUTPUT": "s3://memory/out", "BATCH_CONCURRENCY": "3"}
    return objects, read_settings({**env, "BATCH_PART_LINES": "2", "BATCH_SHARD_LINES": "5", **extra})


def assert_exactly_once(objects: MemoryBucket, names: list[str]) -> None:
    good = Counter(item["custom_id"] for item in objects.lines(".output.jsonl"))
    bad = Counter(item["custom_id"] for item in objects.lines(".errors.jsonl"))
    assert good == Counter(name for name in names if "bad" not in name)
    assert bad == Counter(name for name in names if "bad" in name)
    assert objects.overwritten == []  # every object was written once, so every reader saw the same


NAMES = ["a", "bad1", "c", "d", "e", "f", "bad2"]


@pytest.mark.parametrize("after", [False, True])
def test_death_at_every_single_write(after: bool) -> None:
    kill_at = 0
    while True:
        kill_at += 1
        objects, env = make(NAMES)
        if attempt(objects, env, kill_at, after=after):
            break
        assert attempt(objects, env)
        assert_exactly_once(objects, NAMES)
    assert kill_at > 10  # a listing, a plan, two shards of parts, commit, errors, output, marker


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_number_of_deaths_and_interruptions(data: st.DataObject) -> None:
    names = [
        f"{'bad' if bad else 'n'}{number}" for number, bad in enumerate(data.draw(st.lists(st.booleans(), max_size=25)))
    ]
    numbers = st.integers(1, 6).map(str)
    objects, env = make(
        names,
        BATCH_CONCURRENCY=data.draw(numbers),
        BATCH_PART_LINES=data.draw(numbers),
        BATCH_SHARD_LINES=data.draw(numbers),
    )
    ends = data.draw(st.lists(st.tuples(st.integers(1, 15), st.booleans(), st.integers(0, 12) | st.none()), max_size=5))
    for kill_at, after, stop_after in ends:
        attempt(objects, env, None if stop_after is not None else kill_at, after=after, stop_after=stop_after)
    assert attempt(objects, env)
    assert_exactly_once(objects, names)


@settings(max_examples=25, deadline=None)
@given(kills=st.lists(st.integers(1, 25) | st.none(), min_size=2, max_size=4))
def test_several_processes_on_the_same_shards_at_once(kills: list[int | None]) -> None:
    names = [*NAMES, *(f"n{number}" for number in range(8))]
    objects, env = make(names)
    threads = [threading.Thread(target=attempt, args=(objects, env, kill)) for kill in kills]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert attempt(objects, env)
    assert_exactly_once(objects, names)


@pytest.mark.parametrize("after", [False, True])
def test_two_processes_that_saw_different_answers_agree(after: bool) -> None:
    """One begins, then another has the same shard from its begin to its death, then the first goes on."""
    kill_at = 0
    died = True
    while died:
        kill_at += 1
        objects, env = make(NAMES[:5], BATCH_CONCURRENCY="1")
        ends: list[bool] = []

        def other(objects: MemoryBucket = objects, env: Settings = env, ends: list[bool] = ends) -> None:
            ends.append(attempt(objects, env, kill_at, after=after))  # noqa: B023  # called in this turn of the loop

        stop = Stop()
        store = cast("Store", MemoryStore(objects))
        answers = Answers(env, stop, first=other, bad="c")  # what fails for the other succeeds here, and vice versa
        Run(env, store, store, stop, lambda _died, answers=answers: answers).run()
        both = [item["custom_id"] for item in (*objects.lines(".output.jsonl"), *objects.lines(".errors.jsonl"))]
        assert sorted(both) == sorted(NAMES[:5])
        assert objects.overwritten == []
        died = not ends[0]
    assert kill_at > 6


def test_children_that_list_different_files_agree() -> None:
    objects, env = make(["a"], BATCH_RUN_ID="job")

    class Late(MemoryStore):
        """Between its listing and its writing, another child sees one more file, and is first to write."""

        raced = False

        def list(self, prefix: str) -> Iterator[dict[str, Any]]:
            found = list(super().list(prefix))
            if not self.raced:
                self.raced = True
                objects.objects["in/late.jsonl"] = batch_file(["b"]).encode()
                other = cast("Store", MemoryStore(objects))
                seen.append(plan_run(other, other, env, lambda: None))
            yield from found

    seen: list[list[FilePlan]] = []
    late = cast("Store", Late(objects))
    assert [plan.file.key for plan in plan_run(late, late, env, lambda: None)] == ["in/a.jsonl", "in/late.jsonl"]
    assert plan_run(late, late, env, lambda: None) == seen[0]


@given(data=st.lists(st.sampled_from([b"a", b"\n", b"bcd", b"\r\n", b" "])).map(b"".join), sizes=st.integers(1, 7))
def test_lines_are_cut_without_loss(data: bytes, sizes: int) -> None:
    blocks = [data[start : start + sizes] for start in range(0, len(data), sizes)]
    lines = list(split_lines(blocks))
    assert b"".join(lines) == data
    assert all(line.endswith(b"\n") for line in lines[:-1])
    shards, _ = cut(lines, sizes, sizes * 2)
    assert b"".join(data[shard.start : shard.end] for shard in shards) == data
    assert [shard.first_line for shard in shards] == [
        1 + sum(shard.lines for shard in shards[:number]) for number in range(len(shards))
    ]
    assert sum(shard.lines for shard in shards) == len(lines)
    for shard in shards:
        assert shard.lines <= sizes
        assert shard.lines == 1 or shard.end - shard.start <= sizes * 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"BATCH_INPUT": ""}, "BATCH_INPUT is not set"),
        ({"BATCH_INPUT": "/tmp/x"}, "BATCH_INPUT: found '/tmp/x', expected an address such as s3://"),
        ({"BATCH_CONCURRENCY": "0"}, "BATCH_CONCURRENCY: found '0', expected a whole number, at least 1"),
        ({"BATCH_CONCURRENCY": "1.5"}, "expected a whole number"),
        ({"BATCH_DRAIN_TIMEOUT_S": "nan"}, "expected a number, at least 0"),
        ({"BATCH_SERVER_COMMAND": "vllm serve"}, "expected a JSON list of words"),
        ({"BATCH_ENDPOINT_URL": "http://host/v1"}, "without a path"),
        ({"BATCH_WATCH_SPOT": "maybe"}, "expected true or false"),
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "2", "AWS_BATCH_JOB_ARRAY_SIZE": "2"}, "less than the array size 2"),
        ({"BATCH_ARRAY_SIZE": "2"}, "BATCH_RUN_ID is not set"),
        ({"AWS_BATCH_JOB_NODE_INDEX": "1"}, "BATCH_NODE_COMMAND is not set"),
        ({"BATCH_OUTPUT": "s3://memory/in"}, "another prefix"),
    ],
)
def test_settings_say_what_is_wrong(change: dict[str, str], told: str) -> None:
    from batch_runner.settings import SettingsError

    env = {"BATCH_INPUT": "s3://memory/in", "BATCH_OUTPUT": "s3://memory/out"}
    with pytest.raises(SettingsError) as caught:
        read_settings({**env, **change, "BATCH_PART_S": "x"})
    assert told in str(caught.value)
    assert "BATCH_PART_S: found 'x'" in str(caught.value)  # all mistakes at once


def test_children_nodes_and_attempts_of_a_job_have_one_run_id() -> None:
    env = {"BATCH_INPUT": "s3://memory/in", "BATCH_OUTPUT": "s3://memory/out"}
    for job in ("12ab:0", "12ab:7", "12ab#0", "12ab"):
        assert read_settings({**env, "AWS_BATCH_JOB_ID": job}).run_id == "12ab"
    assert read_settings(env).run_id != read_settings(env).run_id
