"""Slips that pydantic alone would take, or tell in words that help nobody."""

import math

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    Ec2,
    Endpoint,
    GpuPool,
    HttpProbe,
    LoraAdapter,
    Model,
    ModelBucket,
    Parallelism,
    Platform,
    Reservation,
    RoleAccess,
    Secret,
    Slo,
    SpecError,
)

POOL = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 1))
MODEL = Model(id="Qwen/Qwen3-8B")


def refusal(make):
    """The findings of a declaration that is refused."""
    with pytest.raises(SpecError) as raised:
        make()
    return raised.value.diagnostics


@pytest.mark.parametrize(
    "make",
    [
        lambda: VLLM(max_model_len=True),
        lambda: VLLM(gpu_memory_utilization=True),
        lambda: Autoscaling(min=True, max=2),
        lambda: GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(False, 1)),
        lambda: Endpoint(name="chat", model=MODEL, engine=VLLM(), on=POOL, replicas=True),
        lambda: Platform(name="x", region="us-east-1", budget_usd_per_month=True),
        lambda: VLLM(limit_mm_per_prompt={"image": True}),
    ],
)
def test_a_truth_value_is_no_number(make):
    (found,) = refusal(make)
    assert found.code == "LLM_SPEC_1"
    assert found.found in {"True", "False"}
    assert "number" in found.expected


def test_truth_values_stay_where_they_belong():
    assert VLLM(enforce_eager=True).enforce_eager is True
    assert Parallelism(tensor=1, expert=True).expert is True


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "make",
    [
        lambda value: Platform(name="x", region="us-east-1", budget_usd_per_month=value),
        lambda value: VLLM(gpu_memory_utilization=value),
        lambda value: Slo(time_to_first_token_ms=value),
    ],
)
def test_numbers_are_finite(make, value):
    (found,) = refusal(lambda: make(value))
    assert found.message.endswith("is no finite number")
    assert "number" in found.fix


@pytest.mark.parametrize(
    ("make", "fix"),
    [
        (
            lambda: LoraAdapter(name="a", bucket=ModelBucket(name="acme-a"), rank=8, key="/adapters/a"),
            'write key="adapters/a"',
        ),
        (lambda: HttpProbe(path="health"), 'write path="/health"'),
    ],
)
def test_a_slash_too_much_or_too_few_at_the_beginning_is_mended(make, fix):
    (found,) = refusal(make)
    assert found.fix == fix


def test_a_type_in_the_place_of_an_object_is_told_as_that():
    (found,) = refusal(lambda: Endpoint(name="chat", model=MODEL, engine=VLLM, on=POOL))
    assert (found.found, found.fix) == ("VLLM", "write engine=VLLM(…): the object and not its type")


def test_a_generator_is_told_alike_in_every_run():
    (found,) = refusal(lambda: Platform(name="x", region="us-east-1", pools=(each for each in [POOL])))
    assert found.found == "a generator"


def test_declarations_are_keys_of_sets_and_refused_as_sets():
    again = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 1))
    assert len({POOL, again}) == 1
    assert len({Platform(name="x", region="us-east-1"), Platform(name="y", region="us-east-1")}) == 2
    (found,) = refusal(lambda: Platform(name="x", region="us-east-1", pools={POOL}))
    assert found.expected == "a list of GpuPool(…)"


def test_an_entry_is_named_in_the_fix_as_in_the_path():
    (found,) = refusal(lambda: VLLM(extra_args=[{}]))
    assert found.path.endswith("extra_args[0]")
    assert found.fix == "set extra_args[0] to text"


def test_a_misspelt_field_that_is_needed_is_one_finding():
    (found,) = refusal(lambda: Platform(name="x", reigon="us-east-1"))
    assert (found.code, found.fix) == ("LLM_SPEC_2", "did you mean 'region'?")


@pytest.mark.parametrize(
    ("field", "place"), [("quantisation", "Model(quantization=…)"), ("tensor_parallel_size", "Parallelism(tensor=…)")]
)
def test_a_field_of_another_type_is_told_with_it(field, place):
    (found,) = refusal(lambda: VLLM(**{field: 1}))
    assert place in found.fix


def test_words_are_near_whatever_their_case():
    (found,) = refusal(lambda: Model(id="Qwen/Qwen3-8B", quantization="FP8"))
    assert found.fix == "did you mean 'fp8'?"


_ACCOUNT = "111122223333"


@pytest.mark.parametrize(
    ("make", "fix"),
    [
        (
            lambda: Secret(name=f"arn:aws:secretsmanager:us-east-1:{_ACCOUNT}:secret:acme/chat-AbCdEf"),
            'write name="acme/chat"',
        ),
        (
            lambda: RoleAccess(role_name=f"arn:aws:iam::{_ACCOUNT}:role/service/acme-batch"),
            'write role_name="acme-batch"',
        ),
        (lambda: ModelBucket(name="arn:aws:s3:::acme-weights"), 'write name="acme-weights"'),
        (
            lambda: LoraAdapter(
                name="a", bucket=ModelBucket(name="acme-a"), rank=8, key="arn:aws:s3:::acme-a/adapters/a"
            ),
            'write key="adapters/a"',
        ),
        (
            lambda: Reservation(
                reservation_id=f"arn:aws:ec2:us-east-1:{_ACCOUNT}:capacity-reservation/cr-0123456789abcdef0"
            ),
            'write reservation_id="cr-0123456789abcdef0"',
        ),
        # Nothing of a topic's ARN is a role, and its letters are none either.
        (lambda: RoleAccess(role_name=f"arn:aws:sns:us-east-1:{_ACCOUNT}:a b"), "give role_name in that form"),
    ],
)
def test_of_an_arn_the_part_is_told_that_the_field_is_for(make, fix):
    (found,) = refusal(make)
    assert found.fix == fix


def test_a_zone_is_told_by_its_id_however_route_53_prints_it():
    (found,) = refusal(lambda: _ec2(hosted_zone_id="/hostedzone/Z0123456789ABCDEFGHIJ"))
    assert found.fix == 'write hosted_zone_id="Z0123456789ABCDEFGHIJ"'


@pytest.mark.parametrize(
    ("block", "fix"),
    [
        ("10.1.2.3/8", "write 10.0.0.0/8"),
        ("all", "write a block such as 10.20.0.0/16"),
        ("10.0.0.0/33", "write a block"),
    ],
)
def test_callers_of_an_instance_are_blocks_of_addresses(block, fix):
    (found,) = refusal(lambda: _ec2(allow_from_cidrs=[block]))
    assert found.message.startswith("not an IPv4 CIDR block")
    assert found.fix.startswith(fix)


def test_one_address_is_a_block_as_terraform_takes_it():
    assert _ec2(allow_from_cidrs=["10.1.2.3"]).allow_from_cidrs == ("10.1.2.3/32",)


def _ec2(**given):
    certificate = f"arn:aws:acm:us-east-1:{_ACCOUNT}:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    return Ec2(instance_type="g6e.2xlarge", domain_name="chat.example.com", certificate_arn=certificate, **given)
