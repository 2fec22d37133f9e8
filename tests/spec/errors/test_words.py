"""What a shape error says: what would work in the user's own words, and how to write it."""

from collections.abc import Callable

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    BatchInference,
    BatchQueue,
    Cluster,
    CustomServer,
    Endpoint,
    GpuPool,
    Guardrail,
    Image,
    Model,
    ModelBucket,
    Network,
    Observability,
    Platform,
    Reservation,
    SageMaker,
    SageMakerAsync,
    Secret,
    SpecError,
)
from llminfra.diagnostics import Diagnostic
from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.expectations import figure
from tests.spec.types import EVERY_TYPE

POOL = GpuPool(name="l4", instance_types=["g6.12xlarge"])
MODEL = Model(id="Qwen/Qwen3-8B")
ADMIN = "arn:aws:iam::111122223333:role/platform-admin"
GROUP = "arn:aws:resource-groups:us-east-1:111122223333:group/gpus"


def chat(**fields: object) -> Endpoint:
    return Endpoint(**{"name": "chat", "model": MODEL, "engine": VLLM(), "on": POOL} | fields)


def batch(**fields: object) -> BatchInference:
    queue = BatchQueue(instance_types=["g6.12xlarge"])
    return BatchInference(name="b", model=MODEL, engine=VLLM(), on=queue, **fields)


def answers(output: str) -> SageMakerAsync:
    return SageMakerAsync(instance_type="ml.g6e.xlarge", output=output)


def nightly(schedule: str) -> BatchInference:
    return batch(input="s3://acme/in", output="s3://acme/out", schedule=schedule)


def only(make: Callable[[], Spec]) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        make()
    (item,) = caught.value.diagnostics
    return item


@pytest.mark.parametrize(
    ("make", "expected", "fix"),
    [
        (
            lambda: GpuPool(name="a", instance_types=["g"], nodes="many"),
            "a pair of whole numbers, such as (0, 8)",
            "write nodes=(0, 8)",
        ),
        (lambda: VLLM(max_model_len="8K"), "a whole number of at least 1", "write max_model_len=8192"),
        (lambda: VLLM(max_model_len="8k"), "a whole number of at least 1", "write max_model_len=8000"),
        (lambda: VLLM(max_model_len="8192 tokens"), "a whole number of at least 1", "write max_model_len=8192"),
        (
            lambda: VLLM(max_model_len="8 thousand"),
            "a whole number of at least 1",
            "set max_model_len to a whole number of at least 1",
        ),
        (lambda: VLLM(max_model_len=0), "at least 1", "set max_model_len to at least 1"),
        (lambda: VLLM(enforce_eager="maybe"), "True or False", "write enforce_eager=True or enforce_eager=False"),
        (
            lambda: VLLM(kv_cache_dtype="fp8_e4m"),
            "'auto', 'fp8', 'fp8_e4m3' or 'fp8_e5m2'",
            "did you mean 'fp8_e4m3'?",
        ),
        (lambda: VLLM(env={"A": 1}), "text", 'write env={"A": "1"}'),
        (
            lambda: chat(engine="sglang"),
            "VLLM(…), SGLang(…), TGI(…), TensorRTLLM(…), DeepSpeedMII(…), DJLServing(…) or CustomServer(…)",
            "write engine=SGLang(…)",
        ),
        (
            lambda: chat(on="l4"),
            "GpuPool(…), Ec2(…), SageMaker(…) or SageMakerAsync(…)",
            "write on=GpuPool(…), the object and not its name",
        ),
        (lambda: chat(model="Qwen/Qwen3-8B"), "Model(…)", "write model=Model(id='Qwen/Qwen3-8B')"),
        (
            lambda: chat(replicas="2-4"),
            "a whole number of at least 1 or Autoscaling(…)",
            "write replicas=Autoscaling(min=2, max=4)",
        ),
        (
            lambda: GpuPool(name="a", instance_types="g6.12xlarge"),
            "a list of text",
            "write instance_types=['g6.12xlarge']",
        ),
        (
            lambda: Platform(name="p", region="us-east-1", pools=POOL),
            "a list of GpuPool(…)",
            "write pools=[GpuPool(…)]",
        ),
        (
            lambda: Platform(name="p", region="us-east-1", account_id=123456789012),
            "text",
            'write account_id="123456789012"',
        ),
        (lambda: Platform(name="p"), "AWS region, for example us-east-1", 'add region="us-east-1"'),
        (
            lambda: Platform(name="p" * 30, region="r"),
            "1 to 24 lower-case letters, digits and hyphens, with a letter first and no hyphen at the end",
            f"write {'p' * 24!r}",
        ),
        (
            lambda: GpuPool(name="My Pool", instance_types=["g"]),
            "1 to 32 lower-case letters, digits and hyphens, with a letter first and no hyphen at the end",
            "write 'my-pool'",
        ),
        (
            lambda: Network(cidr="10.0.0.1/16"),
            "an IPv4 block without host bits, such as 10.20.0.0/16",
            "write 10.0.0.0/16",
        ),
        (
            lambda: Model(id="???"),
            "Hugging Face id, for example Qwen/Qwen3-32B",
            'write it like id="Qwen/Qwen3-32B"',
        ),
        (
            lambda: Reservation(reservation_id="cr-123"),
            "Id of one reservation, for example cr-0123456789abcdef0",
            'write it like reservation_id="cr-0123456789abcdef0"',
        ),
        (
            lambda: SageMaker(instance_type="g5.xlarge"),
            "Instance type, for example ml.p5.48xlarge",
            'write instance_type="ml.g5.xlarge"',
        ),
    ],
)
def test_what_would_work_and_how_to_write_it(make: Callable[[], Spec], expected: str, fix: str) -> None:
    item = only(make)
    assert (item.expected, item.fix) == (expected, fix)
    assert "Input should" not in str(item)


