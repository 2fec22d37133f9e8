"""TensorRT-LLM."""

from typing import Literal

from llminfra.spec.engines.base import Image, LlmEngine


class TensorRTLLM(LlmEngine):
    """NVIDIA TensorRT-LLM's OpenAI-compatible server, ``trtllm-serve`` with the PyTorch backend.

    ``max_model_len`` becomes ``--max_seq_len``, ``max_num_seqs`` ``--max_batch_size``, ``gpu_memory_utilization`` the
    share of what is free after the weights, ``--kv_cache_free_gpu_memory_fraction``. It answers to any model name, and
    asks for no API key. Its Prometheus series need ``return_perf_metrics`` and ``enable_iter_perf_stats``, which a file
    for ``--extra_llm_api_options`` says; a file of your own in ``extra_args`` has to say them, too. NVIDIA's images
    before 1.1 are not told them and show no series; those before 1.3 show no queue, by which replicas are scaled.
    """

    kind: Literal["trtllm"] = "trtllm"
    image: Image
    """Image with ``trtllm-serve``, which ``nvcr.io/nvidia/tensorrt-llm/release`` has: llminfra pins none."""
