"""Memory that lies beside the weights, such as places for adapters: terms of their own in what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.planning.memory.inputs.case import FitResult


class Reserve(Struct, frozen=True, kw_only=True):
    """GiB beside the weights on the rank with the most.

    Attributes:
        stated: What the case reserves without saying for what.
        adapters: Places for LoRA adapters.
        draft: A draft that is no part of the model.
        explain: Lines that tell of them.
    """

    stated: float = 0.0
    adapters: float = 0.0
    draft: float = 0.0
    explain: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """All of them."""
        return self.stated + self.adapters + self.draft


def with_reserve(result: FitResult, reserve: Reserve) -> FitResult:
    """``result``, whose budget has been computed with the reserve, with words that name it.

    Args:
        result: Figures of one rank; the weights are without the reserve, what is left for the cache is with it.
        reserve: The reserve on every GPU.
    """
    if not reserve.total and not reserve.explain:
        return result
    lines = (f"reserved {reserve.stated:.2f} GiB: as the case says",) if reserve.stated else ()
    update: dict[str, object] = {"explain": (*result.explain, *reserve.explain, *lines)}
    if reserve.total:
        update["reserved_gib"] = round(reserve.total, 4)
    if reserve.adapters:
        update["adapters_gib"] = round(reserve.adapters, 4)
    if reserve.draft:
        update["draft_gib"] = round(reserve.draft, 4)
    if result.fits is False and reserve.total:
        update["reason"] = _reason(result, reserve)
    return result.model_copy(update=update)


def _reason(result: FitResult, reserve: Reserve) -> str:
    weights, total = result.weights_gib_per_gpu or 0.0, result.total_gpu_gib or 0.0
    parts = {"the adapters": reserve.adapters, "the draft": reserve.draft, "what is set aside": reserve.stated}
    named = [name for name, gib in parts.items() if gib]
    who = " and ".join(named)
    takes = "reserve" if len(named) > 1 or reserve.adapters else "takes"
    if result.reason.startswith("LLM_MEM_1") and "before they are" not in result.reason:
        return (
            f"LLM_MEM_1: {who} {takes} {reserve.total:.2f} GiB beside {weights:.2f} GiB of weights, and the GPU has "
            f"{total:.2f} GiB"
        )
    return f"{result.reason}; {who} {takes} {reserve.total:.2f} GiB of the {total:.2f} GiB that the GPU has"
