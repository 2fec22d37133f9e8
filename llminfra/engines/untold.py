"""Settings of the engine and of the model that a server has no argument or variable for.

A wish that nobody passes on would change the plan and not what runs. Read from the servers' flags as recorded in
``catalog/data/engines``: deepspeed-mii 0.3.3 knows parallelism and length alone, and ``serve`` of TensorRT-LLM at
00209af1 leaves the rest to the file of ``--extra_llm_api_options``.
"""

from __future__ import annotations

_UNTOLD: dict[str, tuple[str, ...]] = {
    "mii": (
        "max_num_seqs",
        "max_num_batched_tokens",
        "gpu_memory_utilization",
        "kv_cache_dtype",
        "prefix_caching",
        "enforce_eager",
    ),
    "trtllm": ("kv_cache_dtype", "prefix_caching", "enforce_eager"),
    # Arguments take the place of `serve`, by which the container's entry point knows what to start, and are evaluated
    # as a command (deepjavalibrary/djl-serving@1b456d2b serving/docker/dockerd-entrypoint.sh).
    "djl-lmi": ("extra_args",),
}


# The file of --extra_llm_api_options says how TensorRT-LLM quantizes and computes.
_UNTOLD_OF_MODEL: dict[str, tuple[str, ...]] = {
    "mii": ("quantization", "dtype", "trust_remote_code"),
    "trtllm": ("quantization", "dtype"),
}


# Shards of TGI and replicas of MII are tensor parallel alone; the rolling batch of DJL Serving refuses stages
# (djl_python/properties_manager/vllm_rb_properties.py), and its copies of attention would be whole servers.
_UNTOLD_OF_SPREAD: dict[str, tuple[str, ...]] = {
    "djl-lmi": ("pipeline", "data"),
    "mii": ("pipeline", "data", "expert"),
    "tgi": ("pipeline", "data", "expert"),
    "trtllm": ("data",),
}


# MII refuses every model name but what --model says (deepspeed-mii 0.3.3 mii/entrypoints/openai_api_server.py).
_UNTOLD_OF_ENDPOINT: dict[str, tuple[str, ...]] = {"mii": ("served_name",)}


def untold_fields(engine: str) -> tuple[str, ...]:
    """Fields of ``LlmEngine`` that the engine of this kind cannot be told."""
    return _UNTOLD.get(engine, ())


def untold_model_fields(engine: str) -> tuple[str, ...]:
    """Fields of ``Model`` that the engine of this kind cannot be told."""
    return _UNTOLD_OF_MODEL.get(engine, ())


def untold_spread_fields(engine: str) -> tuple[str, ...]:
    """Fields of ``Parallelism`` that the engine of this kind cannot be told."""
    return _UNTOLD_OF_SPREAD.get(engine, ())


def untold_endpoint_fields(engine: str) -> tuple[str, ...]:
    """Fields of ``Endpoint`` that the engine of this kind cannot be told."""
    return _UNTOLD_OF_ENDPOINT.get(engine, ())
