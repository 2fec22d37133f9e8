"""Service-linked roles that launch instances for a platform, and so use the key of their volumes.

Sources: Amazon EC2 Auto Scaling User Guide, "Required AWS KMS key policy for use with encrypted volumes"; Amazon EC2
User Guide, "Service-linked role for Spot Instance requests"; AWS Batch User Guide, "Using service-linked roles for AWS
Batch". Karpenter needs none: its fleets are ``instant`` ones, which launch with the caller's own rights (Amazon EC2
User Guide, "EC2 Fleet prerequisites").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_SCALING = "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
_SPOT = "spot.amazonaws.com/AWSServiceRoleForEC2Spot"
_BATCH = "batch.amazonaws.com/AWSServiceRoleForBatch"


def cluster_launchers(plan: Plan) -> tuple[str, ...]:
    """Roles that launch nodes of the cluster."""
    if plan.cluster is None:
        return ()
    managed = [pool for pool in plan.pools if pool.provisioner != "karpenter"]
    groups = [_SCALING] if managed or plan.cluster.system_nodes is not None else []
    # Karpenter's, too: it is EC2 that starts a spot instance again.
    spot = [_SPOT] if any("spot" in pool.capacity_types for pool in plan.pools) else []
    return (*groups, *spot)


def ec2_launchers(plan: Plan) -> tuple[str, ...]:
    """Roles that launch instances of endpoints on EC2."""
    if not plan.ec2:
        return ()
    return (_SCALING, *((_SPOT,) if any(item.on.capacity.kind == "spot" for item in plan.ec2) else ()))


def batch_launchers(plan: Plan) -> tuple[str, ...]:
    """Roles that launch instances of batch jobs."""
    if not plan.batches:
        return ()
    return (_SCALING, _BATCH, *((_SPOT,) if any(item.spec.on.spot for item in plan.batches) else ()))


def launchers(plan: Plan) -> tuple[str, ...]:
    """All of them, each once."""
    return tuple(dict.fromkeys((*cluster_launchers(plan), *ec2_launchers(plan), *batch_launchers(plan))))
