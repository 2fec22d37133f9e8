"""Labels, annotations and tags by which parts of a platform find each other, in AWS and in the cluster."""

from __future__ import annotations

PLATFORM_TAG = "llminfra:platform"
"""AWS tag of everything that a platform has."""

POOL_LABEL = "llminfra.io/pool"
PLATFORM_LABEL = "llminfra.io/platform"
"""On nodes of a cluster that several platforms share: pools of two of them may have one name."""

ENDPOINT_LABEL = "llminfra.io/endpoint"
"""On pods of both halves of a disaggregated endpoint: the endpoint."""
ROLE_LABEL = "llminfra.io/role"
"""On pods of an endpoint (chart ``llm-server``): ``leader`` or ``worker``."""
WAIVER = "llminfra.io/waiver"
"""Annotations that begin so say why an object departs from a rule that is told by the part after the dot."""

GPU_RESOURCE = "nvidia.com/gpu"
"""What pods request GPUs by (NVIDIA's device plugin), and the taint of nodes that have some."""
