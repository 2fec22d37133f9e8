"""Updates that callers of an endpoint feel: names and addresses that go, pods that leave before others come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llminfra.rules.changes.texts import json_object

_OF_PODS = (
    "args", "caches", "command", "drain", "env", "fieldEnv", "image", "podAnnotations", "port", "probes", "resources",
    "scheduling", "secretEnv", "security", "serviceAccount", "shmMib", "volumes",
)  # fmt: skip
"""Values of the chart ``llm-server`` that are part of its pods: a change of one replaces them."""
_ADAPTERS = "=/mnt/adapters/"
_WEIGHTS = ("--model-path=", "--model-id=", "--model=")


def danger_to_callers(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What callers lose by another contract of an endpoint or a gateway (a parameter in SSM), or an empty string."""
    old, new = json_object(before.get("insecure_value")), json_object(after.get("insecure_value"))
    if "protocol" not in old or "protocol" not in new:
        return ""
    found = []
    gone = [name for name in _names(old) if name not in _names(new)]
    if gone:
        keeps = "; served_name keeps a name" if "models" not in old else ""
        found.append(f"requests for {', '.join(gone)} find no model from then on{keeps}")
    if old.get("address") != new.get("address"):
        found.append(f"the address goes from {old.get('address')} to {new.get('address')}")
    if _auth(old) != _auth(new):
        found.append("callers authenticate in another way")
    tenants = sorted(set(old.get("tenants") or ()) - set(new.get("tenants") or ()))
    if tenants:
        found.append(f"callers of {', '.join(tenants)} are refused")
    return "; ".join(found)


def lost_adapters(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What callers lose by another release of an endpoint's chart: names of adapters, or an empty string."""
    old, new = _values(before), _values(after)
    names = [{item.partition("=")[0] for item in _args(values) if _ADAPTERS in item} for values in (old, new)]
    gone = sorted(names[0] - names[1]) if old and new else []
    return f"requests for {', '.join(gone)} find no adapter from then on" if gone else ""


def danger_to_pods(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What another release of an endpoint's chart does to those who call it meanwhile, or an empty string."""
    old, new = _values(before), _values(after)
    if not old or not new:
        return ""
    found = []
    adapters = [item for item in _args(new) if _ADAPTERS in item]
    if _model(old) != _model(new) and (kept := [item for item in adapters if item in _args(old)]):
        names = ", ".join(item.partition("=")[0] for item in kept)
        found.append(f"the adapters {names} stay and the model they were made for goes: another one's do not load")
    scaled = new.get("autoscaling") or {}
    fewest = scaled.get("minReplicas", new.get("replicas", 1))
    alone = fewest == 1 and (new.get("rollout") or {}).get("maxSurge") == 0 and not beyond(after)
    if alone and any(old.get(name) != new.get(name) for name in _OF_PODS):
        found.append(
            "the only replica stops before the new one starts: callers get no answer for as long as that takes"
        )
    return "; ".join(found)


def all_at_once(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What a new launch template does to an Auto Scaling group that keeps nothing in service, or an empty string.

    A refresh with a minimum of 0 percent replaces all instances at the same time (Amazon EC2 Auto Scaling API
    Reference, ``RefreshPreferences``).
    """
    same = all(before.get(name) == after.get(name) for name in ("launch_template", "mixed_instances_policy"))
    preferences = _first(_first(before.get("instance_refresh")).get("preferences"))
    if same or preferences.get("min_healthy_percentage") != 0:
        return ""
    return "its instances stop before new ones start: callers get no answer from them for as long as that takes"


def _first(blocks: object) -> Mapping[str, Any]:
    found = blocks[0] if isinstance(blocks, list) and blocks else None
    return found if isinstance(found, Mapping) else {}


def beyond(release: Mapping[str, Any]) -> str:
    """The endpoint whose replicas a release adds to; empty: it is an endpoint's own, or none's."""
    return str(_values(release).get("overflowOf") or "")


def _names(contract: Mapping[str, Any]) -> list[str]:
    names = contract.get("models") or [contract.get("model")]
    return [str(name) for name in names if name]


def _auth(contract: Mapping[str, Any]) -> object:
    """How callers show who they are; where the secret lies is their business to read anew."""
    auth = contract.get("auth")
    return auth.get("kind") if isinstance(auth, dict) else auth


def _values(release: Mapping[str, Any]) -> dict[str, Any]:
    texts = release.get("values") or ()
    return json_object(texts[0]) if texts else {}


def _args(values: Mapping[str, Any]) -> list[str]:
    return [str(item) for item in values.get("args") or ()]


def _model(values: Mapping[str, Any]) -> str:
    """Where the engine reads the model from: its first argument, or a flag."""
    args = _args(values)
    if args and not args[0].startswith("-"):
        return args[0]
    return next((item for item in args if item.startswith(_WEIGHTS)), "")
