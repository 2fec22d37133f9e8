"""Variants of the production platform: the one that passes, and ones that break a single rule."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from llminfra import GpuPool, ModelBucket, Platform, Secret
from llminfra.loading.load import load
from llminfra.planning.plan import Plan
from llminfra.planning.platform import plan_platform
from llminfra.rules import run_plan
from tests.serving_targets.platforms import TARGETS
from tests.serving_targets.platforms import endpoint as target_endpoint
from tests.serving_targets.platforms import plan as target_plan

ROOT = Path(__file__).resolve().parents[2]
Document = dict[str, Any]
Documents = dict[str, Document]


@cache
def prod() -> Platform:
    """The platform of ``stacks/prod.py``."""
    (platform,) = load(ROOT / "stacks/prod.py").platforms
    return platform


@cache
def prod_plan() -> Plan:
    """Its plan."""
    return plan_platform(prod())


def changed(
    pools: Mapping[str, Mapping[str, object]] | None = None,
    endpoints: Mapping[str, Mapping[str, object]] | None = None,
    pools_more: tuple[GpuPool, ...] = (),
    **platform: object,
) -> Platform:
    """The production platform with other fields in named pools, endpoints, and in itself, and with more pools."""
    base = prod()
    new_pools = {pool.name: pool.model_copy(update=dict((pools or {}).get(pool.name, {}))) for pool in base.pools}
    workloads = [
        item.model_copy(update={"on": new_pools[item.on.name], **(endpoints or {}).get(item.name, {})})
        for item in base.workloads
    ]
    fields: dict[str, Any] = {name: getattr(base, name) for name in type(base).model_fields}
    fields |= {"pools": [*new_pools.values(), *pools_more], "endpoints": workloads, **platform}
    return Platform(**fields)


def engine(name: str, **fields: object) -> dict[str, dict[str, object]]:
    """Endpoint changes: other fields of one engine."""
    held = next(item for item in prod().workloads if item.name == name)
    return {name: {"engine": held.engine.model_copy(update=fields)}}


def model(name: str, **fields: object) -> dict[str, dict[str, object]]:
    """Endpoint changes: other fields of one model."""
    held = next(item for item in prod().workloads if item.name == name)
    return {name: {"model": held.model.model_copy(update=fields)}}


def read_documents(folder: Path) -> Documents:
    """Stack kind to its JSON."""
    return {
        path.parent.name.rpartition("-")[2]: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("stacks/*/cdk.tf.json"))
    }


def deep_copy(documents: Documents) -> Documents:
    """A copy to break."""
    return copy.deepcopy(documents)


def outside(on: str, endpoint: Mapping[str, object] | None = None, **changes: object) -> Plan:
    """One model outside the cluster, as a finding-free platform but for the changes."""
    fields = {"storage": [ModelBucket(name="acme-weights")], "budget_usd_per_month": 10_000, **changes}
    given = {"on": TARGETS[on], "api_key": Secret(name="acme/key"), **(endpoint or {})}
    return target_plan(target_endpoint(given.pop("on"), **given), **fields)


def fired(plan: Plan) -> set[str]:
    """Codes of what the rules on plans find."""
    return {item.code for item in run_plan(plan)}
