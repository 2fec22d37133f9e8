"""EBS volumes: sizes, IOPS and throughput that EC2 accepts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llminfra.rehearsal.aws.scene import Subject
from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.provider.values import UNKNOWN, Path

# Amazon EBS User Guide, "Amazon EBS volume types": size in GiB, IOPS, throughput in MiB/s.
_SIZE_GIB: Mapping[str, tuple[int, int]] = {
    "gp2": (1, 16384),
    "gp3": (1, 65536),
    "io1": (4, 16384),
    "io2": (4, 65536),
    "st1": (125, 16384),
    "sc1": (125, 16384),
    "standard": (1, 1024),
}
_IOPS: Mapping[str, tuple[int, int]] = {"gp3": (3000, 80000), "io1": (100, 64000), "io2": (100, 256000)}
_THROUGHPUT_MIBPS: Mapping[str, tuple[int, int]] = {"gp3": (125, 2000)}


def check_volumes(subject: Subject) -> Iterator[Problem]:
    """Volumes of launch templates and of their own."""
    if subject.type_name == "aws_ebs_volume":
        yield from _check(subject.state, ())
    if subject.type_name != "aws_launch_template":
        return
    for index, mapping in enumerate(subject.items("block_device_mappings")):
        for inner, ebs in enumerate(mapping.get("ebs") or [] if isinstance(mapping, dict) else []):
            if isinstance(ebs, dict):
                renamed = {**ebs, "size": ebs.get("volume_size"), "type": ebs.get("volume_type")}
                yield from _check(renamed, ("block_device_mappings", index, "ebs", inner))


def _check(volume: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    kind = volume.get("type")
    kind = kind if isinstance(kind, str) and kind else "gp3"
    limits = (("size", "GiB", _SIZE_GIB), ("iops", "IOPS", _IOPS), ("throughput", "MiB/s", _THROUGHPUT_MIBPS))
    for name, unit, table in limits:
        value = volume.get(name)
        if value is UNKNOWN or not isinstance(value, int | float) or not value:
            continue
        if kind not in table:
            if name != "size" and kind in _SIZE_GIB:
                yield Problem(
                    f"InvalidParameterCombination: The parameter {name} is not supported for {kind} volumes.", "", path
                )
            continue
        low, high = table[kind]
        if not low <= value <= high:
            yield Problem(
                f"InvalidParameterValue: Volume {name} of {value:g} {unit} is not valid for {kind}",
                f"{kind} takes {low} to {high} {unit}",
                path,
            )
