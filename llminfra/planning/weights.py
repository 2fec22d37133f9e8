"""Where an endpoint reads its weights from, and how fast that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.endpoint_plan import WeightsPlan
from llminfra.planning.facts import number
from llminfra.planning.load_choices import hub_mb_per_s
from llminfra.planning.node_cache import nvme_weights

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.infrastructure_plan import LustrePlan, PoolPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.storage import LocalNvme, ModelBucket, Storage

WEIGHTS_MOUNT = "/mnt/weights"
_MB_PER_GBIT = 125.0


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
    network_mb_per_s = pool.main_type.network_gbps * _MB_PER_GBIT
    folder = f"{endpoint.model.id}/{revision or 'main'}"
    if chosen is None:
        return WeightsPlan(
            kind="hub",
            storage=None,
            model_argument=endpoint.model.id,
            key=None,
            mount_path=None,
            bytes_total=bytes_total,
            read_mb_per_s=hub_mb_per_s(pool.main_type),
            read_source="download from the Hugging Face Hub (assumed rate)",
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
        client = min(number("cold_start", "lustre_client_mb_per_s"), network_mb_per_s)
        prefix = f"{chosen.source.prefix}/" if chosen.source else ""
        return WeightsPlan(
            kind="lustre",
            storage=chosen.name,
            model_argument=f"{WEIGHTS_MOUNT}/{prefix}{folder}",
            key=f"{prefix}{folder}" if prefix else None,
            mount_path=WEIGHTS_MOUNT,
            bytes_total=bytes_total,
            read_mb_per_s=max(1.0, min(rate, client)),
            read_source=f"FSx for Lustre baseline {rate:,.0f} MB/s, one client at most {client:,.0f} MB/s",
        )
    return _from_bucket(chosen, folder, bytes_total, network_mb_per_s, streams=streams)


def _from_bucket(
    bucket: ModelBucket, folder: str, bytes_total: int, network_mb_per_s: float, *, streams: bool
) -> WeightsPlan:
    measured = number("cold_start", "object_storage_mb_per_s")
    share = network_mb_per_s * number("cold_start", "object_storage_network_share")
    if not streams:
        mounted = min(number("cold_start", "mountpoint_mb_per_s"), share)
        return WeightsPlan(
            kind="mountpoint",
            storage=bucket.name,
            model_argument=f"{WEIGHTS_MOUNT}/{bucket.prefix}/{folder}",
            key=f"{bucket.prefix}/{folder}",
            mount_path=f"{WEIGHTS_MOUNT}/{bucket.prefix}/{folder}",
            bytes_total=bytes_total,
            read_mb_per_s=mounted,
            read_source=f"Mountpoint for S3, assumed {mounted:,.0f} MB/s for one reader",
        )
    return WeightsPlan(
        kind="bucket",
        storage=bucket.name,
        model_argument=f"s3://{bucket.name}/{bucket.prefix}/{folder}",
        key=f"{bucket.prefix}/{folder}",
        mount_path=None,
        bytes_total=bytes_total,
        read_mb_per_s=min(measured, share),
        read_source=f"S3 streaming measured at {measured:,.0f} MB/s, 60 % of this network is {share:,.0f} MB/s",
    )
