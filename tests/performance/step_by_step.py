"""A scheduler played step by step: what the closed form of ``performance/batching.py`` is held against."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from statistics import fmean

from llminfra.planning.performance.batching import Steps


@dataclass(slots=True)
class _Request:
    sent_s: float
    turn: int
    prompt: float
    answer: int
    length: int
    first_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Mean times to the first token and per further token, the last first token, and the end of the last answer."""

    first_s: float
    each_s: float
    last_s: float
    whole_s: float


def play(
    steps: Steps, callers: int, *, rounds: int = 1, settled: int = 0, apart: bool = False, places: int = 1_000_000
) -> Seen:
    """Plays ``rounds`` requests of every caller, all of whom begin at the same moment.

    Args:
        steps: Times of steps, the budget and the lengths.
        callers: Callers.
        rounds: Requests of each.
        settled: Rounds at the beginning whose times do not count.
        apart: Draw the length of answers evenly, from one token to twice the mean.
        places: Most requests at once.
    """
    dice, ended = random.Random(7), []
    arrivals = deque(_request(steps, dice, 0.0, 0, apart=apart) for _ in range(callers))
    begun: deque[_Request] = deque()
    running: list[_Request] = []
    now, before = 0.0, 0.0
    while arrivals or begun or running:
        seen_until = before if steps.ahead and (begun or running) else now
        before = now
        free, prompts, first = float(steps.budget - len(running)), 0.0, []
        while free > 0 and (begun or _comes(steps, arrivals, seen_until, len(running) + len(first) < places)):
            request = begun[0] if begun else arrivals.popleft()
            part = min(free, request.prompt)
            request.prompt -= part
            free, prompts = free - part, prompts + part / steps.prompt_tokens
            if request.prompt <= 0:
                first.append(request)
                if begun:
                    begun.popleft()
            elif not begun:
                begun.append(request)
        if not running and not prompts:
            now = arrivals[0].sent_s + steps.request_s
            continue
        now += steps.step_s(prompts, running=len(running) / max(1, callers))
        for request in running:
            request.answer -= 1
        for request in first:
            request.first_s, request.answer = now, request.answer - 1
        over = [item for item in (*running, *first) if item.answer <= 0]
        running = [item for item in (*running, *first) if item.answer > 0]
        for request in over:
            if request.turn >= settled:
                each = (now - request.first_s) / (request.length - 1) if request.length > 1 else 0.0
                ended.append((request.first_s - request.sent_s, each))
            if request.turn + 1 < rounds:
                arrivals.append(_request(steps, dice, now, request.turn + 1, apart=apart))
    firsts = [item[0] for item in ended]
    return Seen(first_s=fmean(firsts), each_s=fmean(item[1] for item in ended), last_s=max(firsts), whole_s=now)


def _comes(steps: Steps, arrivals: deque[_Request], until: float, place: bool) -> bool:
    return place and bool(arrivals) and arrivals[0].sent_s + steps.request_s <= until + 1e-9


def _request(steps: Steps, dice: random.Random, now: float, turn: int, *, apart: bool) -> _Request:
    length = dice.randint(1, 2 * steps.output_tokens - 1) if apart else steps.output_tokens
    return _Request(now, turn, float(steps.prompt_tokens), length, length)
