"""Which attention Text Generation Inference takes on a GPU, and what it does not take there, by release."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llminfra.catalog.engines import release_numbers
from llminfra.catalog.models import Attention
from llminfra.catalog.tgi_models import Served, knows, pages, served_by
from llminfra.planning.facts import numbers
from llminfra.planning.hardware.gpu_problem import GpuProblem, from_capability

if TYPE_CHECKING:
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts

_FILE = "tgi_support"
_TURING, _AMPERE, _BLACKWELL = 75, 80, 100
_NO_IMAGE = "CUDA error: no kernel image is available for execution on the device"
_NO_FLASH = "RuntimeError: FlashAttention only supports Ampere GPUs or newer."


def _value(fact: str) -> Any:
    return numbers(_FILE)[fact]["value"]


def _since(release: tuple[int, ...], first: str) -> bool:
    return release >= release_numbers(first)


def uses_flashinfer(release: tuple[int, ...], facts: ModelFacts) -> bool:
    """Whether the launcher takes FlashInfer for a model; FlashAttention, or vLLM's old kernels, where not."""
    rule = _value("flashinfer")
    first = next(iter(facts.attentions), None)
    kept = rule["not_types"].get(facts.config_type)
    return (
        _since(release, rule["since"])
        and isinstance(first, Attention)
        and first.head_dim in rule["heads"]
        and facts.config_type not in rule["no_head_types"]
        and (kept is None or (kept != "" and _since(release, kept)))
    )


def tgi_attention_problems(
    gpu: Gpu, facts: ModelFacts, release: tuple[int, ...], *, kv_cache_dtype: str | None, longest: int | None
) -> Iterator[GpuProblem]:
    """What the release's attention does not take: the device, a window on it, or a cache of eight bits.

    Args:
        gpu: The device.
        facts: The model.
        release: Numbers of the release.
        kv_cache_dtype: Declared type of the cache; ``None`` follows the model.
        longest: Tokens of the longest request; ``None``: not known.
    """
    if not knows(release):
        return
    flash = pages(release, facts.config_type)
    if (refused := _device(gpu, facts, release, flash=flash)) is not None:
        yield refused
    elif not flash:
        pass
    elif (unserved := _flash_2(gpu, facts, release)) is not None:
        yield unserved
    else:
        yield from _window(gpu, facts, release, longest)
    if kv_cache_dtype is not None and kv_cache_dtype.startswith("fp8"):
        yield from _cache(facts, release, kv_cache_dtype)


def tgi_takes_fp8_cache(release: tuple[int, ...], facts: ModelFacts) -> bool:
    """Whether the release keeps 8 bits for each element of the model's cache."""
    return not knows(release) or next(_cache(facts, release, "fp8"), None) is None


def _device(gpu: Gpu, facts: ModelFacts, release: tuple[int, ...], *, flash: bool) -> GpuProblem | None:
    of = f"tgi {'.'.join(map(str, release))}"
    found = f"compute capability {gpu.compute_capability}"
    if gpu.capability >= _BLACKWELL and not _since(release, _value("blackwell_since")):
        return GpuProblem(
            code="LLM_FIT_27",
            fatal=True,
            field="engine.version",
            message=f"{of} has no code for {gpu.product}",
            found=found,
            expected=f"tgi {_value('blackwell_since')} or later",
            fix=f"set version={_value('blackwell_since')!r} or a later one",
            runtime_message=_NO_IMAGE,
        )
    least = next((row["capability"] for row in reversed(_value("flash_from")) if _since(release, row["since"])), 0)
    without = _value("flashinfer_without_turing")
    uncompiled = _since(release, without["since"]) and not _since(release, without["until"])
    turing = gpu.capability < _AMPERE and uncompiled and uses_flashinfer(release, facts)
    if not flash or (gpu.capability >= least and not turing):
        return None
    needed = _AMPERE if turing else least
    later = needed == _AMPERE and gpu.capability >= _TURING
    return GpuProblem(
        code="LLM_FIT_62",
        fatal=True,
        field="on",
        message=f"{of} has no attention kernel for {gpu.product}",
        found=found,
        expected=from_capability(needed) + (f", or tgi {without['until']} or later" if later else ""),
        fix="use an A10G, L4 or newer GPU"
        + (f", or version={without['until']!r} or a later one" if later else "")
        + "; or vLLM, which has kernels for it",
        runtime_message=_NO_IMAGE if turing else _NO_FLASH if needed == _AMPERE else None,
    )


