"""Weights that are copied to the instance before the engine starts: on EC2 by a unit of ours, else by SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from llminfra.planning.plan.serving import WeightsPlan
from llminfra.planning.storage.load_rates import disk_mb_per_s, hub_rate, s3_rate

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.models.storage import Storage

EC2_MODELS = "/weights"
"""Where the container sees the copied model on EC2."""
SAGEMAKER_MODEL = "/opt/ml/model"
"""Where SageMaker puts a model (SageMaker AI Developer Guide, "How SageMaker AI loads your model artifacts")."""


def copied_weights(
    endpoint: Endpoint,
    instance: InstanceType,
    storage: tuple[Storage, ...],
    findings: Findings,
    *,
    revision: str | None,
    bytes_total: int,
    place: Literal["ec2", "sagemaker"],
) -> WeightsPlan:
    """The declared bucket or the platform's first one, copied to the local disk; without a bucket the Hub."""
    chosen = endpoint.weights
    if chosen is not None and chosen.kind == "nvme":
        findings.error(
            "LLM_STO_22",
            endpoint,
            f"endpoints.{endpoint.name}.weights",
            "LocalNvme is a copy that pods of a node share, and this endpoint has no pods",
            found=f"LocalNvme for an endpoint on {instance.name} without Kubernetes",
            expected="a ModelBucket, whose objects are copied to the instance's own disk anyway",
            fix=f"use weights={chosen.source.name!r} without LocalNvme",
        )
        chosen = chosen.source
    if chosen is not None and chosen.kind == "lustre":
        findings.error(
            "LLM_STO_22",
            endpoint,
            f"endpoints.{endpoint.name}.weights",
            "a Lustre file system is mounted by pods of the cluster alone",
            found=f"{chosen.name!r} for an endpoint on {instance.name} without Kubernetes",
            expected="a ModelBucket, whose objects are copied to the instance's own disk",
            fix="name the bucket that the file system is linked to, or leave weights out",
        )
        chosen = None
    disk = disk_mb_per_s(instance)
    what = f"local NVMe ({instance.nvme_disks})" if instance.nvme_disks else "a gp3 volume"
    bucket = chosen or next((item for item in storage if item.kind == "bucket"), None)
    if bucket is None or bucket.kind != "bucket":
        return WeightsPlan(
            kind="hub",
            storage=None,
            model_argument=endpoint.model.id,
            key=None,
            mount_path=None,
            bytes_total=bytes_total,
            read_mb_per_s=1 / (1 / min(hub_rate(instance).mb_per_s, disk) + 1 / disk),
            read_source=f"from the Hugging Face Hub to {what}, at the assumed rate, then read at {disk:,.0f} MB/s",
        )
    key = f"{bucket.prefix}/{endpoint.model.id}/{revision or 'main'}"
    source = s3_rate(instance)
    rate = min(source.mb_per_s, disk)
    path = SAGEMAKER_MODEL if place == "sagemaker" else f"{EC2_MODELS}/{key}"
    return WeightsPlan(
        kind="copied",
        storage=bucket.name,
        model_argument=path,
        key=key,
        mount_path=path,
        bytes_total=bytes_total,
        # Copied first and read then: both take their time, one after the other.
        read_mb_per_s=1 / (1 / rate + 1 / disk),
        read_source=f"copied from S3 at {rate:,.0f} MB/s ({source.why}) to {what}, then read at {disk:,.0f} MB/s",
    )
