"""A platform without what its errors are about, so that they hide nothing of the rest.

A pool with a zone that there is not still has GPUs that an endpoint fits or not, and an endpoint beside it a setting
that no rule accepts. What is left out leaves no findings of its own; what only follows from its absence is not told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llminfra.diagnostics import Diagnostic, SpecError, errors
from llminfra.loading.sound import SECTIONS, is_sound, without_added
from llminfra.planning.platform import plan_platform
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.endpoint import Endpoint
from llminfra.spec.foundation.network import Network
from llminfra.spec.models.storage import LocalNvme

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.spec.base.spec import Spec
    from llminfra.spec.compute.cluster import Cluster
    from llminfra.spec.compute.existing_cluster import ExistingCluster
    from llminfra.spec.endpoint import Overflow
    from llminfra.spec.models.storage import Storage
    from llminfra.spec.platform import Platform

_ROUNDS = 4
"""Each round leaves out what the one before found; what is wrong after that is told once these are mended."""
ANYWHERE = "us-west-2"
"""A region with every GPU instance type of the catalog, in the place of one that there is not."""
_MANY = 1000
_BESIDE_FIT = frozenset(
    {"nodes", "labels", "zones", "capacity", "provisioner", "root_volume_gib", "ami_release", "image_snapshot"}
)
"""Fields of a pool that say nothing of what fits a node."""
_OF_FIT = ("LLM_FIT_", "LLM_MEM_", "LLM_SHAPE_")
_OF_WEIGHTS = "LLM_FIT_36"
_OF_ITSELF = frozenset({"LLM_NET_10", "LLM_NET_11"})
"""Rules on who may call: a block of addresses is what it is, whatever stands behind or beside it."""
_NODE_ROLE = "karpenter_node_role"
"""A field of an existing cluster that has a default and is needed where its own Karpenter starts nodes."""
_ALONE = ("network", "budget_usd_per_month", "images", "observability", "state", "bedrock")
"""Fields of a platform that the rest can do without."""


class Rest(Struct, frozen=True):
    """What is left of a platform.

    Attributes:
        found: Errors that the platform's other errors hid.
        plan: The plan of what has no error; ``None``: nothing could be planned.
        open: Endpoints whose surroundings were left out, so that rules may miss something there.
    """

    found: tuple[Diagnostic, ...]
    plan: Plan | None
    open: frozenset[str]


def rest_of(platform: Platform, known: Iterable[Diagnostic]) -> Rest:
    """Plan a platform without what is wrong with it.

    Args:
        platform: As far as it is sound.
        known: Its errors.
    """
    found: list[Diagnostic] = []
    wrong = list(errors(known))
    left = platform
    for _ in range(_ROUNDS):
        mended = _mended(left, wrong)
        if mended is None:
            break
        left = mended
        try:
            plan = plan_platform(left)
        except SpecError as error:
            wrong = list(errors(error.diagnostics))
            found += [item for item in wrong if item.code.startswith(_OF_FIT) and item.code != _OF_WEIGHTS]
        else:
            return Rest(tuple(found), plan, _open(platform, left))
    return Rest(tuple(found), None, frozenset())


def sure_of(rest: Rest, declared: Iterable[Platform], found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """What was found in a plan of the rest that no error elsewhere can have caused: errors, but for whole platforms.

    Args:
        rest: What is left of a platform.
        declared: Platforms as they were read, with what is broken.
        found: What the plan of the rest has.
    """
    if rest.plan is None:
        return []
    left = rest.plan.platform
    whole = next((each for each in declared if each.name == left.name), left)
    if whole.doubtful & {"waivers"} or any(waiver.broken for waiver in whole.waivers):
        return []  # what nobody read may accept it
    if _is_whole(whole, left):
        return list(found)
    unsure = rest.open | _open(whole, left)
    own = ("",), ("model.", "engine.")  # what an endpoint's own model and engine say needs nothing around it
    sure = tuple(f"endpoints.{item.name}.{part}" for item in left.workloads for part in own[item.name in unsure])
    return [item for item in errors(found) if f"{item.path}.".startswith(sure) or _says_itself(item, left)]


def _says_itself(item: Diagnostic, left: Platform) -> bool:
    """Whether an error is what one declaration says by itself, and that is planned as it was written."""
    section, _, name = item.path.partition(".")
    kept = section == "cluster" or name in {each.name for each in getattr(left, section, ())}
    return item.code in _OF_ITSELF and kept


def _is_whole(platform: Platform, left: Platform) -> bool:
    """Whether nothing was left out that a rule looks at: what a platform may cost is judged by its plan alone."""
    fields = {*type(platform).model_fields, "workloads"} - {"budget_usd_per_month", "endpoints"}
    return not platform.doubtful and all(getattr(platform, name) == getattr(left, name) for name in fields)


def _mended(platform: Platform, wrong: list[Diagnostic]) -> Platform | None:
    """The platform without what is wrong; ``None``: it cannot be told what that is, or nothing is left."""
    paths = [item.path.removeprefix(f"platforms.{platform.name}.") for item in wrong]
    fields: dict[str, Any] = {
        name: type(platform).model_fields[name].get_default() for name in _ALONE if _fields_at(paths, name) is not None
    }
    nowhere = _fields_at(paths, "region") is not None
    if nowhere:
        fields |= {"region": ANYWHERE, "network": Network(), "storage": ()}
    if (at_cluster := _fields_at(paths, "cluster")) is not None and (cluster := _cluster(platform, at_cluster)):
        fields["cluster"] = cluster
    known = (*fields, *SECTIONS)
    if not wrong or any(not path.startswith(known) for path in paths):
        return None
    if set(fields) == {"budget_usd_per_month"} and all(path.startswith("budget_usd_per_month") for path in paths):
        return without_added(platform.model_copy(update={**fields, "endpoints": platform.workloads}))
    pools = {id(pool): mended for pool in platform.pools if (mended := _pool(pool, paths, nowhere=nowhere)) is not None}
    storage = [item for item in fields.get("storage", platform.storage) if not _is_at(paths, f"storage.{item.name}")]
    storage = [item for item in storage if getattr(item, "source", None) is None or item.source in storage]
    endpoints = [
        served
        for item in platform.workloads
        if not _is_at(paths, f"endpoints.{item.name}") and (served := _endpoint(item, pools, storage)) is not None
    ]
    fields |= {"pools": tuple(pools.values()), "storage": tuple(storage), "endpoints": tuple(endpoints), "batches": ()}
    if not endpoints:
        return None
    unchanged = {id(item) for item in platform.workloads} & {id(item) for item in endpoints}
    for section, field in (("gateways", "endpoints"), ("async_endpoints", "behind")):
        fields[section] = tuple(
            item
            for item in getattr(platform, section)
            if not _is_at(paths, f"{section}.{item.name}") and _ids(getattr(item, field)) <= unchanged
        )
    return without_added(platform.model_copy(update=fields))


def _cluster(platform: Platform, wrong: set[str]) -> Cluster | ExistingCluster | None:
    """The cluster with defaults for what is wrong; ``None``: it has none of them, or the whole of it is wrong."""
    cluster = platform.cluster
    if cluster is None or not wrong <= type(cluster).model_fields.keys():
        return None
    if any(type(cluster).model_fields[name].is_required() for name in wrong):
        return None
    defaults = {name: type(cluster).model_fields[name].get_default() for name in wrong}
    return cluster.as_sound(**{**defaults, **({_NODE_ROLE: "any"} if _NODE_ROLE in wrong else {})})


def _ids(value: Spec | Iterable[Spec]) -> set[int]:
    return {id(item) for item in value} if isinstance(value, tuple) else {id(value)}


def _fields_at(paths: Iterable[str], place: str) -> set[str] | None:
    """Fields of a place that paths lead to, ``""`` for the place itself; ``None``: none leads there."""
    found: set[str] = set()
    for path in paths:
        if path == place:
            found.add("")
        elif path.startswith((f"{place}.", f"{place}[")):
            found.add(path[len(place) :].lstrip(".").partition(".")[0].partition("[")[0])
    return found or None


def _is_at(paths: Iterable[str], place: str) -> bool:
    return _fields_at(paths, place) is not None


def _pool(pool: GpuPool, paths: list[str], *, nowhere: bool) -> GpuPool | None:
    wrong = _fields_at(paths, f"pools.{pool.name}") or set()
    if nowhere and pool.zones:
        wrong = {*wrong, "zones"}
    if not wrong:
        return pool
    if not wrong <= _BESIDE_FIT:
        return None
    defaults = {name: GpuPool.model_fields[name].get_default() for name in wrong}
    return pool.as_sound(**{**defaults, **({"nodes": (0, _MANY)} if "nodes" in wrong else {})})


def _endpoint(endpoint: Endpoint, pools: dict[int, GpuPool], storage: list[Any]) -> Endpoint | None:
    """The endpoint on what is left of its pool; ``None``: that is gone, or the endpoint itself is not sound."""
    if endpoint.broken or not is_sound(endpoint) or getattr(endpoint.on, "broken", False):
        return None
    changed: dict[str, Any] = {}
    if isinstance(endpoint.on, GpuPool):
        pool = _mended_pool(endpoint.on, pools)
        if pool is None:
            return None
        if pool is not endpoint.on:
            changed["on"] = pool
    if endpoint.overflow is not None:
        overflow = _overflow(endpoint.overflow, pools, storage)
        if overflow is not endpoint.overflow:
            changed["overflow"] = overflow
    weights = endpoint.weights.source if isinstance(endpoint.weights, LocalNvme) else endpoint.weights
    if weights is not None and weights not in storage:
        changed["weights"] = None
    if endpoint.compile_cache is not None and endpoint.compile_cache not in storage:
        changed["compile_cache"] = None
    return endpoint.model_copy(update=changed) if changed else endpoint


def _mended_pool(pool: GpuPool, pools: dict[int, GpuPool]) -> GpuPool | None:
    return pools.get(id(pool)) or next((item for item in pools.values() if item == pool), None)


def _overflow(overflow: Overflow, pools: dict[int, GpuPool], storage: list[Storage]) -> Overflow | None:
    """The overflow on what is left; ``None``: its pool is not."""
    pool = _mended_pool(overflow.on, pools)
    if pool is None:
        return None
    changed: dict[str, Any] = {} if pool is overflow.on else {"on": pool}
    weights = overflow.weights.source if isinstance(overflow.weights, LocalNvme) else overflow.weights
    if weights is not None and weights not in storage:
        changed["weights"] = None
    return overflow.model_copy(update=changed) if changed else overflow


def _open(platform: Platform, left: Platform) -> frozenset[str]:
    """Endpoints that stand on something mended, or behind something that was left out."""
    kept = {id(item) for item in (*left.workloads, *left.gateways, *left.async_endpoints)}
    whole = {id(item) for item in platform.workloads}
    found = {item.name for item in left.workloads if id(item) not in whole}
    for section, field in (("gateways", "endpoints"), ("async_endpoints", "behind")):
        for item in getattr(platform, section):
            if id(item) not in kept:
                behind = item.__dict__.get(field, ())
                # What was refused may hold anything in the place of an endpoint, such as its name.
                each = behind if isinstance(behind, list | tuple) else (behind,)
                found |= {one.name for one in each if isinstance(one, Endpoint)}
    return frozenset(found)
