"""What is sure of objects that are not planned, because something about them was refused when the file was read.

A pool with a bad number of nodes still names an instance type that there is not, and an endpoint on it a model that
nobody knows. Only what no missing wish can change is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llminfra.loading.told import as_declared
from llminfra.planning.cluster.type_names import check_type_names
from llminfra.planning.endpoints.on_pools import check_without_pool
from llminfra.planning.findings import Findings
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
    return as_declared(platform, findings.items)


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
