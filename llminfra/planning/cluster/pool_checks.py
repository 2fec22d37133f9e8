"""What cannot buy or start nodes: a provisioner that the cluster lacks, a capacity block of types that have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import quotas
from llminfra.spec.compute.capacity import CapacityBlock, Reservation, Spot

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import ClusterPlan
    from llminfra.spec.compute.ec2 import Ec2
    from llminfra.spec.compute.gpu_pool import GpuPool


def check_provisioner(pool: GpuPool, provisioner: str, cluster: ClusterPlan, findings: Findings) -> None:
    """Report a pool whose provisioner is not in the cluster, or cannot find the reservation."""
    if provisioner == "karpenter" and cluster.autoscaler != "karpenter":
        findings.error(
            "LLM_CAP_45",
            pool,
            f"pools.{pool.name}.provisioner",
            "the cluster has no Karpenter that would start nodes of this pool",
            found=f"provisioner='karpenter' with Cluster(autoscaler={cluster.autoscaler!r})",
            expected="provisioner='auto' or 'managed', or Cluster(autoscaler='karpenter')",
            fix="leave provisioner out, or set autoscaler='karpenter' on the cluster",
            runtime_message="0/n nodes are available: n Insufficient nvidia.com/gpu",
        )
    if provisioner != "karpenter" and isinstance(pool.capacity, Spot) and pool.capacity.fallback_on_demand:
        # Amazon EKS User Guide, "Managed node group capacity types": a group is On-Demand or Spot as a whole.
        findings.warning(
            "LLM_SPEC_8",
            pool,
            f"pools.{pool.name}.capacity.fallback_on_demand",
            "a managed node group of spot instances buys nothing else when there are none",
            found="fallback_on_demand=True",
            expected="Spot(fallback_on_demand=False), or a pool of Karpenter, which falls back",
            fix="leave the pool to Karpenter, or set fallback_on_demand=False and add a pool on demand",
        )
    if provisioner == "karpenter" and isinstance(pool.capacity, Reservation) and pool.capacity.resource_group_arn:
        findings.error(
            "LLM_CAP_28",
            pool,
            f"pools.{pool.name}.capacity",
            "Karpenter selects reservations by id or tags, not by resource group",
            found=pool.capacity.resource_group_arn,
            expected="reservation_id=…, or provisioner='managed'",
            fix="set provisioner='managed' or name the reservation",
        )


def check_block(spec: GpuPool | Ec2, path: str, instance_type: str, findings: Findings) -> None:
    """Report a capacity block of a family for which AWS is not known to sell any."""
    family = instance_type.partition(".")[0]
    if not isinstance(spec.capacity, CapacityBlock) or family in quotas.capacity_block_families():
        return
    findings.warning(
        "LLM_CAP_38",
        spec,
        path,
        "capacity blocks of this family were not known when the catalog was made",
        found=f"CapacityBlock for {instance_type}",
        expected=", ".join(quotas.capacity_block_families()),
        fix="use OnDemand(), Spot() or Reservation(…), or ignore this if AWS sells such blocks since",
    )
