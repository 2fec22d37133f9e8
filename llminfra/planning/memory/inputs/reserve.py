"""Memory that an engine sets aside beside the weights, such as room for adapters: a term of its own in what is said."""

from __future__ import annotations

from llminfra.planning.memory.inputs.case import FitResult


def with_reserve(result: FitResult, reserved_gib: float) -> FitResult:
    """``result``, whose budget has been computed with the reserve, with words that name it.

    Args:
        result: Figures of one rank; the weights are without the reserve, what is left for the cache is with it.
        reserved_gib: The reserve on every GPU.
    """
    if not reserved_gib:
        return result
    line = f"adapters {reserved_gib:.2f} GiB: reserved when the weights are loaded"
    update: dict[str, object] = {"reserved_gib": round(reserved_gib, 4), "explain": (*result.explain, line)}
    if result.fits is False:
        update["reason"] = _reason(result, reserved_gib)
    return result.model_copy(update=update)


def _reason(result: FitResult, reserved: float) -> str:
    weights, total = result.weights_gib_per_gpu or 0.0, result.total_gpu_gib or 0.0
    if result.reason.startswith("LLM_MEM_1") and "before they are" not in result.reason:
        return (
            f"LLM_MEM_1: the adapters reserve {reserved:.2f} GiB beside {weights:.2f} GiB of weights, and the GPU has "
            f"{total:.2f} GiB"
        )
    return f"{result.reason}; the adapters reserve {reserved:.2f} GiB of the {total:.2f} GiB that the GPU has"
