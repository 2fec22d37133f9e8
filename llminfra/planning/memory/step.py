"""vLLM refuses a batch of more sequences than a scheduler step has tokens, a default of the device included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.planning.memory.inputs.case import FitCase, FitResult


class SmallStep(Struct, frozen=True):
    """A step with fewer tokens than the batch has sequences.

    Attributes:
        tokens: Of a step: ``max_num_batched_tokens``, or the release's default on the device.
        sequences: ``max_num_seqs``.
        default: Whether the tokens are a default.
    """

    tokens: int
    sequences: int
    default: bool

    @property
    def message(self) -> str:
        """What is wrong, one sentence."""
        by_default = ", vLLM's default on this GPU," if self.default else ""
        return (
            f"a scheduler step of {self.tokens:,} tokens{by_default} has none for some of the {self.sequences:,} "
            "sequences of a batch"
        )

    @property
    def runtime_message(self) -> str:
        """What vLLM says (``SchedulerConfig.verify_max_model_len``, vllm/config/scheduler.py 0.27.1 and 0.33.0)."""
        return (
            f"max_num_batched_tokens ({self.tokens}) must be greater than or equal to max_num_seqs ({self.sequences})."
        )


def small_step(case: FitCase, result: FitResult) -> SmallStep | None:
    """The step that vLLM would refuse; ``None``: there is none, or it is not known.

    Args:
        case: With the sequences that were asked for; a default of the release is cut to the step by vLLM itself.
        result: With the tokens of a step on the case's device.
    """
    tokens, sequences = result.max_num_batched_tokens, case.max_num_seqs
    if case.engine != "vllm" or tokens is None or sequences is None or tokens >= sequences:
        return None
    return SmallStep(tokens=tokens, sequences=sequences, default=case.max_num_batched_tokens is None)


def with_small_step(case: FitCase, result: FitResult) -> FitResult:
    """``result`` as a failure in vLLM's words, where it does not start for its step."""
    found = small_step(case, result)
    if found is None:
        return result
    reason = f"LLM_FIT_43: {found.message}"
    update = {"fits": False, "reason": reason, "engine_error": found.runtime_message, "estimated_max_len": None}
    return result.model_copy(update={**update, "findings": (*result.findings, reason)})
