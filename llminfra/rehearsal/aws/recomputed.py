"""Computed attributes that change when a resource changes in place."""

from __future__ import annotations

from collections.abc import Mapping

from llminfra.rehearsal.provider.values import UNKNOWN, State

# Attribute -> counts up by one (True) or is named anew (False).
_CHANGING: Mapping[str, Mapping[str, bool]] = {
    "aws_launch_template": {"latest_version": True},
    "aws_ssm_parameter": {"version": True},
    "aws_s3_object": {"etag": False, "version_id": False},
    "aws_batch_job_definition": {"revision": True},
    "aws_wafv2_web_acl": {"lock_token": False},
    "aws_lambda_function": {"last_modified": False},
    "aws_backup_plan": {"version": False},
}
_TAGS_ONLY = frozenset({"tags", "tags_all"})


def attributes(type_name: str, prior: State, proposed: State) -> frozenset[str]:
    """Names that the update makes unknown; a change of tags alone leaves them."""
    changed = {name for name in proposed if proposed[name] != prior.get(name)}
    if changed <= _TAGS_ONLY:
        return frozenset()
    names = set(_CHANGING.get(type_name, ()))
    if type_name == "aws_launch_template" and proposed.get("update_default_version"):
        names.add("default_version")
    return frozenset(names)


def fill(type_name: str, prior: State, state: State) -> State:
    """Counters go up by one; the rest stays unknown for the caller to name."""
    for name, counts in _CHANGING.get(type_name, {}).items():
        if state.get(name) is UNKNOWN and counts:
            state[name] = int(prior.get(name) or 0) + 1
    if type_name == "aws_launch_template" and state.get("default_version") is UNKNOWN:
        state["default_version"] = state["latest_version"]
    return state
