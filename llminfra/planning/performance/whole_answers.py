"""Time and throughput where an answer comes whole: embedders, rerankers and classifiers read, and write no tokens.

A step takes as many inputs as fit its tokens; callers beyond them wait for the steps before theirs. Tokenizing and HTTP
are one process of the engine's, which small encoders outrun; that is not modelled.
"""

from __future__ import annotations

from msgspec import Struct

from llminfra.planning.performance.factors import Factors
from llminfra.planning.performance.first_token import FirstToken
from llminfra.planning.performance.load import Load
from llminfra.planning.performance.rank_work import RankWork
from llminfra.planning.performance.roofline import Machine, PrefillTime, prefill


class WholeAnswers(Struct, frozen=True, kw_only=True):
    """What callers see, and how it came about.

    Attributes:
        answer: The time to an answer, by part.
        requests_per_s: Answers.
        alone: One input on an idle replica.
        step: A step of as many inputs as run.
        explain: One line per figure.
    """

    answer: FirstToken
    requests_per_s: float
    alone: PrefillTime
    step: PrefillTime
    explain: tuple[str, ...]


def whole_answers(
    work: RankWork, machine: Machine, hidden: int, load: Load, *, chunk: int, most: float, known: Factors
) -> WholeAnswers:
    """Callers of a replica whose answers come whole.

    Args:
        work: Work of one rank.
        machine: Device and wires.
        hidden: Width of the residual stream.
        load: The callers.
        chunk: Most tokens of one step.
        most: Requests that run at once.
        known: Achieved shares.
    """
    callers = float(load.concurrency)
    running = min(callers, most)
    schedulers = machine.schedulers
    fitting = max(1.0, chunk // load.prompt_tokens)
    together = min(max(1.0, running / schedulers), fitting)

    def seconds(inputs: float) -> tuple[PrefillTime, float]:
        time = prefill(work, machine, hidden, load.prompt_tokens, chunk, known, prompts=inputs)
        return time, time.total_s + known.step_overhead_s + inputs * known.request_step_overhead_s

    (alone, own_s), (step, step_s) = seconds(1.0), seconds(together)
    request_s = known.request_overhead_s
    rate = schedulers * min(running / schedulers / (request_s + step_s), together / step_s)
    mean_s = callers / rate
    steps = -(-callers / schedulers // fitting)
    answer = FirstToken(
        request_s=request_s,
        prefill_s=own_s,
        step_s=step_s - own_s,
        behind_s=max(0.0, running / rate - request_s - step_s),
        at_once_s=request_s + step_s * (steps + 1) / 2,
        last_s=request_s + step_s * max(1.0, steps),
        running=running,
        together=fitting,
        queued_s=max(0.0, mean_s - running / rate),
    )
    return WholeAnswers(
        answer=answer,
        requests_per_s=rate,
        alone=alone,
        step=step,
        explain=_explain(load, answer, together, step, step_s, rate),
    )


def _explain(
    load: Load, answer: FirstToken, together: float, step: PrefillTime, step_s: float, rate: float
) -> tuple[str, ...]:
    def ms(seconds: float) -> str:
        return f"{seconds * 1e3:,.1f}"

    parts = [f"request {ms(answer.request_s)}", f"its own input {ms(answer.prefill_s)}"]
    if answer.step_s > 0:
        parts.append(f"inputs of the same step {ms(answer.step_s)}")
    if answer.behind_s + answer.queued_s > 0:
        parts.append(f"steps before {ms(answer.behind_s + answer.queued_s)}")
    parts_of_step = (
        f"matrices {ms(step.compute_s)} or reading weights {ms(step.weights_s)}",
        f"attention {ms(step.attention_s)}",
        f"wires {ms(step.wires_s)}",
        f"overhead {ms(step.overhead_s)}",
    )
    return (
        f"answer {ms(answer.mean_s)} ms on average with {load.words}: {', '.join(parts)}",
        "an answer comes whole: there is no time per token",
        f"step of {together:,.1f} input{'' if together == 1 else 's'} {ms(step_s)} ms: {', '.join(parts_of_step)}",
        f"{rate:,.1f} inputs/s of {load.prompt_tokens:,} tokens: {rate * load.prompt_tokens:,.0f} tokens/s",
    )


def bound_of(step: PrefillTime) -> str:
    """What a step waits for, in the words of a decode step."""
    parts = {
        "compute": max(step.compute_s, 0.0) + step.attention_s,
        "weights": step.weights_s,
        "wires": step.wires_s,
        "overhead": max(step.overhead_s, step.host_s),
    }
    return max(parts, key=lambda name: parts[name])
