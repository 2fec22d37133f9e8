"""``Ec2``: an endpoint on EC2 instances of its own, without Kubernetes."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from llminfra.spec.base.spec import Distinct, Spec
from llminfra.spec.compute.capacity import Capacity, OnDemand
from llminfra.spec.foundation.network import Cidr

ARN = r"^arn:aws[a-z-]*:"


class Ec2(Spec):
    """EC2 instances behind an internal load balancer with TLS.

    It becomes a launch template, an Auto Scaling group whose instances run the engine's container under systemd, and
    an Application Load Balancer. Nobody logs in by SSH: AWS Systems Manager is the only way in. A replica that is
    larger than an instance becomes a group of its own, whose instances start together and share an EFA fabric.
    """

    spec_section: ClassVar[str] = "on"
    kind: Literal["ec2"] = "ec2"

    instance_type: str
    """EC2 instance type with NVIDIA GPUs, for example ``g6e.12xlarge``."""
    domain_name: Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")]
    """Name that callers use and that the certificate is for, for example ``chat.llm.example.com``."""
    certificate_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$")]
    """ARN of the certificate in AWS Certificate Manager, in the platform's region, for example
    ``arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0``."""
    hosted_zone_id: Annotated[str, Field(pattern=r"^Z[A-Z0-9]+$")] | None = None
    """Route 53 zone in which ``domain_name`` is made, for example ``Z0123456789ABCDEFGHIJ``; ``None``: the name is made
    elsewhere."""
    efa: bool = False
    """Whether a replica may span instances, over all EFA cards of the type (a fixed number of replicas)."""
    capacity: Capacity = OnDemand()
    """How instances are bought; spot with a fallback has a second group on demand, which is empty otherwise."""
    zones: Distinct[str] = ()
    """Availability zones of the instances; empty: all of the network."""
    allow_from_cidrs: Distinct[Cidr] = ()
    """Address blocks that may call the load balancer; empty: the VPC's own. The function of an ``AsyncEndpoint`` in
    front may in any case."""
    ami_id: Annotated[str, Field(pattern=r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$")] | None = None
    """Machine image, for example ``ami-0123456789abcdef0``; ``None``: the Deep Learning AMI that llminfra pins."""
    root_volume_gib: Annotated[int, Field(ge=75, le=16384)] | None = None
    """Size of the encrypted gp3 root volume; ``None``: large enough for the engine's image."""
    log_days: Annotated[int, Field(ge=1)] = 365
    """Days to keep logs of the engine and the instances."""
