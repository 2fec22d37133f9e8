"""DeepSpeed: MII's OpenAI-compatible server in an image that the user names, and DJL Serving's LMI container.

Sources: deepspeedai/DeepSpeed-MII mii/config.py and mii/entrypoints/openai_api_server.py (dormant since 2025);
deepjavalibrary/djl-serving serving/docs/lmi (``OPTION_*`` variables; vLLM inside, by its asynchronous entry point).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.engines.invocation import Invocation
from llminfra.engines.shared import (
    LIBRARY_CACHES,
    RUN_AS_USER,
    image_of,
    live_probe,
    ready_probe,
    secret_env,
    startup_probe,
    unknown_options,
)
from llminfra.spec.engines.deepspeed import DeepSpeedMII, DJLServing

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.job import ServingJob, UnknownOption
    from llminfra.spec.endpoint import Endpoint

MII_PORT = 8000
DJL_PORT = 8080


class MiiAdapter:
    """Adapter for :class:`llminfra.spec.engines.deepspeed.DeepSpeedMII`."""

    def invoke(self, job: ServingJob) -> Invocation:
        """The OpenAI server's container; it has no metrics, so nothing can scale it but GPU metrics."""
        engine = job.endpoint.engine
        if not isinstance(engine, DeepSpeedMII):
            msg = f"the MII adapter was given {type(engine).__name__}"
            raise TypeError(msg)
        args = [
            f"--model={job.model_argument}",
            "--host=0.0.0.0",
            f"--port={MII_PORT}",
            f"--tensor-parallel={job.parallelism.tensor}",
            f"--max-length={job.max_model_len}",
        ]
        if job.endpoint.api_key is not None:  # a flag alone: deepspeed-mii 0.3.3 mii/entrypoints/openai_api_server.py
            args.append("--api-keys=$(MII_API_KEY)")
        return Invocation(
            image_repository=engine.image.repository,
            image_tag=engine.image.tag,
            image_digest=engine.image.digest,
            command=("python3", "-m", "mii.entrypoints.openai_api_server"),
            args=(*args, *engine.extra_args),
            env={**({} if job.from_hub else {"HF_HUB_OFFLINE": "1"}), **engine.env},
            cache_env=dict(LIBRARY_CACHES),
            secret_env=secret_env(job, api_key="MII_API_KEY"),
            port=MII_PORT,
            startup=startup_probe(job, "/health", MII_PORT),
            readiness=ready_probe("/health", MII_PORT),
            liveness=live_probe("/health", MII_PORT, timeout_s=5),
            drain_flag_s=job.drain_s,
            run_as_user=RUN_AS_USER,
        )

    def unknown_options(self, endpoint: Endpoint, release: EngineRelease | None) -> tuple[UnknownOption, ...]:
        """Flags in ``extra_args`` that the server lacks."""
        return unknown_options(endpoint, release, own_env=None)


class DjlAdapter:
    """Adapter for :class:`llminfra.spec.engines.deepspeed.DJLServing`."""

    def invoke(self, job: ServingJob) -> Invocation:
        """The LMI container, set up by environment alone.

        Raises:
            NoImageError: The catalog has no image for the version.
        """
        engine = job.endpoint.engine
        if not isinstance(engine, DJLServing):
            msg = f"the DJL adapter was given {type(engine).__name__}"
            raise TypeError(msg)
        repository, tag, digest = image_of(job, engine)
        return Invocation(
            image_repository=_in_region(repository, job.region),
            image_tag=tag,
            image_digest=digest,
            command=(),
            args=(),
            env=_djl_env(job, engine),
            cache_env={**LIBRARY_CACHES, "VLLM_CACHE_ROOT": "vllm", "DJL_CACHE_DIR": "djl"},
            secret_env=secret_env(job, api_key=None),
            port=DJL_PORT,
            startup=startup_probe(job, "/ping", DJL_PORT),
            readiness=ready_probe("/ping", DJL_PORT),
            liveness=live_probe("/ping", DJL_PORT, timeout_s=5),
            drain_flag_s=job.drain_s,
            run_as_user=RUN_AS_USER,
        )

    def unknown_options(self, endpoint: Endpoint, release: EngineRelease | None) -> tuple[UnknownOption, ...]:
        """Nothing can be unknown: ``OPTION_*`` variables are passed to vLLM by name."""
        del endpoint, release
        return ()


def _djl_env(job: ServingJob, engine: DJLServing) -> dict[str, str]:
    env = {
        "HF_MODEL_ID": job.model_argument,
        "TENSOR_PARALLEL_DEGREE": str(job.parallelism.tensor),
        "OPTION_ROLLING_BATCH": "disable",
        "SERVING_FAIL_FAST": "true",
        "OPTION_MAX_MODEL_LEN": str(job.max_model_len),
        "OPTION_MAX_ROLLING_BATCH_SIZE": str(job.max_num_seqs),
        "OPTION_GPU_MEMORY_UTILIZATION": f"{job.gpu_memory_utilization:g}",
        "OPTION_MODEL_LOADING_TIMEOUT": str(job.startup_budget_s),
        "OPTION_ENTRYPOINT": "djl_python.lmi_vllm.vllm_async_service",
        "OPTION_ASYNC_MODE": "true",
        # Requests go to the one model that is loaded (InferenceRequestHandler.java), where vLLM refuses every name but
        # its own: "lmi", unless it is told one (djl_python/lmi_vllm/vllm_async_service.py, 0.35.0 and 0.36.0).
        "OPTION_SERVED_MODEL_NAME": job.served_name,
    }
    # All but the first are passed to vLLM as they are (serving/docs/lmi/user_guides/vllm_user_guide.md).
    if engine.max_num_batched_tokens:
        env["OPTION_MAX_ROLLING_BATCH_PREFILL_TOKENS"] = str(engine.max_num_batched_tokens)
    if engine.kv_cache_dtype != "auto":
        env["OPTION_KV_CACHE_DTYPE"] = engine.kv_cache_dtype
    if not engine.prefix_caching:
        env["OPTION_ENABLE_PREFIX_CACHING"] = "false"
    if engine.enforce_eager:
        env["OPTION_ENFORCE_EAGER"] = "true"
    if job.parallelism.expert:
        env["OPTION_ENABLE_EXPERT_PARALLEL"] = "true"
    if job.quantize_at_load:
        env["OPTION_QUANTIZE"] = job.quantize_at_load
    if job.dtype != "auto":
        env["OPTION_DTYPE"] = job.dtype
    if job.endpoint.model.trust_remote_code:
        env["OPTION_TRUST_REMOTE_CODE"] = "true"
    if job.revision and job.from_hub:
        env["OPTION_REVISION"] = job.revision
    if job.from_object_storage:
        env["AWS_DEFAULT_REGION"] = job.region
    return env | engine.env


def _in_region(repository: str, region: str) -> str:
    """AWS's container registries are per region; the account is the same where it is us-west-2's."""
    from llminfra.catalog import regions  # noqa: PLC0415  # only this engine's images are in a regional registry

    home = regions.get(region)
    registry, slash, name = repository.partition("/")
    if home is None or home.dlc_registry is None or ".ecr." not in registry:
        return repository
    return f"{home.dlc_registry}{slash}{name}"
