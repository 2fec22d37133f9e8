"""Compiled kernels that later pods take over: who can, and under which key they lie."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from llminfra.planning.network.mirror import engine_image
from llminfra.planning.plan.serving import CompileCachePlan

if TYPE_CHECKING:
    from llminfra.engines.invocation import Invocation
    from llminfra.engines.job import Role
    from llminfra.planning.findings import Findings
    from llminfra.planning.network.mirror import ImageNames
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.plan.serving import Place
    from llminfra.planning.served.engine_settings import EngineSettings
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.models.storage import ModelBucket

CACHE_PREFIX = "compile-cache"
"""First part of every key, which no model has."""
# Both compile for the GPU at start and keep the result in folders that variables name.
_CACHEABLE = frozenset({"vllm", "sglang"})


def cacheable(engine: EngineSettings, place: Place, nodes: int, *, role: Role | None = None) -> bool:
    """Whether kernels of such an endpoint can be kept: of one pod, on a cluster, that compiles anything."""
    return place == "eks" and role is None and nodes == 1 and engine.kind in _CACHEABLE and not engine.enforce_eager


def check_compile_cache(
    endpoint: Endpoint,
    engine: EngineSettings,
    place: Place,
    nodes: int,
    findings: Findings,
    *,
    role: Role | None = None,
) -> ModelBucket | None:
    """The bucket for kernels, where one is declared and can be used; else a finding says why it cannot."""
    bucket = endpoint.compile_cache
    if bucket is None:
        return None
    against = _against(bucket, engine, place, nodes, role)
    if against is None:
        return bucket
    reason, fix = against
    findings.error(
        "LLM_STO_27",
        endpoint,
        f"endpoints.{endpoint.name}.compile_cache",
        f"compiled kernels of this endpoint cannot be kept: {reason}",
        found=f"bucket {bucket.name!r}",
        expected="vLLM or SGLang on one node of a GpuPool, and a bucket of the platform",
        fix=fix,
    )
    return None


def _against(
    bucket: ModelBucket, engine: EngineSettings, place: Place, nodes: int, role: Role | None
) -> tuple[str, str] | None:
    """Why kernels cannot be kept, and what to do about it."""
    if place != "eks":
        return "it runs outside the cluster, where nothing saves them", "leave compile_cache out"
    if engine.kind not in _CACHEABLE:
        return f"{engine.kind} has no such cache that llminfra knows", "use VLLM or SGLang"
    if engine.enforce_eager:
        return "enforce_eager compiles nothing", "leave enforce_eager or compile_cache out"
    if role is not None:
        return "prefill and decode pods compile kernels of their own", "leave compile_cache out"
    if nodes > 1:
        return f"each of its {nodes} nodes compiles kernels of its own ranks", "leave compile_cache out"
    if bucket.existing:
        return "llminfra only reads the bucket", "name a bucket that the platform makes"
    if bucket.prefix.split("/")[0] == CACHE_PREFIX:
        return f"models of the bucket lie under {CACHE_PREFIX}/", "use another prefix for models"
    return None


def compile_cache_plan(
    bucket: ModelBucket,
    endpoint: Endpoint,
    revision: str | None,
    pool: PoolPlan,
    call: Invocation,
    version: str,
    names: ImageNames,
) -> CompileCachePlan:
    """The object that holds the kernels: by engine version, model and GPU, and by everything that the engine is told.

    Kernels depend on much of the command line, and pods never change an object that is there, nor unpack one that holds
    other folders; so another command line, image, variable or folder is another object.
    """
    locked = names.digest(engine_image(call))
    image = (call.image_repository, call.image_tag, call.image_digest or locked)
    told = [*image, call.command, call.args, call.env, call.cache_env, call.kernel_folders]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    model = f"{endpoint.model.id}/{(revision or 'main')[:12]}"
    folder = f"{CACHE_PREFIX}/{endpoint.engine.kind}-{version}/{model}/{pool.gpu}-{pool.main_type.arch}"
    return CompileCachePlan(bucket=bucket.name, key=f"{folder}/{digest}.tar")
