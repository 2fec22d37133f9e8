"""``SharedWith``: a platform of somebody else that runs on the cluster of this one."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from llminfra.spec.base.spec import Distinct, Prefix, Spec

Provided = Literal[
    "karpenter",
    "keda",
    "external-secrets",
    "aws-load-balancer-controller",
    "nvidia-device-plugin",
    "dcgm-exporter",
    "aws-efa-k8s-device-plugin",
    "aws-fsx-csi-driver",
    "aws-mountpoint-s3-csi-driver",
    "lws",
    "envoy-ai-gateway",
]
"""What a cluster has once, whichever of its platforms needs it."""


class SharedWith(Spec):
    """A platform that another spec declares on this cluster, with ``cluster=ExistingCluster(…)``.

    What this one installs for it may do for it in AWS what it does for this one: External Secrets reads the secrets
    that are named here, KEDA asks the platform's queues for their length, and the load balancer controller keeps the
    targets of its gateways.
    """

    spec_section: ClassVar[str] = "cluster.shared_with"

    name: Prefix
    """Name of that platform."""
    secrets: Distinct[Annotated[str, Field(pattern=r"^[A-Za-z0-9/_+=.@-]+\*?$", max_length=512)]] = ()
    """Secrets of AWS Secrets Manager that its pods may read, by name; a ``*`` at the end stands for whatever follows,
    for example ``acme/search/*``."""
