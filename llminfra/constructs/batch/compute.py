"""Where batch jobs run: compute environments on spot and on demand, and the queue over them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.iam import role, trusts_service
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.basis.security_group import Rule, add_rule, security_group
from llminfra.constructs.machines.launch_template import NodeTemplate, launch_template
from llminfra.constructs.machines.node_security import efa_security_group
from llminfra.planning.hardware.nics import Nic
from llminfra.spec.compute.capacity import CapacityBlock, Reservation

# Amazon Linux 2023 with NVIDIA drivers (AWS Batch API Reference, Ec2Configuration).
_IMAGE_TYPE = "ECS_AL2023_NVIDIA"
_SPOT, _ON_DEMAND = "SPOT_PRICE_CAPACITY_OPTIMIZED", "BEST_FIT_PROGRESSIVE"
_UPDATE_MINUTES = 60
# AWS Batch User Guide, "Jobs stuck in RUNNABLE": what AWS Batch itself cannot get over. Capacity is not among them: it
# may come back.
_STUCK = ("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE", "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")
_STUCK_S = 3600


class BatchCompute(Struct, frozen=True, kw_only=True):
    """What a queue runs on.

    Attributes:
        id: Name without the platform.
        instance_types: EC2 types, any of which will do.
        max_vcpus: Bound of each environment.
        spot: Whether there is a spot environment, which comes first.
        on_demand: Whether there is an on-demand environment.
        root_volume_gib: Volume of an instance.
        subnet_ids: Private subnets.
        vpc_id: Their VPC.
        nics: Interfaces of instances that one job spans; none means one ordinary interface.
        reservation: Reservation or capacity block of the on-demand environment.
        key: Key of the volumes; ``None``: the one that the account has for EBS.
    """

    id: str
    instance_types: Sequence[str]
    max_vcpus: int
    spot: bool
    on_demand: bool
    root_volume_gib: int
    subnet_ids: Sequence[str]
    vpc_id: str
    nics: Sequence[Nic] = ()
    reservation: Reservation | CapacityBlock | None = None
    key: Key | None = None


def batch_queue(make: Maker, item: BatchCompute) -> aws.BatchJobQueue:
    """Create the environments and a queue that tries spot first.

    Nothing runs without jobs. An environment that has to be replaced is made anew before the queue leaves the old one;
    a new launch template or image is taken over in place, while running jobs get an hour to end.
    """
    group = security_group(make, item.id, vpc_id=item.vpc_id, why="Instances of batch jobs")
    rule = Rule(
        id=f"{item.id}-out",
        direction="out",
        why="Image registries and AWS services",
        ports=(443, 443),
        cidr="0.0.0.0/0",
    )
    add_rule(make, group, rule)
    groups = [group, efa_security_group(make, item.id, vpc_id=item.vpc_id)] if item.nics else [group]
    template = launch_template(
        make,
        NodeTemplate(
            id=item.id,
            root_volume_gib=item.root_volume_gib,
            security_group_ids=groups,
            nics=item.nics,
            capacity=item.reservation,
            key=item.key,
            tags=make.scope.tags,
        ),
    )
    profile, ready = _instance_profile(make, item.id)
    wanted = [("spot", "SPOT", _SPOT)] if item.spot else []
    wanted += [("on-demand", "EC2", _ON_DEMAND)] if item.on_demand else []
    placement = None
    if item.nics and item.reservation is None:
        name = make.scope.name(item.id)
        placement = make(aws.PlacementGroup, item.id, name=name, strategy="cluster", tags={"Name": name}).name
    environments = []
    for suffix, kind, strategy in wanted:
        id_ = f"{item.id}-{suffix}"
        environments.append(
            make(
                aws.BatchComputeEnvironment,
                id_,
                name_prefix=f"{make.scope.name(id_)}-",
                type="MANAGED",
                state="ENABLED",
                compute_resources=aws.BatchComputeEnvironmentComputeResources(
                    type=kind,
                    allocation_strategy=strategy,
                    min_vcpus=0,
                    max_vcpus=item.max_vcpus,
                    instance_type=list(item.instance_types),
                    instance_role=profile,
                    subnets=list(item.subnet_ids),
                    ec2_configuration=[
                        aws.BatchComputeEnvironmentComputeResourcesEc2Configuration(image_type=_IMAGE_TYPE)
                    ],
                    placement_group=placement,
                    # The container of a job over several instances has an interface of its own, with these groups (AWS
                    # Batch User Guide, "Compute environment considerations for MNP"). Otherwise they come from the
                    # template alone: given twice, AWS Batch takes these.
                    security_group_ids=groups if item.nics else None,
                    launch_template=aws.BatchComputeEnvironmentComputeResourcesLaunchTemplate(
                        launch_template_id=template.id, version=core.Token.as_string(template.latest_version)
                    ),
                ),
                update_policy=aws.BatchComputeEnvironmentUpdatePolicy(
                    job_execution_timeout_minutes=_UPDATE_MINUTES, terminate_jobs_on_update=False
                ),
                lifecycle=core.TerraformResourceLifecycle(create_before_destroy=True),
                depends_on=list(ready),
            )
        )
    return make(
        aws.BatchJobQueue,
        item.id,
        name=make.scope.name(item.id),
        state="ENABLED",
        priority=1,
        compute_environment_order=[
            aws.BatchJobQueueComputeEnvironmentOrder(order=order, compute_environment=each.arn)
            for order, each in enumerate(environments, start=1)
        ],
        job_state_time_limit_action=[
            aws.BatchJobQueueJobStateTimeLimitAction(
                action="CANCEL", max_time_seconds=_STUCK_S, reason=reason, state="RUNNABLE"
            )
            for reason in _STUCK
        ],
    )


def _instance_profile(make: Maker, id_: str) -> tuple[str, Sequence[core.TerraformElement]]:
    """What an instance may do: join the ECS cluster of its environment, pull images, write logs."""
    scope = make.scope
    created = role(
        make,
        f"{id_}-instances",
        trust=trusts_service(f"ec2.{scope.dns_suffix}"),
        description=f"{scope.platform}: instances of batch jobs",
        managed=[scope.managed_policy("service-role/AmazonEC2ContainerServiceforEC2Role")],
    )
    profile = make(
        aws.IamInstanceProfile, f"{id_}-instances", name=scope.iam_name(f"{id_}-instances"), role=created.name
    )
    return profile.arn, created.ready
