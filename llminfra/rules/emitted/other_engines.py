"""Pages of what Text Generation Inference, TensorRT-LLM and DeepSpeed-MII refuse beside memory."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_FIT_61",
        "A model that the Transformers library serves in TGI has plain weights",
        looks_at=_PLAN,
        why="Text Generation Inference gives types of models that it has no code for to the Transformers library, and "
        "refuses AWQ, GPTQ, EXL2, EETQ and 4-bit bitsandbytes there. FP8 made while loading is not refused and not "
        "made either: the weights take twice what is planned.",
        fix="use vLLM or SGLang, or plain weights",
        source=(
            "huggingface/text-generation-inference server/text_generation_server/models/__init__.py: get_model",
            "llminfra: planning/data/tgi_support.json, catalog/data/tgi_models.json",
        ),
    ),
    emitted(
        "LLM_FIT_62",
        "TGI has attention for the GPU, and for the model's window on it",
        looks_at=_PLAN,
        why="FlashAttention 2 and FlashInfer want Ampere. On a T4 releases 2.1 and 2.2 fail in their warm-up, 3.0.2 "
        "and 3.1.0 have no FlashInfer for it, and no release has a window there: prompts beyond it are refused. A V100 "
        "has none of the kernels since 2.1. Gemma 2 and 3 want FlashAttention 2 where FlashInfer is not taken.",
        fix="use an A10G, L4 or newer GPU, a release that the finding names, or prompts within the window",
        source=(
            "huggingface/text-generation-inference#2456",
            "huggingface/text-generation-inference#2037",
            "huggingface/text-generation-inference#3115",
            "huggingface/text-generation-inference server/text_generation_server/layers/attention/cuda.py, by release",
            "llminfra: planning/data/tgi_support.json",
        ),
    ),
    emitted(
        "LLM_FIT_63",
        "The engine reads the checkpoint's quantization",
        looks_at=_PLAN,
        why="TGI logs a method that it does not know and loads the tensors as if they were plain, which fails at the "
        "first of another shape or name; of compressed-tensors it has FP8 and integers. TensorRT-LLM's PyTorch backend "
        "reads what ModelOpt makes, FP8 and MXFP4, and stops at other checkpoints, such as AutoAWQ's. DeepSpeed-MII "
        "has places for plain weights alone.",
        fix="name a repository with other weights of the model, or use vLLM or SGLang",
        source=(
            "huggingface/text-generation-inference server/text_generation_server/utils/quantization.py: get_loader",
            "NVIDIA/TensorRT-LLM tensorrt_llm/llmapi/llm_utils.py: _update_from_hf_quant_config",
            "NVIDIA/TensorRT-LLM#6988",
            "deepspeed 0.16.9 deepspeed/inference/v2/model_implementations/inference_policy_base.py: map_param",
            "llminfra: planning/data/tgi_support.json, planning/data/trtllm_support.json",
        ),
    ),
    emitted(
        "LLM_FIT_64",
        "An 8-bit cache of TGI is in FlashInfer's",
        looks_at=_PLAN,
        why="TGI keeps FP8 in the cache of FlashInfer alone, which its launcher takes for heads of 64, 128 and 256. "
        "Falcon, DeepSeek, Phi 3 Mini and most models with images get FlashAttention, and stop; models of the "
        "Transformers library are not told of the cache.",
        fix="leave kv_cache_dtype at 'auto', or use vLLM",
        source=(
            "huggingface/text-generation-inference server/text_generation_server/layers/attention/kv_cache.py",
            "huggingface/text-generation-inference launcher/src/main.rs: resolve_attention",
        ),
    ),
    emitted(
        "LLM_FIT_65",
        "TGI cuts the model over GPUs",
        looks_at=_PLAN,
        why="What TGI has no code for it gives to the Transformers library, which it cuts since 3.0.2 and for classes "
        "with a plan for it alone. It stops where there are several shards of another.",
        fix="use one GPU, or vLLM or SGLang",
        source=(
            "huggingface/text-generation-inference#2146",
            "huggingface/text-generation-inference#2783",
            "llminfra: catalog/data/tgi_models.json",
        ),
    ),
    emitted(
        "LLM_FIT_66",
        "TGI serves the model by code of its own, with a paged cache",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="A class of the Transformers library is slower than TGI's own. Newer ones get its paged cache; others have "
        "none, nor have TGI's own OPT, BLOOM and MPT, so that memory grows with every request and an estimate of the "
        "cache says nothing.",
        fix="use vLLM or SGLang, which have the class, or try it on one node first",
        source=(
            "huggingface/text-generation-inference v3.3.7 server/text_generation_server/models/__init__.py: get_model",
            "llminfra: catalog/data/tgi_models.json",
        ),
    ),
)
