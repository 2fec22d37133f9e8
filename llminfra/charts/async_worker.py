"""Values of the chart ``async-worker``: pods that empty an SQS queue through an endpoint, scaled by KEDA on its length.

Sources: KEDA documentation, "AWS SQS Queue" scaler and "AWS pod identity" authentication; kedacore/keda
pkg/scalers/aws/aws_common.go (without a role of its own, a trigger uses the operator's).
"""

from typing import Annotated

from pydantic import Field

from llminfra.charts.kubernetes import Image, Toleration
from llminfra.charts.llm_server.network import EgressRule
from llminfra.charts.llm_server.pod import Security, ServiceAccount
from llminfra.charts.values import AbsolutePath, ChartValues, EnvName, LateStr, Port


class WorkerResources(ChartValues):
    """What a worker gets: it waits for the endpoint most of the time."""

    cpu_millis: int = Field(default=100, ge=10)
    memory_mib: int = Field(default=512, ge=128)
    scratch_mib: int = Field(default=512, ge=64)
    """Packages and code in ``/tmp``."""


class WorkerScaling(ChartValues):
    """How many workers: one for each ``queue_length`` requests that wait or are worked on."""

    queue_url: LateStr
    region: LateStr
    queue_length: int = Field(ge=1)
    max_replicas: int = Field(ge=1)
    polling_interval_seconds: int = Field(default=15, ge=5)
    cooldown_seconds: int = Field(default=300, ge=0)


class WorkedEndpoint(ChartValues):
    """The release of the chart ``llm-server`` that answers."""

    name: LateStr
    port: Port


class AsyncWorkerValues(ChartValues):
    """Workers of one queue."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=53)]
    labels: dict[str, str] = {}
    image: Image
    """Has Python 3.11 or later, and boto3 unless ``command`` installs it."""
    command: Annotated[list[LateStr], Field(min_length=1)]
    env: dict[EnvName, str]
    """Settings of the consumer (``ASYNC_*``); no secrets."""
    alive_file: AbsolutePath
    """Touched by the worker once a second."""
    alive_seconds: int = Field(default=60, ge=5)
    """Age of the file above which the worker hangs."""
    startup_seconds: int = Field(default=300, ge=5)
    termination_grace_period_seconds: int = Field(ge=1)
    """Longer than a request may take, so that none is asked twice."""
    endpoint: WorkedEndpoint
    scaling: WorkerScaling
    resources: WorkerResources = WorkerResources()
    service_account: ServiceAccount
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []
    security: Security = Security(read_only_root_filesystem=True)
    egress: list[EgressRule] = [EgressRule(cidrs=["0.0.0.0/0"], ports=[443])]
    """AWS services; their addresses are not known beforehand."""
