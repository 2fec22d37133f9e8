"""What else would start where a configuration does not, or hardly: changes of one option, else of two.

Each is tried by the whole memory model; what does not help is not named. Those that cost least come first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog import instances
from llminfra.catalog.gpus import find_gpu
from llminfra.planning.memory.doubts import release_of, too_few_gpus
from llminfra.planning.memory.estimate import facts_for
from llminfra.planning.memory.inputs.case import CATALOG_NAMES, SPAN_NODES
from llminfra.planning.memory.judged import judge
from llminfra.planning.memory.refusals import on_device
from llminfra.planning.memory.releases.adapter_rules import asks_for_adapters
from llminfra.planning.selection.changes import (
    fewer_sequences,
    halves,
    has_graphs,
    has_towers,
    has_wide_cache,
    has_wide_weights,
    smaller_steps,
)

if TYPE_CHECKING:
    from llminfra.planning.memory.inputs.case import FitCase, FitResult

_MOST_RANKS = 8
_BESIDE_BUDGET = ("LLM_MEM_4", "LLM_MEM_5")
# Worth a look: memory, shapes that a spread cannot cut, a length or a format that another value of the option mends.
# A GPU that the release has no code for stays one.
_CONTEXT, _PLAIN_CHECKPOINT, _NO_BFLOAT16 = "LLM_FIT_4:", "LLM_FIT_23:", "LLM_FIT_25:"
_UNCUT = ("LLM_SHAPE_", "LLM_FIT_65:")
_HOPEFUL = ("LLM_MEM_", *_UNCUT, _CONTEXT, _PLAIN_CHECKPOINT, _NO_BFLOAT16)
_MOST_SHARE, _LEAST_SHARE = {"vllm": 0.98, "sglang": 0.93}, 0.5
# Lengths are told in steps that people write, and with room for the estimate's error.
_LENGTH_STEP = 1024
_SHORTER = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)

Trial = tuple[str, Mapping[str, object]]
Lever = Callable[["FitCase", "FitResult"], Iterator[Trial]]


class WayOut(Struct, frozen=True, kw_only=True):
    """One change that helps.

    Attributes:
        options: What to add to the call of ``llminfra fit``, such as ``--kv-cache-dtype fp8``.
        changes: The same as inputs of the case.
        result: The memory with it.
    """

    options: str
    changes: Mapping[str, object]
    result: FitResult

    def plain(self) -> dict[str, object]:
        """The change and what it gives, as plain data."""
        return {
            "options": self.options,
            "changes": dict(self.changes),
            "kv_cache_tokens": self.result.kv_cache_tokens,
            "max_concurrency": self.result.max_concurrency,
            "replica_concurrency": self.result.replica_concurrency,
            "tight": self.result.tight,
        }


def ways_out(case: FitCase, result: FitResult, *, wished: int = 1) -> tuple[WayOut, ...]:
    """Changes with which a refused or tight configuration starts, and holds the requests that are wished.

    Two options are changed together where no change of one helps. What starts by less than the estimate may be wrong
    is told only where nothing leaves more room, and never to one who has that already.

    Args:
        case: What was asked.
        result: What `judge` said of it.
        wished: Requests of full length that a replica must hold.
    """
    if case.engine not in CATALOG_NAMES:  # a server of the user's own takes none of these options
        return ()
    enough = bool(result.fits) and not wants(result, wished)
    if result.fits is None or (enough and not result.tight) or not result.reason.startswith(_HOPEFUL):
        return ()
    levers = (*_LEVERS, _as_wished(wished)) if wished > 1 else _LEVERS
    trials = [_trials(case, result, lever, wished) for lever in levers]
    if roomy := _best(trials, wished, tight=False):
        return roomy
    if enough:
        return ()
    pairs = [_pairs(case, result, lever, wished) for lever in _SECONDS]
    return _best(pairs, wished, tight=False) or _best(trials, wished, tight=True) or _best(pairs, wished, tight=True)


def wants(result: FitResult, wished: int) -> bool:
    """Whether a replica holds fewer requests of full length than are wished; one that has no cache holds inputs."""
    held = result.replica_concurrency
    return held is not None and held < wished


def _best(trials: Sequence[Sequence[WayOut]], wished: int, *, tight: bool) -> tuple[WayOut, ...]:
    """The smallest change of each kind that holds what is wished."""
    firsts = (next((way for way in kind if _holds(way.result, wished, tight=tight)), None) for kind in trials)
    return tuple(way for way in firsts if way is not None)


def _holds(result: FitResult, wished: int, *, tight: bool) -> bool:
    whole = (result.max_concurrency is None or result.max_concurrency >= 1) and not wants(result, wished)
    return bool(result.fits) and whole and (tight or not result.tight)


def _trials(case: FitCase, result: FitResult, lever: Lever, wished: int) -> list[WayOut]:
    """What a lever makes of the case, up to the first that leaves room."""
    found: list[WayOut] = []
    for options, changes in lever(case, result):
        found.append(WayOut(options=options, changes=changes, result=judge(case.model_copy(update=dict(changes)))))
        if _holds(found[-1].result, wished, tight=False):
            break
    return found


def _pairs(case: FitCase, result: FitResult, second: Lever, wished: int) -> list[WayOut]:
    """More GPUs, or smaller weights, and another change on top."""
    return [
        WayOut(options=f"{options} {way.options}", changes={**changes, **way.changes}, result=way.result)
        for first in _FIRSTS
        for options, changes in first(case, result)
        for changed in [case.model_copy(update=dict(changes))]
        for way in _trials(changed, judge(changed), second, wished)
    ]


def _kind(case: FitCase) -> str:
    """The engine by the name that the catalog has for it."""
    return CATALOG_NAMES[case.engine]


def _share(case: FitCase, result: FitResult) -> Iterator[Trial]:
    now, most = result.gpu_memory_utilization, _MOST_SHARE.get(case.engine)
    if now is None or most is None:
        return
    percent = round(now * 100)
    down = result.reason.startswith(_BESIDE_BUDGET)
    shares = range(percent - 1, int(_LEAST_SHARE * 100), -1) if down else range(percent + 1, round(most * 100) + 1)
    for share in shares:
        yield f"--gpu-memory-utilization {share / 100:g}", {"gpu_memory_utilization": share / 100}


def _sequences(case: FitCase, result: FitResult) -> Iterator[Trial]:
    for count in fewer_sequences(_kind(case), result.max_num_seqs):
        yield f"--max-num-seqs {count}", {"max_num_seqs": count}


def _step(case: FitCase, result: FitResult) -> Iterator[Trial]:
    for tokens in smaller_steps(_kind(case), result, case.max_num_seqs):
        yield f"--max-num-batched-tokens {tokens}", {"max_num_batched_tokens": tokens}


def _text_alone(case: FitCase, _result: FitResult) -> Iterator[Trial]:
    facts = facts_for(case)
    if facts is not None and has_towers(facts, case):
        yield "--language-model-only", {"language_model_only": True}


def _places(case: FitCase, _result: FitResult) -> Iterator[Trial]:
    """Fewer adapters on the GPU at once; the others wait in host memory."""
    for count in halves(case.max_loras, 1) if asks_for_adapters(case) else ():
        yield f"--max-loras {count}", {"max_loras": count}


def _eager(case: FitCase, result: FitResult) -> Iterator[Trial]:
    if has_graphs(_kind(case), result):
        yield "--enforce-eager", {"enforce_eager": True}


def _small_cache(case: FitCase, result: FitResult) -> Iterator[Trial]:
    name, facts = on_device(case).gpu, facts_for(case)
    gpu = find_gpu(name) if name else None
    if facts is not None and has_wide_cache(_kind(case), release_of(case), facts, result, gpu):
        yield "--kv-cache-dtype fp8", {"kv_cache_dtype": "fp8"}


def _shorter(_case: FitCase, result: FitResult) -> Iterator[Trial]:
    longest, asked = result.estimated_max_len or 0, result.max_model_len or 0
    longest = longest or asked
    lengths = {math.floor(longest * part / _LENGTH_STEP) * _LENGTH_STEP for part in _SHORTER}
    for length in sorted(lengths - {0}, reverse=True):
        if length < asked:
            yield f"--max-model-len {length}", {"max_model_len": length}


def _as_wished(wished: int) -> Lever:
    """Requests as short as the cache of today holds so many of."""

    def shorter(_case: FitCase, result: FitResult) -> Iterator[Trial]:
        held, asked = result.replica_concurrency or 0.0, result.max_model_len or 0
        length = math.floor(asked * held / wished / _LENGTH_STEP) * _LENGTH_STEP
        if 0 < length < asked:
            yield f"--max-model-len {length}", {"max_model_len": length}

    return shorter


def _small_weights(case: FitCase, _result: FitResult) -> Iterator[Trial]:
    facts = facts_for(case)
    if facts is not None and has_wide_weights(facts, case):
        yield "--quantization fp8", {"quantization": "fp8"}


def _ranks(case: FitCase, result: FitResult) -> Iterator[Trial]:
    """More GPUs for the tensors, up to those of one instance; fewer where shapes cannot be cut so often."""
    now = result.tensor_parallel or case.tensor_parallel or 1
    more = [ranks for ranks in (2, 4, _MOST_RANKS) if ranks > now]
    fewer = [ranks for ranks in (4, 2, 1) if ranks < now] if result.reason.startswith(_UNCUT) else []
    for ranks in (*more, *fewer):
        changes = {"tensor_parallel": ranks, "gpus_total": None}
        typed = instances.get((case.gpu or "").strip().lower().removeprefix("ml."))
        few = too_few_gpus(case.model_copy(update=changes), result.model_copy(update={"tensor_parallel": ranks}))
        if typed is None or few is None:
            yield f"--tp {ranks}", changes


def _stages(case: FitCase, result: FitResult) -> Iterator[Trial]:
    """Several instances, each a stage, where all GPUs of one share the tensors already."""
    now = result.tensor_parallel or case.tensor_parallel or 1
    if case.engine not in SPAN_NODES or now < _MOST_RANKS or case.pipeline_parallel:
        return
    for stages in (2, 3, 4):
        yield f"--pp {stages}", {"pipeline_parallel": stages, "gpus_total": None}


def _in_context(case: FitCase, result: FitResult) -> Iterator[Trial]:
    """As many tokens as the model takes."""
    facts = facts_for(case)
    if facts is not None and facts.max_position_embeddings and result.reason.startswith(_CONTEXT):
        length = facts.max_position_embeddings
        yield f"--max-model-len {length}", {"max_model_len": length}


def _as_it_comes(case: FitCase, result: FitResult) -> Iterator[Trial]:
    """The checkpoint as it is, or made smaller while it loads, instead of a format that it lacks."""
    if result.reason.startswith(_PLAIN_CHECKPOINT):
        plain = case.model_copy(update={"quantization": None})
        yield from _small_weights(plain, result)
        yield "--quantization none", {"quantization": None}


def _half(_case: FitCase, result: FitResult) -> Iterator[Trial]:
    if result.reason.startswith(_NO_BFLOAT16):
        yield "--dtype float16", {"dtype": "float16"}


_LEVERS: tuple[Lever, ...] = (
    _in_context,
    _half,
    _as_it_comes,
    _share,
    _sequences,
    _step,
    _text_alone,
    _places,
    _eager,
    _small_cache,
    _shorter,
    _ranks,
    _stages,
    _small_weights,
)
_FIRSTS: tuple[Lever, ...] = (_ranks, _small_weights, _in_context)
_SECONDS: tuple[Lever, ...] = (_half, _share, _small_cache, _shorter, _small_weights)
