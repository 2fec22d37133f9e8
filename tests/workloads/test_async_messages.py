"""The message contract: the code and the published schema say the same."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from async_consumer.message import PoisonError, parse_message
from async_consumer.settings import SettingsError, read_settings
from hypothesis import example, given
from hypothesis import strategies as st

from llminfra.workloads import workload_dir

SCHEMA = json.loads((workload_dir("async_consumer") / "message.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

GOOD: dict[str, Any] = {"version": 1, "url": "/v1/completions", "body": {"prompt": "p"}}
SOUND: dict[str, Any] = {"url": "/v1/audio/transcriptions", "file_s3": {"bucket": "b", "key": "k.flac"}}
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([1.0, "", "x", "a b", "/v1/completions", "/v1/../x", "/v1/audio/translations", "json", "srt"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["bucket", "key", "stream", "response_format", "z"]), inner)
    ),
    max_leaves=5,
)
fields = st.sampled_from([*SCHEMA["properties"], "more"])


def is_accepted(item: object) -> bool:
    try:
        parse_message(json.dumps(item), "0-1")
    except PoisonError:
        return False
    return True


@given(change=st.dictionaries(fields, anything, max_size=3), without=st.sets(fields, max_size=2))
@example(change={"body_s3": {"bucket": "b", "key": "k"}}, without={"body"})
@example(change={"body_s3": {"bucket": "b", "key": "k", "version_id": ""}}, without={"body"})
@example(change={"body": {"stream": False}}, without=set())
@example(change=SOUND, without=set())
@example(change=SOUND, without={"body"})
@example(change=SOUND, without={"file_s3"})
@example(change={**SOUND, "url": "/v1/completions"}, without=set())
@example(change={**SOUND, "body": {"response_format": "verbose_json", "temperature": 0, "a": True}}, without=set())
@example(change={**SOUND, "body": {"response_format": "srt"}}, without=set())
@example(change={**SOUND, "body": {"z": None}}, without=set())
@example(change={**SOUND, "body": {"z": ["a", "b"]}}, without=set())
@example(change={**SOUND, "body": {"z": [1]}}, without=set())
@example(change={**SOUND, "body_s3": {"bucket": "b", "key": "k"}}, without={"body"})
@example(change={"version": True}, without=set())
@example(change={"metadata": {"k": "v" * 257}}, without=set())
@example(change={"metadata": {"k" * 257: "v"}}, without=set())
@example(change={"metadata": {str(n): "v" for n in range(17)}}, without=set())
@example(change={"idempotency_key": "k" * 129}, without=set())
def test_the_code_accepts_what_the_schema_accepts(change: dict[str, Any], without: set[str]) -> None:
    item = {name: value for name, value in {**GOOD, **change}.items() if name not in without}
    assert is_accepted(item) == VALIDATOR.is_valid(item)


@given(item=anything)
def test_no_message_breaks_the_parser(item: object) -> None:
    assert is_accepted(item) == VALIDATOR.is_valid(item)


@given(text=st.text())
@example(text="[" * 100_000)
@example(text='{"version": 1, "url": "/v1/completions", "body": {"t": NaN}}')
def test_no_text_breaks_the_parser(text: str) -> None:
    with pytest.raises(PoisonError):
        parse_message(text, "0-1")


def test_the_digest_is_of_the_content() -> None:
    first = parse_message(json.dumps({**GOOD, "idempotency_key": "k"}), "0-1")
    same = parse_message(json.dumps({"metadata": {"a": "b"}, **GOOD}, indent=1), "0-2")
    other = parse_message(json.dumps({**GOOD, "body": {"prompt": "q"}}), "0-1")
    assert first.digest == same.digest != other.digest
    assert (first.idempotency_key, same.idempotency_key) == ("k", "0-2")


def test_a_newline_at_the_end_is_no_part_of_a_key_or_a_path() -> None:
    assert not is_accepted({**GOOD, "idempotency_key": "k\n"})
    assert not is_accepted({**GOOD, "url": "/v1/completions\n"})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ASYNC_RESULT_BUCKET": ""}, "ASYNC_RESULT_BUCKET is not set"),
        ({"ASYNC_ENDPOINT_URL": ""}, "one of ASYNC_ENDPOINT_URL and ASYNC_SAGEMAKER_ENDPOINT"),
        ({"ASYNC_SAGEMAKER_ENDPOINT": "e"}, "one of ASYNC_ENDPOINT_URL and ASYNC_SAGEMAKER_ENDPOINT"),
        ({"ASYNC_ENDPOINT_URL": "host:80"}, "expected http(s)://host[:port] without a path"),
        ({"ASYNC_WAIT_S": "21"}, "expected a whole number, 0 to 20"),
        ({"ASYNC_RESULT_PREFIX": "/a"}, "without a slash at its start"),
    ],
)
def test_settings_say_what_is_wrong(change: dict[str, str], told: str) -> None:
    env = {"ASYNC_RESULT_BUCKET": "b", "ASYNC_ENDPOINT_URL": "http://h", "ASYNC_CONCURRENCY": "x"}
    with pytest.raises(SettingsError) as caught:
        read_settings({**env, **change})
    assert told in str(caught.value)
    assert "ASYNC_CONCURRENCY: found 'x'" in str(caught.value)
