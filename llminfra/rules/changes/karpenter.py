"""Node pools of Karpenter in the values of the chart ``karpenter-pools``: which go, and whose nodes are replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llminfra.rules.changes.texts import json_object


def pools_go(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether another release of the pools lacks one, whose nodes Karpenter then drains."""
    return bool(_names(before) - _names(after))


def pools_come(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether another release of the pools has one more."""
    return bool(_names(after) - _names(before))


def drained(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What becomes of nodes whose pool goes, or an empty string; of a release that goes, ``after`` is empty."""
    named = ", ".join(sorted(_names(before) - _names(after)))
    return f"Karpenter drains and stops the nodes of {named}; GPU capacity may not come back" if named else ""


def rekeyed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What becomes of nodes whose disks get another key, or an empty string."""
    was = _volume_keys(before)
    named = ", ".join(sorted(name for name, keys in _volume_keys(after).items() if was.get(name, keys) != keys))
    return f"Karpenter replaces the nodes of {named}: their disks get another key" if named else ""


def _volume_keys(release: Mapping[str, Any]) -> dict[str, object]:
    """Keys of the disks by pool."""
    return {
        str(pool.get("name")): [disk.get("kmsKeyId") for disk in pool.get("blockDevices", ())]
        for pool in _pools(release)
    }


def _names(release: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(pool.get("name")) for pool in _pools(release))


def _pools(release: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The pools in the values of a release, which llminfra writes as JSON."""
    for text in release.get("values") or ():
        yield from json_object(text).get("pools", ())
