"""Values of the chart ``weights-copy``: a Job that copies one model from the Hugging Face Hub into the weights bucket.

A chart of its own, so that a release can wait for the Job (``wait_for_jobs``) before any GPU starts, and so that
endpoints that share a model share the copy. The Job can be repeated: files that are in the bucket with the same
checksum are skipped.
"""

from typing import Annotated

from pydantic import Field

from llminfra.charts.kubernetes import Image, Toleration
from llminfra.charts.llm_server.network import EgressRule
from llminfra.charts.llm_server.pod import Security, ServiceAccount
from llminfra.charts.llm_server.storage import ExternalSecret
from llminfra.charts.values import ChartValues, LateStr


class CopyResources(ChartValues):
    """What the Job's pod gets; no GPU."""

    cpu_millis: int = Field(default=2000, ge=100)
    memory_mib: int = Field(default=4096, ge=512)
    scratch_gib: int = Field(ge=1)
    """Room for the largest file of the model; a file is deleted once it is in the bucket."""


class HubToken(ChartValues):
    """A Secret with a token of the Hugging Face Hub.

    The Job sees it as a file that ``HF_TOKEN_PATH`` names, which huggingface_hub reads in the place of ``HF_TOKEN``
    (huggingface_hub 0.24 to 2.4: ``huggingface_hub/constants.py``).
    """

    secret_name: LateStr
    secret_key: LateStr


class WeightsCopyValues(ChartValues):
    """One model at one commit, copied to ``s3://bucket/prefix``."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
    labels: dict[str, str] = {}
    image: Image
    """Has Python, ``huggingface_hub`` and ``boto3``; vLLM's own image does."""
    python: str = "python3"
    model_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")]
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """Commit of the model repository; a branch would be another model tomorrow."""
    bucket: LateStr
    prefix: Annotated[str, Field(pattern=r"^([^/\s][^\s]*/)?$")]
    """Ends with a slash."""
    region: LateStr
    allow_patterns: list[str] = []
    ignore_patterns: list[str] = ["*.bin", "*.pth", "*.gguf", "original/*", "*.onnx"]
    """Other formats of the same weights."""
    token: HubToken | None = None
    """For gated models."""
    external_secrets: list[ExternalSecret] = []
    resources: CopyResources
    active_deadline_seconds: int = Field(default=6 * 3600, ge=60)
    backoff_limit: int = Field(default=4, ge=0)
    service_account: ServiceAccount
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []
    security: Security = Security(read_only_root_filesystem=True)
    egress: list[EgressRule] = [EgressRule(cidrs=["0.0.0.0/0"], ports=[443])]
    """The Hub's addresses are not known beforehand."""
