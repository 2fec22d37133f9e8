"""``GpuPool``: GPU nodes of an EKS cluster that are bought, networked, tainted and scaled alike."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from llminfra.spec.base.names import LabelValue, NodeLabelKey
from llminfra.spec.base.spec import Distinct, Many, Name, Spec
from llminfra.spec.compute.capacity import Capacity, OnDemand
from llminfra.spec.compute.gpu_sharing import GpuSharing
from llminfra.spec.compute.image_snapshot import ImageSnapshot
from llminfra.spec.errors.expectations import assignment, literal, refused


def _range(value: Any) -> Any:
    return (value, value) if isinstance(value, int) and not isinstance(value, bool) else value


_Count = Annotated[int, Field(ge=0, le=1000)]
NodeRange = Annotated[
    tuple[_Count, _Count], BeforeValidator(_range, json_schema_input_type=_Count | tuple[_Count, _Count])
]
"""Fewest and most nodes; one number means a fixed size."""


def check_range(nodes: tuple[int, int]) -> None:
    """Refuse a minimum above the maximum.

    Raises:
        PydanticCustomError: It is one, about the field ``nodes``.
    """
    if nodes[0] > nodes[1]:
        low, high = sorted(nodes)
        raise refused(
            f"nodes=({high}, {low}): the first number is the minimum, the second the maximum",
            "nodes",
            expected="the smaller number first",
            fix=f"set {assignment('nodes', literal((low, high)))}",
        )


class GpuPool(Spec):
    """A pool of GPU nodes.

    It becomes a managed node group with its own launch template, or a Karpenter NodePool with an EC2NodeClass; pods
    of other pools are kept away by the taint ``nvidia.com/gpu``.
    """

    spec_section: ClassVar[str] = "pools"

    name: Name
    """Name of the pool: its node group or NodePool, and the label that its pods select."""
    instance_types: Annotated[Many[str], Field(min_length=1, max_length=30)]
    """EC2 instance types with the same GPUs; exactly one when ``efa`` is set.

    A managed node group takes on-demand types in this order; Karpenter and spot take the cheapest that is free.
    """
    nodes: NodeRange = (0, 4)
    """Fewest and most nodes, for example ``(0, 8)``; one number is both.

    A managed node group keeps the fewest; Karpenter keeps those that pods need.
    """
    efa: bool = False
    """Whether the nodes join an Elastic Fabric Adapter fabric (all EFA cards of the type, one zone)."""
    efa_layout: Literal["ip_optimized", "bandwidth_optimized"] = "ip_optimized"
    """With ``efa``: one private address per node, or additional ENA interfaces for more IP bandwidth."""
    capacity: Capacity = OnDemand()
    """How the instances are bought."""
    zones: Distinct[str] = ()
    """Availability zones such as ``us-east-1a``; empty: all of the network, or one for EFA and reservations."""
    provisioner: Literal["auto", "managed", "karpenter"] = "auto"
    """Who starts nodes: a managed node group (fixed gangs, capacity blocks) or Karpenter (elastic)."""
    root_volume_gib: Annotated[int, Field(ge=20, le=16384)] | None = None
    """Size of the encrypted gp3 root volume; ``None``: large enough for the images of the engines placed here."""
    image_snapshot: ImageSnapshot | None = None
    """Snapshot with the engines' images, so that new nodes pull nothing; ``None``: images are pulled in parallel."""
    ami_release: Annotated[str, Field(pattern=r"^v?[0-9]{8}$")] | None = None
    """Release date of the EKS AMI, for example ``20261102``; ``None``: the one llminfra pins."""
    labels: dict[NodeLabelKey, LabelValue] = {}
    """Further node labels."""
    sharing: GpuSharing | None = None
    """How GPUs are divided; ``None``: whole GPUs, one pod each."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_range(self.nodes)
        return self
