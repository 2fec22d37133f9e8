"""vLLM's OpenAI-compatible server, by version.

Sources: flags and environment per version as recorded in ``catalog/data/engines/vllm.json``; drain after
vllm-project/vllm#43208 (``--shutdown-timeout``, whose default 0 aborts running requests); liveness after
vllm-project/vllm#17386 (probes that kill a loading pod); the streaming loader after
run-ai/runai-model-streamer docs/src/env-vars.md; kernels after vllm 0.27.1 vllm/compilation/backends.py
(``VLLM_CACHE_ROOT/torch_compile_cache``) and docs/design/torch_compile.md, which says that the folder may be copied;
vllm/utils/deep_gemm.py 0.10.1 to 0.33.0 (``VLLM_CACHE_ROOT/deep_gemm``, what DeepGEMM compiles for FP8 in blocks).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

from llminfra.engines.invocation import Invocation, Metrics
from llminfra.engines.shared import (
    LIBRARY_CACHES,
    LIBRARY_KERNELS,
    RUN_AS_USER,
    efa_env,
    engine_of,
    image_of,
    live_probe,
    ready_probe,
    secret_env,
    startup_probe,
    unknown_options,
)
from llminfra.engines.vllm_cache_transfer import PORT, cache_args, cache_env, cache_field_env, listens_on
from llminfra.engines.vllm_ranks import ranks_of
from llminfra.engines.vllm_tasks import task_args
from llminfra.spec.engines.vllm import VLLM, Modality

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.job import ServingJob, UnknownOption
    from llminfra.spec.endpoint import Endpoint

# The last is TileLang's own (TILELANG_CACHE_DIR of tilelang/env.py 0.1.12), which compiles for DeepSeek V4.
_KERNELS = (
    "vllm/torch_compile_cache",
    "vllm/flashinfer_autotune_cache",
    "vllm/deep_gemm",
    "home/.tilelang/cache",
)
# vllm-project/vllm vllm/config/lora.py: MaxLoRARanks (releases before 0.12 lack 1, and the oldest 320 and 512).
_LORA_RANKS = (8, 16, 32, 64, 128, 256, 512)
_STREAM_CONCURRENCY = 16
# Share of the pod's memory that the streamer may buffer: the rest is for the process, /dev/shm and page cache.
_STREAM_MEMORY_SHARE = 0.25
# Without it vLLM refuses methods that it is about to drop: _verify_quantization of vllm/config/model.py since 0.14.0.
_KNOWINGLY = "--allow-deprecated-quantization"


class VllmAdapter:
    """Adapter for :class:`llminfra.spec.engines.vllm.VLLM`."""

    def invoke(self, job: ServingJob) -> Invocation:
        """The ``vllm serve`` container of the job.

        Raises:
            NoImageError: The job needs EFA, and neither the spec nor the catalog has an image with its userspace.
        """
        engine, release = engine_of(job, VLLM)
        repository, tag, digest = image_of(job, engine)
        ranks = ranks_of(job, engine, release)
        common = _common_args(job, engine, release)
        port = listens_on(job)
        return Invocation(
            image_repository=repository,
            image_tag=tag,
            image_digest=digest,
            command=ranks.command,
            args=(*common, *ranks.leader_args),
            worker_command=ranks.worker_command,
            worker_args=(*common, *ranks.worker_args) if job.nodes > 1 and ranks.worker_serves else (),
            env=_env(job, engine, release),
            field_env=({"VLLM_HOST_IP": "status.podIP"} if job.nodes > 1 else {}) | cache_field_env(job),
            cache_env={**LIBRARY_CACHES, "VLLM_CACHE_ROOT": "vllm"},
            secret_env=secret_env(job, api_key="VLLM_API_KEY"),
            port=PORT,
            startup=startup_probe(job, "/health", port),
            readiness=ready_probe("/health", port),
            liveness=live_probe("/health", port),
            worker_probe=ranks.probe,
            metrics=_metrics(release, port, cached=job.cached),
            drain_flag_s=job.drain_s,
            run_as_user=RUN_AS_USER,
            added_capabilities=("IPC_LOCK",) if job.efa and job.role is None else (),
            privileged=job.role is not None,
            kernel_folders=(*_KERNELS, *LIBRARY_KERNELS),
        )

    def unknown_options(self, endpoint: Endpoint, release: EngineRelease | None) -> tuple[UnknownOption, ...]:
        """Flags in ``extra_args`` and ``VLLM_*`` variables in ``env`` that the version lacks."""
        return unknown_options(endpoint, release, own_env="VLLM_")


def _common_args(job: ServingJob, engine: VLLM, release: EngineRelease) -> list[str]:
    args = [
        job.model_argument,
        "--host=0.0.0.0",
        f"--port={listens_on(job)}",
        f"--served-model-name={job.served_name}",
        f"--tensor-parallel-size={job.parallelism.tensor}",
        f"--max-model-len={job.max_model_len}",
        f"--gpu-memory-utilization={job.gpu_memory_utilization:g}",
        f"--max-num-seqs={job.max_num_seqs}",
    ]
    if job.parallelism.pipeline > 1:
        args.append(f"--pipeline-parallel-size={job.parallelism.pipeline}")
    if job.parallelism.data > 1:
        args.append(f"--data-parallel-size={job.parallelism.data}")
    if job.parallelism.expert:
        args.append("--enable-expert-parallel")
    if engine.max_num_batched_tokens:
        args.append(f"--max-num-batched-tokens={engine.max_num_batched_tokens}")
    if job.quantize_at_load:
        args.append(f"--quantization={job.quantize_at_load}")
    if job.quantization and release.deprecates(job.quantization) and _KNOWINGLY not in engine.extra_args:
        args.append(_KNOWINGLY)
    if job.dtype != "auto":
        args.append(f"--dtype={job.dtype}")
    if engine.kv_cache_dtype != "auto":
        args.append(f"--kv-cache-dtype={engine.kv_cache_dtype}")
    if not engine.prefix_caching:
        args.append("--no-enable-prefix-caching")
    if engine.enforce_eager:
        args.append("--enforce-eager")
    if job.endpoint.model.trust_remote_code:
        args.append("--trust-remote-code")
    if job.from_local_disks:
        loader = json.dumps({"concurrency": _STREAM_CONCURRENCY})
        args += ["--load-format=runai_streamer", f"--model-loader-extra-config={loader}"]
    elif job.from_object_storage:
        loader = json.dumps({"distributed": job.parallelism.tensor > 1, "concurrency": _STREAM_CONCURRENCY})
        args += ["--load-format=runai_streamer", f"--model-loader-extra-config={loader}"]
    elif job.revision and job.from_hub:
        args.append(f"--revision={job.revision}")
    args += task_args(release, job.task, job.architecture)
    args += _media_args(engine, release)
    args += _lora_args(job)
    args += cache_args(job)
    if release.knows_flag("--shutdown-timeout"):
        args.append(f"--shutdown-timeout={job.drain_s}")
    if release.knows_flag("--disable-access-log-for-endpoints"):
        args.append("--disable-access-log-for-endpoints=/health,/metrics,/ping")
    return [*args, *engine.extra_args]


def _media_args(engine: VLLM, release: EngineRelease) -> list[str]:
    """Limits of images, videos and clips."""
    if engine.language_model_only and release.knows_flag("--language-model-only"):
        return ["--language-model-only"]
    limits = dict.fromkeys(get_args(Modality), 0) if engine.language_model_only else engine.limit_mm_per_prompt
    return [f"--limit-mm-per-prompt={json.dumps(limits)}"] if limits else []


def lora_rank(most: int) -> int:
    """The least rank that vLLM has kernels for and that holds adapters of ``most``."""
    return next(rank for rank in _LORA_RANKS if rank >= most)


def _lora_args(job: ServingJob) -> list[str]:
    """Static adapters, all of them in host memory and so many on the GPU: the rank that vLLM allocates is of a list."""
    if not job.adapters:
        return []
    most, count = max(item.rank for item in job.adapters), len(job.adapters)
    return [
        "--enable-lora",
        f"--max-loras={job.adapters_on_gpu or count}",
        f"--max-cpu-loras={count}",
        f"--max-lora-rank={lora_rank(most)}",
        "--lora-modules",
        *(f"{item.name}={item.path}" for item in job.adapters),
    ]


def _env(job: ServingJob, engine: VLLM, release: EngineRelease) -> dict[str, str]:
    env = {"VLLM_NO_USAGE_STATS": "1"}
    if job.from_object_storage or job.from_local_disks:
        env["RUNAI_STREAMER_MEMORY_LIMIT"] = str(int(job.pod_memory_mib * 2**20 * _STREAM_MEMORY_SHARE))
    if job.from_object_storage:
        env["AWS_DEFAULT_REGION"] = job.region
    elif not job.from_hub:
        env["HF_HUB_OFFLINE"] = "1"
    env |= cache_env(job)
    if job.nodes > 1 and release.knows_env("VLLM_ENGINE_READY_TIMEOUT_S"):
        env["VLLM_ENGINE_READY_TIMEOUT_S"] = str(job.startup_budget_s)
    return env | efa_env(job) | engine.env


def _metrics(release: EngineRelease, port: int, *, cached: bool) -> Metrics:
    usage = next(
        (name for name in ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc") if release.knows_metric(name)), None
    )
    return Metrics(
        port=port,
        path="/metrics",
        waiting="vllm:num_requests_waiting",
        running="vllm:num_requests_running",
        kv_usage=usage if cached else None,
    )
