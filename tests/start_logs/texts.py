"""Logs of starts as engines write them, with figures of starts that were measured."""

from __future__ import annotations

_WHO = "\x1b[1;36m(EngineCore_DP0 pid=139)\x1b[0;0m INFO 11-17 15:24:{second:02d} [{file}:77] {text}"


def line(text: str, *, second: int = 26, file: str = "core.py") -> str:
    """One line of vLLM with its prefix."""
    return _WHO.format(second=second, file=file, text=text)


QWEN_ON_L40S = "\n".join(
    (
        "(APIServer pid=91) INFO 11-17 15:24:08 [api_server.py:1839] vLLM API server version 0.11.0",
        "(APIServer pid=91) INFO 11-17 15:24:08 [utils.py:233] non-default args: {'model': 'models/qwen2.5-3b'}",
        line(
            "Initializing a V1 LLM engine (v0.11.0) with config: model='Qwen/Qwen2.5-3B', speculative_config=None,"
            " trust_remote_code=False, dtype=torch.bfloat16, max_seq_len=32768, tensor_parallel_size=1,"
            " pipeline_parallel_size=1, data_parallel_size=1, disable_custom_all_reduce=False, quantization=None,"
            " enforce_eager=False, kv_cache_dtype=auto,"
            " observability_config=ObservabilityConfig(show_hidden_metrics_for_version=None, a=[1, (2, 3)]),"
            " enable_prefix_caching=True, compilation_config={'mode': <CompilationMode.VLLM_COMPILE: 3>}"
        ),
        line("Loading weights took 0.88 seconds", second=30, file="default_loader.py"),
        line("Model loading took 5.7916 GiB and 1.101 seconds", second=31, file="gpu_model_runner.py"),
        line("Directly load the compiled graph(s) for dynamic shape from the cache, took 1.1 s", second=33),
        line("torch.compile takes 3.69 s in total", second=34, file="monitor.py"),
        line("Available KV cache memory: 32.73 GiB", second=35, file="gpu_worker.py"),
        line("GPU KV cache size: 953,296 tokens", second=36, file="kv_cache_utils.py"),
        line("Maximum concurrency for 32,768 tokens per request: 29.09x", second=36, file="kv_cache_utils.py"),
        line("Graph capturing finished in 4 secs, took 0.69 GiB", second=40, file="gpu_model_runner.py"),
        line("init engine (profile, create kv cache, warmup model) took 11.03 seconds", second=42),
        "(APIServer pid=91) INFO:     Application startup complete.",
    )
)
"""A start of vLLM 0.11.0 with Qwen2.5 3B on an L40S, whose folder tells no owner."""

TOO_LONG = "\n".join(
    (
        (
            "INFO 04-21 06:58:12 [utils.py:233] non-default args: {'model': 'meta-llama/Llama-3.1-8B-Instruct',"
            " 'max_model_len': 8192, 'gpu_memory_utilization': 0.7, 'cpu_offload_gb': 0}"
        ),
        "INFO 04-21 06:58:20 [core.py:93] Initializing a V1 LLM engine (v0.12.0) with config: dtype=torch.bfloat16",
        "INFO 04-21 06:58:30 [gpu_model_runner.py:1] Model loading took 14.9889 GiB memory and 3.1 seconds",
        "INFO 04-21 06:58:40 [gpu_worker.py:1] Available KV cache memory: 0.95 GiB",
        (
            "ERROR 04-21 06:58:41 [core.py:1] ValueError: To serve at least one request with the models's max seq len"
            " (8192), (1.0 GiB KV cache is needed, which is larger than the available KV cache memory (0.95 GiB)."
            " Based on the available memory, the estimated maximum model length is 7760. Try increasing"
            " `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine."
        ),
        "ERROR 04-21 06:58:42 [core.py:1] RuntimeError: Engine core initialization failed.",
    )
)
"""A start that has no room for one request."""

SGLANG = "\n".join(
    (
        (
            "[2026-04-06 01:33:00] server_args=ServerArgs(model_path='Qwen/Qwen2.5-1.5B-Instruct', tokenizer='auto',"
            " context_length=None, mem_fraction_static=0.8, tp_size=1, dp_size=1, kv_cache_dtype='auto',"
            " max_running_requests=None, chunked_prefill_size=2048, disable_cuda_graph=False, cpu_offload_gb=0)"
        ),
        (
            "[2026-04-06 01:33:20] Load weight end. elapsed=4.20 s, type=Qwen2ForCausalLM, dtype=torch.bfloat16,"
            " avail mem=18.64 GB, mem usage=3.03 GB."
        ),
        "[2026-04-06 01:34:26] Capture cuda graph end. Time elapsed: 9.26 s. mem usage=0.18 GB. avail mem=5.28 GB.",
        (
            "[2026-04-06 01:34:26] max_total_num_tokens=513114, chunked_prefill_size=2048, max_prefill_tokens=16384,"
            " max_running_requests=2048, context_len=32768, available_gpu_mem=5.28 GB"
        ),
        "[2026-04-06 01:34:30] The server is fired up and ready to roll!",
    )
)
"""A start of SGLang."""

BFLOAT16 = (
    "Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has compute"
    " capability 7.5. You can use float16 instead by explicitly setting the `dtype` flag in"
    " CLI, for example: --dtype=half."
)
"""What vLLM says of a T4."""

POOLS = "\n".join(
    (
        SGLANG.splitlines()[0].replace("tp_size=1", "tp_size=2").replace("Qwen2.5-1.5B", "Qwen2.5-7B"),
        *(
            f"[2026-04-06 01:33:2{rank} TP{rank}] {text}"
            for rank, tokens in enumerate((372_945, 372_900))
            for text in (
                f"Load weight end. elapsed=4.20 s, avail mem=18.64 GB, mem usage=7.1{rank} GB.",
                f"KV Cache is allocated. #tokens: {tokens}, K size: {4.98 - rank:.2f} GB, V size: {4.98 - rank:.2f} GB",
                f"KV Cache is allocated. dtype: torch.bfloat16, #tokens: {tokens}, KV size: 1.50 GB",
                "Memory pool end. avail mem=5.46 GB",
                f"KV Cache is allocated. #tokens: {tokens}, K size: 0.10 GB, V size: 0.10 GB",
                "Memory pool end. avail mem=5.26 GB",
            )
        ),
        *SGLANG.splitlines()[3:],
    )
)
"""Two ranks of SGLang with two pools each, and those of a draft after them."""
