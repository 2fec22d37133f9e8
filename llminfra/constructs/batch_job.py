"""A job definition of AWS Batch: one container with all GPUs of its instance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llminfra.bindings import aws
from llminfra.constructs.iam import Role
from llminfra.constructs.scope import Maker

# What a failed attempt means, the first match wins; at most five (AWS Batch API Reference, RetryStrategy). A reclaimed
# or broken host, an interruption and a registry that did not answer pass; the runner's other codes do not.
_ON_EXIT: tuple[tuple[str, str, str], ...] = (
    ("on_status_reason", "Host EC2*", "RETRY"),
    ("on_exit_code", "75", "RETRY"),
    ("on_reason", "CannotPullContainerError:*", "RETRY"),
    ("on_exit_code", "6*", "EXIT"),
    ("on_exit_code", "7*", "EXIT"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A container job.

    Attributes:
        id: Name without the platform.
        image: Image with tag or digest.
        command: Command, as it replaces the image's entry point.
        environment: Variables.
        secrets: ARNs of secrets by variable.
        vcpus: vCPUs of the job.
        memory_mib: Memory of the job.
        gpus: GPUs of the job.
        shm_mib: Size of ``/dev/shm``.
        user: User and group in the container.
        attempts: Times that it is started.
        timeout_s: Seconds of one attempt.
        log_group: Name of the log group.
    """

    id: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    vcpus: int
    memory_mib: int
    gpus: int
    shm_mib: int
    user: str
    attempts: int
    timeout_s: int
    log_group: str


def batch_job(make: Maker, item: BatchJob, *, job_role: Role, execution_role: Role) -> aws.BatchJobDefinition:
    """Create a job definition.

    A container of AWS Batch has the instance's network, so that two of them would fight for the engine's port; that a
    job asks for every GPU keeps it alone.
    """
    properties = {
        "image": item.image,
        "command": list(item.command),
        "environment": [{"name": name, "value": value} for name, value in sorted(item.environment.items())],
        "secrets": [{"name": name, "valueFrom": arn} for name, arn in sorted(item.secrets.items())],
        "executionRoleArn": execution_role.arn,
        "jobRoleArn": job_role.arn,
        "resourceRequirements": [
            {"type": "GPU", "value": str(item.gpus)},
            {"type": "MEMORY", "value": str(item.memory_mib)},
            {"type": "VCPU", "value": str(item.vcpus)},
        ],
        "linuxParameters": {"initProcessEnabled": True, "sharedMemorySize": item.shm_mib},
        # Page-locked memory without bound: transfers between host and GPU, and NCCL, ask for it.
        "ulimits": [
            {"name": "memlock", "softLimit": -1, "hardLimit": -1},
            {"name": "nofile", "softLimit": 65536, "hardLimit": 65536},
        ],
        "user": item.user,
        "privileged": False,
        "readonlyRootFilesystem": False,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": item.log_group,
                "awslogs-region": make.scope.region,
                "awslogs-stream-prefix": item.id,
            },
        },
    }
    return make(
        aws.BatchJobDefinition,
        item.id,
        name=make.scope.name(item.id),
        type="container",
        platform_capabilities=["EC2"],
        propagate_tags=True,
        container_properties=json.dumps(properties),
        retry_strategy=aws.BatchJobDefinitionRetryStrategy(
            attempts=item.attempts,
            evaluate_on_exit=[
                aws.BatchJobDefinitionRetryStrategyEvaluateOnExit(**{field: value}, action=action)
                for field, value, action in _ON_EXIT
            ],
        ),
        timeout=aws.BatchJobDefinitionTimeout(attempt_duration_seconds=item.timeout_s),
        depends_on=[*job_role.ready, *execution_role.ready],
    )
