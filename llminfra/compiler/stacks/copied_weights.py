"""What endpoints wait for: the model in its bucket, and the adapters that no Job copies."""

from __future__ import annotations

from collections.abc import Container

from llminfra.bindings import core
from llminfra.compiler.contracts import StorageContract
from llminfra.constructs.basis.names import identifier
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.storage.weights_check import Stored, is_there
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.serving import ServingPlan
from llminfra.planning.storage.weights_copies import bucket_of_weights

_UPLOAD = "Upload it first."


def checked_weights(
    make: Maker, plan: Plan, name: str, serving: ServingPlan, storage: StorageContract | None
) -> tuple[core.TerraformElement, ...]:
    """The check of a model that is copied from a bucket; nothing for one that comes from elsewhere."""
    weights = serving.weights
    if weights.kind != "copied" or not weights.storage or not weights.key or storage is None:
        return ()
    bucket = storage.buckets[weights.storage].name
    remedy = _remedy(plan, weights.storage, weights.key)
    return (is_there(make, f"{name}-weights", Stored(what="the model", bucket=bucket, key=weights.key, remedy=remedy)),)


def checked_uploads(
    make: Maker, plan: Plan, endpoint: EndpointPlan, storage: StorageContract | None, copied: Container[str]
) -> tuple[core.TerraformElement, ...]:
    """The checks of what pods read from buckets and no Job of the stack copies there.

    Args:
        make: Makes them.
        plan: The plan.
        endpoint: The endpoint on a pool.
        storage: Buckets; ``None`` where there are none.
        copied: ``<bucket>/<key>`` of all that Jobs copy.
    """
    if storage is None:
        return ()
    found: list[core.TerraformElement] = []
    bucket, key = bucket_of_weights(endpoint, plan), endpoint.weights.key
    if bucket and bucket in storage.buckets and key and f"{bucket}/{key}" not in copied:
        model = Stored(what="the model", bucket=storage.buckets[bucket].name, key=key, remedy=_UPLOAD)
        found.append(is_there(make, f"{endpoint.name}-weights", model))
    for adapter in endpoint.adapters:
        if f"{adapter.bucket}/{adapter.key}" not in copied:
            stored = Stored(
                what=f"the adapter {adapter.name}",
                bucket=storage.buckets[adapter.bucket].name,
                key=adapter.key,
                file="adapter_config.json",
                remedy=_UPLOAD,
            )
            found.append(is_there(make, f"{endpoint.name}-adapter-{identifier(adapter.name)}", stored))
    return tuple(found)


def _remedy(plan: Plan, bucket: str, key: str) -> str:
    """How the model comes into the bucket."""
    for item in plan.hub_copies:
        if (item.bucket, item.key) == (bucket, key):
            project = f"{plan.platform.name}-{item.name}"
            return f"Copy it first: aws codebuild start-build --project-name {project} (region {plan.platform.region})."
    if any((item.weights.storage, item.weights.key) == (bucket, key) for item in plan.endpoints):
        return "A Job of the stack serving copies it: apply that stack first."
    return _UPLOAD
