"""What SGLang sets itself for a model and a device where nothing is said: sparse latent attention (DSA)."""

from __future__ import annotations

from msgspec.structs import replace

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.inputs.case import FitCase
from llminfra.planning.memory.releases.settings import Settings
from llminfra.planning.memory.releases.sglang_profile import Release, is_sparse, sglang_data, sglang_release

BLACKWELL = 100


def with_sglang_defaults(facts: ModelFacts, case: FitCase, gpu: Gpu | None) -> FitCase:
    """The case with an fp8 cache and attention by data parallelism where the release takes them."""
    if case.engine != "sglang" or not is_sparse(facts):
        return case
    rules, version = sglang_data()["sparse"], sglang_release(case.engine_version)
    update: dict[str, object] = {}
    named = case.kv_cache_dtype not in {None, "auto"}
    if not named and _is_blackwell(gpu) and version >= sglang_release(rules["fp8_cache_since"]):
        update["kv_cache_dtype"] = "fp8_e4m3"
    first, last = (sglang_release(item) for item in rules["copies"])
    if _between(first, version, last):
        ranks = case.tensor_parallel or (case.gpus_total or 1) // (case.pipeline_parallel or 1)
        update |= {"data_parallel_attention": True, "data_parallel": max(1, ranks)}
    return case.model_copy(update=update) if update else case


def with_sparse_layout(settings: Settings, case: FitCase, gpu: Gpu | None) -> Settings:
    """The settings with the layout of an fp8 cache: TensorRT-LLM's kernels of Blackwell read plain values."""
    since = sglang_release(sglang_data()["sparse"]["plain_fp8_since"])
    plain = _is_blackwell(gpu) and sglang_release(case.engine_version) >= since
    return replace(settings, plain_sparse="any" if plain else "")


def _is_blackwell(gpu: Gpu | None) -> bool:
    return gpu is not None and gpu.capability >= BLACKWELL


def _between(first: Release, version: Release, last: Release) -> bool:
    return first <= version and version[:3] <= last[:3]
