"""The EC2 stack: endpoints on instances of their own, each with a group, a balancer and a role."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.catalog.ec2_images import dcgm_exporter, owner
from llminfra.compiler.contracts import NetworkContract, StorageContract, callers_group_output
from llminfra.compiler.ec2_user_data import (
    DRAIN_HOOK,
    LEAVING_TAG,
    READY_TAG,
    ROUND_TAG,
    group_name,
    log_group_name,
    metric_namespace,
    standby_name,
    user_data,
)
from llminfra.compiler.stacks.common import Built, open_stack, read
from llminfra.compiler.stacks.copied_weights import checked_weights
from llminfra.compiler.stacks.serving import reads_weights
from llminfra.constructs.basis.iam import Role, Statement, role, trusts_service
from llminfra.constructs.basis.kms import Key, key_for_all, kms_key
from llminfra.constructs.basis.log_group import log_group
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.constructs.basis.secrets import reads_secrets, secret_arn
from llminfra.constructs.basis.state import write_outputs
from llminfra.constructs.endpoint_contract import endpoint_contract
from llminfra.constructs.machines.group_scaling import (
    Balanced,
    Measured,
    Target,
    scale_on_load,
    scale_to_zero,
    stand_in_for_spot,
)
from llminfra.constructs.machines.instance_group import InstanceGroup, instance_group
from llminfra.constructs.machines.launch_template import NodeTemplate, launch_template
from llminfra.constructs.machines.node_security import efa_security_group
from llminfra.constructs.network.load_balancer import Backend, LoadBalancer, alias_record, load_balancer
from llminfra.planning.encryption.launchers import ec2_launchers
from llminfra.planning.encryption.statements import used_by_launchers, used_by_log_groups
from llminfra.planning.endpoints.contract import contract
from llminfra.planning.network.mirror import without_tag
from llminfra.planning.plan import Plan
from llminfra.planning.plan.serving import Ec2EndpointPlan, Ec2Group
from llminfra.spec.endpoint import Autoscaling


def ec2_stack(app: core.App, plan: Plan) -> Built:
    """Compile the endpoints of a plan that run on EC2."""
    scope = open_stack(app, plan, "ec2")
    network = NetworkContract.read(read(scope, plan, "network"), plan)
    storage = StorageContract.read(read(scope, plan, "storage"), plan) if plan.buckets else None
    launching = ec2_launchers(plan)
    key = kms_key(
        scope.under("endpoints"),
        "ec2",
        purpose="logs of EC2 endpoints",
        statements=[
            used_by_log_groups(scope, *(log_group_name(plan, item.name) for item in plan.ec2)),
            *(used_by_launchers(scope, launching) if scope.encryption else ()),
        ],
        launchers=launching,
    )
    balancers = {item.name: _endpoint(scope, plan, item, network, storage, key) for item in plan.ec2}
    queues = {item.behind for item in plan.async_endpoints}
    write_outputs(
        scope.stack,
        {callers_group_output(name): each.callers_group_id for name, each in balancers.items() if name in queues},
    )
    scope.finish()
    return Built("ec2", scope.stack)


def _endpoint(
    scope: Scope,
    plan: Plan,
    item: Ec2EndpointPlan,
    network: NetworkContract,
    storage: StorageContract | None,
    key: Key,
) -> LoadBalancer:
    make = scope.under(f"endpoints.{item.name}")
    serving = item.serving
    logs = log_group(make, item.name, name=log_group_name(plan, item.name), days=item.on.log_days, key=key)
    identity = _role(make, plan, item, storage)
    weights = checked_weights(make, plan, item.name, serving, storage)
    profile = make(aws.IamInstanceProfile, item.name, name=scope.iam_name(item.name), role=identity.name)
    balancer = load_balancer(
        make,
        item.name,
        Backend(
            port=serving.invocation.port,
            health_path=serving.invocation.readiness.path or "/health",
            health_period_s=serving.invocation.readiness.period_s,
            health_timeout_s=serving.invocation.readiness.timeout_s,
            drain_s=item.drain_s,
            # A balancer needs two zones, also where the instances are in one.
            subnet_ids=list(network.private_subnet_ids.values()),
            vpc_id=network.vpc_id,
            certificate_arn=item.on.certificate_arn,
            allow_from_cidrs=item.allow_from_cidrs,
        ),
    )
    efa = [efa_security_group(make, item.name, vpc_id=network.vpc_id)] if item.nics else []
    fleet = _Fleet(
        plan=plan,
        item=item,
        security_group_ids=[balancer.instance_group_id, *efa],
        image_id=item.on.ami_id or _image(make, item),
        profile_arn=profile.arn,
        network=network,
        target_group_arn=balancer.target_group_arn,
        key=key_for_all(key),
        after=[balancer.listener, *balancer.ways, logs, *identity.ready, *weights],
    )
    for group in item.groups:
        _group(make, fleet, group, f"{item.name}{group.suffix}", group_name(plan, item.name, group))
    if item.standby:
        standby = Ec2Group(suffix="", fewest=0, most=serving.max_replicas, zones=item.zones)
        _group(make, fleet, standby, f"{item.name}-standby", standby_name(plan, item.name), on_demand=True)
    _scaling(make, plan, item, balancer)
    if item.on.hosted_zone_id:
        zone, name = item.on.hosted_zone_id, item.on.domain_name
        alias_record(make, item.name, zone_id=zone, domain_name=name, balancer=balancer)
    endpoint_contract(make, item.name, contract(item, plan))
    return balancer


class _Fleet(Struct, frozen=True, kw_only=True):
    """What the groups of an endpoint share."""

    plan: Plan
    item: Ec2EndpointPlan
    security_group_ids: Sequence[str]
    image_id: str
    profile_arn: str
    network: NetworkContract
    target_group_arn: str
    key: Key | None
    after: Sequence[core.TerraformElement]


def _group(make: Maker, fleet: _Fleet, group: Ec2Group, id_: str, name: str, *, on_demand: bool = False) -> None:
    """A launch template and the Auto Scaling group that uses it."""
    item, scope = fleet.item, make.scope
    several = item.serving.nodes > 1
    placement = None
    if item.placement_group:
        title = scope.name(id_)
        placement = make(aws.PlacementGroup, id_, name=title, strategy="cluster", tags={"Name": title}).name
    template = launch_template(
        make,
        NodeTemplate(
            id=id_,
            root_volume_gib=item.root_volume_gib,
            security_group_ids=fleet.security_group_ids,
            nics=item.nics,
            user_data=user_data(item, fleet.plan, group, name),
            instance_type=item.instance.name,
            capacity=item.on.capacity,
            placement_group=placement,
            image_id=fleet.image_id,
            instance_profile_arn=fleet.profile_arn,
            key=fleet.key,
            tags=scope.tags,
        ),
    )
    instance_group(
        make,
        id_,
        InstanceGroup(
            name=name,
            fewest=group.fewest,
            most=group.most,
            subnet_ids=[fleet.network.private_subnet_ids[zone] for zone in group.zones],
            target_group_arn=fleet.target_group_arn,
            grace_s=item.grace_s,
            drain_s=item.drain_s,
            drain_hook=DRAIN_HOOK,
            surge=item.surge,
            spot=item.on.capacity.kind == "spot" and not on_demand,
            health="EC2" if several else "ELB",
            # Only the leader of a replica answers.
            wait_for=1 if several else group.fewest,
            tags=scope.tags,
        ),
        template,
        after=fleet.after,
    )


def _scaling(make: Maker, plan: Plan, item: Ec2EndpointPlan, balancer: LoadBalancer) -> None:
    name = group_name(plan, item.name)
    if item.standby:
        stand_in_for_spot(
            make,
            item.name,
            spot=name,
            standby=standby_name(plan, item.name),
            most=item.serving.max_replicas,
            start_s=item.grace_s,
        )
    replicas, metrics = item.serving.spec.replicas, item.serving.invocation.metrics
    if not isinstance(replicas, Autoscaling):
        return
    waiting = _measured(plan, item, metrics.waiting if metrics else None)
    if waiting is not None and item.serving.max_replicas > max(1, item.serving.min_replicas):
        scale_on_load(
            make,
            item.name,
            group_name=name,
            waiting=Target(on=waiting, at=float(replicas.waiting_per_replica)),
            busy=_busy(plan, item),
            warmup_s=item.grace_s,
            fewest=max(1, item.serving.min_replicas),
            idle_s=replicas.cooldown_s,
        )
    if item.serving.min_replicas == 0:
        scale_to_zero(
            make,
            item.name,
            group_name=name,
            behind=Balanced(load_balancer=balancer.balancer_suffix, target_group=balancer.targets_suffix),
            running=_measured(plan, item, metrics.running if metrics else None),
            idle_s=replicas.cooldown_s,
        )


def _busy(plan: Plan, item: Ec2EndpointPlan) -> dict[str, Target]:
    """What runs at a scheduler of a busy engine, and how full its cache is: CloudWatch averages over schedulers."""
    busy, metrics = item.serving.busy, item.serving.invocation.metrics
    if busy is None or metrics is None:
        return {}
    at = {
        "running": (metrics.running, busy.running and busy.running / busy.schedulers),
        "cache": (metrics.kv_usage, busy.cache),
    }
    told = {name: (_measured(plan, item, series), most) for name, (series, most) in at.items()}
    return {name: Target(on=on, at=most) for name, (on, most) in told.items() if on is not None and most}


def _measured(plan: Plan, item: Ec2EndpointPlan, metric: str | None) -> Measured | None:
    if metric is None:
        return None
    return Measured(namespace=metric_namespace(plan), metric=metric, dimensions={"endpoint": item.name})


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
        inline["secrets"] = reads_secrets(scope, [secret_arn(scope, name) for name in secrets])
    return role(
        make,
        f"ec2-{item.name}",
        trust=trusts_service(f"ec2.{scope.dns_suffix}"),
        description=f"{plan.platform.name}: instances of endpoint {item.name}",
        managed=[scope.managed_policy("AmazonSSMManagedInstanceCore")],
        inline=inline,
    )


def _instance_statements(scope: Scope, plan: Plan, item: Ec2EndpointPlan) -> list[Statement]:
    logs = log_group_name(plan, item.name)
    names = [group_name(plan, item.name, group) for group in item.groups]
    names += [standby_name(plan, item.name)] if item.standby else []
    groups = [scope.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{name}") for name in names]
    statements = [
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[scope.arn("logs", f"log-group:{logs}"), scope.arn("logs", f"log-group:{logs}:*")],
        ),
        Statement(sid="LeaveGroup", actions=["autoscaling:CompleteLifecycleAction"], resources=groups),
    ]
    if item.on.capacity.kind == "spot":
        give_up = ["autoscaling:TerminateInstanceInAutoScalingGroup"]
        statements.append(Statement(sid="GiveUpSpot", actions=give_up, resources=groups))
    if item.serving.nodes > 1:
        statements += _meet(scope, names, groups)
    images = [item.serving.invocation.image_repository, without_tag(dcgm_exporter())]
    found = [_ecr_repository(scope.images.pulled(image)) for image in images]
    repositories = [f"arn:{scope.partition}:ecr:{name}" for name in found if name is not None]
    if repositories:
        statements += [
            Statement(sid="EcrLogin", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
            Statement(
                sid="PullImage",
                actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                resources=repositories,
            ),
        ]
    return statements


def _meet(scope: Scope, names: list[str], groups: list[str]) -> list[Statement]:
    """How the instances of a replica find each other: they see who there is, and tag themselves."""
    return [
        Statement(
            sid="SeeReplicas",
            # Neither action knows resources (Service Authorization Reference, Amazon EC2 and EC2 Auto Scaling).
            actions=["ec2:DescribeInstances", "autoscaling:DescribeAutoScalingGroups"],
            resources=["*"],
        ),
        Statement(
            sid="AgreeOnRound",
            actions=["ec2:CreateTags"],
            resources=[scope.arn("ec2", "instance/*")],
            conditions=[
                ("StringEquals", "aws:ResourceTag/aws:autoscaling:groupName", names),
                ("ForAllValues:StringEquals", "aws:TagKeys", [ROUND_TAG, READY_TAG, LEAVING_TAG]),
            ],
        ),
        Statement(sid="AwaitTurn", actions=["autoscaling:RecordLifecycleActionHeartbeat"], resources=groups),
    ]


def _ecr_repository(image: str) -> str | None:
    """``region:account:repository/name`` of an image in ECR, or ``None`` for any other registry."""
    host, _, name = image.partition("/")
    parts = host.split(".")
    if len(parts) < 6 or parts[1:3] != ["dkr", "ecr"]:
        return None
    return f"{parts[3]}:{parts[0]}:repository/{name}"
