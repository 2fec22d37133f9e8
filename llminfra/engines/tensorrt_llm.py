"""TensorRT-LLM's ``trtllm-serve`` with the PyTorch backend, in an image that the user names.

Sources: options as recorded in ``catalog/data/engines/trtllm.json``, read at one commit of the main branch, where they
keep their underscores; the engine-build path is gone
(nvidia.github.io/TensorRT-LLM/legacy/tensorrt-backend-removal.html).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llminfra.engines.decided import flag_name
from llminfra.engines.invocation import Invocation, Metrics
from llminfra.engines.shared import (
    LIBRARY_CACHES,
    RUN_AS_USER,
    engine_of,
    live_probe,
    ready_probe,
    secret_env,
    startup_probe,
    unknown_options,
)
from llminfra.spec.engines.tensorrt_llm import TensorRTLLM

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.job import ServingJob, UnknownOption
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.engines.base import Image

PORT = 8000
# Modules with classes of the user's own, and another backend with classes of its own (``_autodeploy``).
_OTHER_CLASSES = frozenset({"--custom_module_dirs", "--backend"})
_OPTION_FILES = ("--config", "--extra_llm_api_options")
# /prometheus/metrics is there only with return_perf_metrics, and the queue in it only with the other
# (NVIDIA/TensorRT-LLM@00057725 tensorrt_llm/serve/openai_server.py: register_routes, _iteration_stats_collector_loop).
# A file with an option that a release lacks stops it (``StrictBaseModel``, llmapi/llm_args.py).
_WITH_METRICS = (
    "printf 'return_perf_metrics: true\\nenable_iter_perf_stats: true\\n' >/tmp/llminfra.yaml "
    '&& exec trtllm-serve serve "$@" --extra_llm_api_options=/tmp/llminfra.yaml'
)

# ``return_perf_metrics`` and /prometheus/metrics came with NVIDIA/TensorRT-LLM#5785, merged in August 2025; the first
# release that was seen with both is 1.1.0rc5 (docs.nvidia.com/dynamo/v-0-7-0, TensorRT-LLM Prometheus Metrics).
_FIRST_SERIES = (1, 1)
# The queue and the cache are no series before 1.3: #11243 and #12545, merged in February and March 2026, when 1.3.0rc10
# was being made and 1.2 had its branch; vllm-project/aibrix#2004 shows what releases before that have.
_FIRST_QUEUE = (1, 3)
_RELEASE = re.compile(r"v?(\d+)\.(\d+)\.\d")


def named_release(image: Image) -> tuple[int, ...]:
    """First two numbers of the release, where the image is NVIDIA's and its tag says them; empty where not."""
    numbers = _RELEASE.match(image.tag or "")
    named = "tensorrt-llm" in image.repository.lower()
    return (int(numbers[1]), int(numbers[2])) if named and numbers else ()


def brings_its_own(engine: TensorRTLLM) -> bool:
    """Whether the server is told of model classes beside those of its PyTorch backend."""
    return any(flag_name(engine.kind, item, None) in _OTHER_CLASSES for item in engine.extra_args)


def _has(image: Image, first: tuple[int, int]) -> bool:
    """Whether the image is of that release or a later one, as far as a name of NVIDIA's and its tag tell."""
    numbers = named_release(image)
    return not numbers or numbers >= first


class TensorRtLlmAdapter:
    """Adapter for :class:`llminfra.spec.engines.tensorrt_llm.TensorRTLLM`."""

    def invoke(self, job: ServingJob) -> Invocation:
        """The ``trtllm-serve`` container of the job."""
        engine, release = engine_of(job, TensorRTLLM)
        server = release.info.server
        queue = _has(engine.image, _FIRST_QUEUE)
        return Invocation(
            image_repository=engine.image.repository,
            image_tag=engine.image.tag,
            image_digest=engine.image.digest,
            command=_command(engine),
            args=tuple(_args(job, engine)),
            env={**({} if job.from_hub else {"HF_HUB_OFFLINE": "1"}), **engine.env},
            cache_env=dict(LIBRARY_CACHES),
            secret_env=secret_env(job, api_key=None),
            port=PORT,
            startup=startup_probe(job, server.health_path, PORT),
            readiness=ready_probe(server.ready_path, PORT),
            liveness=live_probe(server.health_path, PORT),
            metrics=Metrics(
                port=PORT,
                path=server.metrics_path or "/prometheus/metrics",
                waiting="trtllm_num_requests_waiting" if queue else None,
                running=None,
                kv_usage="trtllm_kv_cache_utilization" if queue else None,
            )
            if _has(engine.image, _FIRST_SERIES)
            else None,
            drain_flag_s=job.drain_s,
            run_as_user=RUN_AS_USER,
        )

    def unknown_options(self, endpoint: Endpoint, release: EngineRelease | None) -> tuple[UnknownOption, ...]:
        """Options in ``extra_args`` and ``TRTLLM_*`` variables that the recorded commit lacks."""
        return unknown_options(endpoint, release, own_env="TRTLLM_")


def _command(engine: TensorRTLLM) -> tuple[str, ...]:
    """The server with its time series, which it shows only where a file of options says so; a user's own file stays."""
    if not _has(engine.image, _FIRST_SERIES) or any(
        flag_name(engine.kind, item, None) in _OPTION_FILES for item in engine.extra_args
    ):
        return ("trtllm-serve", "serve")
    return ("sh", "-c", _WITH_METRICS, "trtllm-serve")


def _args(job: ServingJob, engine: TensorRTLLM) -> list[str]:
    args = [
        job.model_argument,
        "--host=0.0.0.0",
        f"--port={PORT}",
        "--backend=pytorch",
        f"--tp_size={job.parallelism.tensor}",
        f"--pp_size={job.parallelism.pipeline}",
        f"--max_seq_len={job.max_model_len}",
        f"--max_batch_size={job.max_num_seqs}",
        f"--kv_cache_free_gpu_memory_fraction={job.gpu_memory_utilization:g}",
    ]
    if engine.max_num_batched_tokens:
        args.append(f"--max_num_tokens={engine.max_num_batched_tokens}")
    if job.parallelism.expert:
        args.append(f"--ep_size={job.parallelism.tensor}")
    if job.endpoint.model.trust_remote_code:
        args.append("--trust_remote_code")
    if job.revision and job.from_hub:
        args.append(f"--revision={job.revision}")
    return [*args, *engine.extra_args]
