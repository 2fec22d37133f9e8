"""Pages of the findings that planning makes about models, engines and GPUs."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_FIT_1",
        "The weights fit the GPUs",
        looks_at=_PLAN,
        why="An engine whose weights exceed the memory fails after the node has booted and the weights have loaded.",
        fix="use the pool, parallelism or quantization that the finding names",
        source=("vllm-project/vllm#17939", "vllm-project/vllm vllm/v1/worker/utils.py: Free memory on device"),
    ),
    emitted(
        "LLM_FIT_2",
        "Attention heads divide by the tensor parallelism",
        looks_at=_PLAN,
        why="Every rank takes the same number of heads; engines refuse the rest. `llminfra fit` and JSON lines name "
        "the same fact LLM_SHAPE_1; this code says that no spread over a pool divides.",
        fix="use a tensor parallelism that divides the heads",
        source=("vllm-project/vllm#414", "vllm-project/vllm vllm/config/model.py"),
    ),
    emitted(
        "LLM_FIT_3",
        "The model's architecture is known",
        looks_at=_PLAN,
        why="A guess about layers and heads would prove nothing.",
        fix="use a catalog id, or give the model's config.json",
        source=("llminfra: three ways to name a model",),
    ),
    emitted(
        "LLM_FIT_4",
        "The context length is within the model's",
        looks_at=_PLAN,
        why="Beyond its trained positions a model answers noise; engines refuse it.",
        fix="lower max_model_len, or stretch the positions where the model can: rope_scaling by --hf-overrides or in "
        "Model(config=…)",
        source=("vllm-project/vllm#17924",),
    ),
    emitted(
        "LLM_FIT_5",
        "The GPU can run the quantization",
        looks_at=_PLAN,
        why="Kernels need a compute capability; without it the engine stops at start-up.",
        fix="use the quantization or the GPU that the finding names",
        source=("vllm-project/vllm quantization: get_min_capability", "vllm-project/vllm#4327"),
    ),
    emitted(
        "LLM_FIT_6",
        "The pool has the GPUs that replicas need",
        looks_at=_PLAN,
        why="Pods beyond the pool's maximum stay Pending for ever.",
        fix="raise the pool's maximum, or lower replicas or parallelism",
        source=("Kubernetes scheduling: Insufficient nvidia.com/gpu",),
    ),
    emitted(
        "LLM_FIT_7",
        "The engine's version knows every flag and variable, and takes the values of flags",
        looks_at=_PLAN,
        why="An unknown flag, a value that is no choice of it, or one behind a switch ends the process; an unknown "
        "variable is ignored without a word.",
        fix="remove it, or pin a version that has it",
        source=(
            "vllm-project/vllm releases: engine arguments and vllm/envs.py",
            "llminfra: catalog/data/argument_values names the argument parsers",
        ),
    ),
    emitted(
        "LLM_FIT_8",
        "The engine's version is known",
        looks_at=_PLAN,
        why="Flags, metrics and memory overhead are recorded by version.",
        fix="use a version that the finding lists",
        source=("vllm-project/vllm releases",),
    ),
    emitted(
        "LLM_FIT_9",
        "The KV cache holds one request of full length",
        looks_at=_PLAN,
        why="The engine refuses to start when a single request of max_model_len would not fit. `llminfra fit` and JSON "
        "lines name the same fact LLM_MEM_3.",
        fix="lower max_model_len, quantize the KV cache, or use more GPUs",
        source=("vllm-project/vllm#2418", "vllm-project/vllm vllm/v1/core/kv_cache_planning.py"),
    ),
    emitted(
        "LLM_FIT_10",
        "At their most, replicas fit the pool",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="The last replicas of the autoscaler would stay Pending while it waits for them.",
        fix="raise the pool's maximum, or lower the replicas' maximum",
        source=("Kubernetes scheduling: Insufficient nvidia.com/gpu",),
    ),
    emitted(
        "LLM_FIT_11",
        "A replica larger than a node fills whole nodes",
        looks_at=_PLAN,
        why="Ranks are spread evenly over the nodes of a group.",
        fix="use tensor parallelism within the node and pipeline parallelism between nodes",
        source=("vllm-project/vllm docs/serving/parallelism_scaling.md",),
    ),
    emitted(
        "LLM_FIT_12",
        "A replica holds the declared concurrency",
        looks_at=_PLAN,
        why="The engine starts, and then preempts requests that the declaration promised to hold.",
        fix="lower concurrency or max_model_len, or use more GPUs",
        source=("vllm-project/vllm vllm/v1/core/kv_cache_planning.py: Maximum concurrency",),
    ),
    emitted(
        "LLM_FIT_13",
        "The model's config.json can be read",
        looks_at=_PLAN,
        why="Memory is computed from it.",
        fix="download config.json of the repository and name its path relative to the spec file",
        source=("Hugging Face transformers: configuration",),
    ),
    emitted(
        "LLM_FIT_14",
        "A replica over several nodes has an image with EFA",
        looks_at=_PLAN,
        why="Without libfabric and the NCCL plug-in in the image, NCCL falls back to TCP without a word.",
        fix="use a version that the finding lists, or an own image with Image(…, efa=True)",
        source=("vllm-project/vllm#55635", "aws/aws-ofi-nccl#1063"),
    ),
    emitted(
        "LLM_FIT_16",
        "Only engines that can span nodes do",
        looks_at=_PLAN,
        why="The other engines run one replica on one node; more GPUs than a node has are never found.",
        fix="use VLLM or SGLang for a replica larger than a node, or lower the parallelism",
        source=("vllm-project/vllm docs/serving/parallelism_scaling.md", "kubernetes-sigs/lws docs/examples/sglang"),
    ),
    emitted(
        "LLM_FIT_20",
        "The latency targets can be kept",
        looks_at=_PLAN,
        why="By the roofline estimate no spread over the pool answers as fast as promised, even with its stated error.",
        fix="use the spread or the pool that the finding names, quantize, or lower the concurrency",
        source=("llminfra: latency estimate with its measured error",),
    ),
    emitted(
        "LLM_FIT_21",
        "The latency targets are kept by the estimate",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="The estimate misses the target by less than its own error: it may hold, and it may not.",
        fix="measure before promising, or use the spread that the finding names",
        source=("llminfra: latency estimate with its measured error",),
    ),
    emitted(
        "LLM_FIT_42",
        "Extra arguments and variables do not overrule the plan",
        looks_at=_PLAN,
        why="Of two equal flags an engine takes the last. A context length, spread or share of memory from extra_args "
        "would be what runs, while fit, replicas and cost were proved for another.",
        fix="remove the argument, and set the field that the finding names",
        source=(
            "Python documentation: argparse, the last of repeated options wins",
            "vllm 0.25.1 vllm/engine/arg_utils.py: flags and short forms",
        ),
    ),
    emitted(
        "LLM_FIT_43",
        "A scheduler step has a token for every sequence of the batch",
        looks_at=_PLAN,
        why="vLLM refuses to start with fewer tokens in a step than sequences in a batch, and TGI 2.3 with fewer than "
        "the longest prompt has. Where max_num_batched_tokens is left out, vLLM's default on the GPU counts: 2,048 "
        "below 70 GiB, and on an A100.",
        fix="raise max_num_batched_tokens, or lower max_num_seqs or max_model_len",
        source=(
            "vllm 0.11.2 to 0.33.0 vllm/config/scheduler.py: SchedulerConfig",
            "vllm 0.27.1 vllm/engine/arg_utils.py: get_batch_defaults",
            "huggingface/text-generation-inference v2.3.1 launcher/src/main.rs",
        ),
    ),
    emitted(
        "LLM_FIT_44",
        "The server can be told what the spec says of it",
        looks_at=_PLAN,
        why="A setting that the server has no argument for would be planned with and not run with: a cache in fp8 that "
        "is in 16 bit holds half the tokens.",
        fix="remove the setting, or take an engine that has it",
        source=("llminfra: engines/untold.py names the argument parsers",),
    ),
    emitted(
        "LLM_FIT_45",
        "What extra arguments load beside the model fits, too",
        looks_at=_PLAN,
        why="A draft model has weights and a cache of its own, and places for adapters are reserved before the first "
        "one is loaded. The engine runs out of memory with what fits without them.",
        fix="remove the argument or make it smaller, or use more GPUs or larger ones",
        source=(
            "vllm 0.33.0 vllm/config/speculative.py, vllm/lora/layers: create_lora_weights",
            "llminfra: catalog/data/memory_options.json",
        ),
    ),
    emitted(
        "LLM_FIT_46",
        "Extra arguments do not change the sizes of the model",
        looks_at=_PLAN,
        why="Layers, heads and widths from --hf-overrides make another model: fit, spread and cost were proved for the "
        "checkpoint's own.",
        fix="remove them, and name the changed model with Model(config=…)",
        source=("vllm 0.33.0 vllm/config/model.py: hf_overrides", "sglang 0.5.23 sglang/srt/server_args.py"),
    ),
    emitted(
        "LLM_FIT_47",
        "Extra arguments and variables that change memory are counted",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Offloaded weights, other graphs, another model runner or a draft that no catalog knows change what a GPU "
        "holds, and the plan is made without them.",
        fix="use the setting that the finding names, or measure a start",
        source=("llminfra: catalog/data/memory_options.json names the argument parsers",),
    ),
    emitted(
        "LLM_FIT_48",
        "Limits on images are set for models that take images",
        looks_at=_PLAN,
        why="vLLM until 0.10.0 refuses to start a model of text alone with --limit-mm-per-prompt; later releases "
        "ignore it.",
        fix="remove language_model_only and limit_mm_per_prompt",
        source=("vllm 0.10.0 vllm/config.py: _init_multimodal_config", "vllm 0.10.2 vllm/config/__init__.py"),
    ),
    emitted(
        "LLM_SRV_20",
        "The engine is maintained",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Text Generation Inference is in maintenance mode since 2025-12-11 and DeepSpeed-MII had its last release "
        "in March 2025: no new models, and no fixes for what is found in them.",
        fix="use VLLM or SGLang; TGI's own README says the same",
        source=("huggingface/text-generation-inference README, commit 34988476", "deepspeedai/DeepSpeed-MII releases"),
    ),
    emitted(
        "LLM_FIT_52",
        "Latency targets are for engines whose latency is estimated",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Targets choose hardware by an estimate of the engine's speed. Of a server that llminfra does not know "
        "there is none: the plan would be the same without them.",
        fix="leave slo out, and watch the server's own metrics",
        source=("llminfra: planning/performance",),
    ),
    emitted(
        "LLM_SHAPE_1",
        "Attention heads divide by the tensor parallel size",
        looks_at=_PLAN,
        why="Every rank takes the same number of attention heads; engines refuse the rest. A plan in which no spread "
        "over the pool divides has LLM_FIT_2.",
        fix="use a tensor parallel size that divides the heads",
        source=("vllm-project/vllm#414", "vllm-project/vllm vllm/config/model.py"),
    ),
    emitted(
        "LLM_SHAPE_2",
        "Key-value heads and the tensor parallel size divide one way",
        looks_at=_PLAN,
        why="Key-value heads are split over ranks or repeated on them; what does neither has no kernel. TGI repeats "
        "none.",
        fix="use a tensor parallel size that divides the key-value heads, or a multiple of them",
        source=(
            "vllm-project/vllm vllm/config/model.py: get_num_kv_heads",
            "huggingface/text-generation-inference flash_llama_modeling.py: num_key_value_heads % num_shards",
        ),
    ),
    emitted(
        "LLM_SHAPE_3",
        "Key-value heads are not stored several times",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="With more ranks than key-value heads each head is kept on several GPUs: more GPUs, not more cache.",
        fix="lower the tensor parallel size, or accept the copies for the speed",
        source=("vllm-project/vllm vllm/config/model.py: get_num_kv_heads",),
    ),
    emitted(
        "LLM_SHAPE_4",
        "There are at least as many layers as pipeline stages",
        looks_at=_PLAN,
        why="A stage without a layer has nothing to compute.",
        fix="lower the pipeline parallel size",
        source=("vllm-project/vllm docs/serving/parallelism_scaling.md",),
    ),
    emitted(
        "LLM_SHAPE_5",
        "Expert parallelism has experts to spread",
        looks_at=_PLAN,
        why="A dense model has no experts, and experts that do not divide leave ranks unequal.",
        fix="drop expert parallelism, or use a number of ranks that divides the experts",
        source=("vllm-project/vllm docs/serving/expert_parallel_deployment.md",),
    ),
    emitted(
        "LLM_SHAPE_6",
        "Quantization groups are not cut by tensor parallelism",
        looks_at=_PLAN,
        why="A group or block of quantized weights shares one scale; a rank that holds half of it has no kernel. "
        "Neither has a rank whose share is no multiple of a kernel's tile: FP8 on GPUs before Ada and NVFP4 before "
        "Blackwell are multiplied by Marlin in tiles of 64 and 128, to which vLLM pads since 0.24.0, and experts in "
        "FP8 since 0.25.0.",
        fix="use a tensor parallel size that leaves whole groups and tiles, or another quantization",
        source=(
            "vllm-project/vllm#9913",
            "vllm-project/vllm#17604",
            "vllm-project/vllm#22821",
            "intel/auto-round#643",
            "vllm-project/vllm#42384",
            "llminfra: planning/memory/data/quant_cuts.json",
        ),
    ),
    emitted(
        "LLM_SHAPE_7",
        "Decode context parallelism shares out copies of one head",
        looks_at=_PLAN,
        why="The ranks of --decode-context-parallel-size are tensor-parallel ranks that hold the same key-value head; "
        "where no head is stored twice there is nothing to share, and vLLM refuses to start.",
        fix="use no more context ranks than copies of a head, or leave the argument out",
        source=("vllm 0.11.2 to 0.33.0 vllm/config/model.py and parallel.py",),
    ),
)