def _flash_2(gpu: Gpu, facts: ModelFacts, release: tuple[int, ...]) -> GpuProblem | None:
    words = _value("flash_2_alone").get(facts.config_type)
    if words is None or gpu.capability >= _AMPERE or uses_flashinfer(release, facts):
        return None
    return GpuProblem(
        code="LLM_FIT_62",
        fatal=True,
        field="on",
        message=f"tgi {'.'.join(map(str, release))} serves {facts.config_type} by FlashAttention 2, which "
        f"{gpu.product} does not have",
        found=f"compute capability {gpu.compute_capability}",
        expected=from_capability(_AMPERE),
        fix="use an A10G, L4 or newer GPU, or a later version, or vLLM",
        runtime_message=words,
    )


def _window(gpu: Gpu, facts: ModelFacts, release: tuple[int, ...], longest: int | None) -> Iterator[GpuProblem]:
    """FlashAttention 1 knows no windows, so that prompts must be shorter; of towers' models the key is not read."""
    windows = [mixer.window for mixer in facts.attentions if isinstance(mixer, Attention) and mixer.window]
    least = _value("flash_from")[0]["since"]
    if gpu.capability >= _AMPERE or not windows or facts.encoders or not _since(release, least):
        return
    window, prompt = min(windows), (longest or facts.max_position_embeddings) - 1
    if prompt <= window:
        return
    yield GpuProblem(
        code="LLM_FIT_62",
        fatal=True,
        field="engine.max_model_len",
        message=f"TGI has no attention with a window on {gpu.product}, and {facts.model_id} has one of {window:,} "
        "tokens",
        found=f"prompts of {prompt:,} tokens on compute capability {gpu.compute_capability}",
        expected=f"prompts of at most {window:,} tokens, or {from_capability(_AMPERE)}",
        fix=f"set max_model_len={window + 1}, or use an A10G, L4 or newer GPU",
        runtime_message="ValueError: The backend cuda does not support sliding window attention that is used by the "
        f"model type {facts.config_type}. To use this model nonetheless with the cuda backend, please launch TGI with "
        f"the argument `--max-input-tokens` smaller than sliding_window={window} (got here max_input_tokens={prompt}).",
    )


def _cache(facts: ModelFacts, release: tuple[int, ...], kv_cache_dtype: str) -> Iterator[GpuProblem]:
    of, since = f"tgi {'.'.join(map(str, release))}", _value("cache_flag_since")
    library = served_by(release, facts.config_type) in {Served.CUT, Served.WHOLE}
    paged = pages(release, facts.config_type)
    if not _since(release, since):
        why, words = f"{of} has no 8-bit cache", "error: unexpected argument '--kv-cache-dtype' found"
    elif library:
        why, words = (
            f"{of} serves {facts.config_type} by the Transformers library, which is not told of the cache",
            None,
        )
    elif not paged:
        why, words = f"{of} has no paged cache for {facts.config_type}, and is not told of its type", None
    elif not uses_flashinfer(release, facts):
        why = f"{of} keeps 8 bits in FlashInfer's cache alone, and takes another attention for {facts.model_id}"
        words = "ValueError: FP8 KV cache is currently only supported for flashinfer on CUDA"
    else:
        return
    yield GpuProblem(
        code="LLM_FIT_64",
        fatal=True,
        field="engine.kv_cache_dtype",
        message=why,
        found=f"kv_cache_dtype={kv_cache_dtype!r}",
        expected="a cache of 16 bit" + ("" if _since(release, since) else f", or tgi {since} or later"),
        fix="leave kv_cache_dtype at 'auto', or use vLLM",
        runtime_message=words,
    )
