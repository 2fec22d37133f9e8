"""``Target``: everything that an endpoint can run on."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from llminfra.spec.compute.ec2 import Ec2
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.compute.sagemaker import SageMaker, SageMakerAsync

_BY_KIND = {"ec2": "Ec2", "sagemaker": "SageMaker", "sagemaker-async": "SageMakerAsync"}


def _tag(value: Any) -> str:
    """Type of a value by its ``kind``; a pool has none, and whatever is no target is judged as one."""
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return _BY_KIND.get(kind, "GpuPool") if isinstance(kind, str) else "GpuPool"


Target = Annotated[
    Annotated[GpuPool, Tag("GpuPool")]
    | Annotated[Ec2, Tag("Ec2")]
    | Annotated[SageMaker, Tag("SageMaker")]
    | Annotated[SageMakerAsync, Tag("SageMakerAsync")],
    Discriminator(_tag),
]
"""Anything an endpoint can run on: a GPU pool of the cluster, EC2 instances, or SageMaker."""
