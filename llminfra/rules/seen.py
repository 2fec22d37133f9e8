"""What is seen where a rule was not kept: words of engines, Kubernetes and AWS, so that searching finds the rule.

"…" stands for a number or a name. Where nothing is said, the text begins with "no message".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

from llminfra.planning.memory.budget import messages
from llminfra.planning.memory.releases.engine_profile import EngineProfile, vllm_profile

_GAP = "\u2026"
# Releases of vLLM, newest first; of those with one wording the oldest is named.
_RELEASES = ((0, 29, 0), (0, 28, 0), (0, 11, 1), (0, 11, 0), (0, 8, 5), (0, 6, 6), (0, 5, 0))
_LENGTH, _NEEDED, _LEFT, _LONGEST, _TOKENS = 123456, 98.76, 54.32, 65432, 76543
_FREE, _TOTAL, _SHARE, _LIMIT = 65.43, 76.54, 0.987, 87.65
_VIABLE, _SUGGESTED, _PAGE = 0.8765, "0.877", 256
_NEWEST = (99, 0, 0)


def words(code: str) -> tuple[str, ...]:
    """What is seen where the rule of this code was not kept; empty where that is not known."""
    return memory_words().get(code, ()) + _recorded().get(code, ())


@cache
def _recorded() -> Mapping[str, tuple[str, ...]]:
    """Of rules beside those about memory; ``data/seen.json`` says where from."""
    text = files("llminfra.rules").joinpath("data", "seen.json").read_text(encoding="utf-8")
    rows: dict[str, list[str]] = json.loads(text)
    return {code: tuple(said) for code, said in rows.items() if not code.startswith("_")}


@cache
def memory_words() -> Mapping[str, tuple[str, ...]]:
    """Messages of engines that find no memory, in the wordings of all releases, newest first."""
    loading = _blank(messages.out_of_memory(_TOTAL))
    none_left = (
        *_wordings(messages.no_blocks),
        *(_blank(words) for words in _sglang_no_memory()),
        messages.TGI_NO_MEMORY,
    )
    too_long = (*_wordings(_too_long), _blank(messages.sglang_small_window(_TOKENS, _LENGTH, _PAGE)))
    not_free = _blank(messages.not_free(_FREE, _TOTAL, _SHARE, _LIMIT))
    return {
        "LLM_FIT_1": (loading, *none_left),
        "LLM_FIT_9": (*too_long, *none_left),
        "LLM_MEM_1": (loading,),
        "LLM_MEM_2": none_left,
        "LLM_MEM_3": too_long,
        "LLM_MEM_4": (not_free,),
        "LLM_MEM_5": (loading, messages.sglang_capture_failed(_NEWEST)),
        "LLM_MEM_6": (*too_long, *none_left, loading),
        "LLM_MEM_7": (_blank(messages.too_few_states(_LENGTH, _TOKENS)), *_few_states()),
    }


def _sglang_no_memory() -> tuple[str, ...]:
    """SGLang's wordings, newest first."""
    kinds = ("weights", "value", "server_args", "plain")
    return tuple(messages.sglang_no_memory(kind, _SHARE, _VIABLE, left=0.0) for kind in kinds)


def _few_states() -> tuple[str, ...]:
    """SGLang's wordings, newest first."""
    asked = ((_TOKENS, True), (0, True), (0, False))
    return tuple(_blank(messages.sglang_few_states(states, _LENGTH, checked=checked)) for states, checked in asked)


def _too_long(profile: EngineProfile) -> str:
    return messages.too_long(profile, _LENGTH, _NEEDED, _LEFT, _LONGEST, _TOKENS)


def _wordings(message: Callable[[EngineProfile], str]) -> tuple[str, ...]:
    """The distinct texts of all releases, each once."""
    return tuple(dict.fromkeys(_blank(message(vllm_profile(release))) for release in _RELEASES))


def _blank(text: str) -> str:
    """The text without the numbers that it was asked for with."""
    numbers = (_LENGTH, _NEEDED, _LEFT, _LONGEST, _TOKENS, _FREE, _TOTAL, _SHARE, _LIMIT, _VIABLE, _SUGGESTED, _PAGE)
    for number in numbers:
        text = text.replace(str(number), _GAP)
    return text
