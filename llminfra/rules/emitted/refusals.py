"""Pages of the findings about what engines refuse before they load anything."""

from __future__ import annotations

from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_FIT_49",
        "The checkpoint and the cache go together",
        looks_at=_PLAN,
        why="vLLM makes scales of E4M3 for the cache of models in FP8, and refuses a cache in E5M2 beside them.",
        fix="set kv_cache_dtype='fp8'",
        source=("vllm 0.8.5 to 0.33.0: fp8_e5m2 kv-cache is not supported with fp8 checkpoints",),
    ),
    emitted(
        "LLM_FIT_50",
        "The engine takes the served name",
        looks_at=_PLAN,
        why="SGLang ends with a name that holds a colon: what stands behind one is an adapter.",
        fix="use a name without a colon",
        source=("sglang 0.5.5.post3 to 0.5.23: served_model_name cannot contain a colon",),
    ),
    emitted(
        "LLM_FIT_51",
        "The engine runs the model in its dtype",
        looks_at=_PLAN,
        why="Gemma 2 and 3 and GLM-4 overflow in float16, and the kernels of MXFP4 take bfloat16 alone: vLLM refuses "
        "both.",
        fix="leave dtype out",
        source=("vllm 0.9.1 to 0.33.0: _FLOAT16_NOT_SUPPORTED_MODELS, get_supported_act_dtypes",),
    ),
)
