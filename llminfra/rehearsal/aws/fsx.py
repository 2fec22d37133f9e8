"""FSx for Lustre: capacities, throughputs and combinations that the service accepts.

Source: Amazon FSx API reference, CreateFileSystem and CreateFileSystemLustreConfiguration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llminfra.rehearsal.aws.scene import Subject
from llminfra.rehearsal.provider.contract import Problem

_PERSISTENT = frozenset({"PERSISTENT_1", "PERSISTENT_2"})
_THROUGHPUT: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("PERSISTENT_1", "SSD"): (50, 100, 200),
    ("PERSISTENT_1", "HDD"): (12, 40),
    ("PERSISTENT_2", "SSD"): (125, 250, 500, 1000),
}
# FSx for Lustre User Guide, "Increasing storage capacity": steps of file systems with EFA, by MB/s per TiB.
_EFA_STEPS: Mapping[float, int] = {125: 38400, 250: 19200, 500: 9600, 1000: 4800}
_METADATA_IOPS = (1500, 3000, 6000)
_METADATA_STEP, _METADATA_MAX = 12000, 192000


def check_file_system(subject: Subject) -> Iterator[Problem]:
    """A Lustre file system that CreateFileSystem refuses."""
    if subject.type_name == "aws_fsx_data_repository_association":
        yield from _check_association(subject)
    if subject.type_name != "aws_fsx_lustre_file_system":
        return
    if len(subject.items("subnet_ids")) > 1:
        yield Problem("expected exactly one of subnet_ids", "a Lustre file system lies in one subnet", ("subnet_ids",))
    deployment = subject.text("deployment_type") or "SCRATCH_1"
    storage = subject.text("storage_type") or "SSD"
    yield from _check_capacity(subject, deployment, storage)
    throughput = subject.number("per_unit_storage_throughput")
    allowed = _THROUGHPUT.get((deployment, storage))
    if throughput and allowed and throughput not in allowed:
        yield Problem(
            f"BadRequest: PerUnitStorageThroughput {throughput:g} is not valid for {deployment} {storage}",
            f"valid values: {', '.join(map(str, allowed))} MB/s per TiB",
            ("per_unit_storage_throughput",),
        )
    if throughput and deployment not in _PERSISTENT:
        yield Problem(
            f"BadRequest: PerUnitStorageThroughput cannot be set for {deployment}", "", ("per_unit_storage_throughput",)
        )
    if not subject.is_unknown("per_unit_storage_throughput") and allowed and not throughput:
        yield Problem(
            f"BadRequest: PerUnitStorageThroughput is required for {deployment} file systems",
            f"valid values: {', '.join(map(str, allowed))} MB/s per TiB",
            ("per_unit_storage_throughput",),
        )
    yield from _check_features(subject, deployment)


def _check_capacity(subject: Subject, deployment: str, storage: str) -> Iterator[Problem]:
    capacity = subject.number("storage_capacity")
    if capacity is None:
        return
    efa_step = _EFA_STEPS.get(subject.number("per_unit_storage_throughput") or 0)
    if subject.get("efa_enabled") is True and efa_step:
        valid, text = capacity % efa_step == 0, f"a multiple of {efa_step} GiB with EFA"
    elif storage == "HDD":
        step = 6000 if subject.number("per_unit_storage_throughput") == 12 else 1800
        valid, text = capacity % step == 0, f"a multiple of {step} GiB"
    elif deployment == "SCRATCH_1":
        valid, text = capacity in (1200, 2400) or capacity % 3600 == 0, "1200, 2400, or a multiple of 3600 GiB"
    else:
        valid, text = capacity == 1200 or capacity % 2400 == 0, "1200 GiB or a multiple of 2400 GiB"
    if capacity <= 0 or not valid:
        yield Problem(
            f"BadRequest: Storage capacity {capacity:g} GiB is not valid for {deployment} {storage}",
            f"valid: {text}",
            ("storage_capacity",),
        )


def _check_features(subject: Subject, deployment: str) -> Iterator[Problem]:
    if subject.get("efa_enabled") is True:
        if deployment != "PERSISTENT_2":
            yield Problem("BadRequest: EFA needs deployment type PERSISTENT_2", "", ("efa_enabled",))
        elif not subject.items("metadata_configuration") and not subject.is_unknown("metadata_configuration"):
            yield Problem("BadRequest: EFA needs a metadata configuration", "", ("efa_enabled",))
    if deployment == "PERSISTENT_2":
        for name in ("import_path", "export_path", "auto_import_policy"):
            if subject.text(name):
                yield Problem(
                    f"BadRequest: {name} cannot be set for PERSISTENT_2",
                    "use aws_fsx_data_repository_association",
                    (name,),
                )
    for index, item in enumerate(subject.items("metadata_configuration")):
        iops = item.get("iops") if isinstance(item, dict) else None
        if not isinstance(iops, int | float) or not iops or iops in _METADATA_IOPS:
            continue
        if iops % _METADATA_STEP or iops > _METADATA_MAX:
            yield Problem(
                f"BadRequest: metadata IOPS {iops:g} is not valid",
                f"valid: 1500, 3000, 6000, or a multiple of {_METADATA_STEP} up to {_METADATA_MAX}",
                ("metadata_configuration", index, "iops"),
            )


def _check_association(subject: Subject) -> Iterator[Problem]:
    path = subject.text("data_repository_path")
    if path and not path.startswith("s3://"):
        yield Problem(f"BadRequest: data repository path {path!r} must start with s3://", "", ("data_repository_path",))
    mount = subject.text("file_system_path")
    if mount and not mount.startswith("/"):
        yield Problem(f"BadRequest: file system path {mount!r} must start with /", "", ("file_system_path",))
