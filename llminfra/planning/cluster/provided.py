"""Charts that a cluster gets for platforms of other specs, and those among them that would have no work to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.diagnostics import entry_path
from llminfra.spec.compute.existing_cluster import ExistingCluster

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.compute.cluster import Cluster
    from llminfra.spec.platform import Platform


def check_provided(platform: Platform, spec: Cluster | ExistingCluster, findings: Findings) -> None:
    """Report charts of ``install`` that are not installed, or that nobody would ask."""
    for index, chart in enumerate(spec.install):
        if isinstance(spec, ExistingCluster) and chart in spec.installed:
            why = "it is among installed, too, and what is there already is not installed"
        elif chart == "dcgm-exporter" and platform.observability is None:
            why = "nobody scrapes it: the platform has no observability"
        elif chart == "karpenter" and not isinstance(spec, ExistingCluster) and spec.autoscaler != "karpenter":
            why = "the cluster's nodes are started by the Cluster Autoscaler"
        else:
            continue
        findings.warning(
            "LLM_SPEC_8",
            spec,
            entry_path("cluster.install", index),
            why,
            found=chart,
            expected="charts that have work to do",
            fix=f"take {chart!r} out of install",
        )
