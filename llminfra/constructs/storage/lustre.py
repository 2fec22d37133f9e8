"""FSx for Lustre in one zone, with the weights bucket behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from llminfra.bindings import aws, core
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.log_group import log_group
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.constructs.basis.security_group import ALL_PROTOCOLS, Rule, add_rule, security_group
from llminfra.constructs.storage.weights_bucket import WeightsBucket
from llminfra.planning.plan.infrastructure import LustrePlan
from llminfra.planning.storage.lustre_ports import LUSTRE_PORTS

_VERSION = "2.15"  # the AL2023 client cannot mount 2.10 and 2.12 (kubernetes-sigs/aws-fsx-csi-driver#437)
_LOG_DAYS = 365
# One stripe per GiB of a file, so that a safetensors shard spreads over several disks.
_CHUNK_MIB = 1024


class FileSystem(Struct, frozen=True):
    """What a static persistent volume needs."""

    id: str
    dns_name: str
    mount_name: str


def lustre_log_group(scope: Scope, name: str) -> str:
    """Name of a file system's log group; FSx accepts only names under ``/aws/fsx/``."""
    return f"/aws/fsx/{scope.platform}/{name}"


def lustre(
    make: Maker,
    plan: LustrePlan,
    *,
    vpc_id: str,
    subnet_id: str,
    client_group_id: str,
    efa_group_ids: Mapping[str, str],
    key: Key,
    bucket: WeightsBucket | None,
) -> FileSystem:
    """Create a PERSISTENT_2 SSD file system, and link it to the bucket.

    It has no backups: FSx refuses them with a data repository, and the bucket is the original. It waits for the rules
    of its group, because FSx looks at them when it is asked for the file system, and refuses with "do not permit Lustre
    LNET network traffic on port 988" where one is a second late (aws/aws-parallelcluster#6181).

    Args:
        make: Maker of the resources.
        plan: The file system.
        vpc_id: VPC of the clients.
        subnet_id: Its one subnet.
        client_group_id: Security group of every node.
        efa_group_ids: Security groups of EFA pools by pool, for an EFA file system.
        key: Key of the data at rest.
        bucket: Bucket behind it.
    """
    scope = make.scope
    id_ = f"lustre-{plan.name}"
    group = security_group(make, id_, vpc_id=vpc_id, why=f"Lustre file system {plan.name}")
    rules = _open_ports(make, id_, group, client_group_id)
    if plan.efa:
        rules += _open_efa(make, id_, group, group, "itself")
        for pool, pool_group in efa_group_ids.items():
            rules += _open_efa(make, f"{id_}-{pool}", group, pool_group, f"pool {pool}")
            _open_efa(make, f"{id_}-from-{pool}", pool_group, group, f"file system {plan.name}")
    logs = log_group(make, id_, name=lustre_log_group(scope, plan.name), days=_LOG_DAYS, key=key)
    system = make(
        aws.FsxLustreFileSystem,
        id_,
        deployment_type="PERSISTENT_2",
        storage_type="SSD",
        storage_capacity=plan.capacity_gib,
        per_unit_storage_throughput=plan.throughput_mbps_per_tib,
        file_system_type_version=_VERSION,
        metadata_configuration=aws.FsxLustreFileSystemMetadataConfiguration(mode="AUTOMATIC"),
        efa_enabled=True if plan.efa else None,
        subnet_ids=[subnet_id],
        security_group_ids=[group],
        kms_key_id=key.arn,
        log_configuration=aws.FsxLustreFileSystemLogConfiguration(destination=logs.arn, level="WARN_ERROR"),
        automatic_backup_retention_days=0,
        skip_final_backup=True,
        tags={"Name": scope.name(id_)},
        depends_on=rules,
    )
    if bucket is not None:
        prefix = f"/{plan.source_prefix.strip('/')}" if plan.source_prefix else ""
        make(
            aws.FsxDataRepositoryAssociation,
            id_,
            file_system_id=system.id,
            file_system_path=prefix or "/",
            data_repository_path=f"s3://{bucket.name}{prefix}",
            batch_import_meta_data_on_create=True,
            imported_file_chunk_size=_CHUNK_MIB,
            s3=aws.FsxDataRepositoryAssociationS3(
                auto_import_policy=aws.FsxDataRepositoryAssociationS3AutoImportPolicy(
                    events=["NEW", "CHANGED", "DELETED"]
                )
            ),
            tags={"Name": scope.name(id_)},
            depends_on=list(bucket.ready) or None,
        )
    return FileSystem(id=system.id, dns_name=system.dns_name, mount_name=system.mount_name)


def _open_efa(make: Maker, id_: str, group: str, peer: str, who: str) -> list[core.TerraformElement]:
    """Everything between two groups, as EFA wants it (FSx for Lustre User Guide, "EFA-enabled file systems")."""
    directions: tuple[Literal["in", "out"], ...] = ("in", "out")
    rules = [
        Rule(
            id=f"{id_}-efa-{direction}",
            direction=direction,
            why=f"EFA {'from' if direction == 'in' else 'to'} {who}",
            protocol=ALL_PROTOCOLS,
            peer_group=peer,
        )
        for direction in directions
    ]
    return [add_rule(make, group, rule) for rule in rules]


def _open_ports(make: Maker, id_: str, group: str, client_group_id: str) -> list[core.TerraformElement]:
    """Lustre ports between servers, and between servers and nodes; servers call clients back for their locks.

    Returns:
        The rules of the file system's own group.
    """
    rules: list[core.TerraformElement] = []
    for low, high in LUSTRE_PORTS:
        for peer, group_id in (("self", group), ("nodes", client_group_id)):
            other = "its own servers" if peer == "self" else "nodes"
            into = Rule(
                id=f"{id_}-{peer}-{low}",
                direction="in",
                why=f"Lustre from {other}",
                ports=(low, high),
                peer_group=group_id,
            )
            rules.append(add_rule(make, group, into))
            out = replace(into, id=f"{into.id}-out", direction="out", why=f"Lustre to {other}")
            rules.append(add_rule(make, group, out))
        add_rule(
            make,
            client_group_id,
            Rule(
                id=f"{id_}-callback-{low}",
                direction="in",
                why=f"Lustre servers of {make.scope.platform} to clients",
                ports=(low, high),
                peer_group=group,
            ),
        )
    return rules
