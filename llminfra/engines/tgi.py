"""Text Generation Inference, by version: in maintenance mode, one node, no pipeline parallelism.

Sources: flags as recorded in ``catalog/data/engines/tgi.json`` (huggingface/text-generation-inference
docs/source/reference/launcher.md); the image listens on port 80, which needs no privilege in a pod's own network
namespace, but llminfra moves it to 8080; it cannot run as a non-root user since 3.1
(huggingface/text-generation-inference#3082).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.engines.invocation import Invocation, Metrics
from llminfra.engines.shared import (
    engine_of,
    image_of,
    live_probe,
    ready_probe,
    secret_env,
    startup_probe,
    unknown_options,
)
from llminfra.spec.engines.tgi import TGI

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.job import ServingJob, UnknownOption
    from llminfra.spec.endpoint import Endpoint

PORT = 8080
# launcher/src/main.rs KVCacheDtype: the name that PyTorch has for it.
_CACHE_TYPES = {"fp8": "fp8_e4m3fn", "fp8_e4m3": "fp8_e4m3fn"}


class TgiAdapter:
    """Adapter for :class:`llminfra.spec.engines.tgi.TGI`."""

    def invoke(self, job: ServingJob) -> Invocation:
        """The launcher's container.

        Raises:
            NoImageError: The job spans nodes, which TGI cannot.
        """
        engine, release = engine_of(job, TGI)
        repository, tag, digest = image_of(job, engine)
        server = release.info.server
        return Invocation(
            image_repository=repository,
            image_tag=tag,
            image_digest=digest,
            command=("text-generation-launcher",),
            args=tuple(_args(job, engine, release)),
            env={
                **({} if job.from_hub else {"HF_HUB_OFFLINE": "1"}),
                **({} if engine.prefix_caching else _without_shared_prompts(release)),
                **engine.env,
            },
            cache_env={"HF_HOME": "huggingface", "TRITON_CACHE_DIR": "triton"},
            secret_env=secret_env(job, api_key="API_KEY"),
            port=PORT,
            startup=startup_probe(job, server.health_path, PORT),
            readiness=ready_probe(server.ready_path, PORT),
            liveness=live_probe(server.health_path, PORT),
            metrics=Metrics(
                port=PORT,
                path=server.metrics_path or "/metrics",
                waiting="tgi_queue_size",
                running="tgi_batch_current_size",
                kv_usage=None,
            ),
            drain_flag_s=job.drain_s,
            run_as_user=0,
        )

    def unknown_options(self, endpoint: Endpoint, release: EngineRelease | None) -> tuple[UnknownOption, ...]:
        """Flags in ``extra_args`` that the version lacks."""
        return unknown_options(endpoint, release, own_env="TGI_")


def _without_shared_prompts(release: EngineRelease) -> dict[str, str]:
    """Prompts are shared unless a variable says otherwise, or the model cannot.

    ``resolve_attention`` of launcher/src/main.rs at each tag: ``USE_PREFIX_CACHING`` in 2.3, ``PREFIX_CACHING`` since
    2.4, which brought the flag for the cache's type, too.
    """
    return {"PREFIX_CACHING" if release.knows_flag("--kv-cache-dtype") else "USE_PREFIX_CACHING": "0"}


def _args(job: ServingJob, engine: TGI, release: EngineRelease) -> list[str]:
    args = [
        f"--model-id={job.model_argument}",
        "--hostname=0.0.0.0",
        f"--port={PORT}",
        f"--num-shard={job.parallelism.tensor}",
        f"--max-input-tokens={job.max_model_len - 1}",
        f"--max-total-tokens={job.max_model_len}",
        f"--max-concurrent-requests={job.max_num_seqs}",
        f"--cuda-memory-fraction={job.gpu_memory_utilization:g}",
    ]
    if release.knows_flag("--graceful-termination-timeout"):
        args.append(f"--graceful-termination-timeout={job.drain_s}")
    if engine.max_num_batched_tokens:
        args.append(f"--max-batch-prefill-tokens={engine.max_num_batched_tokens}")
    if job.quantize_at_load:
        args.append(f"--quantize={job.quantize_at_load}")
    if job.dtype != "auto":
        args.append(f"--dtype={job.dtype}")
    if engine.kv_cache_dtype != "auto":
        args.append(f"--kv-cache-dtype={_CACHE_TYPES.get(engine.kv_cache_dtype, engine.kv_cache_dtype)}")
    if engine.enforce_eager:
        args.append("--cuda-graphs=0")
    if job.endpoint.model.trust_remote_code:
        args.append("--trust-remote-code")
    if job.revision and job.from_hub:
        args.append(f"--revision={job.revision}")
    return [*args, *engine.extra_args]
