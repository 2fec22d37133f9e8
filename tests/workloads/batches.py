"""Input files for the batch runner, settings that suit tests, and what must be true of every result."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.workloads.conftest import Bucket


def request_line(name: str, **extra: Any) -> str:
    body = {"model": "m", "prompt": f"say {name}", "user": name, **extra}
    return json.dumps({"custom_id": name, "method": "POST", "url": "/v1/completions", "body": body})


def batch_file(names: list[str], faults: dict[str, dict[str, Any]] | None = None) -> str:
    lines = (request_line(name, **({"fault": faults[name]} if faults and name in faults else {})) for name in names)
    return "".join(line + "\n" for line in lines)


def batch_env(bucket: Bucket, url: str, **extra: str) -> dict[str, str]:
    return {
        "BATCH_INPUT": f"s3://{bucket.name}/in/",
        "BATCH_OUTPUT": f"s3://{bucket.name}/out/",
        "BATCH_ENDPOINT_URL": url,
        "BATCH_CONCURRENCY": "8",
        "BATCH_SHARD_LINES": "20",
        "BATCH_PART_LINES": "4",
        "BATCH_BACKOFF_S": "0.01",
        "BATCH_REQUEST_ATTEMPTS": "3",
        "BATCH_START_TIMEOUT_S": "20",
        **extra,
    }


def assert_answered_once(bucket: Bucket, names: list[str], failed: dict[str, str] | None = None) -> None:
    """Every name is in the output once, or in the errors with its code once; nothing else is anywhere."""
    outputs, errors = bucket.lines(".output.jsonl"), bucket.lines(".errors.jsonl")
    expected = [name for name in names if name not in (failed or {})]
    assert Counter(item["custom_id"] for item in outputs) == Counter(expected)
    for item in outputs:
        assert set(item) == {"id", "custom_id", "response", "error"}
        assert item["error"] is None
        assert item["response"]["status_code"] == 200
        assert item["response"]["body"]["choices"][0]["text"] == f"echo say {item['custom_id']}"
    found = {item["custom_id"]: code_of(item) for item in errors}
    assert found == (failed or {})
    assert len(errors) == len(found)
    ids = [item["id"] for item in (*outputs, *errors)]
    assert len(set(ids)) == len(ids)


def code_of(item: dict[str, Any]) -> str:
    return item["error"]["code"] if item["response"] is None else str(item["response"]["status_code"])
