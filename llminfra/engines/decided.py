"""Arguments and variables of engines that say what a field of the spec, or the planner, says already.

Of two equal flags engines take the last, so an ``extra_args`` that repeats one would change what runs and not what was
planned. Spellings: the argument parsers as recorded in ``catalog/data/engines``; aliases after vllm 0.25.1
vllm/engine/arg_utils.py, sglang 0.5.23 sglang/srt/server_args.py, huggingface/text-generation-inference
launcher/src/main.rs, NVIDIA/TensorRT-LLM tensorrt_llm/commands/serve.py, deepjavalibrary/djl-serving serving/docs/lmi.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import sagemaker

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease

_TENSOR, _PIPELINE = "parallelism=Parallelism(tensor=…)", "parallelism=Parallelism(pipeline=…)"
_DATA, _EXPERT = "parallelism=Parallelism(data=…)", "parallelism=Parallelism(expert=True)"
_SPREAD = "parallelism=Parallelism(…)"
_SHARE, _CACHE, _LENGTH = "gpu_memory_utilization=", "kv_cache_dtype=", "max_model_len="
_SEQS, _STEP, _EAGER, _PREFIX = "max_num_seqs=", "max_num_batched_tokens=", "enforce_eager=", "prefix_caching="
_MODEL, _NAME = "Endpoint(model=Model(id=…))", "Endpoint(served_name=…)"
_QUANT, _DTYPE = "Model(quantization=…)", "Model(dtype=…)"
_REVISION, _CODE = "Model(revision=…)", "Model(trust_remote_code=True)"
LLMINFRA = ""
"""No field: the planner decides, and what it wrote around the engine (probes, Services, ranks) relies on it."""

_FLAGS: dict[str, dict[str, tuple[str, ...]]] = {
    "vllm": {
        _MODEL: ("--model",),
        _NAME: ("--served-model-name",),
        _LENGTH: ("--max-model-len",),
        _SEQS: ("--max-num-seqs",),
        _STEP: ("--max-num-batched-tokens",),
        # The latter two size the cache without a look at the share.
        _SHARE: (
            "--gpu-memory-utilization",
            "--device-memory-utilization",
            "--kv-cache-memory-bytes",
            "--num-gpu-blocks-override",
        ),
        _CACHE: ("--kv-cache-dtype",),
        _PREFIX: ("--enable-prefix-caching",),
        _EAGER: ("--enforce-eager",),
        _TENSOR: ("--tensor-parallel-size", "-tp"),
        _PIPELINE: ("--pipeline-parallel-size", "-pp"),
        _DATA: ("--data-parallel-size", "-dp", "--data-parallel-size-local", "-dpl", "--data-parallel-rank", "-dpn",
                "--data-parallel-start-rank", "-dpr", "--data-parallel-address", "-dpa", "--data-parallel-rpc-port",
                "-dpp", "--data-parallel-backend", "-dpb", "--data-parallel-hybrid-lb", "-dph",
                "--data-parallel-external-lb", "-dpe", "--data-parallel-multi-port-external-lb", "-dpm"),
        _EXPERT: ("--enable-expert-parallel", "-ep"),
        _SPREAD: ("--prefill-context-parallel-size", "-pcp"),
        "distributed_executor_backend=": ("--distributed-executor-backend",),
        "all2all_backend=": ("--all2all-backend",),
        _QUANT: ("--quantization", "-q"),
        _DTYPE: ("--dtype",),
        _REVISION: ("--revision",),
        _CODE: ("--trust-remote-code",),
        LLMINFRA: ("--host", "--port", "--uds", "--nnodes", "-n", "--node-rank", "-r", "--master-addr",
                   "--master-port", "--headless", "--shutdown-timeout"),
    },
    "sglang": {
        _MODEL: ("--model-path", "--model"),
        _NAME: ("--served-model-name",),
        _LENGTH: ("--context-length",),
        _SEQS: ("--max-running-requests",),
        _STEP: ("--chunked-prefill-size",),
        _SHARE: ("--mem-fraction-static", "--max-total-tokens"),
        _CACHE: ("--kv-cache-dtype",),
        _PREFIX: ("--disable-radix-cache",),
        _EAGER: ("--disable-cuda-graph",),
        _TENSOR: ("--tp-size", "--tensor-parallel-size"),
        _PIPELINE: ("--pp-size", "--pipeline-parallel-size"),
        _DATA: ("--dp-size", "--data-parallel-size"),
        _EXPERT: ("--ep-size", "--expert-parallel-size", "--ep"),
        _QUANT: ("--quantization",),
        _DTYPE: ("--dtype",),
        _REVISION: ("--revision",),
        _CODE: ("--trust-remote-code",),
        LLMINFRA: ("--host", "--port", "--nnodes", "--node-rank", "--dist-init-addr", "--enable-metrics"),
    },
    "tgi": {
        _MODEL: ("--model-id",),
        _LENGTH: ("--max-total-tokens", "--max-input-tokens", "--max-input-length"),
        _SEQS: ("--max-concurrent-requests", "--max-batch-size"),
        _STEP: ("--max-batch-prefill-tokens",),
        _SHARE: ("--cuda-memory-fraction", "--max-batch-total-tokens"),
        _CACHE: ("--kv-cache-dtype",),
        _TENSOR: ("--num-shard", "--sharded"),
        _QUANT: ("--quantize",),
        _DTYPE: ("--dtype",),
        _REVISION: ("--revision",),
        _CODE: ("--trust-remote-code",),
        LLMINFRA: ("--hostname", "--port", "-p", "--graceful-termination-timeout"),
    },
    "trtllm": {
        _LENGTH: ("--max_seq_len",),
        _SEQS: ("--max_batch_size",),
        _STEP: ("--max_num_tokens",),
        _SHARE: ("--kv_cache_free_gpu_memory_fraction", "--free_gpu_memory_fraction"),
        _TENSOR: ("--tp_size", "--tensor_parallel_size"),
        _PIPELINE: ("--pp_size", "--pipeline_parallel_size"),
        _EXPERT: ("--ep_size", "--moe_expert_parallel_size"),
        _SPREAD: ("--cp_size", "--context_parallel_size"),
        _REVISION: ("--revision",),
        _CODE: ("--trust_remote_code",),
        LLMINFRA: ("--host", "--port", "--backend"),
    },
    "mii": {
        _MODEL: ("--model",),
        _LENGTH: ("--max-length", "--max_length"),
        _TENSOR: ("--tensor-parallel",),
        "Endpoint(replicas=…)": ("--replica-num",),
        LLMINFRA: ("--host", "--port"),
    },
}  # fmt: skip

_VARIABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "djl-lmi": {
        _MODEL: ("HF_MODEL_ID", "OPTION_MODEL_ID"),
        _LENGTH: ("OPTION_MAX_MODEL_LEN",),
        _SEQS: ("OPTION_MAX_ROLLING_BATCH_SIZE", "OPTION_MAX_NUM_SEQS"),
        _SHARE: ("OPTION_GPU_MEMORY_UTILIZATION",),
        _TENSOR: ("TENSOR_PARALLEL_DEGREE", "OPTION_TENSOR_PARALLEL_DEGREE", "OPTION_TENSOR_PARALLEL_SIZE"),
        _PIPELINE: ("OPTION_PIPELINE_PARALLEL_DEGREE", "OPTION_PIPELINE_PARALLEL_SIZE"),
        _QUANT: ("OPTION_QUANTIZE", "OPTION_QUANTIZATION"),
        _DTYPE: ("OPTION_DTYPE",),
        _REVISION: ("OPTION_REVISION",),
        _CODE: ("OPTION_TRUST_REMOTE_CODE",),
        LLMINFRA: (
            "OPTION_ROLLING_BATCH",
            "OPTION_ENTRYPOINT",
            "OPTION_ASYNC_MODE",
            "OPTION_MODEL_LOADING_TIMEOUT",
            "SERVING_FAIL_FAST",
        ),
    },
}


def flag_name(engine: str, argument: str, release: EngineRelease | None) -> str | None:
    """The flag that an argument sets, spelled as the engine lists it; ``None``: the argument is a value.

    vLLM takes underscores, ``--no-`` and keys after a dot; Python's plain parser an unambiguous beginning.
    """
    if not argument.startswith("-"):
        return None
    name = argument.partition("=")[0].strip()
    if engine == "vllm":
        name = name.partition(".")[0]
        name = name.replace("_", "-") if name.startswith("--") else name
        if name.startswith("--no-") and (release is None or name not in release.flags()):
            return f"--{name.removeprefix('--no-')}"
    if engine in {"sglang", "mii"} and release is not None and name not in release.flags() and len(name) > 3:
        longer = [known for known in release.flags() if known.startswith(name)]
        return longer[0] if len(longer) == 1 else name
    return name


def field_of_flag(engine: str, flag: str) -> str | None:
    """The field that decides what a flag says, :data:`LLMINFRA` where the planner does, ``None`` where nobody does."""
    return _owner(_FLAGS, engine, flag)


def field_of_variable(engine: str, name: str) -> str | None:
    """The same of an environment variable that an engine, or its image for SageMaker, reads an argument from.

    Every flag of TGI is a variable, too; the images of vLLM and SGLang have a prefix
    (``catalog/data/sagemaker_images.json``).
    """
    own = _owner(_VARIABLES, engine, name)
    if own is not None or engine not in _FLAGS or engine not in sagemaker.engines():
        return own
    prefix = sagemaker.variable_prefix(engine)
    if not name.startswith(prefix) or name != name.upper():
        return None
    return field_of_flag(engine, f"--{name.removeprefix(prefix).lower().replace('_', '-')}")


def _owner(table: dict[str, dict[str, tuple[str, ...]]], engine: str, name: str) -> str | None:
    return next((field for field, names in table.get(engine, {}).items() if name in names), None)
