"""What is decided about a gateway and its routes, frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.spec.services.gateway import Gateway


class GatewayRoute(Struct, frozen=True, kw_only=True):
    """One endpoint behind a gateway.

    Attributes:
        endpoint: Its name.
        models: Model names that lead to it: the served one, and those of adapters; empty where paths do.
        picker: Name of its endpoint picker and of the picker's Service.
        hold_s: Seconds that the picker keeps a request while there is no room for it, or no replica at all; ``None``
            where requests go to replicas at once, and fail without one.
        prefix: What stands before the engine's own paths at the gateway, where those lead to it.
        paths: The engine's paths that callers may post to behind it; nothing else of the engine is reached.
    """

    endpoint: str
    models: tuple[str, ...]
    picker: str
    hold_s: int | None
    prefix: str = ""
    paths: tuple[str, ...] = ()

    @property
    def led_by(self) -> tuple[str, ...]:
        """Model names, or paths at the gateway."""
        return self.models or tuple(f"{self.prefix}{path}" for path in self.paths)


class GatewayPlan(Struct, frozen=True, kw_only=True):
    """A gateway, placed and addressed.

    Attributes:
        name: Its name.
        spec: The declaration.
        namespace: Where its objects are: with the endpoints.
        service: Name of its release and of its load balancer.
        proxy_service: Name of Envoy's Service, in ``PROXY_NAMESPACE``.
        url: Address without a path.
        allow_from_cidrs: Blocks that may call the load balancer; empty without one.
        routes: Endpoints behind it, in order.
    """

    name: str
    spec: Gateway
    namespace: str
    service: str
    proxy_service: str
    url: str
    allow_from_cidrs: tuple[str, ...]
    routes: tuple[GatewayRoute, ...]

    @property
    def balanced(self) -> bool:
        """Whether it has a load balancer."""
        return self.spec.exposure != "cluster"
