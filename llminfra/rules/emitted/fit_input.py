"""Pages of the findings about what ``llminfra fit`` is given: names and files that say less than they seem to."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_INPUT_1",
        "What weights are stored in is known",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="A name that says no format, or one that is not modelled (GGUF, EXL2, AQLM, HQQ), leaves the weights "
        "counted in 16 bit, which is two to four times what such a checkpoint takes.",
        fix="name the format (fp8, awq, gptq, w4a16, nvfp4, …), or give the config.json of the quantized checkpoint",
        source=("llminfra: names are read word by word, engines' own lists are in the catalog",),
    ),
    emitted(
        "LLM_INPUT_2",
        "What the key-value cache stores is known",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="An unknown kv_cache_dtype leaves the cache counted in 16 bit; names of llama.cpp (q8_0) are none of these "
        "engines.",
        fix="use a name that the engine takes, such as fp8 or auto",
        source=("vllm-project/vllm vllm/config/cache.py: CacheDType",),
    ),
    emitted(
        "LLM_INPUT_3",
        "The engine's memory is modelled",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="vLLM, SGLang and Text Generation Inference have memory rules here; others are judged by those of vLLM "
        "that reserve the most.",
        fix="keep some tenths of the device free, and measure the first start",
        source=("llminfra: docs/memory.md",),
    ),
    emitted(
        "LLM_INPUT_4",
        "The model's config.json says every shape",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="What a config.json leaves open takes the default of its class; the finding says what was read and what "
        "was taken. Where no default is documented the file is refused.",
        fix="write the key into config.json, or take the file of the published checkpoint",
        source=("Hugging Face transformers: configuration classes", "llminfra: models/hf_defaults.json"),
    ),
    emitted(
        "LLM_INPUT_5",
        "The GPU is one whose figures are known",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Without the memory that a driver reports there is no budget and no verdict; devices of other makers have "
        "neither here.",
        fix="name an NVIDIA GPU or an EC2 instance type with one, or state total_gpu_gib",
        source=("llminfra: catalog of GPUs",),
    ),
    emitted(
        "LLM_INPUT_6",
        "The catalog's shapes of the model were read or measured",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Some entries of the catalog were written down without the model's config.json at hand; a layer too few "
        "there makes a plan that does not hold.",
        fix="name the model's config.json; `llminfra model fetch` writes it from the Hub",
        source=("llminfra: `verified` of the model catalog",),
    ),
)
