"""The batch stack: offline inference on AWS Batch, its runner, its schedule, and who hears of failures."""

from __future__ import annotations

import json

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.catalog.batch_runner import runner_container
from llminfra.compiler.contracts import NetworkContract, StorageContract
from llminfra.compiler.stacks.common import Built, open_stack, read
from llminfra.compiler.stacks.serving import reads_weights
from llminfra.constructs.basis.iam import Role, Statement, role, trusts_service
from llminfra.constructs.basis.kms import Key, key_for_all, kms_key, uses_key
from llminfra.constructs.basis.log_group import log_group
from llminfra.constructs.basis.names import identifier
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.constructs.basis.secrets import reads_secrets
from llminfra.constructs.basis.sns_topic import sns_topic
from llminfra.constructs.basis.state import write_outputs
from llminfra.constructs.batch.compute import BatchCompute, batch_queue
from llminfra.constructs.batch.events import batch_failures, batch_schedule
from llminfra.constructs.batch.job import BatchJob, Container, batch_job
from llminfra.constructs.storage.private_bucket import private_bucket
from llminfra.constructs.storage.workload_archive import stored_archive
from llminfra.planning.encryption.launchers import batch_launchers
from llminfra.planning.encryption.statements import (
    used_by_event_rules,
    used_by_launchers,
    used_by_log_groups,
    used_by_publishers,
)
from llminfra.planning.network.mirror import by_digest_or_tag, declared_image, engine_image
from llminfra.planning.plan import Plan
from llminfra.planning.plan.targets import BatchPlan
from llminfra.workloads import REQUIREMENTS_VARIABLE, bootstrap_command, installing_command

WORKLOAD = "batch_runner"
_ENGINE = "engine"
# What LeaderWorkerSet calls the nodes, in the words of the runner.
_RANKS = {
    "$(LWS_GROUP_SIZE)": "%NUM_NODES%",
    "$(LWS_LEADER_ADDRESS)": "%MAIN_ADDRESS%",
    "$(LWS_WORKER_INDEX)": "%NODE_RANK%",
    "$(VLLM_HOST_IP)": "%MAIN_ADDRESS%",
}
_CACHE = "/tmp/llminfra"  # noqa: S108  # in the container of one job, which is alone on its instance


class _Shared(Struct, frozen=True):
    """What all batches of the platform use; ``bucket`` holds the runner's archive at ``key`` with digest ``sha256``."""

    encryption: Key
    network: NetworkContract
    storage: StorageContract | None
    alarms: str
    bucket: str
    bucket_arn: str
    key: str
    sha256: str


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
        bucket=bucket.name,
        bucket_arn=bucket.arn,
        key=code.key,
        sha256=code.source_hash,
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
            containers=_containers(item, shared, scope, named),
            user=f"{item.serving.invocation.run_as_user}:{item.serving.invocation.run_as_user}",
            attempts=item.spec.attempts,
            timeout_s=item.spec.timeout_s,
            log_group=logs.name,
            nodes=item.serving.nodes,
            instance_type=item.machine.main_type.name,
        ),
        job_role=_job_role(make, id_, item, shared),
        execution_role=_execution_role(make, id_, logs.arn, [each.arn for each in secrets.values()]),
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


def _containers(item: BatchPlan, shared: _Shared, scope: Scope, secrets: dict[str, str]) -> list[Container]:
    if item.serving.nodes == 1:
        return [_engine(item, scope, secrets), _runner(item, shared, scope)]
    return [_node(item, shared, scope, secrets)]


def _image(item: BatchPlan, scope: Scope) -> str:
    return by_digest_or_tag(scope.images.pulled(engine_image(item.serving.invocation)))


def _engine_env(item: BatchPlan) -> dict[str, str]:
    invocation = item.serving.invocation
    caches = {name: f"{_CACHE}/{folder}" for name, folder in invocation.cache_env.items()}
    return {**invocation.env, **caches}


def _engine(item: BatchPlan, scope: Scope, secrets: dict[str, str]) -> Container:
    """The engine's own image, which starts the server. The job goes on without it until the runner gives up."""
    invocation = item.serving.invocation
    runner = runner_container()
    return Container(
        name=_ENGINE,
        image=_image(item, scope),
        # ``vllm serve`` is the entry point of vLLM's image (vllm-project/vllm docker/Dockerfile, stage vllm-openai);
        # SGLang's has none of its own (sgl-project/sglang docker/Dockerfile).
        command=invocation.args if item.serving.engine == "vllm" else (*invocation.command, *invocation.args),
        environment=_engine_env(item),
        secrets=secrets,
        vcpus=item.vcpus - runner.vcpus,
        memory_mib=item.memory_mib - runner.memory_mib,
        gpus=item.gpus,
        shm_mib=item.serving.resources.shm_mib,
        essential=False,
    )


def _node(item: BatchPlan, shared: _Shared, scope: Scope, secrets: dict[str, str]) -> Container:
    """Runner and rank of the engine in one container, on each node of a job that spans several."""
    invocation = item.serving.invocation
    ranks = {
        "BATCH_SERVER_COMMAND": (*invocation.command, *invocation.args),
        "BATCH_NODE_COMMAND": (*(invocation.worker_command or invocation.command), *invocation.worker_args),
    }
    # The container has an interface of its own, whose name is not known; the others are Docker's and the agent's.
    env = {name: value for name, value in _engine_env(item).items() if not name.endswith("_SOCKET_IFNAME")}
    return Container(
        name="runner",
        image=_image(item, scope),
        command=bootstrap_command(WORKLOAD, shared.bucket, shared.key, shared.sha256),
        environment={
            **env,
            **_settings(item, scope.region),
            **{name: json.dumps([_ranked(word) for word in command]) for name, command in ranks.items()},
            "NCCL_SOCKET_IFNAME": "^lo,docker,ecs",
        },
        secrets=secrets,
        vcpus=item.vcpus,
        memory_mib=item.memory_mib,
        gpus=item.gpus,
        shm_mib=item.serving.resources.shm_mib,
        efa_devices=sum(nic.has_efa for nic in item.nics),
    )


