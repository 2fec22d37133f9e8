"""The async stack: queues in front of endpoints, the functions or pods that empty them, and where answers go."""

from __future__ import annotations

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.compiler.contracts import ClusterContract, NetworkContract, callers_group_output
from llminfra.compiler.releases.async_worker import async_worker_values
from llminfra.compiler.releases.names import controller_nodes
from llminfra.compiler.stacks.common import Built, open_stack, pod_identity, read
from llminfra.compiler.stacks.local_charts import local_chart
from llminfra.constructs.basis.iam import PodIdentity, Statement, pod_role, policy_document, role, trusts_service
from llminfra.constructs.basis.kms import Key, kms_key
from llminfra.constructs.basis.log_group import log_group
from llminfra.constructs.basis.names import identifier, literal
from llminfra.constructs.basis.providers import helm_provider
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.constructs.basis.secrets import reads_secrets, secret_arn
from llminfra.constructs.basis.security_group import Rule, add_rule, security_group
from llminfra.constructs.basis.sns_topic import Alarm, alarm, sns_topic
from llminfra.constructs.basis.sqs_queue import Queue, sqs_queue
from llminfra.constructs.basis.state import Outputs, write_outputs
from llminfra.constructs.cluster.helm_release import HelmRelease, helm_release
from llminfra.constructs.endpoint_contract import queue_parameter
from llminfra.constructs.lambda_function import Function, consume_queue, lambda_function
from llminfra.constructs.storage.private_bucket import PrivateBucket, private_bucket
from llminfra.constructs.storage.workload_archive import stored_archive
from llminfra.planning.encryption.statements import used_by_log_groups, used_by_publishers
from llminfra.planning.endpoints.contract import contract, endpoint_name
from llminfra.planning.plan import Plan
from llminfra.planning.plan.made_names import async_id
from llminfra.planning.plan.targets import AsyncPlan, WorkersPlan
from llminfra.planning.targets.async_endpoint import CONSUMER_BACKOFF_S
from llminfra.workloads import bootstrap_command

WORKLOAD = "async_consumer"
_HANDLER = "async_consumer.handler.handle"
# A queue that has waited for half of its retention will lose requests before anybody has looked at it twice.
_AGE_SHARE = 0.5
_HTTPS = 443


class _Shared(Struct, frozen=True):
    """What all queues of the platform use.

    ``cluster`` is there where pods are the consumer, ``ec2`` where an endpoint is behind a balancer of its own.
    """

    key: Key
    bucket: PrivateBucket
    alarms: str
    network: NetworkContract
    plan: Plan
    cluster: _Cluster | None
    ec2: Outputs | None


class _Cluster(Struct, frozen=True):
    """How pods get roles, the code that they fetch, and which charts the releases use."""

    identity: PodIdentity
    code: aws.S3Object
    charts: set[str]


def async_stack(app: core.App, plan: Plan) -> Built:
    """Compile the queues of a plan."""
    pods = any(item.workers for item in plan.async_endpoints)
    scope = open_stack(app, plan, "async", with_helm=pods)
    network = NetworkContract.read(read(scope, plan, "network"), plan)
    make = scope.under("async_endpoints")
    functions = [item for item in plan.async_endpoints if item.workers is None]
    logs = [used_by_log_groups(scope, *(_log_group_name(scope, item) for item in functions))] if functions else []
    key = kms_key(
        make,
        "async",
        purpose="requests and answers of delayed inference",
        statements=[*logs, used_by_publishers(scope, "cloudwatch.amazonaws.com")],
    )
    bucket = private_bucket(
        make,
        "async",
        name=f"{scope.platform}-async-{scope.account_id}-{scope.region}",
        key=key,
        days_by_prefix={f"{item.name}/": item.spec.results_days for item in plan.async_endpoints},
    )
    alarms = sns_topic(make, "async-alarms", key=key, publishers=["cloudwatch.amazonaws.com"])
    charts: set[str] = set()
    cluster = _cluster(scope, plan, make, bucket, key, charts) if pods else None
    on_ec2 = {each.name for each in plan.ec2} & {item.behind for item in plan.async_endpoints}
    ec2 = read(scope, plan, "ec2") if on_ec2 else None
    shared = _Shared(key, bucket, alarms, network, plan, cluster, ec2)
    outputs = {"bucket": bucket.name, "alarm_topic_arn": alarms}
    for item in plan.async_endpoints:
        outputs |= _queue(scope, item, shared)
    write_outputs(scope.stack, outputs)
    scope.finish()
    return Built("async", scope.stack, charts=frozenset(charts), workloads=frozenset({WORKLOAD}))


