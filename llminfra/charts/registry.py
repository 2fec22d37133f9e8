"""Which values type belongs to which chart."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llminfra.charts.async_worker import AsyncWorkerValues
from llminfra.charts.cluster_base import ClusterBaseValues
from llminfra.charts.cluster_secrets import ClusterSecretsValues
from llminfra.charts.gateway_base import GatewayBaseValues
from llminfra.charts.karpenter_pools import KarpenterPoolsValues
from llminfra.charts.llm_gateway import LlmGatewayValues
from llminfra.charts.llm_observability import LlmObservabilityValues
from llminfra.charts.llm_server import LlmServerValues
from llminfra.charts.nccl_preflight import NcclPreflightValues
from llminfra.charts.pd_router import PdRouterValues
from llminfra.charts.values import ChartValues
from llminfra.charts.weights_copy import WeightsCopyValues

IN_REPO_CHARTS: Mapping[str, type[ChartValues]] = MappingProxyType(
    {
        "async-worker": AsyncWorkerValues,
        "cluster-base": ClusterBaseValues,
        "cluster-secrets": ClusterSecretsValues,
        "gateway-base": GatewayBaseValues,
        "karpenter-pools": KarpenterPoolsValues,
        "llm-gateway": LlmGatewayValues,
        "llm-observability": LlmObservabilityValues,
        "llm-server": LlmServerValues,
        "nccl-preflight": NcclPreflightValues,
        "pd-router": PdRouterValues,
        "weights-copy": WeightsCopyValues,
    }
)
"""Chart in ``modules/charts`` to the type of its values."""
