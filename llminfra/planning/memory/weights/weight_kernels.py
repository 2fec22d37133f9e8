"""Quantized weights that an engine has no kernel for on a GPU: known before anything is loaded.

A release picks a kernel for each kind of matrix while it builds the model, by the format of its weights, the GPU and,
for experts, what their block looks like; where it has none it stops. What is known to fail is data, with its source;
what the data does not list is not refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llminfra.catalog.engines import engine_release, known_versions, release_numbers
from llminfra.catalog.gpus import gpus
from llminfra.planning.facts import numbers
from llminfra.planning.hardware.gpu_problem import GpuProblem, dotted, from_capability
from llminfra.planning.hardware.gpu_support import minimum_capability
from llminfra.planning.memory.weights.quantized_parts import QuantizedPart, quantized_parts

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts, QuantFacts

_FILE = "weight_kernels"
_TITLES: Mapping[str, str] = {
    "int4": "INT4",
    "int8": "INT8",
    "fp8": "FP8",
    "nvfp4": "NVFP4",
    "mxfp4": "MXFP4",
    "mxfp8": "MXFP8",
    "bnb_nf4": "4-bit",
    "bnb_int8": "8-bit",
}


class _Asked(Struct, frozen=True):
    """What kernels are asked for: the engine, the model as it is quantized, and its kinds of matrices."""

    engine: str
    facts: ModelFacts
    quant: QuantFacts
    parts: tuple[QuantizedPart, ...]


def weight_problems(
    gpu: Gpu, facts: ModelFacts, *, engine: str, release: EngineRelease | None, quant: QuantFacts | None
) -> Iterator[GpuProblem]:
    """The first kind of quantized matrix that no kernel of the release takes on the GPU.

    Args:
        gpu: The device.
        facts: The model.
        engine: Engine name of the catalog; the kernels of vLLM and SGLang are known.
        release: Its release; without one nothing is told.
        quant: Quantization in force; ``None`` for plain weights.
    """
    if engine not in numbers(_FILE)["rows"] or release is None or quant is None:
        return
    asked = _Asked(engine, facts, quant, quantized_parts(facts, quant))
    found = _unserved(asked, gpu.capability, release_numbers(release.version))
    if found is None:
        return
    part, row = found
    what = f"{quant.method} weights in {_title(part)}"
    what = f"experts in {_title(part)} ({quant.method})" if part.experts else what
    what += f" {row['what']}" if "what" in row else ""
    later, capabilities = _later(asked, gpu, release), _serving(asked, release)
    ways = [f"{engine} {later} or later"] if later else []
    ways += [_range(capabilities)] if capabilities else []
    fixes = [f"set version={later!r} or a later one"] if later else []
    fixes += [f"use a GPU with {_range(capabilities)}"] if capabilities else []
    yield GpuProblem(
        code="LLM_FIT_58",
        fatal=True,
        field="model",
        message=f"{engine} {release.version} has no kernel on {gpu.product} for {what}",
        found=f"{_title(part)} on compute capability {gpu.compute_capability}",
        expected=", or ".join((*ways, "weights in another format")),
        fix=", or ".join((*fixes, "take a copy of the model in another format")),
        runtime_message=str(row["words"]).replace("{capability}", str(gpu.capability)),
    )


def is_within(capability: int, item: Mapping[str, Any], version: tuple[int, ...]) -> bool:
    """Whether an entry of the data speaks of a device and a release.

    Args:
        capability: Compute capability times ten.
        item: An entry with ``capability``, ``since`` and ``before``, each of which may be left out.
        version: Numbers of the release.
    """
    low, high = item.get("capability", (0, capability))
    return (
        low <= capability <= high
        and version >= release_numbers(item.get("since", "0"))
        and not ("before" in item and version >= release_numbers(item["before"]))
    )


def _title(part: QuantizedPart) -> str:
    scheme = part.scheme
    return _TITLES[scheme.format] + (" blocks" if scheme.block is not None else "")


def _unserved(
    asked: _Asked, capability: int, version: tuple[int, ...]
) -> tuple[QuantizedPart, Mapping[str, Any]] | None:
    rows: Sequence[Mapping[str, Any]] = numbers(_FILE)["rows"][asked.engine]
    here = [row for row in rows if asked.quant.method in row["methods"] and is_within(capability, row, version)]
    return next(((part, row) for row in here for part in asked.parts if _speaks_of(row, part, asked)), None)


def _speaks_of(row: Mapping[str, Any], part: QuantizedPart, asked: _Asked) -> bool:
    scheme, quant = part.scheme, asked.quant
    formats = {item.scheme.format for item in asked.parts}
    apart = any(rule.scheme.experts_only for rule in quant.rules)
    stated: Mapping[str, object] = {
        "block": scheme.block is not None,
        "group": scheme.group,
        "activation_bits": scheme.activation_bits,
        "zero_points": scheme.zero_points,
        "gated": part.gated,
        "online": quant.online,
        "mixed": len(formats) > 1 and not apart,
    }
    return (
        scheme.format in row["formats"]
        and row["layers"] in {"any", "experts" if part.experts else "dense"}
        and asked.facts.architecture in row.get("architectures", (asked.facts.architecture,))
        and all(row.get(name, value) == value for name, value in stated.items())
    )


def _later(asked: _Asked, gpu: Gpu, release: EngineRelease) -> str | None:
    """The first release after this one that has the kernels, and code for the GPU."""
    known = known_versions(release.engine)
    for version in known[known.index(release.version) + 1 :]:
        found = engine_release(release.engine, version)
        if found is not None and _takes(asked, gpu.capability, found):
            return version
    return None


def _serving(asked: _Asked, release: EngineRelease) -> tuple[int, ...]:
    """Compute capabilities of known GPUs that the release has the kernels for."""
    known = sorted({gpu.capability for gpu in gpus().values()})
    return tuple(capability for capability in known if _takes(asked, capability, release))


def _takes(asked: _Asked, capability: int, release: EngineRelease) -> bool:
    least = minimum_capability(release.engine, release, asked.quant.method)
    fits = least is None or capability >= least
    return fits and _unserved(asked, capability, release_numbers(release.version)) is None


def _range(capabilities: tuple[int, ...]) -> str:
    newest = max(gpu.capability for gpu in gpus().values())
    if capabilities[-1] == newest:
        return from_capability(capabilities[0])
    return f"compute capability {dotted(capabilities[0])} to {dotted(capabilities[-1])}"
