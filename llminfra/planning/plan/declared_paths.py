"""Paths of workloads that llminfra makes of an endpoint, as the paths where the user declared them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from llminfra.engines.job import Role
from llminfra.planning.plan.made_names import name_of_overflow, name_of_role

if TYPE_CHECKING:
    from llminfra.spec.endpoint import Endpoint

_OF_ROLE = ("replicas", "parallelism")
"""What each role of a disaggregated endpoint declares itself; the rest belongs to the endpoint."""
_OF_OVERFLOW = ("on", "parallelism")
_REPLICAS, _WEIGHTS = "replicas", "weights"


def declared_path(endpoint: Endpoint, path: str) -> str:
    """The path in the spec; paths that are no workload's of this endpoint stay.

    Example: ``endpoints.chat-decode.parallelism`` becomes ``endpoints.chat.disaggregation.decode.parallelism``, and
    ``endpoints.chat-overflow.replicas.max`` becomes ``endpoints.chat.overflow.max``.
    """
    here = f"endpoints.{endpoint.name}"
    if endpoint.disaggregation is not None:
        for role in get_args(Role):
            rest = _below(f"endpoints.{name_of_role(endpoint.name, role)}", path)
            if rest is not None:
                own = not rest or rest.split(".")[0] in _OF_ROLE
                return _joined(here, f"disaggregation.{role}" if own else "", rest)
    if endpoint.overflow is not None:
        rest = _below(f"endpoints.{name_of_overflow(endpoint.name)}", path)
        if rest is not None:
            first, _, further = rest.partition(".")
            if first == _REPLICAS:
                return _joined(here, "overflow", further)
            own = not rest or first in _OF_OVERFLOW or (first == _WEIGHTS and endpoint.overflow.weights is not None)
            return _joined(here, "overflow" if own else "", rest)
    return path


def _below(workload: str, path: str) -> str | None:
    if path == workload or path.startswith(f"{workload}."):
        return path.removeprefix(workload).removeprefix(".")
    return None


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)
