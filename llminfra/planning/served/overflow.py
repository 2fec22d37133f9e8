"""The replicas of an endpoint that run on another pool while requests wait, as an endpoint of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.plan.made_names import name_of_overflow
from llminfra.spec.endpoint import Autoscaling, Scaled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llminfra.spec.endpoint import Endpoint


def overflow_endpoint(endpoint: Endpoint) -> Endpoint | None:
    """The endpoint as its overflow sees it: the same model, engine and promise, elsewhere; ``None``: it has none."""
    overflow = endpoint.overflow
    if overflow is None:
        return None
    scaled = Autoscaling(**{name: getattr(overflow, name) for name in Scaled.model_fields})
    if overflow.origin is not None:
        scaled.at(*overflow.origin)
    return endpoint.model_copy(
        update={
            "name": name_of_overflow(endpoint.name),
            "on": overflow.on,
            "replicas": scaled,
            "parallelism": overflow.parallelism,
            "weights": endpoint.weights if overflow.weights is None else overflow.weights,
            "overflow": None,
        }
    )


def placed(endpoints: Iterable[Endpoint]) -> Iterator[Endpoint]:
    """Every sound endpoint, once for each place where its replicas run."""
    for endpoint in endpoints:
        if endpoint.broken:
            continue
        yield endpoint
        if (elsewhere := overflow_endpoint(endpoint)) is not None:
            yield elsewhere
