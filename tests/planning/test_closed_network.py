"""A network without a way out: what it cannot fetch is said before it is built."""

from __future__ import annotations

import datetime as dt

import pytest

from llminfra import (
    VLLM,
    BatchInference,
    BatchQueue,
    Diagnostic,
    Endpoint,
    ExistingNetwork,
    Gateway,
    GpuPool,
    Image,
    ImageMirror,
    Model,
    ModelBucket,
    Network,
    Observability,
    Oidc,
    Platform,
    Secret,
    SlackAlerts,
    SnsAlerts,
    SpecError,
)
from llminfra.planning import plan_platform

POOL = GpuPool(name="l40s", instance_types=["g6e.xlarge"])
MODEL = Model(id="Qwen/Qwen3-8B")
BUCKET = ModelBucket(name="acme-weights")
OWN = Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/vllm-openai", tag="v0.27.1")
ABROAD = OWN.model_copy(update={"repository": OWN.repository.replace("us-east-1", "eu-west-1")})
MIRROR = ImageMirror(registry="111122223333.dkr.ecr.us-east-1.amazonaws.com")
HUB = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:ecr-pullthroughcache/hub-AbCdEf"
THERE = ExistingNetwork(
    vpc_id="vpc-0123456789abcdef0",
    private_subnet_ids={"us-east-1a": "subnet-0123456789abcdef0", "us-east-1b": "subnet-0123456789abcdef1"},
    cidr="10.0.0.0/16",
)


def found(
    image: Image | None,
    network: Network | ExistingNetwork,
    *,
    bucket: bool = True,
    images: ImageMirror | None = None,
    account: str | None = None,
) -> list[Diagnostic]:
    chat = Endpoint(name="chat", model=MODEL, engine=VLLM(max_model_len=8192, image=image), on=POOL)
    storage = [BUCKET] if bucket else []
    spec = Platform(
        name="p", region="us-east-1", network=network, pools=[POOL], storage=storage, endpoints=[chat],
        images=images, account_id=account,
    )  # fmt: skip
    try:
        return list(plan_platform(spec, today=dt.date(2026, 11, 23)).diagnostics)
    except SpecError as error:
        return list(error.diagnostics)


def said(*args: object, **options: object) -> list[tuple[str, str]]:
    return [(item.code, item.path) for item in found(*args, **options)]  # type: ignore[arg-type]  # as given


@pytest.mark.parametrize("image", [None, ABROAD], ids=["public", "another region"])
def test_an_image_without_an_endpoint_is_refused(image: Image | None) -> None:
    closed = found(image, Network(nat="none"))
    assert sorted(item.code for item in closed) == [
        "LLM_NET_28",
        "LLM_NET_29",
    ]
    finding = next(item for item in closed if item.code == "LLM_NET_28")
    assert finding.path == "endpoints.chat.engine.image"
    assert ".dkr.ecr.us-east-1.amazonaws.com/vllm-openai" in finding.fix


def test_the_fix_leaves_the_controllers_images() -> None:
    assert said(OWN, Network(nat="none")) == [("LLM_NET_29", "network.nat")]


def test_weights_of_the_hub_are_refused() -> None:
    assert ("LLM_NET_28", "endpoints.chat.weights") in said(OWN, Network(nat="none"), bucket=False)


@pytest.mark.parametrize("network", [Network(nat="single"), THERE], ids=["NAT", "a VPC of one's own"])
def test_a_way_out_is_no_finding(network: Network | ExistingNetwork) -> None:
    assert not {"LLM_NET_28", "LLM_NET_29"} & {code for code, _ in said(None, network)}


def test_with_a_mirror_nothing_is_out_of_reach() -> None:
    assert said(None, Network(nat="none"), images=MIRROR) == []
    assert said(ABROAD, Network(nat="none"), images=MIRROR, account="111122223333") == []


