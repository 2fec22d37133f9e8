"""The SageMaker stack: real-time and asynchronous endpoints, each with a role of its own."""

from __future__ import annotations

from collections.abc import Sequence

from llminfra.bindings import aws, core
from llminfra.compiler.contracts import NetworkContract, StorageContract
from llminfra.compiler.stacks.common import Built, open_stack, read
from llminfra.compiler.stacks.copied_weights import checked_weights
from llminfra.compiler.stacks.serving import reads_weights
from llminfra.constructs.basis.iam import Role, Statement, role, trusts_service
from llminfra.constructs.basis.kms import Key, key_for_all, kms_key, uses_key
from llminfra.constructs.basis.log_group import log_group
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.constructs.basis.security_group import Rule, add_rule, security_group
from llminfra.constructs.endpoint_contract import endpoint_contract
from llminfra.constructs.sagemaker.component import Copy, component
from llminfra.constructs.sagemaker.endpoint import (
    AsyncOutput,
    HostedModel,
    Variant,
    endpoint,
    hosted_model,
    scale_on_backlog,
    scale_on_requests,
)
from llminfra.constructs.sagemaker.scaling import Scaling
from llminfra.planning.encryption.statements import used_by_log_groups
from llminfra.planning.endpoints.contract import contract, endpoint_name, sagemaker_log_group
from llminfra.planning.network.mirror import by_digest_or_tag, without_tag
from llminfra.planning.plan import Plan
from llminfra.planning.plan.serving import SageMakerEndpointPlan
from llminfra.spec.compute.sagemaker import SageMakerAsync
from llminfra.spec.endpoint import Autoscaling

_LOG_DAYS = 365


def sagemaker_stack(app: core.App, plan: Plan) -> Built:
    """Compile the endpoints of a plan that run on SageMaker."""
    scope = open_stack(app, plan, "sagemaker")
    network = NetworkContract.read(read(scope, plan, "network"), plan)
    storage = StorageContract.read(read(scope, plan, "storage"), plan) if plan.buckets else None
    key = None
    if scope.encryption or any(item.wants_key for item in plan.sagemaker):
        groups = [sagemaker_log_group(plan, item) for item in plan.sagemaker]
        key = kms_key(
            scope.under("endpoints"),
            "sagemaker",
            purpose="volumes and topics of SageMaker endpoints",
            statements=[used_by_log_groups(scope, *groups)] if scope.encryption else [],
        )
    for item in plan.sagemaker:
        _endpoint(scope, plan, item, network, storage, key)
    scope.finish()
    return Built("sagemaker", scope.stack)


def _endpoint(
    scope: Scope,
    plan: Plan,
    item: SageMakerEndpointPlan,
    network: NetworkContract,
    storage: StorageContract | None,
    key: Key | None,
) -> None:
    make = scope.under(f"endpoints.{item.name}")
    weights = item.serving.weights
    bucket = storage.buckets[weights.storage] if storage and weights.kind == "copied" and weights.storage else None
    topics = _topics(make, item, key) if isinstance(item.on, SageMakerAsync) and key else None
    identity = _role(make, plan, item, storage, topics, key)
    # Else SageMaker makes the group when a container first writes, with a key of CloudWatch's.
    sealed = key_for_all(key) if key else None
    group = sagemaker_log_group(plan, item)
    logs = [log_group(make, item.name, name=group, days=_LOG_DAYS, key=sealed)] if sealed else []
    model = hosted_model(
        make,
        item.name,
        HostedModel(
            image_uri=by_digest_or_tag(scope.images.pulled(item.image_uri)),
            environment=item.environment,
            weights_uri=f"s3://{bucket.name}/{weights.key}/" if bucket else None,
            role_arn=identity.arn,
            network_isolation=item.network_isolation,
            # The interfaces of components belong to the endpoint configuration, where the provider cannot say so.
            subnet_ids=() if item.to_zero else [network.private_subnet_ids[zone] for zone in item.zones],
            security_group_id=None if item.to_zero else _group(make, item, network),
        ),
        after=[*identity.ready, *logs, *checked_weights(make, plan, item.name, item.serving, storage)],
    )
    name = endpoint_name(plan, item.name)
    variant = Variant(
        instance_type=item.on.instance_type,
        # Zero comes by scaling: a configuration starts with one.
        instances=max(1, item.serving.min_replicas),
        startup_timeout_s=item.startup_timeout_s,
        download_timeout_s=item.download_timeout_s,
        inference_ami_version=item.inference_ami_version,
        volume_gib=item.volume_gib,
        kms_key_arn=None if item.volume_gib is None else item.on.kms_key_arn or (key.arn if key else None),
    )
    if item.to_zero:
        _component(make, item, name, model, variant, identity)
    else:
        served = endpoint(
            make, item.name, name=name, model=model, variant=variant, asynchronous=_output(item, topics, sealed)
        )
        _scaling(make, item, served, name)
    endpoint_contract(make, item.name, contract(item, plan))


