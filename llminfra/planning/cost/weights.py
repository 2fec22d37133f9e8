"""What models in buckets of the platform cost: those that endpoints and batches read, each once.

A bucket that is only read is paid by whoever fills it. Adapters, compiled kernels and older versions come on top: their
bytes are not known beforehand. So do requests, of which a start needs thousands: at AWS's prices, cents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import prices
from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.planning.cost.hourly import cost_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llminfra.planning.plan import CostLine
    from llminfra.planning.plan.infrastructure import LustrePlan
    from llminfra.planning.plan.serving import WeightsPlan
    from llminfra.spec.platform import Platform

# Amazon S3 FAQs, "How much does Amazon S3 cost?": the examples count a GB of 2^30 bytes.
_GB = 2**30


def bucket_costs(platform: Platform, lustre: Iterable[LustrePlan], read: Iterable[WeightsPlan]) -> tuple[CostLine, ...]:
    """One line for each bucket that the platform makes and that models are read from.

    Args:
        platform: The platform.
        lustre: Its file systems: what is read of one lies in its bucket, too.
        read: Weights of everything that serves or works through a batch.
    """
    behind = {item.name: item.source_bucket for item in lustre}
    sizes: dict[str, dict[str, int]] = {}
    for weights in read:
        bucket = behind.get(weights.storage or "") if weights.kind == "lustre" else weights.storage
        if bucket and weights.key:
            models = sizes.setdefault(bucket, {})
            models[weights.key] = max(weights.bytes_total, models.get(weights.key, 0))
    price = prices.service_price("s3_standard_gb_month", platform.region)
    lines = []
    for item in platform.storage:
        models = sizes.get(item.name, {})
        if item.kind != "bucket" or item.broken or item.existing or not models:
            continue
        size_gb = sum(models.values()) / _GB
        what = f"S3 Standard, {size_gb:,.0f} GB of {len(models)} model{'s' * (len(models) != 1)}"
        each = size_gb / HOURS_PER_MONTH
        lines.append(cost_line(f"storage.{item.name}", what, price, each, each, _VERSIONS))
    return tuple(lines)


_VERSIONS = "one version of each"
