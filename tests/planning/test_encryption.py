"""Declared keys: what they cannot do, what their owner is told, and what a change of them does."""

from __future__ import annotations

from typing import Any

import pytest

from llminfra import (
    VLLM,
    CustomerKey,
    Endpoint,
    ExistingCluster,
    ExistingNetwork,
    GpuPool,
    ImageMirror,
    Lustre,
    Model,
    ModelBucket,
    Observability,
    Platform,
    PlatformKeys,
    S3State,
    SageMaker,
    SpecError,
    Spot,
)
from llminfra.planning import plan_platform
from llminfra.planning.encryption.changes import key_effects
from llminfra.planning.encryption.policy import key_policy
from llminfra.planning.plan import Plan

_KEY = "arn:aws:kms:{}:{}:key/1f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1"
OWN = CustomerKey(arn=_KEY.format("us-east-1", "111122223333"))
FOREIGN = CustomerKey(arn=_KEY.format("us-east-1", "444455556666"))
BUCKET = ModelBucket(name="acme-w")
FILES = Lustre(name="fast", source=BUCKET, zone="us-east-1a")
SUBNETS = {"us-east-1a": "subnet-0123456789abcdef0", "us-east-1b": "subnet-0123456789abcdef1"}
THERE: dict[str, Any] = {
    "network": ExistingNetwork(vpc_id="vpc-0123456789abcdef0", cidr="10.40.0.0/16", private_subnet_ids=SUBNETS),
    "cluster": ExistingCluster(name="shared", version="1.35"),
}
HOSTED: dict[str, Any] = {
    "pools": [],
    "endpoints": [
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-8B"),
            engine=VLLM(max_model_len=8192),
            on=SageMaker(instance_type="ml.g6e.2xlarge"),
        )
    ],
}
MIRROR = ImageMirror(registry="111122223333.dkr.ecr.us-east-1.amazonaws.com")
GRAFANA = Observability(prometheus="managed", grafana="managed")


def _plan(**fields: Any) -> Plan:
    given = {"name": "acme-llm", "region": "us-east-1", "account_id": "111122223333", "encryption": OWN}
    return plan_platform(Platform(**given | {"pools": [GpuPool(name="gpu", instance_types=["g6e.2xlarge"])]} | fields))


@pytest.mark.parametrize(
    ("fields", "code", "path"),
    [
        ({"encryption": CustomerKey(arn=_KEY.format("us-west-2", "111122223333"))}, "LLM_KEY_1", "encryption.arn"),
        ({"account_id": None}, "LLM_KEY_2", "account_id"),
        ({"encryption": FOREIGN, "storage": [BUCKET, FILES]}, "LLM_KEY_3", "storage.fast.source"),
        ({"state": S3State(bucket="acme-state", region="us-west-2")}, "LLM_KEY_4", "state.kms_key_arn"),
    ],
)
def test_a_key_that_cannot_work_is_refused(fields: dict[str, Any], code: str, path: str) -> None:
    with pytest.raises(SpecError) as caught:
        _plan(**fields)
    assert [(item.code, item.path) for item in caught.value.diagnostics] == [(code, path)]


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, []),
        ({"state": S3State(bucket="acme-state")}, []),
        ({"state": S3State(bucket="acme-state"), "encryption": PlatformKeys()}, ["state"]),
        ({"state": S3State(bucket="acme-state"), "encryption": None}, []),
        ({"storage": [ModelBucket(name="acme-w", existing=True)]}, ["storage.acme-w"]),
        ({"storage": [ModelBucket(name="acme-w", existing=True, kms_key_arn=OWN.arn)]}, []),
        ({"observability": GRAFANA}, ["observability.grafana"]),
        (THERE, ["cluster"]),
        ({"storage": [BUCKET, FILES]}, []),
    ],
)
def test_what_the_declared_keys_do_not_reach_is_told(fields: dict[str, Any], paths: list[str]) -> None:
    assert [item.path for item in _plan(**fields).diagnostics if item.code == "LLM_KEY_5"] == paths


