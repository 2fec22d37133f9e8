"""Latency and throughput of a replica, estimated from peak figures and what engines reach of them."""

from llminfra.planning.performance.estimate import ASSUMPTIONS, FullLoad, PerformanceEstimate
from llminfra.planning.performance.load import Load
from llminfra.planning.performance.replicas import Parallel, Replica, estimate_performance, replica

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
