"""SGLang's OpenAI-compatible server, by version.

Sources: flags per version as recorded in ``catalog/data/engines/sglang.json``; the health endpoint generates a token
and takes at least a second, so that Kubernetes' default time-out fails (sglang 0.5.23
sglang/srt/entrypoints/http_server.py); the host defaults to 127.0.0.1 and metrics are off unless asked for; multi-node
after kubernetes-sigs/lws docs/examples/sglang/lws.yaml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.engines.invocation import Invocation, Metrics, Probe
from llminfra.engines.shared import (
    LIBRARY_CACHES,
    LIBRARY_KERNELS,
    RUN_AS_USER,
    efa_env,
    engine_of,
    image_of,
    ready_probe,
    secret_env,
    startup_probe,
    unknown_options,
    worker_probe,
)
from llminfra.spec.engines.sglang import SGLang

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.job import ServingJob, UnknownOption
    from llminfra.spec.endpoint import Endpoint

PORT = 30000
DIST_PORT = 20000
# SGLang's own kernels, those of DeepGEMM and of TVM (sglang 0.5.17 sglang/srt/environ.py: SGLANG_CACHE_DIR and
# SGLANG_DG_CACHE_DIR are below ~/.cache).
_KERNELS_OF_HOME = "home/.cache"


class SglangAdapter:
    """Adapter for :class:`llminfra.spec.engines.sglang.SGLang`."""

    def invoke(self, job: ServingJob) -> Invocation:
        """The ``sglang.launch_server`` container of the job.

        Raises:
            NoImageError: The job needs EFA, and neither the spec nor the catalog has an image with its userspace.
        """
        engine, release = engine_of(job, SGLang)
        repository, tag, digest = image_of(job, engine)
        server = release.info.server
        args = _args(job, engine)
        return Invocation(
            image_repository=repository,
            image_tag=tag,
            image_digest=digest,
            command=("python3", "-m", "sglang.launch_server"),
            args=(*args, *_rank(job, "0")),
            worker_args=(*args, *_rank(job, "$(LWS_WORKER_INDEX)")) if job.nodes > 1 else (),
            env=_env(job, engine),
            cache_env=dict(LIBRARY_CACHES),
            # SGLang takes its key only as a flag; the chart expands the variable from the secret.
            secret_env=secret_env(job, api_key="SGLANG_API_KEY"),
            port=PORT,
            startup=startup_probe(job, server.health_path, PORT, timeout_s=server.probe_timeout_s),
            readiness=_ready_probe(release),
            liveness=Probe(
                path=server.health_path, port=PORT, period_s=30, timeout_s=server.probe_timeout_s, failure_threshold=4
            ),
            worker_probe=worker_probe(job, DIST_PORT) if job.nodes > 1 else None,
            metrics=_metrics(release),
            drain_flag_s=job.drain_s,
            run_as_user=RUN_AS_USER,
            added_capabilities=("IPC_LOCK",) if job.efa else (),
            kernel_folders=(_KERNELS_OF_HOME, *LIBRARY_KERNELS),
        )

    def unknown_options(self, endpoint: Endpoint, release: EngineRelease | None) -> tuple[UnknownOption, ...]:
        """Flags in ``extra_args`` and ``SGLANG_*`` variables in ``env`` that the version lacks."""
        return unknown_options(endpoint, release, own_env="SGLANG_")


def _ready_probe(release: EngineRelease) -> Probe:
    """Releases without a path of their own for it are asked for a token, which takes as long as for liveness."""
    server = release.info.server
    if release.ready_path != server.health_path:
        return ready_probe(release.ready_path, PORT)
    return Probe(path=server.health_path, port=PORT, period_s=10, timeout_s=server.probe_timeout_s, failure_threshold=3)


def _args(job: ServingJob, engine: SGLang) -> list[str]:
    args = [
        f"--model-path={job.model_argument}",
        "--host=0.0.0.0",
        f"--port={PORT}",
        f"--served-model-name={job.served_name}",
        f"--tp-size={job.parallelism.tensor}",
        f"--context-length={job.max_model_len}",
        f"--mem-fraction-static={job.gpu_memory_utilization:g}",
        f"--max-running-requests={job.max_num_seqs}",
        "--enable-metrics",
    ]
    if job.parallelism.pipeline > 1:
        args.append(f"--pp-size={job.parallelism.pipeline}")
    if job.parallelism.data > 1:
        args.append(f"--dp-size={job.parallelism.data}")
    if job.parallelism.expert:
        args.append(f"--ep-size={job.parallelism.tensor}")
    if engine.max_num_batched_tokens:
        args.append(f"--chunked-prefill-size={engine.max_num_batched_tokens}")
    if job.quantize_at_load:
        args.append(f"--quantization={job.quantize_at_load}")
    if job.dtype != "auto":
        args.append(f"--dtype={job.dtype}")
    if engine.kv_cache_dtype != "auto":
        args.append(f"--kv-cache-dtype={'fp8_e4m3' if engine.kv_cache_dtype == 'fp8' else engine.kv_cache_dtype}")
    if not engine.prefix_caching:
        args.append("--disable-radix-cache")
    if engine.enforce_eager:
        args.append("--disable-cuda-graph")
    if job.endpoint.model.trust_remote_code:
        args.append("--trust-remote-code")
    if job.from_object_storage:
        args.append("--load-format=runai_streamer")
    elif job.revision and job.from_hub:
        args.append(f"--revision={job.revision}")
    if job.adapters:
        args += [
            "--enable-lora",
            f"--max-loras-per-batch={job.adapters_on_gpu or len(job.adapters)}",
            f"--max-lora-rank={max(item.rank for item in job.adapters)}",
            "--lora-paths",
            *(f"{item.name}={item.path}" for item in job.adapters),
        ]
    if job.endpoint.api_key is not None:
        args.append("--api-key=$(SGLANG_API_KEY)")
    return [*args, *engine.extra_args]


def _rank(job: ServingJob, rank: str) -> tuple[str, ...]:
    if job.nodes == 1:
        return ()
    return ("--nnodes=$(LWS_GROUP_SIZE)", f"--node-rank={rank}", f"--dist-init-addr=$(LWS_LEADER_ADDRESS):{DIST_PORT}")


def _env(job: ServingJob, engine: SGLang) -> dict[str, str]:
    env: dict[str, str] = {}
    if job.from_object_storage:
        env["AWS_DEFAULT_REGION"] = job.region
    elif not job.from_hub:
        env["HF_HUB_OFFLINE"] = "1"
    return env | efa_env(job) | engine.env


def _metrics(release: EngineRelease) -> Metrics:
    def known(name: str) -> str | None:
        return name if release.knows_metric(name) else None

    return Metrics(
        port=PORT,
        path="/metrics",
        waiting=known("sglang:num_queue_reqs"),
        running=known("sglang:num_running_reqs"),
        kv_usage=known("sglang:token_usage"),
    )
