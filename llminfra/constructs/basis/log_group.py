"""A CloudWatch log group: encrypted, and kept for a declared time."""

from __future__ import annotations

from llminfra.bindings import aws
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker

RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""What CloudWatch Logs accepts (API reference, PutRetentionPolicy)."""


def retention(days: int) -> int:
    """The shortest retention that CloudWatch Logs knows and that is at least as long.

    Example:
        >>> retention(45)
        60
    """
    return next(item for item in RETENTION_DAYS if item >= min(days, RETENTION_DAYS[-1]))


def log_group(make: Maker, id_: str, *, name: str, days: int, key: Key) -> aws.CloudwatchLogGroup:
    """A log group; the key's policy must let CloudWatch Logs use it (``used_by_log_groups``)."""
    return make(
        aws.CloudwatchLogGroup,
        id_,
        name=name,
        retention_in_days=retention(days),
        kms_key_id=key.arn,
        depends_on=list(key.ready),
    )