@pytest.mark.parametrize(
    ("images", "account", "path"),
    [
        (
            MIRROR.model_copy(update={"registry": MIRROR.registry.replace("us-east-1", "eu-west-1")}),
            None,
            "images.registry",
        ),
        (MIRROR, "444455556666", "images.registry"),
        (
            MIRROR.model_copy(update={"pull_through": True, "credentials": {"docker.io": HUB}}),
            None,
            "images.credentials.docker.io",
        ),
    ],
    ids=["another region", "another account", "a secret elsewhere"],
)
def test_a_mirror_out_of_reach_is_refused(images: ImageMirror, account: str | None, path: str) -> None:
    assert said(OWN, Network(), images=images, account=account) == [("LLM_NET_30", path)]


def test_a_cache_does_not_fetch_for_a_closed_network() -> None:
    cached = MIRROR.model_copy(update={"pull_through": True})
    assert said(None, Network(nat="none"), images=cached) == [("LLM_NET_29", "images.pull_through")]
    assert said(None, Network(nat="single"), images=cached) == []


def test_a_mirror_of_another_account_is_fine_where_others_make_it() -> None:
    shared = MIRROR.model_copy(update={"create": False})
    assert said(None, Network(nat="none"), images=shared, account="444455556666") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"pull_through": True, "create": False},
        {"credentials": {"docker.io": HUB}},
        {"pull_through": True, "credentials": {"quay.io": HUB}},
        {"prefix": "a-prefix-of-15x"},
        {"registry": "quay.io"},
    ],
    ids=str,
)
def test_a_mirror_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SpecError):
        ImageMirror(**{"registry": MIRROR.registry, **wrong})  # type: ignore[arg-type]  # what a spec may hold


def test_a_network_with_errors_has_no_further_ones() -> None:
    broken = Network(cidr="10.0.0.0/28")
    assert [code for code, _ in said(None, broken)] == ["LLM_NET_24"]


def test_a_batch_brings_its_runner() -> None:
    queue = BatchQueue(instance_types=["g6e.xlarge"])
    night = BatchInference(
        name="night", model=MODEL, engine=VLLM(max_model_len=8192, image=OWN), on=queue,
        input="s3://acme/in", output="s3://acme/out",
    )  # fmt: skip
    spec = Platform(
        name="p", region="us-east-1", network=Network(nat="none"), storage=[BUCKET], batches=[night], cluster=None
    )
    with pytest.raises(SpecError) as caught:
        plan_platform(spec)
    assert [item.path for item in caught.value.diagnostics] == ["batches.night.runner_image"]
    mended = spec.model_copy(update={"batches": (night.model_copy(update={"runner_image": OWN}),)})
    assert plan_platform(mended).ok


def test_alerts_and_keys_over_the_internet_are_named() -> None:
    chat = Endpoint(name="chat", model=MODEL, engine=VLLM(max_model_len=8192), on=POOL)
    topic = SnsAlerts(topic_arn="arn:aws:sns:us-east-1:111122223333:alerts")
    slack = SlackAlerts(webhook=Secret(name="slack"), channel="#llm")
    login = Oidc(issuer="https://login.example.com", audiences=["llm"], jwks_uri="https://login.example.com/keys")
    door = Gateway(
        name="llm", endpoints=[chat], oidc=login, hostname="llm.example.com",
        certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    )  # fmt: skip
    spec = Platform(
        name="p", region="us-east-1", network=Network(nat="none"), pools=[POOL], storage=[BUCKET], endpoints=[chat],
        gateways=[door], observability=Observability(receivers=[topic, slack]), images=MIRROR,
    )  # fmt: skip
    plan = plan_platform(spec, today=dt.date(2026, 11, 23))
    found = [(item.code, item.path) for item in plan.diagnostics if item.code == "LLM_NET_31"]
    assert found == [
        ("LLM_NET_31", "observability.receivers[1]"),
        ("LLM_NET_31", "gateways.llm.oidc.jwks_uri"),
    ]
    assert {"sns", "secretsmanager"} <= set(plan.network.interface_endpoints)
    open_spec = spec.model_copy(update={"network": Network()})
    assert not [item for item in plan_platform(open_spec).diagnostics if item.code == "LLM_NET_31"]
