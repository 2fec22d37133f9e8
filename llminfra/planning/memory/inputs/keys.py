"""Keys of a case: the flags of engines are inputs, too; what is nearly one is reported.

Ignoring what is nearly an input would answer another question.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from llminfra.planning.memory.inputs.case import FitCase, FitResult

# What rows of measured start-ups carry beside inputs and results (benchmarks/memory/data).
_MEASURED = frozenset(
    {"outcome", "source_kind", "source_url", "note", "weights_unit", "kv_bytes_per_token_per_gpu_derived", "gpu_blocks",
     "model_as_printed"}
)  # fmt: skip
# Flags of engines that mean one input exactly; other ways to write it are reported.
_SAME: Mapping[str, str] = {
    **dict.fromkeys(("tp", "tp_size", "tensor_parallel_size"), "tensor_parallel"),
    **dict.fromkeys(("pp", "pp_size", "pipeline_parallel_size"), "pipeline_parallel"),
    **dict.fromkeys(("dp", "data_parallel_size"), "data_parallel"),
    "decode_context_parallel_size": "decode_context_parallel",
    "enable_dp_attention": "data_parallel_attention",
    "mem_fraction_static": "gpu_memory_utilization",
    "max_loras_per_batch": "max_loras",
    "max_input_length": "max_input_tokens",
    "max_batch_prefill_tokens": "max_num_batched_tokens",
    "cuda_memory_fraction": "gpu_memory_utilization",
    "num_speculative_tokens": "speculative_tokens",
    "speculative_model": "draft_model",
    "speculative_draft_model_path": "draft_model",
    "draft_tensor_parallel_size": "draft_tensor_parallel",
}
_SPECULATION: Mapping[str, str] = {
    "method": "speculative_method",
    "model": "draft_model",
    "num_speculative_tokens": "speculative_tokens",
    "draft_tensor_parallel_size": "draft_tensor_parallel",
}
# Flags of the engines and of this command line, and what people write instead; without signs between the words.
_MEANT: Mapping[str, str] = {
    **dict.fromkeys(("tp", "tpsize", "tensorparallelsize", "tensorparallelism"), "tensor_parallel"),
    **dict.fromkeys(("pp", "ppsize", "pipelineparallelsize", "pipelineparallelism"), "pipeline_parallel"),
    **dict.fromkeys(("dp", "dpsize", "dataparallelsize", "dataparallelism"), "data_parallel"),
    **dict.fromkeys(("dpattention", "enabledpattention", "dpattn"), "data_parallel_attention"),
    **dict.fromkeys(("ep", "epsize", "enableexpertparallel", "expertparallelsize"), "expert_parallel"),
    **dict.fromkeys(("dcp", "dcpsize", "decodecontextparallelsize"), "decode_context_parallel"),
    **dict.fromkeys(("gpus", "numgpus", "ngpus", "gpucount", "totalgpus", "worldsize"), "gpus_total"),
    **dict.fromkeys(("gpuname", "gputype", "device", "instance", "instancetype", "accelerator"), "gpu"),
    **dict.fromkeys(
        ("maxlen", "maxlength", "modellen", "maxmodellength", "ctx", "ctxlen", "context", "contextlen", "contextlength",
         "maxcontext", "maxseqlen"),
        "max_model_len",
    ),
    **dict.fromkeys(("maxseqs", "numseqs", "maxrunningrequests"), "max_num_seqs"),
    **dict.fromkeys(("maxbatchedtokens", "maxbatchtokens", "maxtokensperbatch"), "max_num_batched_tokens"),
    **dict.fromkeys(
        ("gpuutil", "gpuutilization", "gpumemutil", "gpumemoryutil", "util", "utilization", "memfraction",
         "memfractionstatic", "memoryutilization"),
        "gpu_memory_utilization",
    ),
    **dict.fromkeys(("quant", "quantize", "quantizationmethod"), "quantization"),
    **dict.fromkeys(("kvdtype", "kvcachetype", "cachedtype"), "kv_cache_dtype"),
    **dict.fromkeys(("eager", "eagermode"), "enforce_eager"),
    **dict.fromkeys(("version", "vllmversion", "engineversions"), "engine_version"),
    **dict.fromkeys(("modelid", "modelname", "hfmodel", "repo"), "model"),
    **dict.fromkeys(("configjson", "hfconfig", "modelconfig"), "config"),
    **dict.fromkeys(("lora", "withlora", "uselora"), "enable_lora"),
    **dict.fromkeys(("loras", "numloras", "loraslots", "maxlora", "maxadapters"), "max_loras"),
    **dict.fromkeys(("lorarank", "maxrank", "loramaxrank"), "max_lora_rank"),
    **dict.fromkeys(("targetmodules", "loratargets", "loratargetmodule"), "lora_target_modules"),
    **dict.fromkeys(("spectokens", "numspectokens", "drafttokens", "numdrafttokens"), "speculative_tokens"),
    **dict.fromkeys(("specmethod", "speculation", "speculativealgorithm"), "speculative_method"),
    **dict.fromkeys(("draft", "specmodel", "drafter", "draftmodelpath"), "draft_model"),
    **dict.fromkeys(("gpumemory", "gpumemorygib", "gpugib", "vram", "vramgib"), "total_gpu_gib"),
}  # fmt: skip
_ALIKE = 0.85
_LONG = 12


def renamed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The case with the flags of engines under the names of inputs.

    Raises:
        ValueError: A flag and the input that it means say two things.
    """
    found = _speculation(data)
    for key in list(found):
        meant = _SAME.get(key.lower().replace("-", "_"))
        if meant is None or (value := found.pop(key)) in (None, ""):
            continue
        other = found.get(meant)
        if other is not None and str(other) != str(value):
            msg = f"`{key}` is {value!r} and `{meant}` is {other!r}: one of them is meant"
            raise ValueError(msg)
        found[meant] = value
    return found


