"""The EC2 stack: endpoints on instances of their own, each with a group, a balancer and a role."""

from __future__ import annotations

from collections.abc import Sequence

from llminfra.bindings import aws, core
from llminfra.catalog.ec2_images import owner
from llminfra.compiler.contracts import NetworkContract, StorageContract
from llminfra.compiler.ec2_user_data import (
    DRAIN_HOOK,
    group_name,
    log_group_name,
    metric_namespace,
    user_data,
)
from llminfra.compiler.stacks.common import Built, open_stack, read
from llminfra.compiler.stacks.serving import reads_weights
from llminfra.constructs.endpoint_contract import endpoint_contract
from llminfra.constructs.iam import Role, Statement, role, trusts_service
from llminfra.constructs.instance_group import InstanceGroup, ScalesOn, instance_group, scale_on_metric
from llminfra.constructs.kms import Key, kms_key, used_by_log_groups
from llminfra.constructs.launch_template import NodeTemplate, launch_template
from llminfra.constructs.load_balancer import Backend, alias_record, load_balancer
from llminfra.constructs.log_group import log_group
from llminfra.constructs.scope import Maker, Scope
from llminfra.planning.contract import contract
from llminfra.planning.plan import Plan
from llminfra.planning.serving_plan import Ec2EndpointPlan
from llminfra.spec.capacity import OnDemand
from llminfra.spec.endpoint import Autoscaling


def ec2_stack(app: core.App, plan: Plan) -> Built:
    """Compile the endpoints of a plan that run on EC2."""
    scope = open_stack(app, plan, "ec2")
    network = NetworkContract.read(read(scope, plan, "network"), plan)
    storage = StorageContract.read(read(scope, plan, "storage"), plan) if plan.buckets else None
    logs = used_by_log_groups(scope, *(log_group_name(plan, item.name) for item in plan.ec2))
    key = kms_key(scope.under("endpoints"), "ec2", purpose="logs of EC2 endpoints", statements=[logs])
    for item in plan.ec2:
        _endpoint(scope, plan, item, network, storage, key)
    scope.finish()
    return Built("ec2", scope.stack)


def _endpoint(
    scope: Scope,
    plan: Plan,
    item: Ec2EndpointPlan,
    network: NetworkContract,
    storage: StorageContract | None,
    key: Key,
) -> None:
    make = scope.under(f"endpoints.{item.name}")
    serving = item.serving
    logs = log_group(make, item.name, name=log_group_name(plan, item.name), days=item.on.log_days, key=key)
    identity = _role(make, plan, item, storage)
    profile = make(aws.IamInstanceProfile, item.name, name=scope.iam_name(item.name), role=identity.name)
    balancer = load_balancer(
        make,
        item.name,
        Backend(
            port=serving.invocation.port,
            health_path=serving.invocation.readiness.path or "/health",
            drain_s=item.drain_s,
            # A balancer needs two zones, also where the instances are in one.
            subnet_ids=list(network.private_subnet_ids.values()),
            vpc_id=network.vpc_id,
            certificate_arn=item.on.certificate_arn,
            allow_from_cidrs=item.allow_from_cidrs,
        ),
    )
    template = launch_template(
        make,
        NodeTemplate(
            id=item.name,
            root_volume_gib=item.root_volume_gib,
            security_group_ids=[balancer.instance_group_id],
            user_data=user_data(item, plan),
            instance_type=item.instance.name,
            capacity=item.on.capacity,
            image_id=item.on.ami_id or _image(make, item),
            instance_profile_arn=profile.arn,
            tags=scope.tags,
        ),
    )
    group = instance_group(
        make,
        item.name,
        InstanceGroup(
            name=group_name(plan, item.name),
            fewest=serving.min_replicas,
            most=serving.max_replicas,
            subnet_ids=[network.private_subnet_ids[zone] for zone in item.zones],
            target_group_arn=balancer.target_group_arn,
            grace_s=item.grace_s,
            drain_s=item.drain_s,
            drain_hook=DRAIN_HOOK,
            surge=isinstance(item.on.capacity, OnDemand),
            tags=scope.tags,
        ),
        template,
        after=[balancer.listener, logs, *identity.ready],
    )
    _scaling(make, plan, item, group.name)
    if item.on.hosted_zone_id:
        zone, name = item.on.hosted_zone_id, item.on.domain_name
        alias_record(make, item.name, zone_id=zone, domain_name=name, balancer=balancer)
    endpoint_contract(make, item.name, contract(item, plan))