@pytest.mark.parametrize(
    ("make", "found", "fix"),
    [
        (lambda: GpuPool(name="a", instance_types=["g"], nodes=(4, 2)), "nodes=(4, 2)", "set nodes=(2, 4)"),
        (lambda: Autoscaling(min=4, max=2), "min=4, max=2", "lower min to 2, or raise max to 4"),
        (
            lambda: batch(input="s3://acme/in", output="s3://acme/in/out"),
            "input='s3://acme/in', output='s3://acme/in/out'",
            "change output, for example to s3://acme/in-results/",
        ),
        (
            lambda: Observability(grafana="managed"),
            "grafana='managed'",
            'set prometheus="managed", or grafana="in-cluster"',
        ),
        (
            Reservation,
            "no reservation_id or resource_group_arn",
            "name the reservation, for example reservation_id='cr-0123456789abcdef0'",
        ),
        (
            lambda: Reservation(reservation_id="cr-0123456789abcdef0", resource_group_arn=GROUP),
            f"reservation_id='cr-0123456789abcdef0', resource_group_arn='{GROUP}'",
            "leave one of the two out",
        ),
    ],
)
def test_fields_that_contradict_one_another_are_named(make: Callable[[], Spec], found: str, fix: str) -> None:
    item = only(make)
    assert (item.found, item.fix) == (found, fix)
    assert item.expected


@pytest.mark.parametrize(
    ("make", "fix"),
    [
        (lambda: ModelBucket(name="Acme_Größe"), 'write name="acme-grosse"'),
        (lambda: Cluster(version=" 1.35 "), 'write version="1.35"'),
        (lambda: answers("acme-answers/chat/"), 'write output="s3://acme-answers/chat"'),
        (lambda: answers("s3://acme-answers/chat/"), 'write output="s3://acme-answers/chat"'),
        (lambda: nightly("30 2 * * *"), 'write schedule="cron(30 2 * * ? *)"'),
        (lambda: nightly("30 2 * * mon-fri"), 'write schedule="cron(30 2 ? * MON-FRI *)"'),
        # A crontab counts days of the week otherwise: no guess.
        (lambda: nightly("30 2 * * 1"), 'write it like schedule="cron(0 2 * * ? *)"'),
        (lambda: Cluster(admin_role_arns=["admin"]), f'write it like admin_role_arns=["{ADMIN}"]'),
    ],
)
def test_the_fix_is_what_the_user_meant(make: Callable[[], Spec], fix: str) -> None:
    assert only(make).fix == fix


