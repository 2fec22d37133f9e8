"""Pages of the findings that planning makes about replicas beyond an endpoint's own."""

from __future__ import annotations

from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_OVF_1",
        "An overflow stands beside an endpoint of the cluster",
        looks_at=_PLAN,
        why="Replicas on two pools are reached through one Kubernetes Service. An Auto Scaling group, or a variant of "
        "SageMaker, has a load balancer of its own, and pods cannot join it.",
        fix="run the endpoint on a GpuPool, or leave overflow out",
        source=("Kubernetes documentation: Service, selectors",),
    ),
    emitted(
        "LLM_OVF_2",
        "An overflow is on another pool than the endpoint's own replicas",
        looks_at=_PLAN,
        why="An overflow is for capacity of another kind: on the same pool it waits for the same nodes, and plain "
        "autoscaling says the same with one Deployment.",
        fix="name another pool, or set replicas=Autoscaling(…)",
        source=("AWS EC2 User Guide, spot-best-practices.html: be flexible about instance types and zones",),
    ),
)
