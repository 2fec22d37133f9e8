"""How a scheduler mixes prompts and running answers, step by step, and what its callers wait for.

The engines batch alike. A step has a budget of tokens. Running answers take one token each of it, and prompts the rest,
first come first served, in chunks where they are longer than that (vllm-project/vllm:vllm/v1/core/sched/scheduler.py,
``schedule``; SGLang's ``PrefillAdder`` in managers/schedule_policy.py has the same budget under the name
``chunked_prefill_size``). A prompt gets its first token at the end of the step that finishes it, so it waits for steps,
not for prompts one by one. Three ways to come are told apart:

- *apart*: callers come independently of each other. An answer ends at the end of a step, so the next prompt comes into
  a step that is under way and waits for its end, for the steps that are scheduled ahead, and for its own, whose time is
  that of every prompt and answer in it.
- *in step*: answers of one length, begun together. Their prompts were prefilled in groups, a budget at a time, so they
  end in groups, one step after the other, and come back in groups.
- *at once*: every caller comes at the same moment. Steps are full of prompts until the last is through.
"""

from __future__ import annotations

import math

from msgspec import Struct

from llminfra.planning.performance.roofline import PrefillTime, StepTime

_HALVINGS = 30
_LEAST_FREE = 1.0  # tokens of a step that answers leave to prompts: never none, or no caller would ever be replaced


class Steps(Struct, frozen=True, kw_only=True):
    """Steps of one scheduler: a copy of attention, or the requests that follow each other through the stages.

    Attributes:
        decode: A step of nothing but running answers.
        prompt: What one prompt adds to the steps that prefill it, without wires' latency and launches.
        host_s: Launching the kernels of a step with prompt tokens; the device waits for it where it is faster.
        budget: Most tokens of a step.
        prompt_tokens: Prompt length.
        output_tokens: Answer length.
        request_s: HTTP, tokenization and scheduling.
        ahead: Steps that are scheduled before the one under way is over.
        stages: Pipeline stages, whose steps follow each other: one begins as often in the time of a step.
    """

    decode: StepTime
    prompt: PrefillTime
    host_s: float
    budget: int
    prompt_tokens: int
    output_tokens: int
    request_s: float
    ahead: float
    stages: int = 1

    def fit(self, answers: float) -> float:
        """Prompts that fit a step beside so many running answers; below 1 a prompt takes several steps."""
        return max(_LEAST_FREE, self.budget - answers) / self.prompt_tokens

    def step_s(self, prompts: float, running: float = 1.0) -> float:
        """Seconds of a step with so many prompts and this share of the answers of ``decode``."""
        answers, prompt = self.decode, self.prompt
        if prompts <= 0:
            return answers.total_s
        matrices = max(running * answers.compute_s + prompts * prompt.compute_s, answers.weights_s, prompt.weights_s)
        attention = running * max(answers.cache_s, answers.attention_s) + prompts * prompt.attention_s
        wires = answers.wires_s + prompts * prompt.wires_s
        return max(matrices + attention + wires + answers.overhead_s, self.host_s)


class Traffic(Struct, frozen=True, kw_only=True):
    """What callers of one scheduler see while all of them have a place.

    Attributes:
        first_s: Mean time to the first token.
        undisturbed_s: The same with running answers of others and none of their prompts.
        each_s: Mean time per further token.
        answers: Requests that are past their first token, on average.
        fit: Prompts that fit a step.
    """

    first_s: float
    undisturbed_s: float
    each_s: float
    answers: float
    fit: float


class Burst(Struct, frozen=True, kw_only=True):
    """What callers see that all come at the same moment.

    Attributes:
        mean_s: Mean time to the first token.
        last_s: Time to the last one's first token.
        each_s: Mean time per further token.
        whole_s: Time until the last answer is complete.
    """

    mean_s: float
    last_s: float
    each_s: float
    whole_s: float


def steady(steps: Steps, callers: float, *, in_step: bool = False) -> Traffic:
    """Callers that send the next request when they have their answer.

    Prompts per step follow from the number of callers: a request stays for the steps of its answer, of its prompt and
    of its wait, and in that time everyone sends one. What waits beyond its step for lack of budget is taken from the
    queue with one server and fixed service (half of ``load / (1 - load)`` services on average).

    Args:
        steps: The scheduler's steps.
        callers: Callers of this scheduler; fewer than one are one, alone.
        in_step: Whether callers come back together.
    """
    callers, later = max(1.0, callers), steps.output_tokens - 1
    waiting = (1 + steps.ahead) * min(1.0, callers - 1)
    prompts = _prompts_per_step(steps, callers, waiting)
    answers = prompts * later
    fit = steps.fit(answers)
    others = prompts * (callers - 1) / callers
    bare, full = steps.decode.total_s, steps.step_s(fit)
    busy = min(1.0, callers - 1)
    chunks = max(1.0, 1 / fit)
    undisturbed = _wait_s(steps, bare, busy) + steps.step_s(min(fit, 1.0), running=busy) * chunks
    if in_step:
        first, mean = _in_groups(steps, callers, fit)
    else:
        # Steps that have a prompt at all, and how many those have.
        often = max(-math.expm1(-others), min(1.0, others / fit))
        mean = bare + often * (steps.step_s(min(fit, others / often)) - bare) if often else bare
        own = steps.step_s(min(fit, 1 + others), running=busy) * chunks
        first = _wait_s(steps, mean, busy) + _queue_steps(prompts, fit, callers) * full + own
    return Traffic(first_s=first, undisturbed_s=undisturbed, each_s=mean, answers=answers, fit=fit)


