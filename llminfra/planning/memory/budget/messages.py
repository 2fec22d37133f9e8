"""The engine's own words for a start-up that fails for memory, by version, so that users find them by searching."""

from __future__ import annotations

import math

from llminfra.planning.memory.releases.engine_profile import EngineProfile

_DOCS = "See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details."


def no_blocks(profile: EngineProfile) -> str:
    """Nothing is left for the cache."""
    text = (
        "No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the "
        "engine."
    )
    return f"{text} {_DOCS}" if profile.version >= (0, 11, 1) else text


def too_long(
    profile: EngineProfile, length: int, needed_gib: float, available_gib: float, estimate: int, tokens: int
) -> str:
    """One request of ``length`` tokens needs more cache than there is."""
    if profile.scheduler == "v0":
        return (
            f"The model's max seq len ({length}) is larger than the maximum number of tokens that can be stored in "
            f"KV cache ({tokens}). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when "
            "initializing the engine."
        )
    guess = f"Based on the available memory, the estimated maximum model length is {estimate}. " if estimate > 0 else ""
    whose = "model's" if profile.version >= (0, 29, 0) else "models's"
    text = (
        f"To serve at least one request with the {whose} max seq len ({length}), ({needed_gib:.2f} GiB KV cache is "
        f"needed, which is larger than the available KV cache memory ({available_gib:.2f} GiB). {guess}Try increasing "
        "`gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine."
    )
    return f"{text} {_DOCS}" if profile.version >= (0, 11, 1) else text


def too_few_states(sequences: int, blocks: int) -> str:
    """More sequences are allowed than there are blocks for recurrent states."""
    return (
        f"max_num_seqs ({sequences}) exceeds available Mamba cache blocks ({blocks}). Each decode sequence requires "
        "one Mamba cache block, so CUDA graph capture cannot proceed. Please lower max_num_seqs to at most "
        f"{blocks} or increase gpu_memory_utilization."
    )


def out_of_memory(total_gib: float) -> str:
    """The weights do not fit the device."""
    return (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate … GPU 0 has a total capacity of "
        f"{total_gib:.2f} GiB"
    )


def not_free(free_gib: float, total_gib: float, utilization: float, limit_gib: float) -> str:
    """The utilization asks for more than is free when the engine starts."""
    return (
        f"Free memory on device ({free_gib:.2f}/{total_gib:.2f} GiB) on startup is less than desired GPU memory "
        f"utilization ({utilization}, {limit_gib:.2f} GiB). Decrease GPU memory utilization or reduce GPU memory used "
        "by other processes."
    )


def sglang_no_memory(words: str, fraction: float, viable: float, *, left: float) -> str:
    """SGLang finds no room for the cache.

    Args:
        words: `SglangProfile.message` of the release.
        fraction: ``mem_fraction_static``.
        viable: The share that the weights alone take.
        left: GiB after the weights; since 0.5.14 the words tell whether they or the rounding to pages left nothing.
    """
    text = "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static."
    if words == "plain":
        return text
    if words == "server_args":
        return f"{text} Current value: self.server_args.mem_fraction_static={fraction:.4g}"
    if words == "value" or left > 0:
        return f"{text} Current value: mem_fraction_static={fraction:.4g}"
    return (
        f"ValueError: Loaded weights leave no GPU memory for the KV cache under --mem-fraction-static={fraction:.4g}. "
        f"Raise --mem-fraction-static above {math.ceil(viable * 1000) / 1000:.3f} (minimum viable = 1 - available/pre ="
        f" {viable:.4f}). If using speculative decoding, draft weights are now counted."
    )


def sglang_small_window(tokens: int, window: int, page: int) -> str:
    """The pool of windowed layers holds no request."""
    return (
        f"ValueError: SWA pool ({tokens} tokens) cannot hold even one request: the prefill admission floor is "
        f"sliding_window_size ({window}) + page_size ({page}). Increase --swa-full-tokens-ratio or the total KV budget."
    )


def sglang_few_states(states: int, needed: int, *, checked: bool) -> str:
    """The pool of recurrent states holds no request (``_resolve_max_num_reqs`` 0.5.13, before it ``tp_worker.py``)."""
    if not checked:
        return "AssertionError: max_running_request is zero"
    if states <= 0:
        return (
            "RuntimeError: Not enough GPU memory for hybrid (mamba/linear-attention) state cache. Computed"
            f" max_mamba_cache_size={states} …"
        )
    return (
        "RuntimeError: Hybrid (mamba/linear-attention) state cache is too small to serve any requests."
        f" max_mamba_cache_size={states}, mamba_ratio={needed}, resulting max_num_reqs=0. …"
    )


def sglang_capture_failed(version: tuple[int, ...]) -> str:
    """Graphs do not fit beside the static share."""
    name = "cuda graph" if version < (0, 4, 9) else "CUDA graph"
    return f"Exception: Capture {name} failed: CUDA out of memory. Tried to allocate …"


TGI_NO_GRAPHS = "RuntimeError: CUDA error: out of memory"
"""Graphs of Text Generation Inference: it goes on after PyTorch's own error alone (``warmup`` of
server/text_generation_server/models/flash_causal_lm.py), and the driver's is another."""
TGI_NO_MEMORY = "Not enough memory to handle … prefill tokens. You need to decrease `--max-batch-prefill-tokens`"
"""router warm-up error of Text Generation Inference (server/text_generation_server/models/flash_causal_lm.py)."""
