"""What attention kernels of an engine make of a GPU and of the type of the cache, as problems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.catalog.engines import inner_release, release_numbers
from llminfra.planning.facts import number
from llminfra.planning.hardware.attention_kernels import knows, unserved
from llminfra.planning.hardware.gpu_problem import GpuProblem, dotted, from_capability
from llminfra.planning.hardware.tgi_attention import tgi_takes_fp8_cache

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.hardware.engine_run import EngineRun

_FP8_NAMES = ("fp8", "fp8_e4m3", "fp8_e5m2")
_BACKENDS = {"TRITON_ATTN": "Triton attention", "TRITON_MLA": "Triton MLA"}


def _least() -> int:
    return int(number("gpu_support", "fp8_kv_cache"))


def _is_known(engine: str, release: EngineRelease | None) -> bool:
    return engine == "vllm" and release is not None and knows(release_numbers(release.version))


def takes_fp8_cache(gpu: Gpu, facts: ModelFacts, engine: str, release: EngineRelease | None) -> bool:
    """Whether the engine has an attention kernel on the GPU that takes a KV cache of eight bits."""
    if release is not None and engine == "tgi" and not tgi_takes_fp8_cache(release.numbers, facts):
        return False
    if release is not None and (inner := inner_release(release)) is not release:
        engine, release = inner.engine, inner
    if _is_known(engine, release):
        return unserved(facts, gpu, engine=engine, release=release, kv_cache_dtype="fp8") is None
    return gpu.capability >= _least()


def attention_problems(gpu: Gpu, facts: ModelFacts, run: EngineRun) -> Iterator[GpuProblem]:
    """Kinds of attention that the engine has no kernel for on the GPU, or none that takes the cache.

    Args:
        gpu: The device.
        facts: The model.
        run: The engine that has the kernels, its release and settings.
    """
    engine, release, kv_cache_dtype = run.engine, run.release, run.kv_cache_dtype
    found = unserved(facts, gpu, engine=engine, release=release, kv_cache_dtype=kv_cache_dtype, text_only=run.text_only)
    if found is None:
        yield from _untold(gpu, engine, release, kv_cache_dtype)
        return
    of = f"{engine} {release.version}" if release is not None else engine
    if not found.for_cache:
        served = " or ".join(f"{dotted(low)} to {dotted(high)}" for low, high in found.capabilities)
        yield GpuProblem(
            code="LLM_FIT_53",
            fatal=True,
            field="on",
            message=f"{of} has no kernel for {found.layer} on {gpu.product}",
            found=f"compute capability {gpu.compute_capability}",
            expected=f"compute capability {served}",
            fix="use such a GPU (H100, H200, B200 and newer), or a model without it",
            runtime_message="ValueError: No valid attention backend found for cuda with AttentionSelectorConfig(…, "
            "use_sparse=True, …)"
            if engine == "vllm"
            else None,
        )
        return
    backend = _BACKENDS.get(found.kernel, found.kernel)
    other = kv_cache_dtype == "fp8_e5m2" and takes_fp8_cache(gpu, facts, engine, release)
    yield GpuProblem(
        code="LLM_FIT_54",
        fatal=True,
        field="engine.kv_cache_dtype",
        message=f"{of} has no kernel for {found.layer} with an {kv_cache_dtype} cache on {gpu.product}",
        found=f"kv_cache_dtype={kv_cache_dtype!r} on compute capability {gpu.compute_capability}",
        expected=("kv_cache_dtype='fp8', which is E4M3, or " if other else "")
        + "a cache of 16 bit"
        + (f", or {from_capability(_least())}" if backend else ""),
        fix="set kv_cache_dtype='fp8', or leave it at 'auto'" if other else "leave kv_cache_dtype at 'auto'",
        runtime_message=f"FP8 KV cache is not supported by the {backend} backend on {gpu.product} (compute capability "
        f"{gpu.compute_capability}); native FP8 (fp8e4nv) requires SM89+."
        if backend
        else "ValueError: No valid attention backend found for cuda with AttentionSelectorConfig(…, "
        f"kv_cache_dtype={kv_cache_dtype}, …)",
    )


def _untold(gpu: Gpu, engine: str, release: EngineRelease | None, kv_cache_dtype: str | None) -> Iterator[GpuProblem]:
    """Releases whose kernels are not known one by one."""
    least = _least()
    if kv_cache_dtype not in _FP8_NAMES or gpu.capability >= least or _is_known(engine, release):
        return
    yield GpuProblem(
        code="LLM_FIT_28",
        fatal=False,
        field="engine.kv_cache_dtype",
        message=f"not every attention backend takes an FP8 cache on {gpu.product}",
        found=f"{kv_cache_dtype} on compute capability {gpu.compute_capability}",
        expected=from_capability(least),
        fix="leave kv_cache_dtype at 'auto', or try it on one node first",
    )
