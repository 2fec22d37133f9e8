"""Latency and throughput of a replica, estimated from peak figures and what engines reach of them."""

from llminfra.planning.performance.estimate import (
    ASSUMPTIONS,
    Load,
    Parallel,
    PerformanceEstimate,
    Replica,
    estimate_performance,
    replica,
)

__all__ = [
    "ASSUMPTIONS",
    "Load",
    "Parallel",
    "PerformanceEstimate",
    "Replica",
    "estimate_performance",
    "replica",
]
