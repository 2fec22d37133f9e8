"""LoRA adapters of an endpoint: where they lie, who can serve them, and the places that they take."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from llminfra.diagnostics import entry_path
from llminfra.engines.vllm import lora_rank
from llminfra.planning.memory.beside.asked import refused_adapters
from llminfra.planning.plan.serving import AdapterPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.findings import Findings
    from llminfra.planning.memory import FitCase
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform

_MOUNT = "/mnt/adapters"
_ENGINES = frozenset({"vllm", "sglang"})


def plan_adapters(
    endpoint: Endpoint, platform: Platform, findings: Findings, *, place: str
) -> tuple[AdapterPlan, ...] | None:
    """Where each adapter lies and appears; ``None`` leaves a finding."""
    if not endpoint.adapters:
        return ()
    known = len(findings.items)
    path = f"endpoints.{endpoint.name}.adapters"
    if endpoint.engine.kind not in _ENGINES or place != "eks":
        findings.error(
            "LLM_FIT_39",
            endpoint,
            path,
            "llminfra serves adapters by vLLM and SGLang on GPU pools",
            found=f"{endpoint.engine.kind} on {endpoint.on.__class__.__name__}",
            expected="VLLM or SGLang on a GpuPool",
            fix="use one of them, or merge the adapter into the weights",
        )
    taken = {endpoint.served_name or endpoint.model.id: "the base model"}
    for index, adapter in enumerate(endpoint.adapters):
        if (other := taken.get(adapter.name)) is not None:
            findings.error(
                "LLM_FIT_40",
                endpoint,
                f"{entry_path(path, index)}.name",
                f"callers could not tell the adapter from {other}",
                found=adapter.name,
                expected="a name for each adapter, other than the base model's",
                fix="rename it",
            )
        taken[adapter.name] = f"adapter {index}"
        if adapter.bucket not in platform.storage and "storage" not in platform.doubtful:
            findings.error(
                "LLM_REF_2",
                endpoint,
                f"{entry_path(path, index, adapter.name)}.bucket",
                "the adapter lies on storage that is not part of this platform",
                found=f"storage {adapter.bucket.name!r}",
                expected=f"one of: {', '.join(item.name for item in platform.storage) or 'no storage is declared'}",
                fix=f"add it to Platform(storage=[…]) of {platform.name!r}",
            )
    if len(findings.items) > known:
        return None
    keys = [item.key or f"{item.bucket.prefix}/{item.id}/{item.revision}" for item in endpoint.adapters]
    places = [(item.bucket.name, key) for item, key in zip(endpoint.adapters, keys, strict=True)]
    return tuple(
        AdapterPlan(
            name=item.name,
            rank=item.rank,
            bucket=bucket,
            key=key,
            mounted=_mounted(bucket, key, places),
            path=adapter_path(bucket, key),
            model_id=item.id,
            revision=item.revision,
        )
        for item, (bucket, key) in zip(endpoint.adapters, places, strict=True)
    )


def adapter_path(bucket: str, prefix: str) -> str:
    """Where a pod sees a prefix of a bucket, or an adapter under it."""
    return f"{_MOUNT}/{bucket}/{prefix}"


def _mounted(bucket: str, key: str, places: Sequence[tuple[str, str]]) -> str:
    """The prefix that is mounted for an adapter: what all that begin with the same folder have in common.

    A volume of Mountpoint for S3 is a process on every node that uses it, which reserves memory and counts among the
    volumes that a node may have (awslabs/mountpoint-s3-csi-driver docs/MOUNTPOINT_POD_SHARING.md, docs/MEMORY.md): one
    for each of many adapters would leave pods pending. A whole bucket is never mounted.
    """
    alike = [each for where, each in places if where == bucket and each.partition("/")[0] == key.partition("/")[0]]
    return posixpath.commonpath(alike)


def check_places(endpoint: Endpoint, facts: ModelFacts, case: FitCase, findings: Findings) -> None:
    """Whether the release has adapters for the model's architecture, and kernels for their rank."""
    refused = refused_adapters(facts, case) if endpoint.adapters else None
    if refused is None:
        return
    findings.error(
        "LLM_FIT_35",
        endpoint,
        f"endpoints.{endpoint.name}.adapters",
        f"vLLM {case.engine_version} does not start with adapters of this model",
        found=refused[0].removeprefix("LLM_FIT_35: "),
        expected="a release and a rank that it has kernels for",
        fix="use a newer release of vLLM, or merge the adapter into the weights",
        runtime_message=refused[1],
    )


def adapter_places(endpoint: Endpoint, adapters: tuple[AdapterPlan, ...]) -> int:
    """How many of the adapters have a place on the GPU at once."""
    return min(endpoint.adapters_on_gpu or len(adapters), len(adapters))


def places(engine: str, endpoint: Endpoint, adapters: tuple[AdapterPlan, ...]) -> dict[str, object]:
    """Places for adapters as inputs of a memory case: what the engine is told when it starts."""
    if not adapters:
        return {}
    most = max(item.rank for item in adapters)
    rank = lora_rank(most) if engine == "vllm" else most
    return {"enable_lora": True, "max_loras": adapter_places(endpoint, adapters), "max_lora_rank": rank}
