"""What is sure of objects that are not planned, because something about them was refused when the file was read.

A pool with a bad number of nodes still names an instance type that there is not, and an endpoint on it a model that
nobody knows. Only what no missing wish can change is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from llminfra.diagnostics import SpecError, entry_path, errors
from llminfra.loading.sound import SECTIONS, is_sound, sound_storage, without_added
from llminfra.loading.wording.told import as_declared
from llminfra.planning.cluster.type_names import check_type_names
from llminfra.planning.endpoints.on_pools import check_without_pool
from llminfra.planning.findings import Findings
from llminfra.planning.platform import plan_platform
from llminfra.planning.served.endpoint_model import model_facts
from llminfra.planning.targets.batch import is_planned
from llminfra.spec.base.spec import Spec
from llminfra.spec.compute.ec2 import Ec2
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.endpoint import Endpoint
from llminfra.spec.engines.base import LlmEngine
from llminfra.spec.engines.vllm import VLLM
from llminfra.spec.models.model import Model
from llminfra.spec.services.batch import BatchInference, BatchQueue

if TYPE_CHECKING:
    from collections.abc import Sequence

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
            check_type_names(pool, entry_path("pools", index, pool.__dict__.get("name")), findings)
    for index, endpoint in enumerate(platform.workloads):
        if isinstance(endpoint, Endpoint) and not _is_planned(endpoint):
            findings.items += [item for item in _about_endpoint(endpoint, index) if item not in findings.items]
    for index, batch in enumerate(platform.__dict__.get("batches", ())):
        if isinstance(batch, BatchInference) and not is_planned(batch):
            findings.items += [item for item in _about_batch(batch, index) if item not in findings.items]
    return (*as_declared(platform, findings.items), *_misfits(platform))


# Fields of a pool, and of an endpoint, that say nothing of what fits a node.
_BESIDE_POOL = frozenset(
    {"name", "nodes", "labels", "zones", "capacity", "provisioner", "root_volume_gib", "ami_release", "image_snapshot"}
)
_BESIDE_ENDPOINT = frozenset(
    {"name", "weights", "compile_cache", "replicas", "api_key", "served_name", "allow_from_namespaces"}
)
_MANY = 1000
"""Nodes of a pool whose number is open: what does not fit so many fits none."""
_OF_FIT = ("LLM_FIT_", "LLM_MEM_", "LLM_SHAPE_")
_OF_WEIGHTS = "LLM_FIT_36"


def _misfits(platform: Platform) -> tuple[Diagnostic, ...]:
    """What does not fit its pool, though something else of the pool or of the endpoint is not known."""
    if not is_sound(platform, skip=SECTIONS):
        return ()
    endpoints = tuple(
        mended
        for endpoint in platform.workloads
        if (mended := _mended(endpoint)) is not None and is_sound(mended) and _is_planned(mended)
    )
    if not endpoints:
        return ()
    pools = tuple({id(item.on): item.on for item in endpoints if isinstance(item.on, GpuPool)}.values())
    fields = {**dict.fromkeys(SECTIONS, ()), "pools": pools, "storage": sound_storage(platform)}
    try:
        plan_platform(without_added(platform.model_copy(update={**fields, "endpoints": endpoints})))
    except SpecError as error:
        found = (item for item in errors(error.diagnostics) if item.code.startswith(_OF_FIT))
        return tuple(item for item in found if item.code != _OF_WEIGHTS)
    return ()


def _mended(endpoint: Endpoint) -> Endpoint | None:
    """The endpoint with stand-ins for what is open; ``None``: it is planned as it is, or what fits is open itself."""
    pool = endpoint.__dict__.get("on")
    if endpoint.unchecked or not isinstance(pool, GpuPool) or not (endpoint.broken or pool.broken):
        return None
    if pool.unchecked or not pool.doubtful <= _BESIDE_POOL or not endpoint.doubtful <= _BESIDE_ENDPOINT:
        return None
    if pool.broken:
        pool = pool.as_sound(nodes=(0, _MANY) if "nodes" in pool.doubtful else pool.nodes)
    open_fields = {name: Endpoint.model_fields[name] for name in endpoint.doubtful}
    defaults = {name: info.get_default() for name, info in open_fields.items() if not info.is_required()}
    return endpoint.as_sound(**defaults, on=pool)


def _is_planned(endpoint: Endpoint) -> bool:
    parts = (endpoint, *(endpoint.__dict__.get(name) for name in ("on", "model", "engine")))
    return not any(part is None or part.broken for part in parts)


def _about_endpoint(endpoint: Endpoint, index: int) -> list[Diagnostic]:
    """What is wrong with an endpoint whatever its open parts are; one without a name has its place in the paths."""
    findings = Findings()
    _check_endpoint(endpoint, _NAMELESS, findings)
    start = f"endpoints.{_NAMELESS}"
    on = endpoint.__dict__.get("on")
    if isinstance(on, Ec2) and not _refused(on, "instance_type"):
        place = f"endpoints.{endpoint.__dict__.get('name') or _NAMELESS}.on"
        found = _types(on, (on.instance_type,), place)
        findings.items += [replace(item, path=f"{place}.instance_type") for item in found]
    return [
        replace(item, path=entry_path("endpoints", index) + item.path.removeprefix(start))
        if item.path == start or item.path.startswith(f"{start}.")
        else item
        for item in findings.items
    ]


def _types(on: Spec, names: Sequence[str], place: str) -> list[Diagnostic]:
    """What is wrong with instance types by their names, as a pool's would be."""
    findings = Findings()
    pool = GpuPool.model_construct(None, name="any", instance_types=names)
    if on.origin is not None:
        pool.at(*on.origin)
    check_type_names(pool, place, findings)
    return findings.items


