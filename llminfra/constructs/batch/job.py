"""A job definition of AWS Batch: the engine's container and the runner's on one instance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import Role
from llminfra.constructs.basis.scope import Maker

# What a failed attempt means, the first match wins; at most five (AWS Batch API Reference, RetryStrategy). A reclaimed
# or broken host, an interruption and a registry that did not answer pass; the runner's other codes do not.
_ON_EXIT: tuple[tuple[str, str, str], ...] = (
    ("on_status_reason", "Host EC2*", "RETRY"),
    ("on_exit_code", "75", "RETRY"),
    ("on_reason", "CannotPullContainerError:*", "RETRY"),
    ("on_exit_code", "6*", "EXIT"),
    ("on_exit_code", "7*", "EXIT"),
)


# AWS Batch answers with empty lists of these where they were not set. The provider forgives that in container and node
# properties, and not in ECS properties, where every plan would then show a new revision
# (hashicorp/terraform-provider-aws internal/service/batch: containerProperties.reduce and its test "empty
# linuxParameters.devices, linuxParameters.tmpfs", against ecsProperties.reduce, which leaves linuxParameters as it is).
_EMPTY: Mapping[str, tuple[()]] = {"devices": (), "tmpfs": ()}


class Container(Struct, frozen=True, kw_only=True):
    """One container of a job.

    Attributes:
        name: Name in the job.
        image: Image with tag or digest.
        command: What follows the image's entry point, which AWS Batch has no way to replace.
        environment: Variables.
        secrets: ARNs of secrets by variable.
        vcpus: vCPUs.
        memory_mib: Memory.
        gpus: GPUs; 0 for none.
        shm_mib: Size of ``/dev/shm``; 0 for Docker's own.
        essential: Whether the job ends when it ends, with its exit code.
        after: Containers that start before.
        efa_devices: Devices of the Elastic Fabric Adapter.
    """

    name: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)
    vcpus: int
    memory_mib: int
    gpus: int = 0
    shm_mib: int = 0
    essential: bool = True
    after: Sequence[str] = ()
    efa_devices: int = 0


class BatchJob(Struct, frozen=True, kw_only=True):
    """A job of several containers on one instance, or of one container on each of several.

    Attributes:
        id: Name without the platform.
        containers: Containers; they share the instance's network.
        user: User and group in all of them.
        attempts: Times that it is started.
        timeout_s: Seconds of one attempt.
        log_group: Name of the log group.
        nodes: Instances; with more than one there is one container.
        instance_type: Type of the instances, where there are several.
    """

    id: str
    containers: Sequence[Container]
    user: str
    attempts: int
    timeout_s: int
    log_group: str
    nodes: int = 1
    instance_type: str | None = None


def batch_job(make: Maker, item: BatchJob, *, job_role: Role, execution_role: Role) -> aws.BatchJobDefinition:
    """Create a job definition.

    Containers of AWS Batch have the instance's network, so that two jobs there would fight for the engine's port; that
    a job asks for every GPU keeps it alone.
    """
    task = {
        "containers": [_container(make, item, each) for each in item.containers],
        "executionRoleArn": execution_role.arn,
        "taskRoleArn": job_role.arn,
    }
    several = item.nodes > 1
    return make(
        aws.BatchJobDefinition,
        item.id,
        name=make.scope.name(item.id),
        type="multinode" if several else "container",
        platform_capabilities=["EC2"],
        propagate_tags=True,
        ecs_properties=None if several else json.dumps({"taskProperties": [task]}),
        node_properties=_nodes(make, item, job_role, execution_role) if several else None,
        retry_strategy=aws.BatchJobDefinitionRetryStrategy(
            attempts=item.attempts,
            evaluate_on_exit=[
                aws.BatchJobDefinitionRetryStrategyEvaluateOnExit(**{test: value}, action=action)
                for test, value, action in _ON_EXIT
            ],
        ),
        timeout=aws.BatchJobDefinitionTimeout(attempt_duration_seconds=item.timeout_s),
        depends_on=[*job_role.ready, *execution_role.ready],
    )


def _nodes(make: Maker, item: BatchJob, job_role: Role, execution_role: Role) -> str:
    """The same container on every node; the runner in it tells the nodes apart."""
    (only,) = item.containers
    container = _container(make, item, only)
    for name in ("name", "essential"):
        del container[name]
    container |= {
        "executionRoleArn": execution_role.arn,
        "jobRoleArn": job_role.arn,
        "instanceType": item.instance_type,
    }
    last = item.nodes - 1
    ranges = [{"targetNodes": f"0:{last}", "container": container}]
    return json.dumps({"mainNode": 0, "numNodes": item.nodes, "nodeRangeProperties": ranges})


def _container(make: Maker, job: BatchJob, item: Container) -> dict[str, Any]:
    resources = {"VCPU": item.vcpus, "MEMORY": item.memory_mib, **({"GPU": item.gpus} if item.gpus else {})}
    linux: dict[str, Any] = {"initProcessEnabled": True, **_EMPTY}
    if item.shm_mib:
        linux["sharedMemorySize"] = item.shm_mib
    if item.efa_devices:
        paths = [f"/dev/infiniband/uverbs{index}" for index in range(item.efa_devices)]
        permissions = ["READ", "WRITE", "MKNOD"]
        linux["devices"] = [{"hostPath": path, "containerPath": path, "permissions": permissions} for path in paths]
    body = {
        "name": item.name,
        "image": item.image,
        "command": list(item.command),
        "environment": [{"name": name, "value": value} for name, value in sorted(item.environment.items())],
        "secrets": [{"name": name, "valueFrom": arn} for name, arn in sorted(item.secrets.items())],
        "dependsOn": [{"containerName": name, "condition": "START"} for name in item.after],
        "essential": item.essential,
        "resourceRequirements": [{"type": kind, "value": str(value)} for kind, value in sorted(resources.items())],
        "linuxParameters": linux,
        # Page-locked memory without bound: transfers between host and GPU, and NCCL, ask for it.
        "ulimits": [
            {"name": "memlock", "softLimit": -1, "hardLimit": -1},
            {"name": "nofile", "softLimit": 65536, "hardLimit": 65536},
        ],
        "user": job.user,
        "privileged": False,
        "readonlyRootFilesystem": False,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": job.log_group,
                "awslogs-region": make.scope.region,
                "awslogs-stream-prefix": item.name,
            },
        },
    }
    return {name: value for name, value in body.items() if value != []}
