"""The storage stack: weights buckets, Lustre file systems, their key."""

from __future__ import annotations

from llminfra.bindings import core
from llminfra.compiler.contracts import (
    BucketOutputs,
    ClusterContract,
    LustreOutputs,
    NetworkContract,
    StorageContract,
)
from llminfra.compiler.stacks.common import Built, open_stack, read
from llminfra.constructs.basis.kms import Key, kms_key
from llminfra.constructs.basis.log_group import log_group
from llminfra.constructs.basis.names import identifier
from llminfra.constructs.basis.scope import Scope
from llminfra.constructs.basis.state import write_outputs
from llminfra.constructs.storage.lustre import FileSystem, lustre, lustre_log_group
from llminfra.constructs.storage.weights_bucket import WeightsBucket, existing_bucket, weights_bucket
from llminfra.planning.encryption.statements import used_by_fsx_for_bucket, used_by_log_groups
from llminfra.planning.plan import Plan

_COPY_LOG_DAYS = 365


def storage_stack(app: core.App, plan: Plan) -> Built:
    """Compile the storage part of a plan; the plan has a bucket or a file system."""
    scope = open_stack(app, plan, "storage")
    # Buckets that were there before have keys of their own.
    key = _key(scope, plan) if plan.lustre or not all(item.existing for item in plan.buckets) else None
    buckets: dict[str, WeightsBucket] = {}
    for item in plan.buckets:
        make = scope.under(f"storage.{item.name}")
        id_ = f"bucket-{identifier(item.name)}"
        if item.existing or key is None:
            buckets[item.name] = existing_bucket(make, id_, item)
        else:
            buckets[item.name] = weights_bucket(make, id_, item, key)
    systems = _lustre(scope, plan, key, buckets) if key else {}
    contract = StorageContract(
        buckets={
            item.name: BucketOutputs(
                name=buckets[item.name].name,
                arn=buckets[item.name].arn,
                key_arn=None if item.existing or key is None else key.arn,
            )
            for item in plan.buckets
        },
        lustre={
            name: LustreOutputs(id=system.id, dns_name=system.dns_name, mount_name=system.mount_name)
            for name, system in systems.items()
        },
    )
    copies = _copies(scope, plan, contract, key) if plan.hub_copies and key else {}
    write_outputs(scope.stack, {**contract.outputs(), **copies})
    scope.finish()
    return Built("storage", scope.stack)


def _copies(scope: Scope, plan: Plan, contract: StorageContract, key: Key) -> dict[str, str]:
    """Build projects that fill buckets for what runs outside the cluster; their names."""
    # Imported where they are planned: most platforms have none.
    from llminfra.compiler.stacks.serving import writes_weights  # noqa: PLC0415  # see above
    from llminfra.constructs.storage.hub_copy import hub_copy  # noqa: PLC0415  # see above

    name = copies_log_group_name(scope)
    logs = log_group(scope.under("storage"), "hub-copies", name=name, days=_COPY_LOG_DAYS, key=key)
    return {
        f"copy_{identifier(item.name.removeprefix('copy-'))}": hub_copy(
            scope.under(f"storage.{item.bucket}"),
            item,
            writes=writes_weights(contract.buckets[item.bucket], item.key, scope),
            log_group=logs,
            key=key,
        )
        for item in plan.hub_copies
    }


def copies_log_group_name(scope: Scope) -> str:
    """The log group of copies from the Hub."""
    return f"/llminfra/{scope.platform}/hub-copies"


def _key(scope: Scope, plan: Plan) -> Key:
    statements = []
    groups = [lustre_log_group(scope, item.name) for item in plan.lustre]
    groups += [copies_log_group_name(scope)] if plan.hub_copies else []
    if groups:
        statements.append(used_by_log_groups(scope, *groups))
    if any(item.source_bucket for item in plan.lustre):
        statements.append(used_by_fsx_for_bucket(scope))
    return kms_key(scope.under("storage"), "storage", purpose="model weights", statements=statements)


def _lustre(scope: Scope, plan: Plan, key: Key, buckets: dict[str, WeightsBucket]) -> dict[str, FileSystem]:
    if not plan.lustre:
        return {}
    network = NetworkContract.read(read(scope, plan, "network"), plan)
    cluster = ClusterContract.read(read(scope, plan, "cluster"), plan)
    return {
        item.name: lustre(
            scope.under(f"storage.{item.name}"),
            item,
            vpc_id=network.vpc_id,
            subnet_id=network.private_subnet_ids[item.zone],
            client_group_id=cluster.node_group_id,
            efa_group_ids={
                pool.name: cluster.efa_group_ids[pool.name]
                for pool in plan.pools
                if pool.name in cluster.efa_group_ids and item.zone in pool.zones
            },
            key=key,
            bucket=buckets[item.source_bucket] if item.source_bucket else None,
        )
        for item in plan.lustre
    }