def _about_batch(batch: BatchInference, index: int) -> list[Diagnostic]:
    """What is wrong with a batch whatever its open parts are: types that there are not, a model that nobody knows."""
    findings = Findings()
    given = batch.__dict__
    place = entry_path("batches", index, None if _refused(batch, "name") else batch.name)
    on, model = given.get("on"), given.get("model")
    if isinstance(on, BatchQueue) and not _refused(on, "instance_types"):
        findings.items += _types(on, on.instance_types, f"{place}.on")
    if isinstance(model, Model) and not _refused(batch, "model"):
        about = Findings()
        nowhere = GpuPool.model_construct(None, name=_NAMELESS, instance_types=())
        alike = Endpoint.model_construct(None, name=_NAMELESS, model=model, engine=VLLM(), on=nowhere)
        if batch.origin is not None:
            alike.at(*batch.origin)
        _check_endpoint(alike, _NAMELESS, about)
        start = f"endpoints.{_NAMELESS}"
        findings.items += [replace(item, path=place + item.path.removeprefix(start)) for item in about.items]
    return findings.items


_NAMELESS = "0"
"""Stands for the name that an endpoint lacks; no name starts with a digit."""


_BESIDE_MODEL = frozenset({"revision", "token", "trust_remote_code"})
"""Fields of a model that say nothing of its shape."""


def _check_endpoint(endpoint: Endpoint, stand_in: str, findings: Findings) -> None:
    given = endpoint.__dict__
    model, engine = given.get("model"), given.get("engine")
    if (
        not isinstance(model, Model)
        or _refused(endpoint, "model")
        or _refused(model, "id")
        or _refused(model, "config")
    ):
        return
    if model.broken and not model.unchecked and model.doubtful <= _BESIDE_MODEL:
        model = model.as_sound()
    sound = isinstance(engine, LlmEngine) and not (model.broken or engine.broken or _refused(endpoint, "engine"))
    values: dict[str, Any] = {
        "name": given.get("name") or stand_in,
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
    """Whether a field is not what the user wrote."""
    return field not in item.__dict__ or field in item.doubtful
