"""One endpoint on pods, decided: what its pool adds to what is served, and the router of its roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from llminfra.planning.plan.serving import ServingPlan

if TYPE_CHECKING:
    from llminfra.engines.job import Role
    from llminfra.spec.endpoint import Endpoint


class OverflowPlan(Struct, frozen=True, kw_only=True):
    """What an overflow needs to know of the replicas that it adds to; when either is busy, the two plans say.

    Attributes:
        base_replicas: The endpoint's own replicas.
        waiting_per_replica: Requests waiting per replica, of both, above which there is one more.
        cache: Cache of a scheduler of the overflow in caches of an own one; ``None``: no cache, or not known.
        throughput: Output of a replica of the overflow at full load by the estimate, in outputs of an own one.
    """

    base_replicas: int
    waiting_per_replica: int
    cache: float | None = None
    throughput: float | None = None


class EndpointPlan(ServingPlan, frozen=True, kw_only=True):
    """One endpoint, placed and sized.

    A disaggregated endpoint is two of them, ``part_of`` it, each with its role. An endpoint with an overflow is two,
    too: itself, and its ``overflow``, which is ``part_of`` it.
    """

    namespace: str
    service_account: str
    pool: str
    replicas_per_node: int
    rollout: Literal["surge", "recreate-one"]
    role: Role | None = None
    part_of: str | None = None
    overflow: OverflowPlan | None = None

    @property
    def declared_path(self) -> str:
        """Where it is declared: a role and an overflow are parts of their endpoint."""
        if self.part_of is None:
            return f"endpoints.{self.name}"
        return f"endpoints.{self.part_of}.{'overflow' if self.role is None else f'disaggregation.{self.role}'}"

    @property
    def replicas_path(self) -> str:
        """Where the number of its replicas is declared: an overflow is hardly more than that."""
        return self.declared_path if self.overflow is not None else f"{self.declared_path}.replicas"

    @property
    def called(self) -> str:
        """Name of the endpoint that callers know, and of its Service."""
        return self.part_of or self.name

    @property
    def service(self) -> str:
        """Name of the Service in front of its pods: an overflow has that of its endpoint."""
        return self.called if self.overflow is not None else self.name


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
