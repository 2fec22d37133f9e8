"""Typed values of ``modules/charts/llm-server``."""

from llminfra.charts.llm_server.container import Cache, Front, Metrics, Probe, Probes, Resources, SecretEnv
from llminfra.charts.llm_server.network import EgressRule, NetworkPolicy, PodPeer, ServiceMonitor
from llminfra.charts.llm_server.pod import (
    Disruption,
    Drain,
    Rollout,
    Scheduling,
    Security,
    ServiceAccount,
    TopologySpread,
)
from llminfra.charts.llm_server.scaling import Autoscaling, CronTrigger, Fallback, PrometheusTrigger, QueueTrigger
from llminfra.charts.llm_server.start import KeptKernels, NodeCopy, SmallResources
from llminfra.charts.llm_server.storage import (
    ClaimVolume,
    ExternalSecret,
    ExternalSecretItem,
    LustreVolume,
    NodeVolume,
    S3Volume,
    Volume,
)
from llminfra.charts.llm_server.workload import Group, LlmServerValues

__all__ = [
    "Autoscaling",
    "Cache",
    "ClaimVolume",
    "CronTrigger",
    "Disruption",
    "Drain",
    "EgressRule",
    "ExternalSecret",
    "ExternalSecretItem",
    "Fallback",
    "Front",
    "Group",
    "KeptKernels",
    "LlmServerValues",
    "LustreVolume",
    "Metrics",
    "NetworkPolicy",
    "NodeCopy",
    "NodeVolume",
    "PodPeer",
    "Probe",
    "Probes",
    "PrometheusTrigger",
    "QueueTrigger",
    "Resources",
    "Rollout",
    "S3Volume",
    "Scheduling",
    "SecretEnv",
    "Security",
    "ServiceAccount",
    "ServiceMonitor",
    "SmallResources",
    "TopologySpread",
    "Volume",
]
