"""vLLM's OpenAI-compatible server, by version.

Sources: vLLM command line and environment as recorded per version in ``catalog/data/engines/vllm.json``; probes and
drain after vllm-project/vllm#43208 (``--shutdown-timeout``, default 0 aborts running requests) and
vllm-project/vllm#17386 (liveness probes that kill a loading pod); service links after vllm-project/vllm#34199; the
streaming loader after run-ai/runai-model-streamer docs/src/env-vars.md.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llminfra.engines.invocation import EnvFromSecret, Invocation, Metrics, Probe
from llminfra.engines.job import ServingJob, UnknownOption
from llminfra.spec.engine import VLLM

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease

PORT = 8000
MASTER_PORT = 29501
# The user that the image's files allow; a high id that owns nothing on the node.
RUN_AS_USER = 10001
_STARTUP_PERIOD_S = 10
_STREAM_CONCURRENCY = 16
# Share of the pod's memory that the streamer may buffer: the rest is for the process, /dev/shm and page cache.
_STREAM_MEMORY_SHARE = 0.25

# Every cache that vLLM and its libraries write, so that the container runs as any user (llm-d/llm-d#1430,
# vllm-project/vllm#38552, vllm-project/vllm#9118).
CACHE_ENV = {
    "HOME": "home",
    "HF_HOME": "huggingface",
    "VLLM_CACHE_ROOT": "vllm",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "XDG_CACHE_HOME": "xdg",
    "FLASHINFER_WORKSPACE_BASE": "flashinfer",
}


class VllmAdapter:
    """Adapter for :class:`llminfra.spec.engine.VLLM`."""

    def invoke(self, job: ServingJob) -> Invocation:
        """The ``vllm serve`` container of the job.

        Raises:
            LookupError: The job needs EFA, and neither the spec nor the catalog has an image with its userspace.
        """
        engine = _engine(job)
        release = job.release
        image = engine.image
        default = release.image(efa=job.efa)
        chosen = image or default
        if chosen is None:
            msg = f"vLLM {release.version} has no image with EFA userspace"
            raise LookupError(msg)
        return Invocation(
            image_repository=chosen.repository,
            image_tag=chosen.tag,
            image_digest=chosen.digest,
            command=("vllm", "serve"),
            args=(*_common_args(job, engine), *_leader_args(job)),
            worker_args=(*_common_args(job, engine), *_worker_args()) if job.nodes > 1 else (),
            env=_env(job, engine),
            cache_env=dict(CACHE_ENV),
            secret_env=_secret_env(job),
            port=PORT,
            startup=Probe(
                path="/health",
                port=PORT,
                period_s=_STARTUP_PERIOD_S,
                timeout_s=5,
                failure_threshold=-(-job.startup_budget_s // _STARTUP_PERIOD_S),
            ),
            readiness=Probe(path="/health", port=PORT, period_s=5, timeout_s=5, failure_threshold=3),
            liveness=Probe(path="/health", port=PORT, period_s=10, timeout_s=10, failure_threshold=6),
            worker_probe=_worker_probe(job) if job.nodes > 1 else None,
            metrics=_metrics(release),
            drain_flag_s=job.drain_s,
            run_as_user=RUN_AS_USER,
            run_as_non_root=True,
            added_capabilities=("IPC_LOCK",) if job.efa else (),
            privileged=False,
            model_cache_gib=0,
        )

    def unknown_options(self, job: ServingJob) -> tuple[UnknownOption, ...]:
        """Flags in ``extra_args`` and ``VLLM_*`` variables in ``env`` that the version lacks."""
        engine, release = _engine(job), job.release
        base = f"endpoints.{job.endpoint.name}.engine"
        found = []
        for index, argument in enumerate(engine.extra_args):
            if not argument.startswith("--"):
                continue
            flag = argument.split("=", 1)[0]
            if not release.knows_flag(flag):
                removed = release.removed_in(flag)
                found.append(
                    UnknownOption(
                        path=f"{base}.extra_args[{index}]",
                        name=flag,
                        message=f"vLLM {release.version} does not know the flag {flag}"
                        + (f"; it was removed by {removed}" if removed else ""),
                        fix="remove it, or pin a version that has it",
                    )
                )
        found += [
            UnknownOption(
                path=f"{base}.env.{name}",
                name=name,
                message=f"vLLM {release.version} does not know the variable {name}",
                fix="remove it, or pin a version that has it",
            )
            for name in engine.env
            if name.startswith("VLLM_") and not release.knows_env(name)
        ]
        return tuple(found)


def _engine(job: ServingJob) -> VLLM:
    engine = job.endpoint.engine
    if not isinstance(engine, VLLM):
        msg = f"the vLLM adapter was given {type(engine).__name__}"
        raise TypeError(msg)
    return engine


def _common_args(job: ServingJob, engine: VLLM) -> list[str]:
    release = job.release
    args = [
        job.model_argument,
        "--host=0.0.0.0",
        f"--port={PORT}",
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
    if job.from_object_storage:
        loader = json.dumps({"distributed": job.parallelism.tensor > 1, "concurrency": _STREAM_CONCURRENCY})
        args += ["--load-format=runai_streamer", f"--model-loader-extra-config={loader}"]
    elif job.revision and not job.model_argument.startswith("/"):
        args.append(f"--revision={job.revision}")
    if release.knows_flag("--shutdown-timeout"):
        args.append(f"--shutdown-timeout={job.drain_s}")
    if release.knows_flag("--disable-access-log-for-endpoints"):
        args.append("--disable-access-log-for-endpoints=/health,/metrics,/ping")
    return [*args, *engine.extra_args]


def _leader_args(job: ServingJob) -> tuple[str, ...]:
    if job.nodes == 1:
        return ()
    return (
        "--nnodes=$(LWS_GROUP_SIZE)",
        "--node-rank=0",
        "--master-addr=$(LWS_LEADER_ADDRESS)",
        f"--master-port={MASTER_PORT}",
    )


def _worker_args() -> tuple[str, ...]:
    return (
        "--nnodes=$(LWS_GROUP_SIZE)",
        "--node-rank=$(LWS_WORKER_INDEX)",
        "--master-addr=$(LWS_LEADER_ADDRESS)",
        f"--master-port={MASTER_PORT}",
        "--headless",
    )


def _env(job: ServingJob, engine: VLLM) -> dict[str, str]:
    env = {"VLLM_NO_USAGE_STATS": "1"}
    if job.from_object_storage:
        limit = int(job.pod_memory_mib * 2**20 * _STREAM_MEMORY_SHARE)
        env |= {"RUNAI_STREAMER_MEMORY_LIMIT": str(limit), "AWS_DEFAULT_REGION": job.region}
    if job.model_argument.startswith("/"):
        env["HF_HUB_OFFLINE"] = "1"
    if job.nodes > 1:
        env["VLLM_ENGINE_READY_TIMEOUT_S"] = str(job.startup_budget_s)
    if job.efa:
        env |= {"FI_PROVIDER": "efa", "FI_EFA_USE_HUGE_PAGE": "0", "NCCL_SOCKET_IFNAME": "eth0"}
        env |= {"GLOO_SOCKET_IFNAME": "eth0"}
    return env | engine.env


def _secret_env(job: ServingJob) -> tuple[EnvFromSecret, ...]:
    refs = []
    needs_hub = not job.from_object_storage and not job.model_argument.startswith("/")
    if (token := job.endpoint.model.token) and needs_hub:
        refs.append(EnvFromSecret(name="HF_TOKEN", secret_name=token.name, secret_key=token.key))
    if key := job.endpoint.api_key:
        refs.append(EnvFromSecret(name="VLLM_API_KEY", secret_name=key.name, secret_key=key.key))
    return tuple(refs)


def _worker_probe(job: ServingJob) -> Probe:
    # Headless workers answer no HTTP; a rank whose leader is gone must restart (defilantech/LLMKube#1782).
    dial = (
        f"import os,socket;socket.create_connection((os.environ['LWS_LEADER_ADDRESS'],{MASTER_PORT}),timeout=5).close()"
    )
    return Probe(
        path=None,
        port=MASTER_PORT,
        period_s=_STARTUP_PERIOD_S,
        timeout_s=10,
        failure_threshold=-(-job.startup_budget_s // _STARTUP_PERIOD_S),
        command=("python3", "-c", dial),
    )


def _metrics(release: EngineRelease) -> Metrics:
    usage = next(
        (name for name in ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc") if release.knows_metric(name)), None
    )
    return Metrics(
        port=PORT,
        path="/metrics",
        waiting="vllm:num_requests_waiting",
        running="vllm:num_requests_running",
        kv_usage=usage,
        model_label="model_name",
    )
