"""What rules on planned endpoints share: an engine's arguments, and where an endpoint is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.serving import ServingPlan


def argument(served: ServingPlan, flag: str) -> str | None:
    """Value of a flag in the engine's arguments: empty for a bare flag, ``None`` where it is not given.

    The last one counts, as with argparse.
    """
    found = None
    arguments = served.invocation.args
    for index, item in enumerate(arguments):
        if item == flag:
            following = arguments[index + 1] if index + 1 < len(arguments) else ""
            found = "" if following.startswith("--") else following
        elif item.startswith(f"{flag}="):
            found = item.partition("=")[2]
    return found


def endpoint_path(endpoint: EndpointPlan, field: str = "") -> str:
    """Where the endpoint, or a field of it, stands in the spec."""
    return f"endpoints.{endpoint.name}.{field}" if field else f"endpoints.{endpoint.name}"