def _speculation(data: Mapping[str, Any]) -> dict[str, Any]:
    """The case with vLLM's ``speculative_config``, an object or its JSON, as the inputs that it stands for.

    Raises:
        ValueError: It cannot be read, or says something that nothing is computed from.
    """
    found = dict(data)
    value = found.pop("speculative_config", None)
    if value in (None, "", {}):
        return found
    try:
        stated = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        stated = None
    if not isinstance(stated, dict):
        msg = '`speculative_config` is a JSON object such as {"method": "mtp", "num_speculative_tokens": 1}'
        raise ValueError(msg)  # noqa: TRY004  # a wrong value of a case, as all of them are
    for key, meant in _SPECULATION.items():
        if stated.get(key) in (None, ""):
            continue
        if found.get(meant) not in (None, "", stated[key]):
            msg = f"`speculative_config` says {stated[key]!r} and `{meant}` is {found[meant]!r}: one of them is meant"
            raise ValueError(msg)
        found[meant] = stated[key]
    return found


def misnamed(data: Mapping[str, Any]) -> str:
    """What is wrong with the names of keys, empty where nothing is.

    A key that is nearly an input is no error where the input is given, too, or where it says nothing.
    """
    inputs = FitCase.model_fields
    known = {*inputs, *FitResult.model_fields, *_MEASURED}
    found = []
    for key, value in data.items():
        if key in known or value is None or value == "":
            continue
        meant = _meant(key, inputs)
        if meant is not None and not _stated(meant, data):
            found.append(f"unknown key `{key}`: did you mean `{meant}`?")
    return "; ".join(found)


def _meant(key: str, inputs: Iterable[str]) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", key.lower())
    names = {name.replace("_", ""): name for name in inputs}
    if plain in names:
        return names[plain]
    if plain in _MEANT:
        return _MEANT[plain]
    # Slips of flags that are read, too; short ones are near to too much.
    names.update({each: name for each, name in _MEANT.items() if len(each) >= _LONG})
    close = get_close_matches(plain, names, n=1, cutoff=_ALIKE)
    return names[close[0]] if close else None


def _stated(name: str, data: Mapping[str, Any]) -> bool:
    # The number of GPUs says nothing beside a spread.
    instead = {"gpus_total": "tensor_parallel", "gpu": "total_gpu_gib", "model": "config"}.get(name, name)
    return data.get(name) is not None or data.get(instead) is not None
