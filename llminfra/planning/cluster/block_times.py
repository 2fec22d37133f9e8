"""Capacity blocks by their days: of a length that AWS sells, begun, and not yet ended."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from llminfra.catalog import quotas
from llminfra.spec.compute.capacity import CapacityBlock
from llminfra.spec.compute.ec2 import Ec2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.findings import Findings
    from llminfra.spec.platform import Platform


def check_block_times(platform: Platform, today: dt.date, findings: Findings) -> None:
    """Report blocks that are not there on a day, or that nobody can have bought as they are declared.

    Warnings only: what is compiled does not depend on the day.
    """
    for path, block in _blocks(platform):
        _check_length(path, block, findings)
        _check_day(path, block, today, findings)


def _blocks(platform: Platform) -> Iterator[tuple[str, CapacityBlock]]:
    """Every block that is declared with days, once for each place that it stands at."""
    for pool in platform.pools:
        if not pool.broken and isinstance(pool.capacity, CapacityBlock):
            yield f"pools.{pool.name}.capacity", pool.capacity
    for item in platform.workloads:
        if not item.broken and isinstance(item.on, Ec2) and isinstance(item.on.capacity, CapacityBlock):
            yield f"endpoints.{item.name}.on.capacity", item.on.capacity
    for batch in platform.batches:
        if not batch.broken and isinstance(batch.on.reservation, CapacityBlock):
            yield f"batches.{batch.name}.on.reservation", batch.on.reservation


def _check_length(path: str, block: CapacityBlock, findings: Findings) -> None:
    if block.starts is None or block.ends is None:
        return
    times, days = quotas.capacity_block_times(), (block.ends - block.starts).days
    daily, longest = times.days_in_steps_of_1, times.days_in_steps_of_7
    # A block that begins in the middle of a day lasts a part of a day less or more than it was asked for.
    if any(each <= daily or (each % 7 == 0 and each <= longest) for each in (days, days - 1)):
        return
    weeks = sorted({max(7, min(longest, days // 7 * 7)), min(longest, -(-days // 7) * 7)})
    findings.warning(
        "LLM_CAP_62",
        block,
        f"{path}.ends",
        "AWS sells no capacity block of that length; one that was extended may have it",
        found=f"{days} days, from {block.starts.isoformat()} to {block.ends.isoformat()}",
        expected=f"1 to {daily} days, or weeks up to {longest} days: {' or '.join(map(str, weeks))} days",
        fix="take both days from `aws ec2 describe-capacity-reservations`",
    )


def _check_day(path: str, block: CapacityBlock, today: dt.date, findings: Findings) -> None:
    at = quotas.capacity_block_times().instances_go_utc
    if block.ends is not None and block.ends < today:
        findings.warning(
            "LLM_CAP_63",
            block,
            f"{path}.ends",
            "the capacity block has ended: EC2 has taken its instances, and starts no others in it",
            found=f"it ended on {block.ends.isoformat()}, today is {today.isoformat()}",
            expected="a block that has not ended",
            fix="set reservation_id and ends to those of the next block, or ends to that of the extended one; else "
            "declare another way to buy, or take out what runs on it",
            runtime_message="InsufficientInstanceCapacity",
        )
    elif block.ends == today:
        findings.warning(
            "LLM_CAP_63",
            block,
            f"{path}.ends",
            f"the capacity block ends today: EC2 takes its instances from {at} UTC on",
            found=f"ends={block.ends.isoformat()}",
            expected="a block that lasts longer",
            fix="extend it, which AWS does until an hour before the end, or let endpoints go before",
        )
    if block.starts is not None and block.starts > today:
        findings.warning(
            "LLM_CAP_63",
            block,
            f"{path}.starts",
            "the capacity block has not begun: until then EC2 starts no instance in it, and a node group fails",
            found=f"it begins on {block.starts.isoformat()}, today is {today.isoformat()}",
            expected="a block that has begun when the stacks are applied",
            fix="apply on that day, or leave what runs on it out until then",
            runtime_message="InsufficientInstanceCapacity",
        )
