"""Models that a bucket must hold for endpoints and jobs outside the cluster, and how they are copied from the Hub."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog.hub_copy import hub_copy_machine
from llminfra.planning.plan.hub_copies import HubCopyPlan
from llminfra.planning.storage.commits import is_commit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import BucketPlan
    from llminfra.planning.plan.serving import WeightsPlan
    from llminfra.spec.models.model import Model

# Far below what CodeBuild gets from the Hub, so that only a copy that hangs runs out of time.
_SLOWEST_MB_PER_S = 50
_START_S = 1200


class Reader(Struct, frozen=True, kw_only=True):
    """Something outside the cluster that reads a model from a bucket."""

    spec_path: str
    model: Model
    revision: str | None
    weights: WeightsPlan


def plan_hub_copies(
    readers: Iterable[Reader], endpoints: Iterable[EndpointPlan], buckets: Iterable[BucketPlan]
) -> tuple[HubCopyPlan, ...]:
    """A copy for each model of a bucket that is llminfra's own and that no Job of the cluster fills.

    There is none for a model without a pinned commit, which would be another model tomorrow.
    """
    own = {item.name for item in buckets if not item.existing}
    filled = {(item.weights.storage, item.weights.key) for item in endpoints}
    found: dict[tuple[str, str], HubCopyPlan] = {}
    for reader in readers:
        weights, revision = reader.weights, reader.revision
        bucket, key = weights.storage, weights.key
        if bucket not in own or not bucket or not key or (bucket, key) in filled or (bucket, key) in found:
            continue
        if not is_commit(revision):
            continue
        found[bucket, key] = HubCopyPlan(
            name=_name(reader.model.slug, revision, bucket),
            model=reader.model,
            revision=revision,
            bucket=bucket,
            key=key,
            minutes=_minutes(weights.bytes_total),
            spec_path=reader.spec_path,
        )
    return tuple(found.values())


def _name(slug: str, revision: str, bucket: str) -> str:
    place = hashlib.sha256(bucket.encode()).hexdigest()[:6]
    return f"copy-{slug[:32].strip('-')}-{revision[:7]}-{place}"


def _minutes(bytes_total: int) -> int:
    machine = hub_copy_machine()
    minutes = -(-(_START_S + int(bytes_total / 1e6 / _SLOWEST_MB_PER_S)) // 60)
    return max(machine.least_minutes, min(machine.most_minutes, minutes))
