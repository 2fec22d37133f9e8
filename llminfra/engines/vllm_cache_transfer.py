"""Sending the KV cache from a vLLM that read the prompt to one that writes the answer: NIXL over EFA.

Sources: vllm-project/vllm docs/features/nixl_connector_usage.md (``backends``, side channel, failure policy);
aws/deep-learning-containers@e0ecedea6 test/efa/scripts/nixl_disagg_pd.sh, which runs this configuration between two
nodes in the published image; ai-dynamo/dynamo docs/kubernetes/cloud-providers/eks/efa.md (LIBFABRIC, privileged).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llminfra.catalog.pd_router import pd_router

if TYPE_CHECKING:
    from llminfra.engines.job import ServingJob

PORT = 8000
SIDE_CHANNEL_PORT = 5600
CONNECTOR = "NixlConnector"
EFA_BACKEND = "LIBFABRIC"


def listens_on(job: ServingJob) -> int:
    """Port of the engine itself: in the decode role the routing sidecar has the one that callers know."""
    return pd_router().engine_port if job.role == "decode" else PORT


def cache_args(job: ServingJob) -> list[str]:
    """The connector with the back end that speaks EFA; both roles alike.

    ``kv_both``: NIXL's connector does not look at the role, each request says which half it is, and a decode pod reads
    short prompts itself. ``fail``: a cache that does not arrive is an error, not a prompt read again in silence.
    """
    if job.role is None:
        return []
    transfer = {
        "kv_connector": CONNECTOR,
        "kv_role": "kv_both",
        "kv_load_failure_policy": "fail",
        "kv_connector_extra_config": {"backends": [EFA_BACKEND]},
    }
    return [f"--kv-transfer-config={json.dumps(transfer, separators=(',', ':'))}"]


def cache_env(job: ServingJob) -> dict[str, str]:
    """Where the two halves meet; copies of attention take the ports that follow."""
    if job.role is None:
        return {}
    return {"VLLM_NIXL_SIDE_CHANNEL_PORT": str(SIDE_CHANNEL_PORT), "FI_EFA_USE_DEVICE_RDMA": "1"}


def cache_field_env(job: ServingJob) -> dict[str, str]:
    """The address that the other half is told: the pod's own, on every node of the replica."""
    return {} if job.role is None else {"VLLM_NIXL_SIDE_CHANNEL_HOST": "status.podIP"}
