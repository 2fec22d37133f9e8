"""Values of the chart ``weights-copy``: a Job that copies one model from the Hugging Face Hub into the weights bucket.

A chart of its own, so that a release can wait for the Job (``wait_for_jobs``) before any GPU starts, and so that
endpoints that share a model share the copy. The Job can be repeated: files that are in the bucket with the same
checksum are skipped.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from llminfra.charts.kubernetes import Image, Toleration
from llminfra.charts.llm_server.container import SecretEnv
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
    token: SecretEnv | None = None
    """``HF_TOKEN`` for gated models, from a Secret."""
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

    @model_validator(mode="after")
    def _token_is_the_hub_token(self) -> Self:
        if self.token is not None and self.token.name != "HF_TOKEN":
            msg = f"the Hub's token goes into HF_TOKEN, not into {self.token.name}"
            raise ValueError(msg)
        return self
