"""The batch stack: offline inference on AWS Batch, its runner, its schedule, and who hears of failures."""

from __future__ import annotations

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.compiler.contracts import NetworkContract, StorageContract
from llminfra.compiler.stacks.batch_containers import WORKLOAD, BatchCode, batch_containers
from llminfra.compiler.stacks.batch_roles import execution_role, job_role
from llminfra.compiler.stacks.common import Built, open_stack, read
from llminfra.constructs.basis.kms import Key, key_for_all, kms_key
from llminfra.constructs.basis.log_group import log_group
from llminfra.constructs.basis.names import identifier
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.constructs.basis.sns_topic import sns_topic
from llminfra.constructs.basis.state import write_outputs
from llminfra.constructs.batch.compute import BatchCompute, batch_queue
from llminfra.constructs.batch.events import batch_failures, batch_schedule
from llminfra.constructs.batch.job import BatchJob, batch_job
from llminfra.constructs.storage.private_bucket import private_bucket
from llminfra.constructs.storage.workload_archive import stored_archive
from llminfra.planning.encryption.launchers import batch_launchers
from llminfra.planning.encryption.statements import (
    used_by_event_rules,
    used_by_launchers,
    used_by_log_groups,
    used_by_publishers,
)
from llminfra.planning.plan import Plan
from llminfra.planning.plan.targets import BatchPlan


class _Shared(Struct, frozen=True):
    """What all batches of the platform use."""

    encryption: Key
    network: NetworkContract
    storage: StorageContract | None
    alarms: str
    code: BatchCode


def batch_stack(app: core.App, plan: Plan) -> Built:
    """Compile the batches of a plan."""
    scope = open_stack(app, plan, "batch")
    stored = bool(plan.buckets or plan.lustre)
    shared = _shared(
        scope,
        plan,
        NetworkContract.read(read(scope, plan, "network"), plan),
        StorageContract.read(read(scope, plan, "storage"), plan) if stored else None,
    )
    outputs = {"alarm_topic_arn": shared.alarms}
    for item in plan.batches:
        outputs |= _batch(scope, item, shared)
    write_outputs(scope.stack, outputs)
    scope.finish()
    return Built("batch", scope.stack, workloads=frozenset({WORKLOAD}))


def _shared(scope: Scope, plan: Plan, network: NetworkContract, storage: StorageContract | None) -> _Shared:
    make = scope.under("batches")
    launching = batch_launchers(plan)
    key = kms_key(
        make,
        "batch",
        purpose="logs, code and alarms of batch jobs",
        statements=[
            used_by_log_groups(scope, *(_log_group_name(scope, item) for item in plan.batches)),
            used_by_publishers(scope, "cloudwatch.amazonaws.com"),
            *((used_by_event_rules(), *used_by_launchers(scope, launching)) if scope.encryption else ()),
        ],
        launchers=launching,
    )
    bucket = private_bucket(
        make, "batch", name=f"{scope.platform}-batch-{scope.account_id}-{scope.region}", key=key, days_by_prefix={}
    )
    code = stored_archive(make, "batch-runner", WORKLOAD, bucket=bucket, key=key)
    alarms = sns_topic(make, "batch-alarms", key=key, publishers=["cloudwatch.amazonaws.com"])
    return _Shared(
        encryption=key,
        network=network,
        storage=storage,
        alarms=alarms,
        code=BatchCode(bucket.name, bucket.arn, code.key, code.source_hash),
    )


def _batch(scope: Scope, item: BatchPlan, shared: _Shared) -> dict[str, str]:
    make = scope.under(f"batches.{item.name}")
    id_ = f"batch-{item.name}"
    on = item.spec.on
    queue = batch_queue(
        make,
        BatchCompute(
            id=id_,
            instance_types=[each.name for each in item.machine.instance_types],
            max_vcpus=item.max_vcpus,
            spot=on.spot,
            on_demand=on.on_demand,
            root_volume_gib=item.root_volume_gib,
            subnet_ids=[shared.network.private_subnet_ids[zone] for zone in item.zones],
            vpc_id=shared.network.vpc_id,
            nics=item.nics,
            reservation=on.reservation,
            key=key_for_all(shared.encryption),
        ),
    )
    logs = log_group(make, id_, name=_log_group_name(scope, item), days=item.spec.log_days, key=shared.encryption)
    secrets = _secrets(make, id_, item)
    named = {name: each.value_from for name, each in secrets.items()}
    job = batch_job(
        make,
        BatchJob(
            id=id_,
            containers=batch_containers(item, shared.code, scope, named),
            user=f"{item.serving.invocation.run_as_user}:{item.serving.invocation.run_as_user}",
            attempts=item.spec.attempts,
            timeout_s=item.spec.timeout_s,
            log_group=logs.name,
            nodes=item.serving.nodes,
            instance_type=item.machine.main_type.name,
        ),
        job_role=job_role(make, id_, item, code=shared.code, key=shared.encryption, storage=shared.storage),
        execution_role=execution_role(make, id_, logs.arn, [each.arn for each in secrets.values()]),
    )
    if item.spec.schedule:
        batch_schedule(make, id_, expression=item.spec.schedule, queue=queue, job=job, jobs=item.spec.jobs)
    failures = batch_failures(make, id_, queue=queue, alarm_topic_arn=shared.alarms, key=key_for_all(shared.encryption))
    stem = identifier(item.name)
    return {
        f"{stem}_job_queue_arn": queue.arn,
        f"{stem}_job_definition_arn": job.arn,
        f"{stem}_failures_queue_arn": failures,
        f"{stem}_submit_command": _submit_command(scope, id_, queue.arn, job.arn, jobs=item.spec.jobs),
    }


class _Secret(Struct, frozen=True):
    """A secret: its ARN, and how a container definition names it or a key in it."""

    arn: str
    value_from: str


def _secrets(make: Maker, id_: str, item: BatchPlan) -> dict[str, _Secret]:
    """The engine's secrets by variable; ECS wants whole ARNs, which only a look-up knows."""
    found = {}
    for each in item.serving.invocation.secret_env:
        arn = make(aws.DataAwsSecretsmanagerSecret, f"{id_}-{identifier(each.name)}", name=each.secret_name).arn
        found[each.name] = _Secret(arn, f"{arn}:{each.secret_key}::" if each.secret_key else arn)
    return found


def _submit_command(scope: Scope, id_: str, queue_arn: str, job_arn: str, *, jobs: int) -> str:
    """What starts the job by hand: how many jobs there are is said when they are submitted."""
    words = [
        *("aws", "batch", "submit-job", "--region", scope.region, "--job-name", scope.name(id_)),
        *("--job-queue", queue_arn, "--job-definition", job_arn),
        *(("--array-properties", f"size={jobs}") if jobs > 1 else ()),
    ]
    return " ".join(words)


def _log_group_name(scope: Scope, item: BatchPlan) -> str:
    return f"/llminfra/{scope.platform}/batch/{item.name}"
