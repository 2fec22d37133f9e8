"""What is sure of objects that are not planned, because something about them was refused when the file was read.

A pool with a bad number of nodes still names an instance type that there is not, and an endpoint on it a model that
nobody knows. Only what no missing wish can change is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llminfra.diagnostics import SpecError, errors
from llminfra.loading.sound import SECTIONS, is_sound, without_added
from llminfra.loading.told import as_declared
from llminfra.planning.cluster.type_names import check_type_names
from llminfra.planning.endpoints.on_pools import check_without_pool
from llminfra.planning.findings import Findings
from llminfra.planning.platform import plan_platform
from llminfra.planning.served.endpoint_model import model_facts
from llminfra.spec._base import Spec
from llminfra.spec.endpoint import Endpoint
from llminfra.spec.engines.base import LlmEngine
from llminfra.spec.engines.vllm import VLLM
from llminfra.spec.gpu_pool import GpuPool
from llminfra.spec.model import Model

if TYPE_CHECKING:
    from llminfra.diagnostics import Diagnostic
    from llminfra.spec.platform import Platform


def check_unplanned(platform: Platform) -> tuple[Diagnostic, ...]:
    """Findings about the sound parts of broken pools and endpoints.

    Args:
        platform: As it was read, with everything that is broken.
    """
    findings = Findings()
    for index, pool in enumerate(platform.__dict__.get("pools", ())):
        if isinstance(pool, GpuPool) and pool.broken and not _refused(pool, "instance_types"):
            check_type_names(pool, f"pools.{pool.__dict__.get('name', index)}", findings)
    for index, endpoint in enumerate(platform.workloads):
        if isinstance(endpoint, Endpoint) and not _is_planned(endpoint):
            _check_endpoint(endpoint, index, findings)
    return (*as_declared(platform, findings.items), *_misfits(platform))


# Fields of a pool that say nothing of what fits one of its nodes.
_ASIDE = frozenset(
    {"name", "nodes", "labels", "zones", "capacity", "provisioner", "root_volume_gib", "ami_release", "image_snapshot"}
)
_MANY = 1000
"""Nodes of a pool whose number is open: what does not fit so many fits none."""
_OF_FIT = ("LLM_FIT_", "LLM_MEM_", "LLM_SHAPE_")


def _misfits(platform: Platform) -> tuple[Diagnostic, ...]:
    """What does not fit a pool whose instance types are known, though something else of it is not."""
    mended = {
        id(pool): pool.as_sound(nodes=(0, _MANY) if "nodes" in pool.doubtful else pool.nodes)
        for pool in platform.__dict__.get("pools", ())
        if isinstance(pool, GpuPool) and pool.broken and not pool.unchecked and pool.doubtful <= _ASIDE
    }
    here = [
        endpoint.model_copy(update={"on": mended[id(endpoint.on)]})
        for endpoint in platform.workloads
        if not endpoint.unchecked and id(endpoint.on) in mended
    ]
    endpoints = tuple(each for each in here if _is_planned(each) and is_sound(each))
    if not endpoints or not is_sound(platform, skip=SECTIONS):
        return ()
    fields = {**dict.fromkeys(SECTIONS, ()), "pools": tuple(mended.values()), "storage": platform.storage}
    alone = without_added(platform.model_copy(update={**fields, "endpoints": endpoints}))
    try:
        plan_platform(alone)
    except SpecError as error:
        return tuple(item for item in errors(error.diagnostics) if item.code.startswith(_OF_FIT))
    return ()


def _is_planned(endpoint: Endpoint) -> bool:
    parts = (endpoint, *(endpoint.__dict__.get(name) for name in ("on", "model", "engine")))
    return not any(part is None or part.broken for part in parts)


def _check_endpoint(endpoint: Endpoint, index: int, findings: Findings) -> None:
    given = endpoint.__dict__
    model, engine = given.get("model"), given.get("engine")
    if (
        not isinstance(model, Model)
        or _refused(endpoint, "model")
        or _refused(model, "id")
        or _refused(model, "config")
    ):
        return
    sound = isinstance(engine, LlmEngine) and not (model.broken or engine.broken or _refused(endpoint, "engine"))
    values: dict[str, Any] = {
        "name": given.get("name") or str(index),
        "model": model,
        "engine": engine if sound else VLLM(),
        "on": given.get("on"),
    }
    alike = Endpoint.model_construct(None, **values)
    if endpoint.origin is not None:
        alike.at(*endpoint.origin)
    if sound:
        check_without_pool(alike, findings)
    else:
        model_facts(alike, findings)


def _refused(item: Spec, field: str) -> bool:
    """Whether a field's own value was refused; one that is doubted with all others, for an unknown key, stands."""
    if field not in item.__dict__:
        return True
    return field in item.doubtful and not item.doubtful >= type(item).model_fields.keys()
