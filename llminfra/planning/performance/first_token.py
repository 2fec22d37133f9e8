"""The time to the first token among other callers: on average, in step with them, and when all come at once.

A replica prefills prompts in turn, and several in one step where they fit. What a new prompt waits for depends on when
the others come:

- *apart*: callers come independently of each other. A new prompt waits for the prompts that happen to be there: a queue
  of one server with as many customers as callers.
- *in step*: answers of one length, begun together, end together. The prompts of a whole step come at the same moment
  and are prefilled in it, so each waits for all of them. Benchmarks with fixed lengths are like this.
- *at once*: every caller comes at the same moment, as at the start of a benchmark or of a working day. The last one
  waits for the prompts of all.
"""

from __future__ import annotations

from msgspec import Struct


class FirstToken(Struct, frozen=True, kw_only=True):
    """Seconds to the first token, by part.

    Attributes:
        request_s: HTTP, tokenization and scheduling.
        prefill_s: The prompt's own prefill on an idle replica.
        behind_s: Mean wait for prompts of others.
        step_s: Mean wait for the decode step under way.
        each_s: What one more prompt adds to a prefill.
        running: Requests that run at once.
        together: Prompts that share a step when they come at the same moment.
        queued_s: Wait for a place in the batch or the cache; 0 while all callers run.
    """

    request_s: float
    prefill_s: float
    behind_s: float
    step_s: float
    each_s: float
    running: float
    together: float
    queued_s: float = 0.0

    @property
    def mean_s(self) -> float:
        """Mean of all callers."""
        return self._first_s + self.behind_s

    @property
    def at_once_s(self) -> float:
        """Mean of callers that all come at the same moment: step after step, each as full as it can be."""
        return self._first_s + ((self.running + self.together) / 2 - 1) * self.each_s

    @property
    def last_s(self) -> float:
        """The last of callers that all come at the same moment."""
        return self._first_s + (self.running - 1) * self.each_s

    @property
    def _first_s(self) -> float:
        return self.request_s + self.prefill_s + self.step_s + self.queued_s


def wait_behind_others(each_s: float, decoding_s: float, others: float) -> float:
    """Mean wait of a new prompt for the prompts of ``others`` callers that come independently of it.

    Prefill goes before decoding, so all that others prefill between two prompts of one caller adds to its cycle, which
    is ``decoding_s`` and the prefills of everyone. What an arrival finds follows from mean value analysis (Reiser and
    Lavenberg 1980). For a few callers it is the wait of the M/D/1 queue, where a prompt under way is half done on
    average; where answers are so short that everyone waits, it is the prompts of all others.

    Args:
        each_s: What one prompt adds to a prefill.
        decoding_s: Decode steps of one answer, without what others prefill meanwhile.
        others: Callers beside the one that waits.
    """
    if others <= 0 or each_s <= 0:
        return 0.0
    busy = each_s / (decoding_s + each_s)
    return others * each_s * busy * (1 + busy) / 2


def first_token(
    *,
    request_s: float,
    prefill_s: float,
    each_s: float,
    step_s: float,
    decoding_s: float,
    running: float,
    together: float,
    in_step: bool,
) -> FirstToken:
    """The time to the first token while all callers have a place.

    Args:
        request_s: HTTP, tokenization and scheduling.
        prefill_s: The prompt's own prefill on an idle replica.
        each_s: What one more prompt adds to a prefill.
        step_s: One decode step.
        decoding_s: Decode steps of one answer.
        running: Requests that run at once.
        together: Prompts that fit one step.
        in_step: Whether callers come back together.
    """
    others = max(0.0, running - 1)
    behind = wait_behind_others(each_s, decoding_s, others)
    if in_step:
        behind += (together - 1) * each_s
    return FirstToken(
        request_s=request_s,
        prefill_s=prefill_s,
        behind_s=min(behind, others * each_s),
        step_s=min(1.0, others) * step_s / 2,
        each_s=each_s,
        running=running,
        together=together,
    )