def _wait_s(steps: Steps, mean: float, busy: float) -> float:
    """From the request to the beginning of the first step that has its prompt, budget permitting.

    The last answer of the caller came at the end of a step, so a request that takes less time than a step on its way
    always waits for one to end; a slower one comes anywhere in a step.
    """
    between = mean / steps.stages
    under_way = max(between, steps.request_s + between / 2)
    return busy * (under_way + steps.ahead * between) + (1 - busy) * steps.request_s


def _prompts_per_step(steps: Steps, callers: float, waiting: float) -> float:
    """Prompts that begin per step, by halving: more of them fill the cycle of every caller with more steps."""
    low, high = 0.0, steps.budget / (steps.prompt_tokens + steps.output_tokens - 1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        fit = steps.fit(middle * (steps.output_tokens - 1))
        stay = steps.output_tokens - 1 + max(1.0, 1 / fit) + waiting + _queue_steps(middle, fit, callers)
        low, high = (middle, high) if middle * stay < callers else (low, middle)
    return (low + high) / 2


def _queue_steps(prompts: float, fit: float, callers: float) -> float:
    """Steps that a prompt waits because those before it fill the budget."""
    load = min(1.0, prompts / fit)
    most = (callers - 1) / fit
    return min(most, load / (2 * (1 - load)) / fit) if load < 1 else most


def _in_groups(steps: Steps, callers: float, fit: float) -> tuple[float, float]:
    """Mean times to the first token and per further token of callers that come back in groups, a step's worth each.

    The first group comes while others have yet to end, so nothing delays its prefill, but it lasts as long as a full
    step, and in every such step only one more group ends. The groups that end before it begins therefore queue, and
    each later group finds as many before it. A group's answer runs beside the prefills of those behind it, and beside
    the next ones of those that ended before it.
    """
    groups, each, later = callers / max(1.0, fit), max(1.0, 1 / fit), steps.output_tokens - 1
    bare = steps.decode.total_s
    if groups <= 1:
        return steps.request_s + steps.step_s(min(fit, callers), running=0.0) * each, bare
    apart = bare * each  # between the ends of two groups, as between their prefills
    begins = min(steps.request_s + (0.5 + steps.ahead) * bare, max(steps.request_s, (groups - 1) * apart))
    found = begins / apart
    behind = (groups - 1) / 2 if groups - 1 <= found else found * (1 - found / (2 * groups))
    behind = max(behind, groups - later / each)  # so many that prompts never cease
    full = steps.step_s(fit)
    beside = (groups - 1) / 2 + max(0.0, groups - 1 - found) ** 2 / (2 * groups)
    often = min(1.0, beside * each / later) if later else 0.0
    return max(0.0, begins - behind * apart) + (behind + 1) * full * each, bare + often * (full - bare)


def at_once(steps: Steps, callers: float, places: float) -> Burst:
    """Callers that all come at the same moment; those beyond ``places`` follow as answers end.

    Args:
        steps: The scheduler's steps.
        callers: Callers of this scheduler.
        places: Requests that it runs at once.
    """
    callers, places = max(1.0, callers), max(1.0, places)
    first = min(callers, places)
    later = steps.output_tokens - 1
    # Answers that run beside the prompts: those of the first callers begin to end before the last ones begin.
    beside = min(first, later * steps.fit(0))
    fit = steps.fit(beside / 2)
    share = (first - 1) / first / 2
    full, bare = steps.step_s(min(fit, first), running=share), steps.decode.total_s
    count = max(1.0, first / fit)
    ramp = count * full
    mean = steps.request_s + full * max(1.0, first / fit / 2 + max(1.0, 1 / fit) / 2)
    among = (1 - later / (2 * count) if count >= later else count / (2 * later)) if later else 0.0
    each = bare + (full - bare) * among if count > 1 else bare
    rounds = stay = 0.0
    if callers > places:
        # Answers of one length end together and make room for as many: whole rounds, each as long as a request stays.
        flow = steady(steps, places)
        stay = flow.first_s + later * flow.each_s
        rounds = (callers - places) / places * stay
        each = (first * each + (callers - places) * flow.each_s) / callers
    last = steps.request_s + ramp + rounds
    return Burst(
        mean_s=mean + (callers - first) * (rounds + stay) / 2 / callers,
        last_s=last,
        each_s=each,
        whole_s=last + later * bare,
    )
