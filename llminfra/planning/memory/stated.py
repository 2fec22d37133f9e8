"""Names in a case that its memory cannot be counted by, and what was counted instead: a finding each, never silence."""

from __future__ import annotations

from llminfra.catalog.engines import known_versions, lists_architecture
from llminfra.catalog.gpus import is_of_other_maker
from llminfra.catalog.models import ModelFacts
from llminfra.catalog.models.quantization_names import is_sixteen_bit, names_format
from llminfra.planning.memory.inputs.case import ENGINES, FitCase
from llminfra.planning.memory.releases.engine_profile import engine_data, parse_version
from llminfra.planning.memory.releases.settings import TGI_QUANTIZATIONS, quantization

MODELLED = frozenset({"vllm", "sglang", "tgi"})
"""Engines with memory rules of their own."""


def stated(facts: ModelFacts, case: FitCase) -> tuple[str, ...]:
    """``CODE: sentence`` for every name that was not taken as it stands, and for what the config left open."""
    found = (_quantization(facts, case), _dtype(case), _cache(case), _engine(case), _release(case), _device(case))
    left_open = (f"LLM_INPUT_4: {item}" for item in (*facts.notes, *_architecture(facts, case)))
    return (*(item for item in found if item is not None), *left_open, *_recalled(facts))


def _recalled(facts: ModelFacts) -> tuple[str, ...]:
    if facts.verified:
        return ()
    return (f"LLM_INPUT_6: the catalog's shapes of {facts.model_id} were not compared with its config.json: give that",)


def _quantization(facts: ModelFacts, case: FitCase) -> str | None:
    name = case.quantization
    if name is None or is_sixteen_bit(name):
        return None
    counted = quantization(facts, case)
    if counted is None:
        return f"LLM_INPUT_1: how quantization {name!r} stores weights is not known here: they are counted in 16 bit"
    if all(rule.scheme.experts_only for rule in counted.rules) and not facts.is_moe:
        return (
            f"LLM_INPUT_1: {counted.method} is for the weights of experts, and {facts.model_id} has none: all are"
            " counted in 16 bit"
        )
    of_tgi = case.engine == "tgi" and name.strip().lower() in TGI_QUANTIZATIONS
    if not of_tgi and not names_format(name) and name.strip().lower() not in _METHODS:
        return f"LLM_INPUT_1: quantization {name!r} is not a name that is known: counted as {counted.method}"
    return None


# Methods of engines that say no format: the checkpoint does, or its name.
_METHODS = frozenset(
    {"modelopt", "moe_wna16", "quark", "inc", "humming", "online", "modelopt_mixed", "experts_int8", "fp_quant"}
)


def _architecture(facts: ModelFacts, case: FitCase) -> tuple[str, ...]:
    """Engines take a model's code by its architecture, and shapes are read here by its type."""
    name = facts.architecture
    if case.config is None or case.engine != "vllm" or not name or lists_architecture("vllm", name):
        return ()
    text = (
        f"architecture {name!r} is none that vLLM's releases list: layers are read by model_type {facts.model_type!r}"
    )
    return (text,)


def _dtype(case: FitCase) -> str | None:
    name = (case.dtype or "auto").strip().lower().removeprefix("torch.")
    if name in {*engine_data()["options"]["dtype"], "bf16", "fp16"}:
        return None
    return f"LLM_INPUT_1: dtype {case.dtype!r} is not known here: what is not quantized is counted in 16 bit"


def _release(case: FitCase) -> str | None:
    """A release that nobody has read: its rules are those of the newest that were."""
    if case.engine != "vllm" or case.engine_version is None:
        return None
    newest = known_versions("vllm")[-1]
    numbers = parse_version(case.engine_version)
    if numbers is None or numbers <= (parse_version(newest) or numbers):
        return None
    return f"LLM_FIT_8: vllm {case.engine_version} is newer than what is known here: the rules of {newest} are taken"


def _cache(case: FitCase) -> str | None:
    name = (case.kv_cache_dtype or "auto").strip().lower()
    if name in {*engine_data()["options"]["kv_cache_dtype"], "bf16", "fp16", "half"}:
        return None
    return f"LLM_INPUT_2: kv_cache_dtype {case.kv_cache_dtype!r} is not known here: the cache is counted in 16 bit"


def _engine(case: FitCase) -> str | None:
    if case.engine in MODELLED:
        return None
    if case.engine not in ENGINES:
        return (
            f"LLM_INPUT_3: engine {case.engine!r} is not known ({', '.join(ENGINES)} are): the rules of vLLM that"
            " reserve the most are taken"
        )
    return (
        f"LLM_INPUT_3: the memory of {case.engine} is not modelled: the rules of vLLM that reserve the most are taken"
    )


def _device(case: FitCase) -> str | None:
    if not case.gpu or case.total_gpu_gib is None or not is_of_other_maker(case.gpu):
        return None
    return f"LLM_INPUT_5: {case.gpu!r} is no NVIDIA device: what engines keep beside the weights is counted as on one"


def no_device(case: FitCase) -> str:
    """Why a case is on no device that is known."""
    if case.gpu and is_of_other_maker(case.gpu):
        return f"LLM_INPUT_5: {case.gpu!r} is no NVIDIA device, and there are no figures for others"
    return f"LLM_INPUT_5: the GPU {case.gpu!r} is not known" if case.gpu else "no GPU is named"
