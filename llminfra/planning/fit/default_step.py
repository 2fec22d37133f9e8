"""A batch that is larger than the scheduler step that vLLM takes by default on the pool's GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.memory.step import small_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.planning.findings import Findings
    from llminfra.planning.spread.parallelism import Candidate
    from llminfra.planning.spread.spreads import Question


def check_default_step(question: Question, options: Sequence[Candidate], findings: Findings) -> bool:
    """Report sequences for which a default step has no tokens; false, too, for a declared one, which was reported.

    Args:
        question: What was asked.
        options: Ways to spread it: the default is that of the device, so that all of them have the same.
        findings: Takes the finding.
    """
    placed = next((option for option in options if not option.problems), None)
    step = small_step(question.case, placed.fit) if placed is not None else None
    if step is None or not step.default:
        return step is None
    findings.error(
        "LLM_FIT_43",
        question.endpoint,
        f"endpoints.{question.endpoint.name}.engine.max_num_seqs",
        step.message,
        found=f"max_num_seqs={step.sequences}, no max_num_batched_tokens",
        expected=f"max_num_seqs of at most {step.tokens}, or max_num_batched_tokens of at least {step.sequences}",
        fix=f"set max_num_seqs={step.tokens} or less, or max_num_batched_tokens={step.sequences} or more",
        runtime_message=step.runtime_message,
    )
    return False