def _cluster(scope: Scope, plan: Plan, make: Maker, bucket: PrivateBucket, key: Key, charts: set[str]) -> _Cluster:
    contract_ = ClusterContract.read(read(scope, plan, "cluster"), plan)
    helm_provider(
        scope.stack,
        region=plan.platform.region,
        cluster_name=contract_.name,
        endpoint=contract_.endpoint,
        ca_certificate=contract_.ca_certificate,
    )
    code = stored_archive(make, "async-consumer", WORKLOAD, bucket=bucket, key=key)
    return _Cluster(pod_identity(plan, contract_), code, charts)


def _queue(scope: Scope, item: AsyncPlan, shared: _Shared) -> dict[str, str]:
    """A queue, its consumer, topic and alarms; the outputs that callers need."""
    make = scope.under(f"async_endpoints.{item.name}")
    id_ = async_id(item.name)
    spec = item.spec
    queue = sqs_queue(
        make,
        id_,
        key=shared.key,
        visibility_s=item.visibility_s,
        attempts=spec.attempts,
        retention_days=spec.retention_days,
    )
    topic = sns_topic(make, f"{id_}-answers", key=shared.key)
    if item.workers is not None and shared.cluster is not None:
        _workers(make, id_, item, item.workers, shared, shared.cluster, queue, topic)
    else:
        _function(make, id_, item, shared, queue, topic)
    for each in _alarms(id_, item, queue, scope):
        alarm(make, shared.alarms, each)
    parameter = queue_parameter(
        make,
        item.name,
        {
            "version": 1,
            "queue_url": queue.url,
            "region": scope.region,
            "model": literal(item.served_name),
            "bodies": f"s3://{shared.bucket.name}/{item.name}/bodies/",
            "results": f"s3://{shared.bucket.name}/{item.name}/results/",
            "topic_arn": topic,
        },
    )
    stem = identifier(item.name)
    return {
        f"{stem}_queue_url": queue.url,
        f"{stem}_dead_letter_queue_arn": queue.dead_letter_arn,
        f"{stem}_topic_arn": topic,
        f"{stem}_results": f"s3://{shared.bucket.name}/{item.name}/results/",
        f"{stem}_caller_policy_arn": _caller_policy(make, id_, item, shared, queue, parameter.arn),
    }


def _function(make: Maker, id_: str, item: AsyncPlan, shared: _Shared, queue: Queue, topic: str) -> None:
    scope, spec = make.scope, item.spec
    logs = log_group(make, id_, name=_log_group_name(scope, item), days=spec.log_days, key=shared.key)
    managed = ["service-role/AWSLambdaVPCAccessExecutionRole"]
    if spec.trace:
        managed.append("AWSXRayDaemonWriteAccess")
    function = lambda_function(
        make,
        Function(
            id=id_,
            why=f"Answers the requests in {queue.name} through endpoint {item.behind}",
            workload=WORKLOAD,
            handler=_HANDLER,
            environment={**_environment(scope, item, shared, queue, topic), "ASYNC_CONCURRENCY": "1"},
            timeout_s=item.function_timeout_s,
            memory_mib=item.memory_mib,
            concurrency=spec.max_concurrency,
            log_group=logs.name,
            trace=spec.trace,
            subnet_ids=list(shared.network.private_subnet_ids.values()),
            security_group_id=_security_group(make, id_, item, shared),
        ),
        role=role(
            make,
            id_,
            trust=trusts_service("lambda.amazonaws.com"),
            description=f"{scope.platform}: consumer of queue {item.name}",
            managed=[scope.managed_policy(name) for name in managed],
            inline={"consumer": _consumes(scope, item, shared, queue, topic)},
        ),
        key=shared.key,
        after=[logs, *shared.bucket.ready],
    )
    consume_queue(make, id_, queue_arn=queue.arn, function=function, concurrency=spec.max_concurrency)


