"""How long things are kept: what goes at once where that gets shorter, and queues that hold nobody's messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llminfra.rules.changes.texts import json_object

_DURATION = re.compile(r"^([0-9]+)(y|w|d|h|m|s)$")
_SECONDS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""Units of Prometheus' durations (prometheus/common model/time.go)."""
_NOTICES_S = 300
"""Karpenter's queue keeps notices of interruptions so long (aws/karpenter-provider-aws, cloudformation.yaml)."""


def logs_cut(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What a log group loses by another retention, or an empty string; 0 days are for ever."""
    was, will = before.get("retention_in_days") or 0, after.get("retention_in_days") or 0
    return f"logs older than {will} days are deleted" if will and (not was or will < was) else ""


def workspace_cut(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What Amazon Managed Prometheus loses by another retention, or an empty string."""
    was, will = before.get("retention_period_in_days"), after.get("retention_period_in_days")
    shorter = isinstance(was, int) and isinstance(will, int) and will < was
    return f"metrics older than {will} days are deleted" if shorter else ""


def metrics_cut(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What Prometheus in the cluster loses by another retention in the values of its release, or an empty string."""
    was, will = _retention(before), _retention(after)
    if not was or not will or _seconds(will) >= _seconds(was):
        return ""
    return f"Prometheus deletes what is older than {will}: it kept {was}"


def holds_messages(queue: Mapping[str, Any]) -> bool:
    """Whether a queue keeps messages longer than notices that are of no use after minutes."""
    kept = queue.get("message_retention_seconds")
    return not isinstance(kept, int) or kept > _NOTICES_S


def _retention(release: Mapping[str, Any]) -> str:
    for text in release.get("values") or ():
        spec = (json_object(text).get("prometheus") or {}).get("prometheusSpec") or {}
        if isinstance(found := spec.get("retention"), str):
            return found
    return ""


def _seconds(duration: str) -> int:
    found = _DURATION.match(duration)
    return int(found[1]) * _SECONDS[found[2]] if found else 0
