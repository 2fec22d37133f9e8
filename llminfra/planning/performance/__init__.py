"""Latency and throughput of a replica, estimated from peak figures and what engines reach of them."""

from llminfra.planning.performance.estimate import (
    ASSUMPTIONS,
    FullLoad,
    Parallel,
    PerformanceEstimate,
    Replica,
    estimate_performance,
    replica,
)
from llminfra.planning.performance.load import Load

__all__ = [
    "ASSUMPTIONS",
    "FullLoad",
    "Load",
    "Parallel",
    "PerformanceEstimate",
    "Replica",
    "estimate_performance",
    "replica",
]