def _workers(
    make: Maker,
    id_: str,
    item: AsyncPlan,
    workers: WorkersPlan,
    shared: _Shared,
    cluster: _Cluster,
    queue: Queue,
    topic: str,
) -> None:
    """The same consumer as pods beside the endpoint; KEDA sets their number."""
    scope, code = make.scope, cluster.code
    fetches = Statement(sid="FetchCode", actions=["s3:GetObject"], resources=[f"{shared.bucket.arn}/{WORKLOAD}/*"])
    identity = pod_role(
        make,
        id_,
        identity=cluster.identity,
        namespace=workers.namespace,
        service_account=id_,
        description=f"{scope.platform}: workers of queue {item.name}",
        inline={"consumer": [*_consumes(scope, item, shared, queue, topic), fetches]},
        pods_follow=True,
    )
    helm_release(
        make,
        HelmRelease(
            id=id_,
            namespace=workers.namespace,
            chart=local_chart("async-worker", cluster.charts),
            values=async_worker_values(
                item,
                workers,
                name=id_,
                command=bootstrap_command(WORKLOAD, shared.bucket.name, code.key, code.source_hash),
                environment=_environment(scope, item, shared, queue, topic),
                queue_url=queue.url,
                region=scope.region,
                role_arn=identity.arn if cluster.identity.kind == "irsa" else None,
                node_selector=controller_nodes(shared.plan),
            ),
            after=[*identity.ready, *shared.bucket.ready],
        ),
    )


def _log_group_name(scope: Scope, item: AsyncPlan) -> str:
    return f"/aws/lambda/{scope.name(async_id(item.name))}"


def _component(item: AsyncPlan, plan: Plan) -> str | None:
    """The inference component of a SageMaker endpoint that goes to zero."""
    return next((contract(each, plan).component for each in plan.sagemaker if each.name == item.behind), None)


def _environment(scope: Scope, item: AsyncPlan, shared: _Shared, queue: Queue, topic: str) -> dict[str, str]:
    """The consumer's settings, without those whose default is meant."""
    target = {"ASYNC_ENDPOINT_URL": item.url} if item.url else {}
    if item.calls == "sagemaker":
        target = {"ASYNC_SAGEMAKER_ENDPOINT": endpoint_name(shared.plan, item.behind)}
        if component := _component(item, shared.plan):
            target["ASYNC_SAGEMAKER_COMPONENT"] = component
    # Secrets Manager takes an ARN without the six characters at its end, too.
    secret = scope.arn("secretsmanager", f"secret:{item.api_key_secret}")
    key = {"ASYNC_API_KEY_SECRET": secret} if item.api_key_secret else {}
    return {
        **target,
        **key,
        **({"ASYNC_BACKOFF_S": str(item.backoff_s)} if item.backoff_s != CONSUMER_BACKOFF_S else {}),
        "ASYNC_BODY_BUCKET": shared.bucket.name,
        "ASYNC_BODY_PREFIX": f"{item.name}/bodies/",
        **({"ASYNC_MAX_BODY_MIB": str(item.max_body_mib)} if item.max_body_mib is not None else {}),
        "ASYNC_QUEUE_URL": queue.url,
        "ASYNC_REQUEST_TIMEOUT_S": str(item.spec.request_timeout_s),
        "ASYNC_RESULT_BUCKET": shared.bucket.name,
        "ASYNC_RESULT_PREFIX": f"{item.name}/",
        "ASYNC_TOPIC_ARN": topic,
    }


def _security_group(make: Maker, id_: str, item: AsyncPlan, shared: _Shared) -> str:
    """The function's group, which the endpoint's balancer admits whatever blocks it is open to."""
    group = security_group(make, id_, vpc_id=shared.network.vpc_id, why=f"Consumer of queue {item.name}")
    if shared.ec2 is not None and any(each.name == item.behind for each in shared.plan.ec2):
        why = f"HTTPS from the consumer of queue {item.name}"
        admits = Rule(id=f"{id_}-calls", direction="in", why=why, ports=(_HTTPS, _HTTPS), peer_group=group)
        add_rule(make, shared.ec2[callers_group_output(item.behind)], admits)
    for port in sorted({_HTTPS, item.port}):
        add_rule(
            make,
            group,
            Rule(
                id=f"{id_}-out-{port}",
                direction="out",
                why="The endpoint and AWS services" if port == item.port else "AWS services",
                ports=(port, port),
                cidr="0.0.0.0/0",
            ),
        )
    return group


