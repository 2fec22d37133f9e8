"""AWS services that alerts, queues, batch jobs and Bedrock callers reach from private subnets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.spec.platform import Platform


def target_services(platform: Platform) -> set[str]:
    """Short names of interface endpoints."""
    services: set[str] = set()
    watched = platform.own_observability if platform.needs_cluster else None
    receivers = watched.receivers if watched is not None else ()
    if any(item.kind == "sns" for item in receivers):
        services.add("sns")
    if any(item.kind != "sns" for item in receivers):
        services.add("secretsmanager")  # their credentials
    if platform.async_endpoints:
        services |= {"sns", "sqs"}  # the function publishes, and gives messages back early
    if platform.batches:
        # Amazon ECS Developer Guide, "Amazon ECS interface VPC endpoints": the container agent needs these three.
        services |= {"ecs", "ecs-agent", "ecs-telemetry"}
    if platform.bedrock is not None:
        services.add("bedrock-runtime")
    return services
