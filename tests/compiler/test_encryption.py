"""Declared keys reach everything that is stored, and what they must allow is what is printed for their owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    CustomerKey,
    DJLServing,
    GpuPool,
    Platform,
    PlatformKeys,
    S3State,
    SageMakerAsync,
)
from llminfra.compiler import compile_platforms
from llminfra.planning import plan_platform
from llminfra.planning.encryption.policy import key_policy, log_groups
from llminfra.planning.plan import Plan
from llminfra.rules import run_terraform
from llminfra.rules.terraform.encryption import declared_key_everywhere
from llminfra.rules.views.terraform_view import Block, Nested, Stacks, read_synth_dir
from tests.fields import platforms as fields

_KEY = "arn:aws:kms:us-east-1:{}:key/1f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1"
OWN, FOREIGN = CustomerKey(arn=_KEY.format("111122223333")), CustomerKey(arn=_KEY.format("444455556666"))

# Platforms that have, together, everything that stores.
STORING: Mapping[str, Callable[[], Platform]] = {
    "spot": fields.spot,  # Karpenter, image volumes, managed Prometheus
    "managed": fields.managed,  # node groups, Lustre behind a bucket
    "ec2": fields.ec2,
    "sagemaker": fields.sagemaker(VLLM(max_model_len=8192)),
    "sagemaker-async": fields.sagemaker_async,
    "batch": fields.batch(),
    "bedrock": fields.bedrock,
    "queue": fields.queue(fields.instances()),
    "mirror": fields.mirrored(fields.instances()),
}


def _under(name: str, encryption: PlatformKeys | CustomerKey) -> Plan:
    return plan_platform(STORING[name]().model_copy(update={"encryption": encryption}))


def _stacks(plan: Plan, folder: Path) -> Stacks:
    compile_platforms([plan], folder)
    return read_synth_dir(folder)


def _actions(statement: Mapping[str, Any]) -> set[str]:
    found = statement["Action"]
    return {found} if isinstance(found, str) else set(found)


def _named(principals: Mapping[str, Any]) -> set[tuple[str, str]]:
    listed = {kind: [names] if isinstance(names, str) else names for kind, names in principals.items()}
    return {(kind, name) for kind, names in listed.items() for name in names}


def _key_statements(stacks: Stacks) -> Iterator[tuple[Block, Nested]]:
    """Statements of the policies of keys that stacks make."""
    for policy in stacks.resources("aws_kms_key_policy"):
        document = stacks.resolve(policy, policy.get("policy"))
        assert document is not None
        yield from ((document, item) for item in document.blocks("statement"))


@pytest.mark.parametrize("name", STORING)
def test_keys_of_the_platform_reach_everything_and_their_statements_are_those_of_a_declared_key(
    name: str, tmp_path: Path
) -> None:
    plan = _under(name, PlatformKeys(rotation_days=180))
    stacks = _stacks(plan, tmp_path)
    assert run_terraform(stacks, (declared_key_everywhere,)) == ()
    keys = stacks.resources("aws_kms_key")
    assert {item.get("rotation_period_in_days") for item in keys} == {180}
    assert len(keys) == sum("KMS key" in line.what for line in plan.costs) > 0
    for group in stacks.resources("aws_cloudwatch_log_group"):
        assert any(fnmatchcase(str(group.get("name")), pattern) for pattern in log_groups(plan))
    policy = key_policy(_under(name, OWN))
    assert policy is not None
    printed = [(_named(item["Principal"]), _actions(item), item.get("Condition", {})) for item in policy.statements]
    for _, statement in _key_statements(stacks):
        if statement.get("sid") == "AccountAdministersByIam":
            continue
        principals = statement.blocks("principals")
        who = {(str(one.get("type")), each) for one in principals for each in one.strings("identifiers")}
        tests = {(str(one.get("test")), str(one.get("variable"))) for one in statement.blocks("condition")}
        allowed = [
            named
            for named, actions, conditions in printed
            if who <= named
            and set(statement.strings("actions")) <= actions
            and {(test, variable) for test, held in conditions.items() for variable in held} == tests
        ]
        assert allowed, f"{statement.get('sid')} is not printed for the owner of a key"


@pytest.mark.parametrize("name", [name for name in STORING if name != "managed"])
def test_a_key_of_another_account_reaches_everything_and_no_other_is_made(name: str, tmp_path: Path) -> None:
    plan = _under(name, FOREIGN)
    stacks = _stacks(plan, tmp_path)
    assert run_terraform(stacks, (declared_key_everywhere,)) == ()
    assert stacks.resources("aws_kms_key", "aws_kms_alias") == ()
    policy = key_policy(plan)
    assert policy is not None
    grantees = {str(item.get("grantee_principal")).split("/")[2] for item in stacks.resources("aws_kms_grant")}
    assert grantees == set(policy.linked_roles)
    assert {item.get("key_id") for item in stacks.resources("aws_kms_grant")} <= {FOREIGN.arn}


def test_without_a_declaration_nothing_says_so_and_disks_have_keys_of_aws(tmp_path: Path) -> None:
    stacks = _stacks(plan_platform(fields.ec2()), tmp_path)
    assert run_terraform(stacks, (declared_key_everywhere,)) == ()
    (template, *_) = stacks.resources("aws_launch_template")
    (disk,) = template.blocks("block_device_mappings")
    assert "kms_key_id" not in disk.blocks("ebs")[0].body


def test_volumes_of_another_key_come_from_another_storage_class(tmp_path: Path) -> None:
    from llminfra.compiler.releases.names import storage_class  # as the test needs it

    pool = GpuPool(name="gpu", instance_types=["g6e.2xlarge"])
    base = fields.platform(pools=[pool])
    names = {
        storage_class(plan_platform(base.model_copy(update={"encryption": each})))
        for each in (None, PlatformKeys(), OWN, CustomerKey(arn=OWN.arn.replace("key/1f", "key/2f")))
    }
    assert names == {"gp3", "gp3-platform-key", "gp3-1f1e2d3c-4b5", "gp3-2f1e2d3c-4b5"}


def test_the_key_of_a_single_object_is_used_instead_of_the_declared_one(tmp_path: Path) -> None:
    other = _KEY.format("111122223333").replace("key/1f", "key/3f")
    on = SageMakerAsync(
        instance_type="ml.g6e.2xlarge", output="s3://acme-answers/a", kms_key_arn=other, output_kms_key_arn=other
    )
    endpoint = fields.endpoint(on, engine=DJLServing(max_model_len=8192), replicas=Autoscaling(min=0, max=2))
    state = S3State(bucket="acme-state", kms_key_arn=other)
    stacks = _stacks(plan_platform(fields.platform(endpoints=[endpoint], encryption=OWN, state=state)), tmp_path)
    (configuration,) = stacks.resources("aws_sagemaker_endpoint_configuration")
    (answers,) = configuration.blocks("async_inference_config")
    # The type has local NVMe, which takes no key.
    assert answers.blocks("output_config")[0].get("kms_key_id") == other
    assert {stack.terraform["backend"]["s3"]["kms_key_id"] for stack in stacks} == {other}
    (group, *_) = stacks.resources("aws_cloudwatch_log_group")
    assert group.get("kms_key_id") == OWN.arn


def test_a_state_without_a_key_of_its_own_is_under_the_declared_one(tmp_path: Path) -> None:
    state = S3State(bucket="acme-state")
    stacks = _stacks(plan_platform(fields.platform(encryption=OWN, state=state, cluster=None)), tmp_path)
    assert {stack.terraform["backend"]["s3"]["kms_key_id"] for stack in stacks} == {OWN.arn}