def _consumes(scope: Scope, item: AsyncPlan, shared: _Shared, queue: Queue, topic: str) -> list[Statement]:
    """Take from one queue, write below one prefix, tell one topic, and call one endpoint."""
    prefix = f"{shared.bucket.arn}/{item.name}"
    statements = [
        Statement(
            sid="TakeRequests",
            actions=[
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
                "sqs:GetQueueAttributes",
            ],
            resources=[queue.arn],
        ),
        Statement(
            sid="ClaimAndAnswer",
            actions=["s3:GetObject", "s3:PutObject"],
            resources=[f"{prefix}/ledger/*", f"{prefix}/results/*"],
        ),
        Statement(sid="ReadBodies", actions=["s3:GetObject", "s3:GetObjectVersion"], resources=[f"{prefix}/bodies/*"]),
        Statement(
            # Without it S3 answers "forbidden" for an object that is not there yet.
            sid="SeeWhatIsThere",
            actions=["s3:ListBucket"],
            resources=[shared.bucket.arn],
            conditions=[("StringLike", "s3:prefix", [f"{item.name}/*"])],
        ),
        Statement(sid="TellTopic", actions=["sns:Publish"], resources=[topic]),
        Statement(sid="UseKey", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[shared.key.arn]),
    ]
    if item.calls == "sagemaker":
        arn = scope.arn("sagemaker", f"endpoint/{endpoint_name(shared.plan, item.behind)}")
        arns = [arn]
        if component := _component(item, shared.plan):
            arns.append(scope.arn("sagemaker", f"inference-component/{component}"))
        statements.append(Statement(sid="CallEndpoint", actions=["sagemaker:InvokeEndpoint"], resources=arns))
    if item.api_key_secret:
        statements += reads_secrets(scope, [secret_arn(scope, item.api_key_secret)], sid="ReadApiKey")
    return statements


def _caller_policy(make: Maker, id_: str, item: AsyncPlan, shared: _Shared, queue: Queue, parameter_arn: str) -> str:
    """A policy for the roles of applications: find the queue, send requests, put large bodies, read answers."""
    scope = make.scope
    prefix = f"{shared.bucket.arn}/{item.name}"
    document = policy_document(
        make,
        f"{id_}-callers",
        [
            Statement(sid="FindQueue", actions=["ssm:GetParameter"], resources=[parameter_arn]),
            Statement(sid="SendRequests", actions=["sqs:SendMessage", "sqs:GetQueueUrl"], resources=[queue.arn]),
            Statement(sid="PutBodies", actions=["s3:PutObject"], resources=[f"{prefix}/bodies/*"]),
            Statement(sid="ReadAnswers", actions=["s3:GetObject"], resources=[f"{prefix}/results/*"]),
            Statement(sid="UseKey", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[shared.key.arn]),
        ],
    )
    return make(
        aws.IamPolicy,
        f"{id_}-callers",
        name=scope.iam_name(f"{id_}-callers"),
        description=f"{scope.platform}: sends requests to queue {item.name} and reads its answers",
        policy=document,
    ).arn


def _alarms(id_: str, item: AsyncPlan, queue: Queue, scope: Scope) -> list[Alarm]:
    waits_s = int(item.spec.retention_days * 86_400 * _AGE_SHARE)
    found = [
        Alarm(
            id=f"{id_}-dead",
            why=f"Requests of {item.name} failed {item.spec.attempts} times and lie in the dead-letter queue",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": queue.dead_letter_name},
            statistic="Maximum",
            above=0,
        ),
        Alarm(
            id=f"{id_}-age",
            why=f"Requests of {item.name} have waited for half of the time after which they are lost",
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            dimensions={"QueueName": queue.name},
            statistic="Maximum",
            above=waits_s,
        ),
    ]
    if item.workers is None:
        found.append(
            Alarm(
                id=f"{id_}-errors",
                why=f"The consumer of {item.name} cannot run: settings, permissions or network",
                namespace="AWS/Lambda",
                metric="Errors",
                dimensions={"FunctionName": scope.name(id_)},
                statistic="Sum",
                above=5,
            )
        )
    return found
