"""Every check of the simulated AWS, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llminfra.rehearsal.aws import (
    block_devices,
    eks,
    fsx,
    iam_policy,
    limits,
    load_balancing,
    network_interfaces,
    networks,
    quotas,
    references,
    regions,
    s3,
    sagemaker,
    unique_names,
)
from llminfra.rehearsal.aws.scene import Scene, Subject
from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.provider.values import State

ConfigRule = Callable[[Subject], Iterator[Problem]]
WorldRule = Callable[[Scene, Subject], Iterator[Problem]]

# Run at validate, at plan with what is known by then, and at apply.
CONFIG_RULES: tuple[ConfigRule, ...] = (
    limits.check_limits,
    references.check_shapes,
    iam_policy.check_policies,
    networks.check_cidrs,
    network_interfaces.check_layout,
    network_interfaces.check_placement,
    block_devices.check_volumes,
    fsx.check_file_system,
    eks.check_cluster,
    eks.check_node_group,
    s3.check_bucket_name,
    sagemaker.check_variants,
    load_balancing.check_load_balancer,
)
# Run at apply: they need to know what exists.
WORLD_RULES: tuple[WorldRule, ...] = (
    references.check_exist,
    networks.check_containment,
    networks.check_same_vpc,
    eks.check_subnets,
    eks.check_launch_template,
    unique_names.check_names,
    sagemaker.check_scaled_variants,
    quotas.check_quotas,
)


def config_problems(subject: Subject) -> Iterator[Problem]:
    """Problems that need nothing but the configuration."""
    for rule in CONFIG_RULES:
        yield from rule(subject)


def world_problems(scene: Scene, subject: Subject) -> Iterator[Problem]:
    """Problems that depend on what exists."""
    for rule in WORLD_RULES:
        yield from rule(scene, subject)


def provider_problems(config: State) -> tuple[Problem, ...]:
    """Problems of a provider block."""
    return tuple(regions.check_provider(config))
