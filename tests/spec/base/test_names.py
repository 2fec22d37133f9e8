"""Names that AWS and Kubernetes refuse when they are applied are refused when they are declared."""

from collections.abc import Callable

import pytest

from llminfra import VLLM, BatchInference, BatchQueue, GpuPool, Model, ModelBucket, Platform, S3State, SpecError
from llminfra.diagnostics import Diagnostic
from llminfra.spec.base.spec import Spec

TOKEN = "hf_" + "abcdEFGH1234ijklMNOP"


def pool(labels: dict[str, str]) -> GpuPool:
    return GpuPool(name="l4", instance_types=["g6.xlarge"], labels=labels)


def platform(**tags: str) -> Platform:
    return Platform(name="p", region="us-east-1", tags=tags)


def batch(**fields: object) -> BatchInference:
    given = {"input": "s3://acme-batch/in", "output": "s3://acme-batch/out"} | fields
    queue = BatchQueue(instance_types=["g6.xlarge"])
    return BatchInference(name="b", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(), on=queue, **given)


def only(make: Callable[[], Spec]) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        make()
    (item,) = caught.value.diagnostics
    assert item.expected
    assert item.fix
    return item


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: pool({"a b": "x"}), "pools.l4.labels.a b"),
        (lambda: pool({"a": "c d"}), "pools.l4.labels.a"),
        (lambda: pool({"a": "x" * 64}), "pools.l4.labels.a"),
        (lambda: pool({"Acme.com/team": "x"}), "pools.l4.labels.Acme.com/team"),
        (lambda: platform(**{"aws:x": "y"}), "platforms.p.tags.aws:x"),
        (lambda: platform(**{"k" * 129: "y"}), f"platforms.p.tags.{'k' * 129}"),
        (lambda: platform(team="y" * 257), "platforms.p.tags.team"),
        (lambda: platform(team="a;b"), "platforms.p.tags.team"),
        *(
            (lambda name=name: ModelBucket(name=name), f"storage.{name}.name")
            for name in ("a..b", "192.168.1.1", "xn--foo", "sthree-x", "weights-s3alias", "weights--x-s3")
        ),
        (lambda: S3State(bucket="a..b"), "S3State.bucket"),
        (lambda: batch(output="s3://a..b/out"), "batches.b.output"),
    ],
)
def test_refused(make: Callable[[], Spec], path: str) -> None:
    item = only(make)
    assert (item.code, item.path) == ("LLM_SPEC_1", path)


def test_accepted() -> None:
    assert pool({"acme.com/team": "ml", "a": "", "Tier_1.x": "A-b"}).labels["a"] == ""
    assert platform(**{"Cost Center": "12/ä+=@", "empty": ""}).tags["empty"] == ""
    assert ModelBucket(name="acme.weights-1").name == "acme.weights-1"


@pytest.mark.parametrize("tags", [{"owner": TOKEN}, {"owner": f"x {TOKEN}"}])
def test_a_token_in_a_tag_is_a_credential(tags: dict[str, str]) -> None:
    item = only(lambda: platform(**tags))
    assert (item.code, item.path) == ("LLM_SEC_1", "platforms.p.tags.owner")
    assert TOKEN not in str(item)


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(0 2 * * ? *)",
        "cron(0/15 8-18 ? * MON-FRI 2027)",
        "cron(0 0 L JAN,JUL ? 2026-2030/2)",
        "cron(5,35 14 15W * ? *)",
        "cron(0 9 ? * 2#1 *)",
        "cron(0 9 ? * 6L *)",
        "rate(1 hour)",
        "rate(12 hours)",
    ],
)
def test_schedules_of_the_documentation(schedule: str) -> None:
    assert batch(schedule=schedule).schedule == schedule


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(99 2 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 2 32 * ? *)",
        "cron(0 2 ? 13 MON *)",
        "cron(0 2 ? * 8 *)",
        "cron(0 2 ? * 0 *)",
        "cron(0 2 * * ? 1969)",
        "cron(0 2 * * * *)",
        "cron(0 2 ? * ? *)",
        "cron(0 2 * * ?)",
        "cron(0 x * * ? *)",
        "cron(0 ? * * ? *)",
        "cron(0/0 2 * * ? *)",
        "rate(0 hours)",
        "rate(1 hours)",
        "rate(5 minute)",
        "rate(five minutes)",
        "at(2027-01-01T00:00:00)",
    ],
)
def test_schedules_that_eventbridge_refuses(schedule: str) -> None:
    assert only(lambda: batch(schedule=schedule)).path == "batches.b.schedule"


def test_keys_are_named_by_the_arn_that_policies_know() -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/"
    for arn in (f"{key}1234abcd-12ab-34cd-56ef-1234567890ab", f"{key}mrk-1234abcd12ab34cd56ef1234567890ab"):
        assert batch(output_kms_key_arn=arn).output_kms_key_arn == arn
    alias = "arn:aws:kms:us-east-1:111122223333:alias/answers"
    item = only(lambda: batch(output_kms_key_arn=alias))
    assert "alias" in item.message
    assert f"--key-id {alias}" in item.fix
    assert only(lambda: batch(output_kms_key_arn=f"{key}answers")).path == "batches.b.output_kms_key_arn"
