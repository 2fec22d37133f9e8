"""Values of the chart ``nccl-preflight``: a suspended CronJob that shows which network NCCL uses between nodes."""

from typing import Annotated

from pydantic import Field

from llminfra.charts.kubernetes import Image, Toleration
from llminfra.charts.llm_server.container import PlainEnv, Resources
from llminfra.charts.llm_server.pod import Security
from llminfra.charts.values import ChartValues


class NcclPreflightValues(ChartValues):
    """As many pods as a replica has nodes, each with what a pod of the replica gets."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=45)]
    labels: dict[str, str] = {}
    image: Image
    """The engine's image: its libraries are what is tested. Has PyTorch."""
    python: str = "python3"
    nodes: int = Field(ge=2)
    expected: Annotated[str, Field(pattern=r"^[a-z]+$")] = "efa"
    """Libfabric provider that NCCL must choose."""
    payload_mib: int = Field(default=256, ge=1)
    """Size of the tensor that is summed."""
    env: PlainEnv = {}
    """Variables of the endpoint that decide the network (``FI_*``, ``NCCL_*``)."""
    resources: Resources
    shm_mib: int = Field(ge=64)
    active_deadline_seconds: int = Field(default=1800, ge=60)
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []
    security: Security = Security()