def test_what_is_proposed_is_taken() -> None:
    assert nightly("cron(30 2 ? * MON-FRI *)").schedule
    assert answers("s3://acme-answers/chat").output
    assert ModelBucket(name="acme-grosse").name


@pytest.mark.parametrize("cls", EVERY_TYPE, ids=lambda cls: cls.__name__)
def test_a_form_is_told_in_words(cls: type[Spec]) -> None:
    """No finding shows a regular expression: every field with a pattern says in its text what it holds."""
    patterned = [name for name, info in cls.model_fields.items() if "pattern=" in repr(info)]
    for field in patterned:
        with pytest.raises(SpecError) as caught:
            cls(**{field: "§ nothing § has this form"})
        told = [item for item in caught.value.diagnostics if item.path.split(".")[-1] == field]
        assert told
        assert not any("^" in text for item in told for text in (item.message, item.expected, item.fix))


def test_a_token_in_a_list_is_not_shown() -> None:
    token = "hf_" + "abcdEFGH1234ijklMNOP"
    item = only(lambda: Platform(name="p", region="us-east-1", tags=[token]))
    assert token not in str(item)


def test_a_mistyped_placeholder_is_corrected() -> None:
    image = Image(repository="acme/server", tag="v1")
    item = only(lambda: CustomServer(image=image, args=["--model={modl}"]))
    assert item.fix == "did you mean {model}?"
    # Other braces are the server's own.
    assert CustomServer(image=image, args=['{"model": 1}', "{{model}}", "{x}", "${HOME}", "{model}", "{port}"])


@pytest.mark.parametrize(
    "key", ["llminfra.io/pool", "kubernetes.io/arch", "beta.kubernetes.io/os", "karpenter.sh/nodepool"]
)
def test_labels_that_others_write_are_refused(key: str) -> None:
    item = only(lambda: GpuPool(name="l4", instance_types=["g6.xlarge"], labels={key: "x"}))
    assert item.fix == f"write 'acme.com/{key.rpartition('/')[2]}', with your own domain"
    free = {"acme.com/team": "x", "team": "x", "node.kubernetes.io/team": "x"}
    assert GpuPool(name="l4", instance_types=["g6.xlarge"], labels=free).labels == free


def test_namespaces_and_kinds_of_personal_data_are_those_that_exist() -> None:
    assert only(lambda: chat(allow_from_namespaces=["Not Valid"])).fix == 'write it like allow_from_namespaces=["web"]'
    assert only(lambda: Guardrail(anonymize=["E-MAIL"])).fix == "did you mean 'EMAIL'?"
    both = only(lambda: Guardrail(anonymize=["EMAIL"], block=["EMAIL"]))
    assert both.fix == "take EMAIL out of anonymize or out of block"


@pytest.mark.parametrize(
    ("make", "fix"),
    [
        (lambda: Image(repository="vllm/vllm-openai"), "set tag or digest"),
        (lambda: Image(repository="a.b:5000/vllm:v1", tag="v1"), "write repository='a.b:5000/vllm' and tag='v1'"),
        (lambda: Secret(name="acme/key", key=""), "give key at least 1 character"),
        (lambda: chat(served_name=""), "give served_name at least 1 character"),
    ],
)
def test_what_the_charts_would_refuse_is_refused_before(make: Callable[[], Spec], fix: str) -> None:
    assert only(make).fix == fix


def test_a_port_of_a_registry_is_no_tag() -> None:
    assert Image(repository="a.b:5000/vllm", digest=f"sha256:{'0' * 64}")


@pytest.mark.parametrize(("value", "told"), [(0.5, "0.5"), (16384, "16384"), (2_000_000_000, "2,000,000,000")])
def test_bounds_are_read_without_counting_zeros(value: float, told: str) -> None:
    assert figure(value) == told
