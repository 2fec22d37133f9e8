"""A plan as plain data: its records and facts become mappings, declared objects the YAML form they came from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic import BaseModel

from llminfra.loading.dump import plain_platform, plain_spec
from llminfra.planning.encryption.policy import key_policy
from llminfra.spec.base.spec import Spec
from llminfra.spec.platform import Platform

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan


def plan_json(plan: Plan) -> dict[str, Any]:
    """The whole plan; declarations (``spec`` of pools and endpoints) stand once, under ``platform``."""
    data = _plain(plan)
    for section in data.values():
        for item in section if isinstance(section, list) else ():
            if isinstance(item, dict):
                item.pop("spec", None)
    for section in ("ec2", "sagemaker"):
        for item in data[section]:
            item["serving"].pop("spec", None)
            item.pop("on", None)
    for item, endpoint in zip(data["endpoints"], plan.endpoints, strict=True):
        item["startup"]["estimate_s"] = endpoint.startup.estimate_s
        item["startup"]["warm_node_s"] = endpoint.startup.container_s
        item["startup"]["first_pod_s"] = endpoint.startup.first_pod_s
    policy = _plain(key_policy(plan))
    return {"name": plan.platform.name, "region": plan.platform.region, **data, "key_policy": policy}


def _plain(value: Any) -> Any:
    if isinstance(value, Platform):
        return plain_platform(value, defaults=True)
    if isinstance(value, Spec):
        return plain_spec(value, defaults=True)
    if isinstance(value, BaseModel):
        kind = type(value)
        return {name: _plain(getattr(value, name)) for name in (*kind.model_fields, *kind.model_computed_fields)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(_plain(each) for each in value)
    if isinstance(value, Path | dt.date):
        return str(value)
    return value
