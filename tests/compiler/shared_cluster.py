"""A cluster that is there, its VPC and two pools that join it."""

from typing import Any

from llminfra import CapacityBlock, ExistingCluster, ExistingNetwork, GpuPool

SUBNETS = {f"us-east-1{letter}": f"subnet-0123456789abcdef{place}" for place, letter in enumerate("ab")}
VPC = ExistingNetwork(vpc_id="vpc-0123456789abcdef0", cidr="10.40.0.0/16", private_subnet_ids=SUBNETS)
SPOT = GpuPool(name="l40s", instance_types=["g6e.xlarge"], nodes=(0, 2))
EFA = GpuPool(
    name="h100",
    instance_types=["p5.48xlarge"],
    nodes=1,
    zones=["us-east-1a"],
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
)


def existing(**fields: Any) -> ExistingCluster:
    return ExistingCluster(**{"name": "shared", "version": "1.35", **fields})
