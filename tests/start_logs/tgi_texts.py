"""Logs of starts of Text Generation Inference as its launcher and router write them, with measured figures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

OLDEST = (
    "model_id", "revision", "validation_workers", "sharded", "num_shard", "quantize", "dtype", "trust_remote_code",
    "max_concurrent_requests", "max_best_of", "max_stop_sequences", "max_input_length", "max_total_tokens",
    "waiting_served_ratio", "max_batch_prefill_tokens", "max_batch_total_tokens", "max_waiting_tokens", "hostname",
    "port", "shard_uds_path", "master_addr", "master_port", "huggingface_hub_cache", "weights_cache_override",
    "disable_custom_kernels", "cuda_memory_fraction", "json_output", "otlp_endpoint", "cors_allow_origin",
    "watermark_gamma", "watermark_delta", "ngrok", "ngrok_authtoken", "ngrok_edge", "env",
)  # fmt: skip
"""Arguments of 1.0.0."""
OF_2 = (
    *OLDEST, "rope_factor", "rope_scaling", "max_top_n_tokens", "speculate", "tokenizer_config_path",
    "disable_grammar_support", "max_batch_size", "cuda_graphs", "max_input_tokens", "max_client_batch_size",
)  # fmt: skip
"""Arguments of 2.0.1 to 2.0.4."""
OF_2_2 = (*OF_2, "lora_adapters", "otlp_service_name", "disable_usage_stats", "disable_crash_reports")
"""Arguments of 2.2.0."""
OF_3 = (
    *OF_2, "lora_adapters", "otlp_service_name", "api_key", "usage_stats", "kv_cache_dtype", "payload_limit",
    "enable_prefill_logprobs", "graceful_termination_timeout", "prometheus_port",
)  # fmt: skip
"""Arguments of 3.3."""


def pretty(given: dict[str, str], names: Iterable[str]) -> str:
    """Arguments as 2.0.2 and later print them."""
    values = {"cuda_memory_fraction": "1.0", "trust_remote_code": "false", "cors_allow_origin": "[]", **given}
    lines = ["Args {"]
    for name in names:
        value = values.get(name, "None")
        if value.startswith("Some("):
            value = f"Some(\n        {value[5:-1]},\n    )"
        lines.append(f"    {name}: {value},")
    return "\n".join((*lines, "}"))


def flat(given: dict[str, str], names: Iterable[str]) -> str:
    """Arguments as 2.0.1 and before print them."""
    values = {"cuda_memory_fraction": "1.0", "trust_remote_code": "false", "cors_allow_origin": "[]", **given}
    pairs = (f"{name}: {values.get(name, 'None')}" for name in names)
    return f"Args {{ {', '.join(pairs)} }}"


class Record(NamedTuple):
    """One event; ``clock`` is minutes and seconds, ``place`` file and line where the router prints them."""

    clock: str
    message: str
    target: str = "text_generation_launcher"
    place: str = ""
    span: str = ""
    level: str = "INFO"


def plain(records: Iterable[Record]) -> str:
    """As text; a record of several lines is several lines."""
    return "\n".join(
        f"2025-07-04T12:{item.clock}Z {item.level:>5} {f'{item.span}: ' if item.span else ''}{item.target}:"
        f"{f' {item.place}:' if item.place else ''} {item.message}"
        for item in records
    )


def as_json(records: Iterable[Record]) -> str:
    """As ``--json-output`` writes it: the router puts all of a record on one level, the launcher does not."""
    lines = []
    for item in records:
        head = {"timestamp": f"2025-07-04T12:{item.clock}Z", "level": item.level}
        if item.place:
            name, number = item.place.split(":")
            rest: dict[str, object] = {"message": item.message, "filename": name, "line_number": int(number)}
        else:
            rest = {"fields": {"message": item.message}, "span": {"name": item.span}}
        lines.append(json.dumps({**head, **rest, "target": item.target}))
    return "\n".join(lines)


def line(clock: str, message: str, *, span: str = "", level: str = "INFO") -> Record:
    """A record of the launcher."""
    return Record(clock, message, span=span, level=level)


def router(clock: str, place: str, message: str, *, target: str = "text_generation_router::server") -> Record:
    """A record of the router, with its place in the source."""
    return Record(clock, message, target=target, place=place)


GEMMA_ON_A6000 = (
    line("35:02.586768", pretty({"model_id": '"/models/gemma-3-27b-it"', "num_shard": "Some(2)"}, OF_3)),
    line("35:04.335574", "Using attention flashinfer - Prefix caching 0"),
    line("35:04.335583", "Sharding model on 2 processes"),
    line("35:04.406179", "Default `max_batch_prefill_tokens` to 8000"),
    line("35:04.406496", "Starting check and download process for it", span="download"),
    line("35:09.843082", "Successfully downloaded weights for it", span="download"),
    line("35:58.150338", "Shard ready in 48.277857716s rank=0", span="shard-manager"),
    line("35:58.247141", "Shard ready in 48.385111561s rank=1", span="shard-manager"),
    router("35:58.387723", "backends/v3/src/lib.rs:125", "Warming up model", target="text_generation_router_v3"),
    line("36:06.364197", "Cuda Graphs are enabled for sizes [32, 16, 8, 4, 2, 1]"),
    router("36:09.356551", "backends/v3/src/lib.rs:137", "Setting max batch total tokens to 52125"),
    router("36:09.356606", "backends/v3/src/main.rs:171", "Maximum total tokens defaulted to 8000"),
    router("36:15.367126", "router/src/server.rs:2298", "Connected"),
)
"""A start of 3.3.4 with Gemma 3 27B on two RTX A6000, whose folder tells no owner (github-text:55411028366)."""

LLAMA_ON_A10G = (
    line("36:57.491823", pretty({"model_id": '"meta-llama/Meta-Llama-3.1-8B-Instruct"'}, OF_2_2)),
    line("36:57.507079", "Default `max_input_tokens` to 4095"),
    line("36:57.507101", "Default `max_total_tokens` to 4096"),
    line("36:57.507104", "Default `max_batch_prefill_tokens` to 4145"),
    line("36:57.507198", "Starting check and download process for it", span="download"),
    line("39:23.170638", "Successfully downloaded weights for it", span="download"),
    line("40:10.814732", "Shard ready in 47.643196061s rank=0", span="shard-manager"),
    router("40:11.937872", "router/src/server.rs:1572", "Warming up model"),
    line("40:18.377577", "Cuda Graphs are enabled for sizes [32, 16, 8, 4, 2, 1]"),
    router("40:19.370247", "router/src/server.rs:1651", "Setting max batch total tokens to 19056"),
    router("40:19.441742", "router/src/server.rs:1889", "Connected"),
)
"""A start of 2.2.0 with Llama 3.1 8B on an A10G (github-text:22190908935)."""

NO_ROOM = (
    line(
        "20:00.000000",
        pretty(
            {
                "model_id": '"google/gemma-3-27b-it"',
                "num_shard": "Some(4)",
                "max_input_tokens": "Some(32000)",
                "max_total_tokens": "Some(64000)",
                "max_batch_prefill_tokens": "Some(32000)",
            },
            [name for name in OF_3 if name not in ("graceful_termination_timeout", "prometheus_port")],
        ),
    ),
    line("20:05.000000", "Sharding model on 4 processes"),
    line("20:05.000000", "Starting check and download process for it", span="download"),
    router("21:00.000000", "backends/v3/src/lib.rs:125", "Warming up model", target="text_generation_router_v3"),
    line(
        "21:05.000000",
        "Method Warmup encountered an error.\nTraceback (most recent call last):\n"
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 61.04 GiB. GPU 0 has a total capacity of"
        " 79.11 GiB of which 47.61 GiB is free.\n"
        "RuntimeError: Not enough memory to handle 32000 prefill tokens. You need to decrease"
        " `--max-batch-prefill-tokens`",
        level="ERROR",
    ),
)
"""A start of 3.2.0 without room for its warm-up (huggingface/text-generation-inference#3105)."""
