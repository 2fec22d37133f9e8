"""What instances and containers outside the cluster wait for: the model in its bucket."""

from __future__ import annotations

from llminfra.bindings import core
from llminfra.compiler.contracts import StorageContract
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.storage.weights_check import weights_are_there
from llminfra.planning.plan import Plan
from llminfra.planning.plan.serving import ServingPlan


def checked_weights(
    make: Maker, plan: Plan, name: str, serving: ServingPlan, storage: StorageContract | None
) -> tuple[core.TerraformElement, ...]:
    """The check of a model that is copied from a bucket; nothing for one that comes from elsewhere."""
    weights = serving.weights
    if weights.kind != "copied" or not weights.storage or not weights.key or storage is None:
        return ()
    bucket = storage.buckets[weights.storage].name
    remedy = _remedy(plan, weights.storage, weights.key)
    return (weights_are_there(make, name, bucket=bucket, key=weights.key, remedy=remedy),)


def _remedy(plan: Plan, bucket: str, key: str) -> str:
    """How the model comes into the bucket."""
    for item in plan.hub_copies:
        if (item.bucket, item.key) == (bucket, key):
            project = f"{plan.platform.name}-{item.name}"
            return f"Copy it first: aws codebuild start-build --project-name {project} (region {plan.platform.region})."
    if any((item.weights.storage, item.weights.key) == (bucket, key) for item in plan.endpoints):
        return "A Job of the stack serving copies it: apply that stack first."
    return "Upload it first."
