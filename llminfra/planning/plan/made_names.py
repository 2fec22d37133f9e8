"""Names of workloads beside an endpoint's pods: made from a declared name, and so not free for another one."""


def name_of_role(endpoint: str, role: str) -> str:
    """Name of one half of a disaggregated endpoint."""
    return f"{endpoint}-{role}"


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