def test_the_owner_of_a_key_in_the_same_account_hears_which_roles_launch_instances() -> None:
    policy = key_policy(_plan(budget_usd_per_month=50_000, storage=[BUCKET, FILES]))
    assert policy is not None
    assert policy.linked_roles == ()
    by_sid = {item["Sid"]: item for item in policy.statements}
    roles = ["UsedByRoles", "GrantedToServices", "CloudWatchLogs", "LaunchInstances", "AttachVolumes"]
    assert list(by_sid) == [f"AcmeLlm{name}" for name in (*roles, "Budgets", "EventRules", "FsxDataRepository")]
    assert by_sid["AcmeLlmAttachVolumes"] == {
        "Sid": "AcmeLlmAttachVolumes",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "kms:CreateGrant",
        "Resource": "*",
        "Condition": {
            "StringEquals": {"kms:CallerAccount": "111122223333"},
            "ArnLike": {
                "aws:PrincipalArn": "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/"
                "AWSServiceRoleForAutoScaling"
            },
            "Bool": {"kms:GrantIsForAWSResource": "true"},
        },
    }


def test_the_owner_of_a_key_in_another_account_lets_the_platform_grant_it_to_those_roles() -> None:
    spot = GpuPool(name="gpu", instance_types=["g6e.2xlarge"], capacity=Spot())
    policy = key_policy(_plan(encryption=FOREIGN, pools=[spot]))
    assert policy is not None
    assert policy.linked_roles == ("autoscaling.amazonaws.com", "spot.amazonaws.com")
    (granted,) = [item for item in policy.statements if item["Sid"] == "AcmeLlmGrantedToLaunchers"]
    grantees = granted["Condition"]["StringEquals"]["kms:GranteePrincipal"]
    assert [arn.rpartition("/")[2] for arn in grantees] == ["AWSServiceRoleForAutoScaling", "AWSServiceRoleForEC2Spot"]
    assert {str(item["Principal"].get("AWS", "")) for item in policy.statements} == {
        "arn:aws:iam::111122223333:root",
        "",
    }


@pytest.mark.parametrize("encryption", [None, PlatformKeys()])
def test_keys_of_the_platform_ask_nothing_of_others(encryption: PlatformKeys | None) -> None:
    assert key_policy(_plan(encryption=encryption)) is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({}, {}, []),
        ({"encryption": None}, {"encryption": PlatformKeys()}, ["nodes and instances", "volumes of pods"]),
        ({"encryption": PlatformKeys()}, {"encryption": PlatformKeys(rotation_days=90)}, []),
        (
            {"encryption": None, "storage": [BUCKET, FILES], "state": S3State(bucket="acme-state")},
            {"storage": [BUCKET, FILES], "state": S3State(bucket="acme-state")},
            [
                "the stacks' keys are deleted",
                "EKS keeps the key",
                "file systems are made anew, empty but for what S3 has: fast",
                "nodes and instances",
                "volumes of pods",
                "the key of the state changes",
            ],
        ),
        (
            {"observability": GRAFANA, "cluster": None, "pools": []},
            {"encryption": FOREIGN, "observability": GRAFANA, "cluster": None, "pools": []},
            ["what was written stays under the old key"],
        ),
        (
            {"encryption": None, "images": MIRROR},
            {"encryption": PlatformKeys(), "images": MIRROR},
            ["repositories of the mirror", "nodes and instances", "volumes of pods"],
        ),
        ({"encryption": None, **HOSTED}, {"encryption": PlatformKeys(), **HOSTED}, ["log groups that SageMaker made"]),
    ],
)
def test_a_change_of_keys_tells_what_becomes_of_what_is_there(
    old: dict[str, Any], new: dict[str, Any], told: list[str]
) -> None:
    found = key_effects(_plan(**old), _plan(**new))
    assert len(found) == len(told)
    assert all(text.startswith(start) for text, start in zip(found, told, strict=True))
