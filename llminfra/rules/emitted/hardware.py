"""Pages of the findings that planning makes about devices, drivers and what else a start needs."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN
_CAPABILITY = "vllm-project/vllm vllm/model_executor/layers/quantization: get_min_capability"

RULES = (
    emitted(
        "LLM_FIT_22",
        "The engine's release has the quantization",
        looks_at=_PLAN,
        why="Methods come and go between releases: vLLM dropped GGUF, bitsandbytes, DeepSpeedFP, AQLM and others. A "
        "checkpoint states its method itself, and stops the engine just so.",
        fix="use a method that the finding lists, or a release that has it",
        source=("vllm-project/vllm releases: QuantizationMethods",),
    ),
    emitted(
        "LLM_FIT_23",
        "A checkpoint is quantized as the spec says",
        looks_at=_PLAN,
        why="AWQ, GPTQ, compressed-tensors, MXFP4 and NVFP4 weights carry scales that are made in advance; an engine "
        "cannot make them from plain weights while loading.",
        fix="name a repository with such weights, or use quantization='fp8', which is made while loading",
        source=("vllm-project/vllm vllm/model_executor/model_loader/weight_utils.py: get_quant_config",),
    ),
    emitted(
        "LLM_FIT_24",
        "The GPU computes in the type of the weights",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Below 8.9 FP8 weights, and below 10.0 NVFP4 weights, are widened to 16 bit for every product: they take "
        "less memory but no less time.",
        fix="accept it, or use GPUs with native support",
        source=("vllm-project/vllm#4327", _CAPABILITY),
    ),
    emitted(
        "LLM_FIT_25",
        "The GPU has the declared dtype",
        looks_at=_PLAN,
        why="GPUs before Ampere have no bfloat16; the engine stops at start-up.",
        fix="set Model(dtype='float16')",
        source=("vllm-project/vllm#1282", "vllm-project/vllm vllm/platforms/cuda.py: check_if_supports_dtype"),
    ),
    emitted(
        "LLM_FIT_26",
        "The GPU has the checkpoint's dtype",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="A bfloat16 checkpoint on a GPU before Ampere is served in float16, whose range is smaller; older releases "
        "refuse it. Models that vLLM does not run in float16 (Gemma 2 and 3, GLM-4) it runs in float32 there, which "
        "takes twice the memory, and which the plan counts.",
        fix="set Model(dtype='float16') to say that this is meant, or use a GPU that has bfloat16",
        source=("vllm-project/vllm#1282", "vllm-project/vllm vllm/platforms/cuda.py"),
    ),
    emitted(
        "LLM_FIT_27",
        "The engine and the CUDA of its image have code for the GPU",
        looks_at=_PLAN,
        why="CUDA 13 dropped Volta and older: nothing in such an image runs on a V100. CUDA 12.4, of vLLM 0.8.5, is "
        "older than Blackwell. TensorRT-LLM and DeepSpeed-MII are for Ampere and newer, and TGI has PyTorch with "
        "code for Blackwell since 3.3.1.",
        fix="use another GPU, or a release of the engine that has code for it",
        source=(
            "CUDA Toolkit 13.0 release notes",
            "NVIDIA/TensorRT-LLM#2620",
            "pytorch/pytorch#145949",
            "vllm-project/vllm#16901",
            "llminfra: planning/data/gpu_support.json, planning/data/tgi_support.json",
        ),
    ),
    emitted(
        "LLM_FIT_28",
        "The GPU takes an FP8 cache",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Attention backends of GPUs before 8.9 differ in whether they take an FP8 cache; of vLLM since 0.11.1 it "
        "is known (LLM_FIT_54).",
        fix="leave kv_cache_dtype at 'auto', or try it on one node first",
        source=("vllm-project/vllm vllm/v1/attention/backends", "vllm-project/vllm#32838"),
    ),
    emitted(
        "LLM_FIT_53",
        "The engine has an attention kernel for the model on the GPU",
        looks_at=_PLAN,
        why="Sparse attention (DeepSeek V3.2, GLM-5) and the compressed attention of DeepSeek V4 have kernels for "
        "Hopper and Blackwell alone. On A100, L4, L40S or A10G the engine stops while it builds the model, however "
        "much memory there is. TensorRT-LLM has DeepSeek V4 for Blackwell alone.",
        fix="use an H100, H200, B200 or newer",
        source=(
            "NVIDIA/TensorRT-LLM docs/source/models/supported-models.md",
            "vllm-project/vllm vllm/platforms/cuda.py: get_attn_backend_cls",
            "vllm-project/vllm#35021",
            "vllm-project/vllm#40851",
        ),
    ),
    emitted(
        "LLM_FIT_54",
        "The engine has an attention kernel for the cache's type",
        looks_at=_PLAN,
        why="On GPUs before 8.9 only FlashInfer reads an FP8 cache, for heads of 64, 128 and 256 without learned "
        "sinks. Latent attention, other heads and models whose images attend both ways get Triton's kernel, which "
        "refuses it.",
        fix="leave kv_cache_dtype at 'auto'",
        source=(
            "vllm-project/vllm vllm/v1/attention/backends: supports_kv_cache_dtype, supports_combination",
            "vllm-project/vllm vllm/v1/attention/backends/triton_attn.py: FP8 KV cache is not supported",
        ),
    ),
    emitted(
        "LLM_FIT_55",
        "The engine multiplies 8-bit integers on the GPU",
        looks_at=_PLAN,
        why="Weights and inputs of 8-bit integers (W8A8, INT8) are multiplied by CUTLASS, which has no such kernel for "
        "Blackwell: the engine stops with the first request of its profiling run.",
        fix="take an FP8 copy of the model, or a GPU before Blackwell",
        source=("vllm-project/vllm#54311", "vllm-project/vllm#27182"),
    ),
    emitted(
        "LLM_FIT_56",
        "The engine's release has code for the model",
        looks_at=_PLAN,
        why="A model's class comes with a release, often weeks after the model, and some go again (Llama 3.2 Vision "
        "and MiniMax M1 in vLLM). The engine looks it up before anything else, and stops. Without a version, llminfra "
        "takes the nearest release to its pinned one that has the class. DJL Serving has the classes of the vLLM in "
        "its container; Text Generation Inference knows types of config.json, and what neither it nor its Transformers "
        "library has it refuses, as does TensorRT-LLM.",
        fix="leave version out, or set one that the finding names; or take an engine that it names",
        source=(
            "vllm-project/vllm vllm/model_executor/models/registry.py, by release",
            "sgl-project/sglang python/sglang/srt/models: EntryClass, by release",
            "huggingface/text-generation-inference#3133",
            "NVIDIA/TensorRT-LLM#5510",
            "llminfra: catalog/data/tgi_models.json, catalog/data/engines/trtllm.json, catalog/data/trtllm_models.json",
        ),
    ),
    emitted(
        "LLM_FIT_57",
        "Some release of the engine has code for the model",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Where an engine has no class of its own it looks for one of the Transformers library, which is slower and "
        "takes other memory than what is planned; an image of one's own may bring a class.",
        fix="try it on one node first, or serve the model by a CustomServer",
        source=("vllm-project/vllm docs/models/supported_models.md: Transformers",),
    ),
    emitted(
        "LLM_FIT_58",
        "The engine has a kernel for the weights' format on the GPU",
        looks_at=_PLAN,
        why="A method of quantization is a family of formats, and engines have kernels for each by release and GPU: "
        "the method may be known (LLM_FIT_22) and allowed on the GPU (LLM_FIT_5), and a layer refused all the same. "
        "In vLLM, checkpoints of compressed-tensors run on a T4 since 0.12.0 (INT4) and 0.16.0 (FP8, NVFP4), FP8 in "
        "blocks on an A100 since 0.9.0 and 0.16.0, NVFP4 experts on RTX PRO 6000 since 0.12.0; experts in AWQ or GPTQ "
        "on a T4, with zero points or without a gate came later than dense layers. SGLang takes no checkpoint of "
        "compressed-tensors on a T4, NVFP4 of it below 10.0 since 0.5.22, and W8A8 INT8 neither for experts nor on a "
        "B200.",
        fix="set a release or use a GPU that the finding names, or take a copy of the model in another format",
        source=(
            "vllm-project/vllm#14040",
            "vllm-project/vllm#17764",
            "vllm-project/vllm#24921",
            "vllm-project/vllm#29732",
            "vllm-project/vllm#31782",
            "sgl-project/sglang#28137",
            "llminfra: planning/data/weight_kernels.json",
        ),
    ),
    emitted(
        "LLM_FIT_59",
        "Quantized weights are not multiplied in float32",
        looks_at=_PLAN,
        why="GPUs before Ampere have no bfloat16, and vLLM does not run some models in float16 (Gemma 2 and 3, GLM-4): "
        "it takes float32, for which AWQ, GPTQ, FP8 and others have no kernel. The engine stops before it loads "
        "anything, whatever dtype is set.",
        fix="use a GPU that has bfloat16, or weights by bitsandbytes or in 16 bit",
        source=(
            "vllm-project/vllm#28857",
            "vllm-project/vllm vllm/config: get_supported_act_dtypes",
            "llminfra: planning/data/weight_kernels.json",
        ),
    ),
    emitted(
        "LLM_FIT_60",
        "The spread is one that the weights' format takes",
        looks_at=_PLAN,
        why="Weights that bitsandbytes stored have scales packed so that tensor parallelism cannot cut them: vLLM "
        "refuses every tensor parallel size above 1. INT4 experts on GPUs before Ampere got Marlin, which had no code "
        "for them until 0.14.0, wherever a rank's share of an expert is a width that Marlin takes.",
        fix="use pipeline stages for such weights, or a copy in another format; a later release for the experts",
        source=(
            "vllm-project/vllm#13297",
            "vllm-project/vllm#29901",
            "llminfra: planning/data/weight_kernels.json",
        ),
    ),
    emitted(
        "LLM_FIT_29",
        "The image's CUDA is not above the driver's",
        looks_at=_PLAN,
        why="A container brings its CUDA and borrows the node's driver; a driver of an older major refuses it.",
        fix="use an engine version built for the driver's CUDA, or a newer node image",
        source=("vllm-project/vllm#21979", "defilantech/LLMKube#1424"),
    ),
    emitted(
        "LLM_FIT_30",
        "The driver of a pinned node image is known",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="An older node image than the one llminfra pins may have an older driver than the engine's CUDA needs.",
        fix="leave ami_release to llminfra, or check the driver in the AMI's release notes",
        source=("vllm-project/vllm#5635", "awslabs/amazon-eks-ami releases"),
    ),
    emitted(
        "LLM_FIT_31",
        "The pod has host memory for loading, and for its adapters",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Each rank is a process with gigabytes of its own, loading buffers come on top, and shared memory counts "
        "too, as do all adapters, also those without a place on the GPU: the kernel kills a pod that goes beyond.",
        fix="use an instance type with more memory a GPU; spread many adapters over endpoints",
        source=("vllm-project/vllm#28923", "vllm-project/vllm#1395", "vllm-project/vllm#3035"),
    ),
    emitted(
        "LLM_FIT_32",
        "Tensor parallelism has NVLink",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="On G instances all-reduces over many GPUs go through host memory, which is slow. Two GPUs without NVLink "
        "sum by a kernel of the engine's own, which trusts the peer access that the driver tells of: on hosts that "
        "isolate devices, starts were seen to hang. A declared pair is told; one that the planner takes is left to it.",
        fix="quantize so that fewer GPUs do, or use P instances; for a pair, --disable-custom-all-reduce",
        source=("vllm-project/vllm#8058", "vllm-project/vllm#51513", "ai-dynamo/aiconfigurator#1346"),
    ),
    emitted(
        "LLM_FIT_33",
        "Experts over several nodes have a safe EFA version",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="EFA 1.47 with endpoints of both kinds deadlocks in the warm-up of expert parallelism; 1.49 does not.",
        fix="use one image with EFA 1.49 or later on every node",
        source=("ai-dynamo/dynamo#12105", "aws/aws-ofi-nccl#584"),
    ),
    emitted(
        "LLM_FIT_34",
        "Ranks are started by the engine itself",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Ray waits for ever for a placement group that the nodes cannot fill, and says so once.",
        fix="remove --distributed-executor-backend=ray",
        source=("vllm-project/vllm#13388", "vllm-project/aibrix#927"),
    ),
    emitted(
        "LLM_FIT_35",
        "LoRA limits are ones that the engine takes",
        looks_at=_PLAN,
        why="vLLM has kernels for certain ranks only, has adapters for an architecture from some release on, and wants"
        " room in host memory for every adapter in use.",
        fix="use the value that the finding names",
        source=(
            "vllm-project/vllm#2847",
            "vllm-project/vllm vllm/config/lora.py",
            "vllm-project/vllm vllm/v1/worker/lora_model_runner_mixin.py",
        ),
    ),
    emitted(
        "LLM_FIT_36",
        "A gated model that is read from the Hub has a token",
        looks_at=_PLAN,
        why="The Hub refuses the download, and the pod restarts for ever.",
        fix="set Model(token=Secret(name=…)), or copy the model into a ModelBucket",
        source=("Hugging Face documentation: gated models",),
    ),
    emitted(
        "LLM_FIT_37",
        "The checkpoint is as large as its config.json says",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="The safetensors headers state exact bytes. Where the sum of the shapes in config.json differs, the model "
        "has parts that the memory model does not know, or the files do not belong together.",
        fix="check that config.json and weights belong together; leave room in gpu_memory_utilization",
        source=("Hugging Face safetensors format: data_offsets",),
    ),
    emitted(
        "LLM_FIT_38",
        "NIXL uses EFA where there is EFA",
        looks_at=_PLAN,
        why="NIXL's default back end, UCX, does not speak EFA and moves the cache over TCP without a word.",
        fix="name the LIBFABRIC back end in --kv-transfer-config, and use an image that has NIXL's plug-in for it",
        source=("ai-dynamo/nixl#909", "ai-dynamo/dynamo#4185"),
    ),
)