def _scaling(make: Maker, plan: Plan, item: Ec2EndpointPlan, group: str) -> None:
    replicas, metrics = item.serving.spec.replicas, item.serving.invocation.metrics
    if not isinstance(replicas, Autoscaling) or metrics is None or metrics.waiting is None:
        return
    scale_on_metric(
        make,
        item.name,
        group_name=group,
        on=ScalesOn(
            namespace=metric_namespace(plan),
            metric=metrics.waiting,
            dimensions={"endpoint": item.name},
            target=float(replicas.waiting_per_replica),
        ),
        warmup_s=item.grace_s,
    )


def _image(make: Maker, item: Ec2EndpointPlan) -> str:
    """The pinned image by its dated name: the same in every region, and it does not move."""
    found = make(
        aws.DataAwsAmi,
        item.name,
        owners=[owner()],
        filter=[
            aws.DataAwsAmiFilter(name="name", values=[item.ami_name]),
            aws.DataAwsAmiFilter(name="architecture", values=["x86_64"]),
        ],
    )
    return found.id


def _role(make: Maker, plan: Plan, item: Ec2EndpointPlan, storage: StorageContract | None) -> Role:
    """What an instance may do: be managed by Systems Manager, read its own model, log, and say that it left."""
    scope = make.scope
    inline: dict[str, Sequence[Statement]] = {"instance": _instance_statements(scope, plan, item)}
    weights = item.serving.weights
    if weights.kind == "copied" and weights.storage and weights.key and storage is not None:
        inline["weights"] = reads_weights(storage.buckets[weights.storage], weights.key, scope)
    secrets = sorted({ref.secret_name for ref in item.serving.invocation.secret_env})
    if secrets:
        # Secrets Manager adds six characters to the name.
        arns = [scope.arn("secretsmanager", f"secret:{name}-??????") for name in secrets]
        read_secrets = Statement(sid="ReadSecrets", actions=["secretsmanager:GetSecretValue"], resources=arns)
        inline["secrets"] = [read_secrets]
    return role(
        make,
        f"ec2-{item.name}",
        trust=trusts_service(f"ec2.{scope.dns_suffix}"),
        description=f"{plan.platform.name}: instances of endpoint {item.name}",
        managed=[scope.managed_policy("AmazonSSMManagedInstanceCore")],
        inline=inline,
    )


def _instance_statements(scope: Scope, plan: Plan, item: Ec2EndpointPlan) -> list[Statement]:
    group = log_group_name(plan, item.name)
    own = group_name(plan, item.name)
    statements = [
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[scope.arn("logs", f"log-group:{group}"), scope.arn("logs", f"log-group:{group}:*")],
        ),
        Statement(
            sid="LeaveGroup",
            actions=["autoscaling:CompleteLifecycleAction"],
            resources=[scope.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{own}")],
        ),
    ]
    repository = _ecr_repository(item.serving.invocation.image_repository)
    if repository is not None:
        statements += [
            Statement(sid="EcrLogin", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
            Statement(
                sid="PullImage",
                actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                resources=[f"arn:{scope.partition}:ecr:{repository}"],
            ),
        ]
    return statements


def _ecr_repository(image: str) -> str | None:
    """``region:account:repository/name`` of an image in ECR, or ``None`` for any other registry."""
    host, _, name = image.partition("/")
    parts = host.split(".")
    if len(parts) < 6 or parts[1:3] != ["dkr", "ecr"]:
        return None
    return f"{parts[3]}:{parts[0]}:repository/{name}"