def _ranked(word: str) -> str:
    """In the runner's words; the leader's own address is that of the main node."""
    for name, own in _RANKS.items():
        word = word.replace(name, own)
    return word


def _settings(item: BatchPlan, region: str) -> dict[str, str]:
    """The runner's settings, without those whose default is meant."""
    invocation, spec = item.serving.invocation, item.spec
    return {
        "AWS_DEFAULT_REGION": region,
        "BATCH_NAME": item.name,
        "BATCH_INPUT": spec.input,
        "BATCH_OUTPUT": spec.output,
        "BATCH_ENDPOINT_URL": f"http://127.0.0.1:{invocation.port}",
        "BATCH_HEALTH_PATH": invocation.startup.path or "/health",
        "BATCH_START_TIMEOUT_S": str(item.start_timeout_s),
        "BATCH_CONCURRENCY": str(spec.concurrency),
        "BATCH_WATCH_SPOT": "true" if spec.on.spot else "false",
        "BATCH_SPOT_DRAIN_TIMEOUT_S": str(item.drain_s),
    }


def _runner(item: BatchPlan, shared: _Shared, scope: Scope) -> Container:
    """The runner beside the engine."""
    spec, runner = item.spec, runner_container()
    command = bootstrap_command(WORKLOAD, shared.bucket, shared.key, shared.sha256)
    environment = _settings(item, scope.region)
    image = runner.image
    if (own := spec.runner_image) is not None:
        image = declared_image(own)
    else:
        environment[REQUIREMENTS_VARIABLE] = "\n".join(runner.requirements)
        command = installing_command(command)
    return Container(
        name="runner",
        image=by_digest_or_tag(scope.images.pulled(image)),
        command=command,
        environment=environment,
        vcpus=runner.vcpus,
        memory_mib=runner.memory_mib,
        after=[_ENGINE],
    )


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


def _s3(uri: str) -> tuple[str, str]:
    """Bucket, and prefix with a slash at its end."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return bucket, f"{prefix.rstrip('/')}/"


def _job_role(make: Maker, id_: str, item: BatchPlan, shared: _Shared) -> Role:
    """A role that reads one prefix, writes another, and loads one model and the runner's code."""
    scope = make.scope
    (source, source_prefix), (target, target_prefix) = _s3(item.spec.input), _s3(item.spec.output)
    bucket_arn = f"arn:{scope.partition}:s3:::"
    statements = [
        Statement(sid="ReadInput", actions=["s3:GetObject"], resources=[f"{bucket_arn}{source}/{source_prefix}*"]),
        Statement(
            sid="WriteOutput",
            actions=["s3:GetObject", "s3:PutObject"],
            resources=[f"{bucket_arn}{target}/{target_prefix}*"],
        ),
        Statement(
            sid="ListInput",
            actions=["s3:ListBucket"],
            resources=[f"{bucket_arn}{source}"],
            conditions=[("StringLike", "s3:prefix", [f"{source_prefix}*"])],
        ),
        Statement(
            sid="ListOutput",
            actions=["s3:ListBucket"],
            resources=[f"{bucket_arn}{target}"],
            conditions=[("StringLike", "s3:prefix", [f"{target_prefix}*"])],
        ),
        Statement(sid="ReadCode", actions=["s3:GetObject"], resources=[f"{shared.bucket_arn}/{WORKLOAD}/*"]),
        Statement(sid="DecryptCode", actions=["kms:Decrypt"], resources=[shared.encryption.arn]),
    ]
    statements += uses_key("InputKey", item.spec.input_kms_key_arn, scope, "kms:Decrypt")
    statements += uses_key("OutputKey", item.spec.output_kms_key_arn, scope, "kms:Decrypt", "kms:GenerateDataKey")
    weights = item.serving.weights
    inline = {"job": statements}
    if weights.kind == "bucket" and weights.storage and weights.key and shared.storage:
        inline["weights"] = list(reads_weights(shared.storage.buckets[weights.storage], weights.key, scope))
    return role(
        make,
        f"{id_}-job",
        trust=trusts_service("ecs-tasks.amazonaws.com", ("StringEquals", "aws:SourceAccount", [scope.account_id])),
        description=f"{scope.platform}: batch job {item.name}",
        inline=inline,
    )


def _execution_role(make: Maker, id_: str, log_group_arn: str, secret_arns: list[str]) -> Role:
    """A role by which ECS starts the container: logs, and secrets where there are some."""
    scope = make.scope
    statements = [
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[f"{log_group_arn}:*"],
        )
    ]
    if secret_arns:
        statements += reads_secrets(scope, secret_arns)
    return role(
        make,
        f"{id_}-execution",
        trust=trusts_service("ecs-tasks.amazonaws.com", ("StringEquals", "aws:SourceAccount", [scope.account_id])),
        description=f"{scope.platform}: starts containers of {id_}",
        inline={"start": statements},
    )
