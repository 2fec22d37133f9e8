"""LoRA adapters of an endpoint: where they lie, who can serve them, and the memory that they take."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from llminfra.catalog.models.mixers import Attention, Mla
from llminfra.planning.plan.serving import AdapterPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.catalog.models import ModelFacts
    from llminfra.catalog.models.facts import Layer
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform

_MOUNT = "/mnt/adapters"
_ENGINES = frozenset({"vllm", "sglang"})
_BYTES = 2  # Adapters are kept in 16 bit, however the base model is quantized.


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
                f"{path}[{index}].name",
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
                f"{path}[{index}].bucket",
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


def adapters_gib(facts: ModelFacts, adapters: tuple[AdapterPlan, ...]) -> float:
    """GPU memory that an engine reserves for all adapters at once, in GiB on each GPU.

    Every linear layer of the decoder times the largest rank, for each adapter; not divided by the tensor parallelism,
    because engines cut only one of the two matrices. An upper bound: an adapter may leave layers out, but the engine
    reserves before it looks (vllm-project/vllm vllm/lora/layers: create_lora_weights).
    """
    if not adapters:
        return 0.0
    widths = sum(_widths(layer, facts.hidden_size) for layer in facts.layers)
    rank = max(item.rank for item in adapters)
    return len(adapters) * rank * widths * _BYTES / 2**30


def _widths(layer: Layer, hidden: int) -> int:
    """Sum of input and output widths of a layer's matrices: what one rank of an adapter has for them."""
    total = 0
    for mixer in (layer.mixer, layer.second_mixer):
        if isinstance(mixer, Attention):
            queries, keys = mixer.heads * mixer.head_dim, mixer.kv_heads * mixer.head_dim
            values = mixer.kv_heads * (mixer.v_head_dim or mixer.head_dim)
            total += 3 * hidden + queries + keys + values
            total += mixer.heads * (mixer.v_head_dim or mixer.head_dim) + hidden
        elif isinstance(mixer, Mla):
            queries = mixer.heads * (mixer.qk_nope_head_dim + mixer.qk_rope_head_dim)
            total += (
                (hidden + mixer.q_lora_rank + mixer.q_lora_rank + queries) if mixer.q_lora_rank else hidden + queries
            )
            total += hidden + mixer.latent_dim
            total += mixer.kv_lora_rank + mixer.heads * (mixer.qk_nope_head_dim + mixer.v_head_dim)
            total += mixer.heads * mixer.v_head_dim + hidden
    if layer.mlp is not None:
        total += (3 if layer.mlp.gated else 2) * (hidden + layer.mlp.intermediate)
    if layer.moe is not None:
        width = layer.moe.latent or hidden
        total += layer.moe.experts * (3 if layer.moe.gated else 2) * (width + layer.moe.intermediate)
        total += 3 * (hidden + layer.moe.shared_intermediate) if layer.moe.shared_intermediate else 0
    return total
