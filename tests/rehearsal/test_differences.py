"""What an update changes, in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llminfra.rehearsal.differences import differences


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"version": "1.34"}, {"version": "1.35"}, ("version: 1.34 → 1.35",)),
        ({"on": False}, {"on": True}, ("on: false → true",)),
        ({"kms": None}, {"kms": "arn"}, ("kms: nothing → arn",)),
        ({"same": 1, "id": "known later"}, {"same": 1}, ()),
        ({"subnets": ["a", "b", "c"]}, {"subnets": ["a", "c", "d"]}, ("subnets: - b, + d",)),
        ({"subnets": ["a", "b"]}, {"subnets": ["b", "a"]}, ("subnets",)),
        ({"vpc": [{"ids": ["a", "b"]}]}, {"vpc": [{"ids": ["a"]}]}, ("vpc.ids: - b",)),
        ({"text": "x" * 99}, {"text": "y"}, ("text",)),
        ({"args": ["-a", "x" * 99]}, {"args": ["-b", "y" * 99]}, ("args: - -a, + -b, 2 longer",)),
        ({"tags": {"a": "1", "b": "2"}}, {"tags": {"a": "1"}}, ("tags.b: 2 → nothing",)),
        ({"odd": "{no json"}, {"odd": "{still none"}, ("odd: {no json → {still none",)),
    ],
)
def test_changed_attributes(before: dict[str, Any], after: dict[str, Any], told: tuple[str, ...]) -> None:
    assert differences(before, after, {}) == told


def test_json_in_a_text_is_read() -> None:
    old, new = (
        {"args": ["--tp=8", "--eager"], "gpus": 8, "deep": [{"a": 1}]},
        {"args": ["--tp=4", "--eager"], "gpus": 4},
    )
    before, after = {"values": [json.dumps(old)]}, {"values": [json.dumps({**new, "deep": [{"a": 1}]}, indent=1)]}
    assert differences(before, after, {}) == ("values.args: - --tp=8, + --tp=4", "values.gpus: 8 → 4")


@pytest.mark.parametrize(("hidden", "shown"), [(True, False), ([[False], [True]], False), ([False], True), ({}, True)])
def test_what_is_sensitive_is_never_shown(hidden: object, *, shown: bool) -> None:
    found = differences({"password": "old"}, {"password": "new"}, {"password": hidden})
    assert found == (("password: old → new",) if shown else ("password",))
