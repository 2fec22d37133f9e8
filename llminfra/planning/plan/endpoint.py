"""One endpoint on pods, decided: what its pool adds to what is served, and the router of its roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from llminfra.planning.plan.serving import ServingPlan

if TYPE_CHECKING:
    from llminfra.engines.job import Role
    from llminfra.spec.endpoint import Endpoint


class EndpointPlan(ServingPlan, frozen=True, kw_only=True):
    """One endpoint, placed and sized; a disaggregated endpoint is two of them, ``part_of`` it, each with its role."""

    namespace: str
    service_account: str
    pool: str
    replicas_per_node: int
    rollout: Literal["surge", "recreate-one"]
    role: Role | None = None
    part_of: str | None = None

    @property
    def declared_path(self) -> str:
        """Where it is declared: a role of a disaggregated endpoint is part of that endpoint."""
        if self.part_of is None:
            return f"endpoints.{self.name}"
        return f"endpoints.{self.part_of}.disaggregation.{self.role}"


class RouterPlan(Struct, frozen=True, kw_only=True):
    """What stands in front of the prefill and decode pods of an endpoint, under the endpoint's name.

    ``prefill`` and ``decode`` are the names of their Services; ``grace_s`` is how long a request may still run when the
    router is told to leave. ``cache_bytes_per_token`` travel for each token of a prompt, and ``fabric_gbps`` is the
    line rate of EFA between a pod of either role, where it is known.
    """

    name: str
    spec: Endpoint
    namespace: str
    served_name: str
    port: int
    prefill: str
    decode: str
    remote_from_tokens: int
    grace_s: int
    cache_bytes_per_token: float | None = None
    fabric_gbps: float | None = None

    def transfer_ms(self, tokens: int) -> float | None:
        """Milliseconds that the cache of a prompt travels at line rate; latency and set-up come on top."""
        if self.cache_bytes_per_token is None or not self.fabric_gbps:
            return None
        return tokens * self.cache_bytes_per_token * 8 / (self.fabric_gbps * 1e9) * 1e3
