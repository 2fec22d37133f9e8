"""Where an endpoint reads its weights from, and how fast that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.plan.serving import WeightsPlan
from llminfra.planning.storage.load_rates import hub_rate, lustre_rate, mountpoint_rate, s3_rate
from llminfra.planning.storage.node_cache import nvme_weights

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import LustrePlan, PoolPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.models.storage import LocalNvme, ModelBucket, Storage

WEIGHTS_MOUNT = "/mnt/weights"


def has_own_loader(engine: str, method: str | None) -> bool:
    """Whether the weights are quantized by a loader that is not the streaming one.

    vLLM takes its loader for bitsandbytes whatever ``--load-format`` says, and then refuses a bucket
    (``create_load_config`` of vllm/engine/arg_utils.py 0.8.5 to 0.27.1, vllm/config/vllm.py); SGLang has one for it,
    too (sglang 0.5.17 sglang/srt/model_loader/loader.py).
    """
    return method == "bitsandbytes" and engine in {"vllm", "sglang"}


def plan_weights(
    endpoint: Endpoint,
    pool: PoolPlan,
    storage: tuple[Storage, ...],
    lustre: tuple[LustrePlan, ...],
    *,
    revision: str | None,
    bytes_total: int,
    streams: bool,
    streams_files: bool,
    findings: Findings,
) -> WeightsPlan | None:
    """The declared storage, or else the fastest that the pool can reach: Lustre in its zone, a bucket, the Hub.

    An engine that does not read object storage itself (``streams`` is false) sees the bucket through Mountpoint for S3.
    ``None`` with a finding where the declared storage cannot be used.
    """
    chosen: Storage | LocalNvme | None = endpoint.weights
    reachable = [item for item in lustre if item.zone in pool.zones and len(pool.zones) == 1]
    if chosen is None and reachable:
        chosen = reachable[0].spec
    if chosen is None:
        chosen = next((item for item in storage if item.kind == "bucket"), None)
    folder = f"{endpoint.model.id}/{revision or 'main'}"
    if chosen is None:
        hub = hub_rate(pool.main_type)
        return WeightsPlan(
            kind="hub",
            storage=None,
            model_argument=endpoint.model.id,
            key=None,
            mount_path=None,
            bytes_total=bytes_total,
            read_mb_per_s=hub.mb_per_s,
            read_source=hub.why,
        )
    if chosen.kind == "nvme":
        return nvme_weights(
            endpoint,
            chosen,
            pool,
            findings,
            mount=f"{WEIGHTS_MOUNT}/{chosen.source.prefix}/{folder}",
            revision=revision,
            bytes_total=bytes_total,
            streams=streams_files,
        )
    if chosen.kind == "lustre":
        plan = next((item for item in lustre if item.spec == chosen), None)
        rate = plan.throughput_mb_per_s if plan else 0.0
        client = lustre_rate(pool.main_type)
        prefix = f"{chosen.source.prefix}/" if chosen.source else ""
        return WeightsPlan(
            kind="lustre",
            storage=chosen.name,
            model_argument=f"{WEIGHTS_MOUNT}/{prefix}{folder}",
            key=f"{prefix}{folder}" if prefix else None,
            mount_path=WEIGHTS_MOUNT,
            bytes_total=bytes_total,
            read_mb_per_s=max(1.0, min(rate, client.mb_per_s)),
            read_source=f"FSx for Lustre baseline {_baseline(plan)}, {client.why}",
        )
    return from_bucket(chosen, folder, bytes_total, pool.main_type, streams=streams)


def _baseline(plan: LustrePlan | None) -> str:
    if plan is None:
        return "unknown"
    size = f"{plan.capacity_gib:,} GiB at {plan.throughput_mbps_per_tib:,} MB/s per TiB"
    return f"{plan.throughput_mb_per_s:,.0f} MB/s ({size})"


def from_bucket(
    bucket: ModelBucket, folder: str, bytes_total: int, instance: InstanceType, *, streams: bool
) -> WeightsPlan:
    """Weights in a bucket: streamed by the engine, or read as files through Mountpoint for S3."""
    rate = s3_rate(instance) if streams else mountpoint_rate(instance)
    path = f"{WEIGHTS_MOUNT}/{bucket.prefix}/{folder}"
    return WeightsPlan(
        kind="bucket" if streams else "mountpoint",
        storage=bucket.name,
        model_argument=f"s3://{bucket.name}/{bucket.prefix}/{folder}" if streams else path,
        key=f"{bucket.prefix}/{folder}",
        mount_path=None if streams else path,
        bytes_total=bytes_total,
        read_mb_per_s=rate.mb_per_s,
        read_source=rate.why,
    )
