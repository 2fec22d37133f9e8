"""The time to the first token by part: on average, and when all callers come at the same moment."""

from __future__ import annotations

from msgspec import Struct

from llminfra.planning.performance.batching import Burst, Traffic


class FirstToken(Struct, frozen=True, kw_only=True):
    """Seconds to the first token, by part.

    Attributes:
        request_s: HTTP, tokenization and scheduling.
        prefill_s: The prompt's own prefill on an idle replica.
        step_s: Steps of running answers that it waits for and that its own prefill shares a step with.
        behind_s: What prompts of others add to the steps that it waits for, and to its own.
        at_once_s: Mean of callers that all come at the same moment.
        last_s: The last of callers that all come at the same moment.
        running: Requests that run at once.
        together: Prompts that fit a step beside the running answers.
        queued_s: Wait for a place in the batch or the cache; 0 while all callers run.
    """

    request_s: float
    prefill_s: float
    step_s: float
    behind_s: float
    at_once_s: float
    last_s: float
    running: float
    together: float
    queued_s: float = 0.0

    @property
    def mean_s(self) -> float:
        """Mean of all callers."""
        return self.request_s + self.prefill_s + self.step_s + self.behind_s + self.queued_s


def first_token(
    flow: Traffic, burst: Burst, *, request_s: float, prefill_s: float, running: float, queued_s: float
) -> FirstToken:
    """The time to the first token, cut into parts that add up to it.

    Args:
        flow: What callers see while all of them have a place.
        burst: What they see when all come at once.
        request_s: HTTP, tokenization and scheduling.
        prefill_s: The prompt's own prefill on an idle replica.
        running: Requests that run at once.
        queued_s: Wait for a place.
    """
    own = min(prefill_s, flow.first_s - request_s)
    undisturbed = min(flow.undisturbed_s, flow.first_s)
    steps = max(0.0, undisturbed - request_s - own)
    return FirstToken(
        request_s=request_s,
        prefill_s=own,
        step_s=steps,
        behind_s=flow.first_s - request_s - own - steps,
        at_once_s=burst.mean_s,
        last_s=burst.last_s,
        running=running,
        together=flow.fit,
        queued_s=queued_s,
    )
