"""Whether an engine reads the way a checkpoint is quantized, and makes what it is asked to make while loading.

vLLM and SGLang have a table of methods; Text Generation Inference and TensorRT-LLM know a few, and what the first does
not know it loads as if it were plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llminfra.catalog.engines import release_numbers
from llminfra.catalog.tgi_models import Served, knows, served_by
from llminfra.planning.facts import numbers
from llminfra.planning.hardware.gpu_problem import GpuProblem

if TYPE_CHECKING:
    from llminfra.catalog.models import ModelFacts, QuantFacts

_TGI, _TRTLLM, _GPUS = "tgi_support", "trtllm_support", "gpu_support"
_MII = frozenset({"mii", "deepspeed"})
_ELSEWHERE = "name a repository with other weights of the model, or use vLLM or SGLang, which read these"


def checkpoint_problems(
    engine: str, release: tuple[int, ...], facts: ModelFacts, quant: QuantFacts | None, requested: str | None
) -> Iterator[GpuProblem]:
    """What an engine does not make of a checkpoint's quantization.

    Args:
        engine: Engine name of the catalog.
        release: Numbers of its release; empty where none is known.
        facts: The model.
        quant: How the checkpoint is quantized; ``None`` for plain weights.
        requested: Quantization that the spec names.
    """
    if engine == "tgi" and release and knows(release):
        library = served_by(release, facts.config_type) in {Served.CUT, Served.WHOLE}
        yield from _by_library(release, facts, quant, requested) if library else _by_tgi(release, quant)
    if engine == "trtllm" and quant is not None:
        yield from _by_trtllm(release, quant)
    if engine in _MII and quant is not None:
        yield _by_mii(quant)


def _value(file: str, fact: str) -> Any:
    return numbers(file)[fact]["value"]


def _dotted(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))


def _by_tgi(release: tuple[int, ...], quant: QuantFacts | None) -> Iterator[GpuProblem]:
    if quant is None:
        return
    reads: dict[str, str] = _value(_TGI, "reads")
    since = reads.get(quant.method)
    if since is not None and quant.method == "fp8" and any(rule.scheme.block for rule in quant.rules):
        since = str(_value(_TGI, "fp8_blocks_since"))
    formats = {str(rule.scheme.format) for rule in quant.rules}
    unread = sorted(formats - set(_value(_TGI, "schemes"))) if quant.method == "compressed-tensors" else []
    if since is not None and release >= release_numbers(since) and not unread:
        return
    what = f"{quant.method} ({', '.join(unread)})" if unread else quant.method
    later = since is not None and not unread
    yield GpuProblem(
        code="LLM_FIT_63",
        fatal=True,
        field="model",
        message=f"tgi {_dotted(release)} does not read {what} weights"
        + ("" if unread else ", and loads them as if they were plain"),
        found=f"a checkpoint quantized by {what}",
        expected=f"tgi {since} or later" if later else f"one of {', '.join(reads)}",
        fix=f"leave version out, or set version={since!r} or a later one" if later else _ELSEWHERE,
        runtime_message="ValueError: Group 'group_0' has unsupported compressed-tensors configurtion"
        if unread
        else f"Unknown quantization method {quant.method}",
    )


def _by_library(
    release: tuple[int, ...], facts: ModelFacts, quant: QuantFacts | None, requested: str | None
) -> Iterator[GpuProblem]:
    method = quant.method if quant else requested
    words = _value(_TGI, "library_refuses").get(method)
    ignored = quant is None and method in _value(_TGI, "library_ignores")
    if words is None and not ignored:
        return
    served = f"tgi {_dotted(release)} serves {facts.config_type} by the Transformers library"
    yield GpuProblem(
        code="LLM_FIT_61",
        fatal=True,
        field="model.quantization" if quant is None else "model",
        message=f"{served}, and takes no {method} weights there"
        if words
        else f"{served}, which is not told of {method}: the weights would be loaded in 16 bit",
        found=f"{method} weights" if quant else f"quantization={method!r}",
        expected="plain weights, or a type of model that TGI has code for",
        fix="use vLLM or SGLang, or a repository with plain weights"
        if quant
        else "leave quantization out, or use vLLM",
        runtime_message=f"NotImplementedError: {words}" if words else None,
    )


def _by_mii(quant: QuantFacts) -> GpuProblem:
    words: str = _value(_GPUS, "mii_unread")
    scales = "model.layers.0.self_attn.q_proj.qweight" if quant.method in {"awq", "gptq"} else "a scale"
    return GpuProblem(
        code="LLM_FIT_63",
        fatal=True,
        field="model",
        message=f"DeepSpeed-MII reads plain weights alone, and these are quantized by {quant.method}",
        found=f"a checkpoint quantized by {quant.method}",
        expected="plain weights",
        fix=_ELSEWHERE,
        runtime_message=words.format(name=scales),
    )


def _by_trtllm(release: tuple[int, ...], quant: QuantFacts) -> Iterator[GpuProblem]:
    """A release that nobody names counts as the newest."""
    reads: dict[str, str] = _value(_TRTLLM, "reads")
    since = reads.get(quant.method)
    if since is not None and (not release or release >= release_numbers(since)):
        return
    yield GpuProblem(
        code="LLM_FIT_63",
        fatal=True,
        field="model",
        message=f"TensorRT-LLM{f' {_dotted(release)}' if release else ''} does not read {quant.method} weights",
        found=f"a checkpoint quantized by {quant.method}",
        expected=f"TensorRT-LLM {since} or later" if since else "FP8, NVFP4 or MXFP4 weights, as ModelOpt makes them",
        fix=f"name an image of TensorRT-LLM {since} or later" if since else _ELSEWHERE,
        runtime_message="NotImplementedError: Unsupported quantization_config: "
        f"{{'quant_method': '{quant.method}', …}}.",
    )
