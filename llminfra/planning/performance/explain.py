"""The lines that say how each figure of an estimate came about."""

from __future__ import annotations

from llminfra.planning.performance.batching import Traffic
from llminfra.planning.performance.factors import Factors, factors
from llminfra.planning.performance.first_token import FirstToken
from llminfra.planning.performance.load import Load
from llminfra.planning.performance.rank_work import RankWork
from llminfra.planning.performance.roofline import Machine, PrefillTime, StepTime, read_share, speed


def explained(
    work: RankWork,
    machine: Machine,
    load: Load,
    first: FirstToken,
    alone: PrefillTime,
    step: StepTime,
    flow: Traffic,
) -> tuple[str, ...]:
    """The first token, each further token, the prefill, the decode step, and what a step reads.

    Args:
        work: Work of one rank.
        machine: Device and wires.
        load: The callers.
        first: The time to the first token, by part.
        alone: Prefill of one prompt.
        step: One decode step.
        flow: What callers see while all of them have a place.
    """
    known = factors()
    return (
        _first(load, first),
        _each(load, first, step, flow),
        _prefill(work, machine, load, alone, known),
        _decode(machine, step, first.running),
        _read(work, machine, first.running),
    )


def _ms(seconds: float, digits: int = 0) -> str:
    return f"{seconds * 1e3:,.{digits}f}"


def _first(load: Load, first: FirstToken) -> str:
    parts = [f"request {_ms(first.request_s)}", f"prefill {_ms(first.prefill_s)}"]
    if first.running > 1:
        parts.append(f"behind prompts of others {_ms(first.behind_s)}")
        parts.append(f"steps of running answers {_ms(first.step_s)}")
    if first.queued_s:
        parts.append(f"waiting for a place {_ms(first.queued_s)}")
    text = f"first token {_ms(first.mean_s)} ms on average with {load.words}: {', '.join(parts)}"
    if first.running > 1:
        fit = (
            f"{first.together:,.1f} prompts fit a step"
            if first.together >= 1
            else (f"a prompt takes {1 / first.together:,.1f} steps")
        )
        if first.last_s > first.mean_s:  # short prompts into an idle replica are through earlier
            text += f"; {_ms(first.last_s)} ms for the last of {load.concurrency:,} that come at the same moment"
        text += f" ({fit})"
    return text


def _each(load: Load, first: FirstToken, step: StepTime, flow: Traffic) -> str:
    text = f"each further token {_ms(flow.each_s, 1)} ms: decode step {_ms(step.total_s, 1)}, bound by {step.bound}"
    if first.running > 1:
        others = f"one prompt of each in {load.output_tokens:,} tokens"
        text += f", and prefill of others {_ms(flow.each_s - step.total_s, 1)} ({others})"
    return text


def _prefill(work: RankWork, machine: Machine, load: Load, alone: PrefillTime, known: Factors) -> str:
    by_kind: dict[tuple[bool, str, float], float] = {}
    for item in work.matrices:
        key = (item.experts, item.dtype, speed(item, machine.gpu, known) / 1e12)
        by_kind[key] = by_kind.get(key, 0.0) + item.operations
    speeds = " and ".join(
        f"{amount * load.prompt_tokens / 1e12:,.1f} TFLOP {dtype}{' of experts' if experts else ''} at "
        f"{reached:,.0f} of {machine.gpu.tflops[dtype]:,.0f} TFLOPS"
        for (experts, dtype, reached), amount in sorted(by_kind.items())
    )
    reading = (
        f"reading weights {_ms(alone.weights_s)}, longer than arithmetic {_ms(alone.compute_s)}"
        if alone.weights_s > alone.compute_s
        else f"arithmetic {_ms(alone.compute_s)}"
    )
    return (
        f"prefill of {load.prompt_tokens:,} tokens {_ms(alone.total_s)} ms on {machine.gpu.product}: {reading} (per "
        f"GPU {speeds}), attention {_ms(alone.attention_s)}, wires {_ms(alone.wires_s)}, overhead "
        f"{_ms(alone.overhead_s)}" + (f"; launches take {_ms(alone.host_s)}" if alone.host_s > alone.device_s else "")
    )


def _decode(machine: Machine, step: StepTime, running: float) -> str:
    wires = f"{machine.tensor_link.name} all-reduce over {machine.tensor}" if machine.tensor > 1 else "no all-reduce"
    if machine.pipeline > 1:
        wires += f", {machine.pipeline} stages over {machine.stage_link.name}"
    return (
        f"decode step with {running:.0f} request{'' if running == 1 else 's'} {_ms(step.total_s, 1)} ms, bound by "
        f"{step.bound}: weights {_ms(step.weights_s, 1)}, arithmetic {_ms(step.compute_s, 1)}, cache "
        f"{_ms(step.cache_s, 1)}, {wires} {_ms(step.wires_s, 1)}, overhead {_ms(step.overhead_s, 1)}"
    )


def _read(work: RankWork, machine: Machine, running: float) -> str:
    touched = sum(item.touched_bytes(running / machine.pipeline) for item in work.experts)
    read = (
        f"a step reads {(work.weight_bytes + touched) / 1e9:.1f} GB of weights per GPU at "
        f"{read_share(work, machine.gpu, experts=False):.0%} of {machine.gpu.bandwidth_gbps:,.0f} GB/s"
    )
    if touched:
        read += f", of that {touched / 1e9:.1f} GB experts at {read_share(work, machine.gpu, experts=True):.0%}"
    return read
