"""Volumes with weights, and secrets from a secret store."""

from typing import Annotated, Literal

from pydantic import Field

from llminfra.charts.values import AbsolutePath, ChartValues, DnsLabel, LateStr


class ClaimVolume(ChartValues):
    """A PersistentVolumeClaim that exists already."""

    kind: Literal["claim"] = "claim"
    name: DnsLabel
    mount_path: AbsolutePath
    claim_name: LateStr
    read_only: bool = True


class LustreVolume(ChartValues):
    """A static volume on an FSx for Lustre file system (driver ``fsx.csi.aws.com``).

    Keys as in kubernetes-sigs/aws-fsx-csi-driver:examples/kubernetes/static_provisioning/specs/pv.yaml.
    """

    kind: Literal["lustre"] = "lustre"
    name: DnsLabel
    mount_path: AbsolutePath
    file_system_id: LateStr
    dns_name: LateStr
    mount_name: LateStr
    capacity_gib: int = Field(ge=1200)
    mount_options: list[str] = ["flock"]
    read_only: bool = True


class S3Volume(ChartValues):
    """A bucket through Mountpoint for Amazon S3 (driver ``s3.csi.aws.com``, static volumes only).

    Keys as in awslabs/mountpoint-s3-csi-driver:docs/CONFIGURATION.md and docs/CACHING.md.
    """

    kind: Literal["s3"] = "s3"
    name: DnsLabel
    mount_path: AbsolutePath
    bucket: LateStr
    region: LateStr
    prefix: Annotated[str, Field(pattern=r"^([^/\s][^\s]*/)?$")] = ""
    """Ends with a slash; empty for the whole bucket."""
    authentication_source: Literal["driver", "pod"] = "pod"
    """``pod``: the identity of the workload's service account; ``driver``: that of the CSI driver."""
    metadata_ttl: Annotated[str, Field(pattern=r"^(indefinite|minimal|[0-9]+)$")] = "indefinite"
    """Seconds, or ``indefinite`` for weights that never change under their prefix."""
    cache_gib: int | None = Field(default=None, ge=1)
    """Local cache of the mount, an emptyDir of the Mountpoint pod."""


class NodeVolume(ChartValues):
    """A folder on the disks of whatever node the pod runs on, which all its pods share; the engine only reads it.

    A static ``hostPath`` PersistentVolume behind a claim, because the restricted Pod Security level refuses the same in
    a pod. It must be there (``type: Directory``): a node that was not prepared for it must not fill its root volume.
    """

    kind: Literal["node"] = "node"
    name: DnsLabel
    mount_path: AbsolutePath
    host_path: AbsolutePath
    sub_path: Annotated[str, Field(pattern=r"^[^/\s][^\s]*[^/\s]$")]
    """The part of the folder that the engine sees."""
    capacity_gib: int = Field(ge=1)
    """For the claim; nothing enforces it."""


Volume = Annotated[ClaimVolume | LustreVolume | S3Volume | NodeVolume, Field(discriminator="kind")]


class ExternalSecretItem(ChartValues):
    """One key of the Kubernetes Secret and where its value is in the store."""

    secret_key: LateStr
    remote_key: LateStr
    """Name or ARN of the secret in AWS Secrets Manager."""
    remote_property: str | None = Field(default=None, min_length=1)
    """Field of a JSON secret; ``None`` takes the whole value."""


class ExternalSecret(ChartValues):
    """A Secret that External Secrets fills from a store (``external-secrets.io/v1``)."""

    name: DnsLabel
    """Name of the ExternalSecret and of the Secret it makes."""
    store_name: LateStr
    store_kind: Literal["ClusterSecretStore", "SecretStore"] = "ClusterSecretStore"
    refresh_interval: Annotated[str, Field(pattern=r"^[0-9]+[smh]$")] = "1h"
    data: list[ExternalSecretItem] = Field(min_length=1)
