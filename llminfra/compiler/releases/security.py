"""The security context of an engine's pods, each privilege with its reason."""

from __future__ import annotations

from llminfra.charts.llm_server import Security
from llminfra.engines.invocation import Invocation

_REASONS = {
    "IPC_LOCK": "RDMA over EFA pins the memory that it registers with the adapter",
    "SYS_PTRACE": "CUDA shares memory between ranks by process handles",
}


def pod_security(invocation: Invocation) -> Security:
    """Restricted, but for what the engine asks for."""
    root = invocation.run_as_user == 0
    return Security(
        run_as_user=invocation.run_as_user,
        run_as_group=invocation.run_as_user,
        fs_group=invocation.run_as_user,
        run_as_root_reason="The image keeps its files readable for root only" if root else None,
        capabilities={
            name: _REASONS.get(name, f"The engine's image asks for {name}") for name in invocation.added_capabilities
        },
        privileged_reason="NIXL registers GPU memory with EFA devices of the host" if invocation.privileged else None,
    )