def _component(
    make: Maker, item: SageMakerEndpointPlan, name: str, model: aws.SagemakerModel, variant: Variant, identity: Role
) -> None:
    replicas, resources = item.serving.spec.replicas, item.serving.resources
    if not isinstance(replicas, Autoscaling):
        return
    scaling = Scaling(
        fewest=0,
        most=replicas.max,
        target=float(item.concurrent_requests + replicas.waiting_per_replica),
        cooldown_s=replicas.cooldown_s,
    )
    # Half of what a pod would get: SageMaker's own agents take more of the host than a kubelet.
    copy = Copy(gpus=resources.gpus, memory_mib=resources.memory_mib // 2)
    component(
        make, item.name, name=name, model=model, variant=variant, copy=copy, role_arn=identity.arn, scaling=scaling
    )


def _output(item: SageMakerEndpointPlan, topics: tuple[str, str] | None, sealed: Key | None) -> AsyncOutput | None:
    if not isinstance(item.on, SageMakerAsync) or topics is None:
        return None
    return AsyncOutput(
        s3_uri=item.on.output,
        kms_key_arn=item.on.output_kms_key_arn or (sealed.arn if sealed else None),
        success_topic_arn=topics[0],
        error_topic_arn=topics[1],
        concurrent=item.concurrent_requests,
    )


def _topics(make: Maker, item: SageMakerEndpointPlan, key: Key) -> tuple[str, str]:
    names = {result: f"{item.name}-{result}" for result in ("answered", "failed")}
    success, error = (
        make(
            aws.SnsTopic,
            names[result],
            name=make.scope.name(names[result]),
            kms_master_key_id=key.arn,
            depends_on=list(key.ready),
        ).arn
        for result in ("answered", "failed")
    )
    return success, error


def _scaling(make: Maker, item: SageMakerEndpointPlan, served: aws.SagemakerEndpoint, name: str) -> None:
    replicas = item.serving.spec.replicas
    if not isinstance(replicas, Autoscaling):
        return
    if isinstance(item.on, SageMakerAsync):
        scaling = Scaling(
            fewest=replicas.min,
            most=replicas.max,
            target=float(item.on.backlog_per_instance),
            cooldown_s=replicas.cooldown_s,
        )
        scale_on_backlog(make, item.name, served, item.on.instance_type, name, scaling)
        return
    scaling = Scaling(
        fewest=replicas.min,
        most=replicas.max,
        target=float(item.concurrent_requests + replicas.waiting_per_replica),
        cooldown_s=replicas.cooldown_s,
    )
    scale_on_requests(make, item.name, served, item.on.instance_type, scaling)


def _group(make: Maker, item: SageMakerEndpointPlan, network: NetworkContract) -> str:
    """Containers take nothing in: SageMaker brings requests by a way of its own."""
    group = security_group(make, item.name, vpc_id=network.vpc_id, why=f"Containers of {item.name}")
    why = "Weights from S3, and AWS services"
    rule = Rule(id=f"{item.name}-https", direction="out", why=why, ports=(443, 443), cidr="0.0.0.0/0")
    add_rule(make, group, rule)
    return group


def _role(
    make: Maker,
    plan: Plan,
    item: SageMakerEndpointPlan,
    storage: StorageContract | None,
    topics: tuple[str, str] | None,
    key: Key | None,
) -> Role:
    """The execution role: image, own model, own logs and metrics, interfaces in the VPC; for async, answers."""
    scope = make.scope
    inline: dict[str, Sequence[Statement]] = {"container": _container(scope, plan, item)}
    weights = item.serving.weights
    if storage and weights.kind == "copied" and weights.storage and weights.key:
        inline["weights"] = reads_weights(storage.buckets[weights.storage], weights.key, scope)
    if isinstance(item.on, SageMakerAsync) and topics and key:
        inline["answers"] = _answers(scope, item.on, topics, key)
    return role(
        make,
        f"sagemaker-{item.name}",
        trust=trusts_service("sagemaker.amazonaws.com", ("StringEquals", "aws:SourceAccount", [scope.account_id])),
        description=f"{plan.platform.name}: containers of endpoint {item.name}",
        inline=inline,
    )


def _container(scope: Scope, plan: Plan, item: SageMakerEndpointPlan) -> list[Statement]:
    logs = scope.arn("logs", f"log-group:{sagemaker_log_group(plan, item)}")
    host, _, path = item.image_uri.partition("/")
    parts = host.split(".")
    repository = without_tag(path)
    return [
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[logs, f"{logs}:*"],
        ),
        Statement(
            sid="WriteMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions=[("StringLike", "cloudwatch:namespace", ["/aws/sagemaker/*", "AWS/SageMaker"])],
        ),
        Statement(sid="EcrLogin", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(
            sid="PullImage",
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=[f"arn:{scope.partition}:ecr:{parts[3]}:{parts[0]}:repository/{repository}"],
        ),
        # SageMaker AI Developer Guide, "Give SageMaker AI hosted endpoints access to resources in your VPC".
        Statement(
            sid="InterfacesInVpc",
            actions=[
                "ec2:CreateNetworkInterface",
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ],
            resources=[
                scope.arn("ec2", "network-interface/*"),
                # Those of a VPC that another account shares are the other account's.
                scope.foreign_arn("ec2", "subnet/*"),
                scope.arn("ec2", "security-group/*"),
            ],
        ),
        Statement(
            sid="SeeVpc",
            actions=[
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            resources=["*"],
        ),
    ]


def _answers(scope: Scope, on: SageMakerAsync, topics: tuple[str, str], key: Key) -> list[Statement]:
    bucket, _, prefix = on.output.removeprefix("s3://").partition("/")
    source = on.input_bucket or bucket
    arn = f"arn:{scope.partition}:s3:::"
    answers = on.output_kms_key_arn or (key.arn if key.for_all else None)
    return [
        Statement(sid="WriteAnswers", actions=["s3:PutObject"], resources=[f"{arn}{bucket}/{prefix}*"]),
        Statement(sid="ReadRequests", actions=["s3:GetObject"], resources=[f"{arn}{source}/*"]),
        Statement(sid="SeeBuckets", actions=["s3:ListBucket"], resources=sorted({f"{arn}{bucket}", f"{arn}{source}"})),
        Statement(sid="Tell", actions=["sns:Publish"], resources=list(topics)),
        *uses_key("EncryptTopics", key.arn, scope, "kms:Decrypt", "kms:GenerateDataKey", service="sns"),
        *uses_key("EncryptAnswers", answers, scope, "kms:Decrypt", "kms:GenerateDataKey"),
        *uses_key("DecryptRequests", on.input_kms_key_arn, scope, "kms:Decrypt"),
    ]
