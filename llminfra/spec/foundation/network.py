"""``Network``: the VPC that everything runs in."""

from ipaddress import IPv4Network
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from llminfra.spec.base.spec import Distinct, Spec
from llminfra.spec.errors.expectations import refused


def _cidr(value: str) -> str:
    try:
        return str(IPv4Network(value))
    except ValueError as error:
        raise refused(
            f"not an IPv4 CIDR block: {error}",
            expected="an IPv4 block without host bits, such as 10.20.0.0/16",
            fix=f"write {_without_host_bits(value)}",
        ) from None


def _without_host_bits(value: str) -> str:
    try:
        return str(IPv4Network(value, strict=False))
    except ValueError:
        return "a block such as 10.20.0.0/16"


Cidr = Annotated[str, AfterValidator(_cidr)]
"""An IPv4 CIDR block such as ``10.20.0.0/16``, without host bits."""


class Network(Spec):
    """A VPC with private subnets for nodes, small public ones for NAT only, and the endpoints private nodes need."""

    spec_section: ClassVar[str] = "network"

    cidr: Cidr = "10.0.0.0/16"
    """Address block of the VPC (/16 to /24)."""
    zones: Distinct[str] = ()
    """Availability zones such as ``us-east-1a``; empty: the region's first three."""
    private_subnets: Distinct[Cidr] = ()
    """One block per zone for nodes and pods; empty: cut from ``cidr``."""
    public_subnets: Distinct[Cidr] = ()
    """One block per zone for NAT gateways; empty: cut from ``cidr``."""
    nat: Literal["per-zone", "single", "none"] = "per-zone"
    """NAT gateways for images outside ECR; ``none`` makes a closed network: weights in a bucket, and all images in ECR
    of the region, where ``Platform(images=ImageMirror(…))`` has them."""
    flow_logs_days: Annotated[int, Field(ge=0, le=3653)] = 365
    """Days that VPC flow logs are kept; 0 turns them off."""


class ExistingNetwork(Spec):
    """A VPC that is already there: llminfra reads it and adds nothing but security groups."""

    spec_section: ClassVar[str] = "network"

    vpc_id: Annotated[str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$")]
    """Id of the VPC, for example ``vpc-0123456789abcdef0``."""
    private_subnet_ids: dict[str, Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$")]]
    """Private subnet per availability zone, for example ``{"us-east-1a": "subnet-…"}``."""
    cidr: Cidr
    """Address block of the VPC."""
