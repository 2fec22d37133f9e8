"""Which kernel vLLM takes for routed experts, by how they are stored, device and release (`expert_kernels.json`)."""

from __future__ import annotations

from functools import cache
from typing import Any

from llminfra.catalog.datafile import read_json
from llminfra.catalog.gpus import Gpu, find_gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.quantization import WeightFormat, WeightScheme
from llminfra.planning.memory.inputs.case import FitCase
from llminfra.planning.memory.peak.expert_kernels import ExpertKernel, Experts
from llminfra.planning.memory.peak.forward_peak import Batch, expert_workspace
from llminfra.planning.memory.peak.overhead import GIB
from llminfra.planning.memory.releases.engine_profile import EngineProfile, parse_version, vllm_profile
from llminfra.planning.memory.releases.settings import Settings, resolve
from llminfra.planning.memory.weights.layer_parts import EXPERT_NAMES
from llminfra.planning.memory.weights.module_names import scheme_for

KERNEL_WORDS = {
    ExpertKernel.TRITON: "Triton",
    ExpertKernel.MARLIN: "Marlin",
    ExpertKernel.CUTLASS: "vLLM's CUTLASS",
    ExpertKernel.FLASHINFER_CUTLASS: "FlashInfer's CUTLASS",
    ExpertKernel.FLASHINFER_TRTLLM: "TensorRT-LLM's, in FlashInfer",
}
OTHER, SIXTEEN_BIT = "other", "16bit"
_OLDER = "older"
_INPUT_BYTES = {"fp8": 1.0, "fp8_block": 1.0, "fp8_static": 1.0, "nvfp4": 0.5}
_INT4_METHODS = {"gptq": "gptq", "auto-round": "gptq", "awq": "awq", "compressed-tensors": "compressed-tensors"}


@cache
def kernel_data() -> dict[str, Any]:
    """The parsed data file; callers must not change it."""
    return read_json("llminfra.planning.memory", "expert_kernels.json")


def experts_of(facts: ModelFacts, settings: Settings, profile: EngineProfile, gpu: Gpu | None) -> Experts:
    """How the model's experts run.

    Args:
        facts: The model; one without experts has what nothing reads.
        settings: For quantization, ranks, adapters, and a kernel that is asked for.
        profile: The release.
        gpu: The device; one that is not known is taken for an older one, on which buffers stay.
    """
    scheme = _scheme(facts, settings)
    kind = _format(scheme, settings)
    kernel = _asked(settings) or _taken(facts, settings, profile, gpu, kind)
    plain = kernel in {ExpertKernel.MARLIN, ExpertKernel.TRITON} and kind in {SIXTEEN_BIT, "int4", "nvfp4", OTHER}
    weight_only = plain or kernel is ExpertKernel.MARLIN
    managed = profile.scheduler == "v1" and profile.version >= _managed_since(kind, settings)
    block_scales = kind == "fp8_block"
    # FlashInfer's CUTLASS quantizes blocks itself (expects_unquantized_inputs of FlashInferExperts).
    asks_sixteen = weight_only or (block_scales and kernel is ExpertKernel.FLASHINFER_CUTLASS)
    return Experts(
        kernel=kernel,
        managed=managed,
        input_bytes=2.0 if weight_only else _INPUT_BYTES.get(kind, 2.0),
        block_scales=block_scales,
        sends_quantized=managed and not asks_sixteen and _sends_quantized(kind, profile),
    )


def expert_kernel(facts: ModelFacts, case: FitCase, version: tuple[int, ...]) -> ExpertKernel:
    """The kernel that a release of vLLM takes for the routed experts of a case, without its formats in MXFP4."""
    gpu, profile = find_gpu(case.gpu or ""), vllm_profile(version)
    return experts_of(facts, resolve(facts, case, profile, gpu, case.total_gpu_gib), profile, gpu).kernel


def experts_line(facts: ModelFacts, batch: Batch) -> str:
    """What a reader is told of the kernel."""
    kept = max((expert_workspace(layer, facts, batch) for layer in facts.layers), default=0) / GIB
    stay = f"{kept:.2f} GiB of buffers that stay" if kept else "buffers that go with each call"
    return f"experts: {KERNEL_WORDS[batch.experts.kernel]} kernel, with {stay}"


def _scheme(facts: ModelFacts, settings: Settings) -> WeightScheme | None:
    index = next((number for number, layer in enumerate(facts.layers) if layer.moe is not None), None)
    if index is None or settings.quant is None:
        return None
    return scheme_for(settings.quant, EXPERT_NAMES, index, experts=True)


def _format(scheme: WeightScheme | None, settings: Settings) -> str:
    """The data's name of how experts are stored."""
    if scheme is None:
        return SIXTEEN_BIT
    if scheme.format is WeightFormat.FP8:
        static = settings.quant is not None and settings.quant.method.startswith("modelopt") and scheme.group < 0
        return "fp8_block" if scheme.block is not None else "fp8_static" if static else "fp8"
    return {WeightFormat.NVFP4: "nvfp4", WeightFormat.INT4: "int4"}.get(scheme.format, OTHER)


def _managed_since(kind: str, settings: Settings) -> tuple[int, ...]:
    method = settings.quant.method if settings.quant is not None else ""
    name = _INT4_METHODS.get(method, OTHER) if kind == "int4" else kind
    since = kernel_data()["managed_since"]
    return parse_version(since.get(name, since[OTHER])) or ()


def _sends_quantized(kind: str, profile: EngineProfile) -> bool:
    rule = kernel_data()["sent_quantized"]
    return kind in rule["kinds"] and profile.version >= (parse_version(rule["from"]) or ())


def _asked(settings: Settings) -> ExpertKernel | None:
    name = kernel_data()["asked"].get(settings.moe_backend or "")
    return None if name is None else ExpertKernel(name)


def _taken(facts: ModelFacts, settings: Settings, profile: EngineProfile, gpu: Gpu | None, kind: str) -> ExpertKernel:
    data = kernel_data()
    family = _family(gpu)
    name = "triton"
    for row in data["taken"].get(kind, ()):
        if (parse_version(row["from"]) or ()) <= profile.version:
            name = row.get(family, name)
    dealt = data["dealt_out"].get(kind)
    if settings.ep > 1 and dealt is not None and (parse_version(dealt["from"]) or ()) <= profile.version:
        name = dealt.get(family, name)
    if kind == SIXTEEN_BIT and settings.dp > 1:
        name = data["gathered"].get(name, name)
    gelu = data["gelu"]
    if facts.architecture in gelu["architectures"] and profile.version < (parse_version(gelu["until"]) or ()):
        name = gelu.get(kind, name) if name.startswith("flashinfer") else name
    if settings.adapters is not None and kind in {SIXTEEN_BIT, "fp8", "fp8_block", "fp8_static"}:
        name = "triton"
    return ExpertKernel(name)


def _family(gpu: Gpu | None) -> str:
    """The data's name of the device's generation."""
    if gpu is None:
        return _OLDER
    return str(kernel_data()["families"].get(f"{gpu.capability // 10}.{gpu.capability % 10}", _OLDER))
