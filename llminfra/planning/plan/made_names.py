"""Names that are made from declared ones: not free for another object, or told to other platforms."""

import hashlib


def bounded(name: str, limit: int) -> str:
    """The name itself, or its start and a hash of the whole where it is longer than the limit.

    Example:
        >>> bounded("acme-prod-endpoint", 64)
        'acme-prod-endpoint'
        >>> bounded("a-name-that-is-too-long", 16)
        'a-name--c8400ded'
    """
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9]}-{digest}"


def name_of_role(endpoint: str, role: str) -> str:
    """Name of one half of a disaggregated endpoint."""
    return f"{endpoint}-{role}"


def name_of_overflow(endpoint: str) -> str:
    """Name of the replicas of an endpoint that run on another pool while requests wait."""
    return f"{endpoint}-overflow"


def router_workload(endpoint: str) -> str:
    """Name of the Deployment that joins both halves; its Service has the endpoint's own name."""
    return f"{endpoint}-router"


def preflight_name(endpoint: str) -> str:
    """Name of the job that shows which network NCCL uses."""
    return f"{endpoint}-nccl"


def picker_name(endpoint: str) -> str:
    """Name of an endpoint's picker and of the picker's Service."""
    return f"{endpoint}-picker"


def gateway_service(gateway: str) -> str:
    """Name of a gateway's release and of Envoy's Service."""
    return f"gateway-{gateway}"


def async_id(queue: str) -> str:
    """Name of a queue and of what belongs to it, without the platform."""
    return f"async-{queue}"


def karpenter_node_role(platform: str, region: str) -> str:
    """Name of the role of nodes that a platform's own Karpenter starts.

    A platform's name is short enough that none is cut (``constructs.basis.scope.Scope.iam_name``).
    """
    return f"{platform}-karpenter-node-{region}"
